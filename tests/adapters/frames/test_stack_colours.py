"""What the frames of a stack mean together: one profile left alone, several brought to one, gray, linear light, RAW."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stackd.adapters.colour import conversion
from stackd.adapters.colour.spaces import gray_profile_of, linear_profile, profile_of
from stackd.adapters.frames.reader import FrameFiles, StackOfFiles
from stackd.config.develop import DevelopSettings
from stackd.model.composite import Severity
from stackd.model.pixels import Colour, ColourSpace
from stackd.service.ports import FrameFile
from tests import colour_math, make_frames

SRGB, ADOBE, P3, PROPHOTO = ColourSpace
TENTH_OF_A_STEP = 26
"""Of 65,535: a tenth of a step of 8 bit."""


def opened(*paths: Path, wanted: ColourSpace | None = None, **develop: object) -> StackOfFiles:
    frames = [FrameFile(path=path) for path in paths]
    return FrameFiles().open(frames, DevelopSettings.model_validate(develop), wanted=wanted)


def muted(*, seed: int = 0) -> NDArray[np.uint16]:
    """Colours that every space holds, and whose conversions stay within it."""
    return (make_frames.textured(24, 32, bits=16, seed=seed) * 0.3 + 20_000).astype(np.uint16)


def in_space(pixels: NDArray[np.uint16], space: ColourSpace) -> NDArray[np.uint16]:
    return np.rint(65_535 * colour_math.in_space(pixels / 65_535, SRGB, space)).astype(np.uint16)


def a_tiff(path: Path, pixels: NDArray[np.generic], icc: bytes | None) -> Path:
    kind = "minisblack" if pixels.ndim == 2 else "rgb"
    return make_frames.write_tiff(path, pixels, photometric=kind, iccprofile=icc)


def in_spaces(folder: Path, spaces: Sequence[ColourSpace | None]) -> list[Path]:
    """The same picture in several spaces, untagged sRGB for None."""
    return [
        a_tiff(folder / f"{number}.tif", muted() if space in {None, SRGB} else in_space(muted(), space), icc)
        for number, space in enumerate(spaces)
        for icc in [None if space is None else profile_of(space)]
    ]


@pytest.fixture
def converted_blocks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Shapes of all blocks of pixels that are converted."""
    seen: list[tuple[int, ...]] = []
    real = conversion.converted_block

    def noted(pixels: NDArray[np.uint16], source: bytes, target: bytes) -> NDArray[np.generic]:
        seen.append(pixels.shape)
        return real(pixels, source, target)

    monkeypatch.setattr(conversion, "converted_block", noted)
    return seen


def codes(stack: StackOfFiles) -> list[str]:
    return [noticed.code for noticed in stack.noticed]


def sentence(stack: StackOfFiles) -> str:
    (noticed,) = stack.noticed
    return noticed.told([f"IMG_{number}.tif" for number in range(len(stack))]).sentence


# ------------------------------------------------------------- one profile


@pytest.mark.parametrize("icc", [None, *map(profile_of, ColourSpace)], ids=["none", *ColourSpace])
@pytest.mark.parametrize("bits", [8, 16])
def test_frames_in_one_profile_are_not_touched(
    tmp_path: Path, converted_blocks: list[tuple[int, ...]], icc: bytes | None, bits: int
):
    pixels = [make_frames.textured(24, 32, seed=seed, bits=bits) for seed in range(3)]
    stack = opened(*(a_tiff(tmp_path / f"{seed}.tif", frame, icc) for seed, frame in enumerate(pixels)))

    read = [stack.read(position) for position in range(3)]

    assert all(np.array_equal(one, other) and one.dtype == other.dtype for one, other in zip(read, pixels, strict=True))
    assert stack.colour.icc == icc
    assert converted_blocks == []
    assert stack.noticed == ()


def test_untagged_frames_beside_those_of_srgb_are_not_touched_either(tmp_path: Path, converted_blocks: list[tuple[int, ...]]):
    other_srgb = a_tiff(tmp_path / "other.tif", muted(), colour_math.srgb_by_a_table())
    stack = opened(other_srgb, *in_spaces(tmp_path, [SRGB, None, None]))

    read = [stack.read(position) for position in range(4)]

    assert all(np.array_equal(frame, muted()) for frame in read)
    assert converted_blocks == []
    assert stack.colour == Colour(icc=profile_of(SRGB), space=SRGB)
    assert stack.noticed == ()


# -------------------------------------------------------- several profiles


@pytest.mark.parametrize("reference", [SRGB, ADOBE, P3, PROPHOTO, None])
def test_frames_in_other_profiles_are_brought_to_that_of_the_reference(tmp_path: Path, reference: ColourSpace | None):
    others = [space for space in ColourSpace if space is not reference]
    stack = opened(*in_spaces(tmp_path, [others[0], others[1], reference, others[2]]))

    read = [stack.read(position) for position in range(4)]

    wanted = read[2].astype(int)
    assert max(np.abs(frame - wanted).max() for frame in read) < TENTH_OF_A_STEP
    assert stack.colour.icc == (profile_of(SRGB) if reference is None else profile_of(reference))
    assert codes(stack) == ["colours-converted"]


def test_what_was_converted_is_told(tmp_path: Path):
    stack = opened(*in_spaces(tmp_path, [ADOBE, SRGB, SRGB, ADOBE, None]))

    assert sentence(stack) == (
        "The frames have different colour profiles: 2 of 5 were converted to sRGB, from Adobe RGB (2)."
        " 1 without a profile was taken for sRGB."
    )


def test_frames_that_differ_go_straight_to_the_space_the_composite_shall_have(tmp_path: Path):
    """By way of the reference's sRGB, the green of Adobe RGB would be lost."""
    green = np.full((24, 32, 3), (0, 65_535, 0), np.uint16)
    paths = [a_tiff(tmp_path / "a.tif", green, profile_of(ADOBE)), *in_spaces(tmp_path, [SRGB, SRGB])]

    stack = opened(*paths, wanted=PROPHOTO)

    assert stack.colour == Colour(icc=profile_of(PROPHOTO), space=PROPHOTO)
    wanted = 65_535 * colour_math.in_space(np.array([0.0, 1.0, 0.0]), ADOBE, PROPHOTO)
    assert np.abs(stack.read(0)[0, 0] - wanted).max() < 2 * TENTH_OF_A_STEP


def test_jpegs_of_8_bit_are_converted_to_16(tmp_path: Path):
    paths = [
        a_tiff(tmp_path / f"{number}.tif", (pixels >> 8).astype(np.uint8), profile_of(space))
        for number, (pixels, space) in enumerate([(muted(), SRGB), (muted(), SRGB), (in_space(muted(), P3), P3)])
    ]

    stack = opened(*paths)

    assert stack.read(2).dtype == np.uint16
    assert np.abs(stack.read(2) / 257 - stack.read(1)).max() < 1.5


@pytest.mark.parametrize("reduction", [1, 2, 4])
def test_luminance_of_a_converted_frame_is_that_of_its_converted_pixels(tmp_path: Path, reduction: int):
    stack = opened(*in_spaces(tmp_path, [SRGB, PROPHOTO, SRGB, SRGB]))

    assert np.abs(stack.read_gray(1, reduction) - stack.read_gray(2, reduction)).max() < TENTH_OF_A_STEP / 65_535


def test_a_profile_that_cannot_be_used_is_told_and_counts_as_srgb(tmp_path: Path):
    icc = profile_of(ADOBE)
    stack = opened(
        *(a_tiff(tmp_path / f"{number}.tif", muted(), own) for number, own in enumerate([icc[:300], profile_of(SRGB), icc[:300]]))
    )

    assert sentence(stack) == (
        "The colour profile of IMG_0.tif and 1 more is cut off after 300 bytes: colours were taken for sRGB."
        " Export the frames with an intact profile, or convert them to sRGB."
    )
    assert stack.noticed[0].severity is Severity.WARNING
    assert np.array_equal(stack.read(0), stack.read(1))


# -------------------------------------------------------------------- gray


def test_gray_frames_make_a_gray_stack_with_their_curve(tmp_path: Path, converted_blocks: list[tuple[int, ...]]):
    icc = gray_profile_of(PROPHOTO)
    gray = np.ascontiguousarray(muted()[..., 0])
    stack = opened(*(a_tiff(tmp_path / f"{number}.tif", gray, icc) for number in range(3)))

    assert stack.colour == Colour(icc=icc, space=None, is_gray=True)
    assert np.array_equal(stack.read(0)[..., 1], gray)
    assert converted_blocks == []


def test_gray_frames_of_different_curves_are_brought_to_one(tmp_path: Path):
    gray = np.linspace(4000, 65_000, 768).astype(np.uint16).reshape(24, 32)
    decode, _ = colour_math.CURVES[PROPHOTO]
    stack = opened(
        a_tiff(tmp_path / "a.tif", gray, gray_profile_of(PROPHOTO)),
        a_tiff(tmp_path / "b.tif", gray, gray_profile_of(SRGB)),
        a_tiff(tmp_path / "c.tif", gray, None),
    )

    read = stack.read(0)

    assert np.abs(read[..., 1] - 65_535 * colour_math.encode_srgb(decode(gray / 65_535))).max() < 6
    assert np.array_equal(read[..., 0], read[..., 2])
    assert np.array_equal(stack.read(2)[..., 1], gray)
    assert stack.colour.is_gray


def test_gray_among_colour_becomes_colour(tmp_path: Path):
    gray = np.ascontiguousarray(muted()[..., 0])
    stack = opened(*in_spaces(tmp_path, [ADOBE]), a_tiff(tmp_path / "g.tif", gray, gray_profile_of(SRGB)))

    read = stack.read(1)

    assert stack.colour == Colour(icc=profile_of(ADOBE), space=ADOBE)
    wanted = in_space(np.repeat(gray[..., None], 3, axis=2), ADOBE)
    assert np.abs(read - wanted.astype(int)).max() < TENTH_OF_A_STEP


# ------------------------------------------------------------ linear light


@pytest.mark.parametrize("kind", [np.uint16, np.float16, np.float32])
@pytest.mark.parametrize("is_gray", [True, False])
def test_linear_light_is_worked_on_as_display_values(tmp_path: Path, kind: type, *, is_gray: bool):
    display = muted() / 65_535
    light = colour_math.decode_srgb(display[..., 0] if is_gray else display)
    stored = np.rint(light * 65_535).astype(kind) if kind is np.uint16 else light.astype(kind)
    stack = opened(a_tiff(tmp_path / "a.tif", stored, linear_profile(is_gray=is_gray)))

    read = stack.read(0)

    tolerance = 8 if kind is not np.float16 else 32  # half precision has 11 bits
    wanted = 65_535 * (display[..., :1] if is_gray else display)
    assert np.abs(read - wanted).max() < tolerance
    assert stack.colour == Colour(icc=linear_profile(is_gray=is_gray), space=None, is_gray=is_gray, is_linear=True)
    assert stack.noticed == ()


def test_decimal_values_without_a_profile_are_taken_for_light_and_that_is_told(tmp_path: Path):
    display = muted() / 65_535
    stack = opened(a_tiff(tmp_path / "a.tif", colour_math.decode_srgb(display).astype(np.float32), None))

    assert np.abs(stack.read(0) - 65_535 * display).max() < 8
    assert stack.colour.icc == linear_profile(is_gray=False)
    assert codes(stack) == ["decimals-taken-for-linear"]
    assert "decimal values without a colour profile in IMG_0.tif:" in sentence(stack)


def test_decimal_values_above_white_are_clipped_and_counted(tmp_path: Path):
    light = np.full((20, 30), 0.25, np.float32)
    light[:5] = 3.0
    paths = [a_tiff(tmp_path / f"{number}.tif", light, linear_profile(is_gray=True)) for number in range(2)]
    stack = opened(*paths)
    for position in range(2):
        stack.read(position)

    assert stack.read(0)[0, 0, 0] == 65_535
    assert codes(stack) == ["decimals-clipped"]
    assert sentence(stack) == (
        "There are decimal values above white, which is 1, in IMG_0.tif and 1 more: they were clipped, up to 25 % of a frame."
        " Export the frames darker if detail is missing there."
    )


def test_linear_frames_among_others_are_brought_to_the_others(tmp_path: Path):
    light = np.rint(65_535 * colour_math.decode_srgb(muted() / 65_535)).astype(np.uint16)
    linear = a_tiff(tmp_path / "l.tif", light, linear_profile(is_gray=False))

    stack = opened(linear, *in_spaces(tmp_path, [SRGB, SRGB]))

    assert np.abs(stack.read(0) - stack.read(1).astype(int)).max() < TENTH_OF_A_STEP
    assert not stack.colour.is_linear


def test_others_among_linear_frames_are_brought_to_those(tmp_path: Path):
    light = np.rint(65_535 * colour_math.decode_srgb(muted() / 65_535)).astype(np.uint16)
    icc = linear_profile(is_gray=False)
    linear = [a_tiff(tmp_path / f"{name}.tif", light, icc) for name in "xy"]

    stack = opened(*in_spaces(tmp_path, [ADOBE]), *linear)

    assert np.abs(stack.read(0) - stack.read(1).astype(int)).max() < TENTH_OF_A_STEP
    assert stack.colour.is_linear


# --------------------------------------------------------------------- RAW


@pytest.mark.parametrize("space", list(ColourSpace))
def test_raw_frames_show_the_same_in_every_space(tmp_path: Path, space: ColourSpace):
    path = make_frames.write_bayer_dng(
        tmp_path / "a.dng", (make_frames.textured(64, 96, bits=16) * 0.3 + 20_000).astype(np.uint16)
    )
    in_srgb = opened(path).read(0)

    stack = opened(path, wanted=space)

    assert stack.colour == Colour(icc=profile_of(space), space=space)
    wanted = 65_535 * colour_math.in_space(in_srgb / 65_535, SRGB, space)
    # The matrices of LibRaw have three digits, and it rounds light, not display values.
    assert np.abs(stack.read(0) - wanted).max() < 2 * 257


def test_raw_beside_jpeg_is_brought_to_the_jpegs_colours(tmp_path: Path):
    raw = make_frames.write_bayer_dng(tmp_path / "a.dng", muted())
    stack = opened(raw, *in_spaces(tmp_path, [ADOBE, ADOBE]), colour_space="prophoto")

    assert stack.colour.space is ADOBE
    inner = slice(6, -6), slice(6, -6)
    assert np.abs(stack.read(0)[inner] - stack.read(1)[inner].astype(int)).mean() < 2 * 257
    assert codes(stack) == ["colours-converted"]
