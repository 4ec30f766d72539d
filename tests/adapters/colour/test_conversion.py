"""Pixels from one profile to another, judged by published numbers (16 bit) and by Pillow's LittleCMS (8 bit)."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from stackd.adapters.colour import conversion
from stackd.adapters.colour.conversion import Conversion, LinearValues
from stackd.adapters.colour.spaces import gray_profile_of, linear_profile, profile_of
from stackd.model.pixels import ColourSpace
from tests import colour_math

PAIRS = [(one, other) for one in ColourSpace for other in ColourSpace if one is not other]


def gradients(*, from_value: float) -> NDArray[np.uint16]:
    """Ramps of muted colours, which every space holds: (H, W, 3), 0–65535, no channel below `from_value`."""
    ramp = np.linspace(from_value, 0.8, 500)
    tints = [(1, 1, 1), (1, 0.95, 0.9), (0.9, 1, 0.95), (0.92, 0.9, 1)]
    return np.rint(65_535 * np.maximum(np.stack([ramp[:, None] * tint for tint in tints]), from_value)).astype(np.uint16)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_gradient_of_16_bit_lands_within_a_tenth_of_a_step_of_8_bit(source: ColourSpace, target: ColourSpace):
    """26 of 65,535: profiles hold their matrices in steps of 1/65536, the published ones have four to seven digits."""
    pixels = gradients(from_value=0.05)

    converted = Conversion(source=profile_of(source), target=profile_of(target))(pixels)

    wanted = 65_535 * colour_math.in_space(pixels / 65_535, source, target)
    assert np.abs(converted - wanted).max() < 26
    assert np.abs(converted - wanted).mean() < 8


def test_dark_tones_keep_their_steps():
    """LittleCMS, left to itself, was 1200 of 65,535 off in dark tones."""
    pixels = np.repeat(np.arange(0, 3000, dtype=np.uint16)[None, :, None], 3, axis=2)

    converted = Conversion(source=profile_of(ColourSpace.SRGB), target=profile_of(ColourSpace.ADOBE_RGB))(pixels)

    wanted = 65_535 * colour_math.in_space(pixels / 65_535, ColourSpace.SRGB, ColourSpace.ADOBE_RGB)
    assert np.abs(converted[:, 200:] - wanted[:, 200:]).max() < 26
    assert len(np.unique(converted)) > 2900


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_8_bit_becomes_16_and_agrees_with_another_littlecms(source: ColourSpace, target: ColourSpace):
    pixels = np.random.default_rng(3).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    profiles = [ImageCms.ImageCmsProfile(io.BytesIO(profile_of(space))) for space in (source, target)]
    transform = ImageCms.buildTransform(
        *profiles, "RGB", "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    )
    wanted = np.asarray(ImageCms.applyTransform(Image.fromarray(pixels), transform))

    converted = Conversion(source=profile_of(source), target=profile_of(target))(pixels)

    assert converted.dtype == np.uint16
    assert np.abs(converted / 257 - wanted).max() <= 1.0


def test_gray_among_colour_keeps_its_tones():
    ramp = np.repeat(np.linspace(3000, 65_535, 256).astype(np.uint16)[None, :, None], 3, axis=2)

    converted = Conversion(source=gray_profile_of(ColourSpace.PROPHOTO), target=profile_of(ColourSpace.SRGB))(ramp)

    decode, encode = colour_math.CURVES[ColourSpace.PROPHOTO][0], colour_math.encode_srgb
    assert np.abs(converted - 65_535 * encode(decode(ramp / 65_535))).max() < 6
    assert np.ptp(converted.astype(int), axis=2).max() <= 2


@pytest.mark.parametrize("is_gray", [True, False])
def test_linear_values_are_encoded_and_come_back(is_gray: bool):  # noqa: FBT001
    """Near black sixteen steps of the sRGB curve are one of linear light: half of that is what rounding costs."""
    values = LinearValues(linear_profile(is_gray=is_gray))
    every = np.arange(65_536)

    encoded = values.encoding[every]

    assert np.abs(encoded - 65_535 * colour_math.encode_srgb(every / 65_535)).max() < 13
    assert np.abs(values.decoding[encoded].astype(int) - every).max() <= 2


def test_all_rows_are_converted_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch):
    pixels = np.random.default_rng(0).integers(0, 65_536, (37, 11, 3)).astype(np.uint16)
    convert = Conversion(source=profile_of(ColourSpace.SRGB), target=profile_of(ColourSpace.ADOBE_RGB))
    at_once = convert(pixels)
    monkeypatch.setattr(conversion, "BLOCK_PIXELS", 44)

    in_blocks = convert(pixels)

    assert np.array_equal(at_once, in_blocks)


def test_no_more_than_some_blocks_are_in_memory(monkeypatch: pytest.MonkeyPatch):
    sizes = []
    real = conversion.transformed

    def noted(values: NDArray[np.generic], *arguments: object, **options: object) -> NDArray[np.generic]:
        sizes.append(values.size)
        return real(values, *arguments, **options)

    monkeypatch.setattr(conversion, "transformed", noted)

    Conversion(source=profile_of(ColourSpace.SRGB), target=profile_of(ColourSpace.ADOBE_RGB))(np.zeros((3000, 1000, 3), np.uint8))

    assert max(sizes) <= 3 * conversion.BLOCK_PIXELS
    assert sum(sizes) == 9_000_000


def test_the_white_of_paper_becomes_white():
    """Relative colorimetric: what is white in one profile is white in the other, however bright that is."""
    fixed = (np.array([0.9642, 1.0, 0.8249]) * 65_536).astype(">i4")
    icc = gray_profile_of(ColourSpace.SRGB)
    white = icc.index(b"XYZ \x00\x00\x00\x00") + 8
    paper = icc[:12] + b"prtr" + icc[16:white] + (fixed * 0.8).astype(">i4").tobytes() + icc[white + 12 :]

    converted = Conversion(source=paper, target=profile_of(ColourSpace.SRGB))(np.full((2, 2, 3), 65_535, np.uint16))

    assert converted.min() >= 65_533
