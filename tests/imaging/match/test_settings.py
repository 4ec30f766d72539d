"""Brightness and white balance are matched as the recipe wants, and what decisions are made on is matched like the colours."""

from collections.abc import Sequence

import numpy as np
import pytest

from stackd.imaging.finish import FinishSettings
from stackd.imaging.fuse.average import Average
from stackd.imaging.ground.colour import decode_srgb
from stackd.imaging.lay_over.frames_on_reference import FramesOnReference
from stackd.imaging.match.brightness import Gain
from stackd.imaging.match.settings import MatchSettings
from stackd.imaging.register.none import NoRegistration
from stackd.imaging.stacker import Stacker
from stackd.model.pixels import Image
from stackd.rendering.scenes import RenderedStack
from tests.imaging.array_frames import LUMINANCE, matched_in_light
from tests.imaging.camera_stack import Exposure, photograph

SHAPE = (200, 300)

WARM = (1.25, 1.0, 0.9)
"""Light of the frames around the reference over its own: warmer, and a little brighter."""

BRIGHTER = float(np.prod(WARM) ** (1 / 3))
"""How much brighter `WARM` is, apart from its colour."""


@pytest.fixture(scope="module")
def flickering() -> RenderedStack:
    """The second of three frames is the reference; all show the same, sharp in the same places."""
    (reference,) = photograph(SHAPE, [Exposure(matrix=np.eye(3))]).frames
    (warm,) = photograph(SHAPE, [Exposure(matrix=np.eye(3), light=WARM)]).frames
    template = photograph(SHAPE, [Exposure(matrix=np.eye(3))] * 3)
    return RenderedStack(
        frames=(warm, reference, warm),
        truth=np.asarray(reference / np.float32(255), np.float32),
        depth_position=template.depth_position,
        matrices=template.matrices,
        gains=template.gains,
        reference=1,
    )


def average(stack: RenderedStack, match: MatchSettings) -> Image:
    made = Stacker(stack, align=NoRegistration(), match=match, fuse=Average(), finish=FinishSettings())
    for position in range(len(stack)):
        made.add(position)
    return made.finish().image


def of_warm_frames(stack: RenderedStack, match: MatchSettings) -> np.ndarray:
    """Light of the frames around the reference over its own, once they are matched: red, green, blue."""
    warm = (3 * average(stack, match) - stack.truth) / 2
    return np.asarray(decode_srgb(warm).mean(axis=(0, 1)) / decode_srgb(stack.truth).mean(axis=(0, 1)))


@pytest.mark.parametrize(
    ("match", "left"),
    [
        (MatchSettings(), (1, 1, 1)),
        (MatchSettings(white_balance=False), np.array(WARM) / BRIGHTER),
        (MatchSettings(brightness=False), (BRIGHTER, BRIGHTER, BRIGHTER)),
    ],
    ids=["both", "brightness alone", "white balance alone"],
)
def test_what_the_recipe_wants_is_matched_and_the_rest_is_left(
    flickering: RenderedStack, match: MatchSettings, left: Sequence[float]
):
    np.testing.assert_allclose(of_warm_frames(flickering, match), left, rtol=0.005)


def test_a_recipe_that_wants_neither_leaves_every_value_as_it_was(flickering: RenderedStack):
    untouched = average(flickering, MatchSettings(brightness=False, white_balance=False))

    np.testing.assert_allclose(untouched, np.mean([frame / 255 for frame in flickering.frames], axis=0), atol=1e-6)


@pytest.mark.parametrize(
    "gain", [Gain(red=1.3, green=1.3, blue=1.3), Gain(red=0.7, green=0.75, blue=0.8)], ids=["dark", "bright"]
)
@pytest.mark.parametrize("reduction", [1, 4])
def test_luminance_is_as_bright_as_the_colours_it_decides_on(flickering: RenderedStack, gain: Gain, reduction: int):
    """To two levels of 255, since one factor stands for three, and a power for sRGB; not matched, it is off by fifteen."""
    frames = FramesOnReference(flickering, positions=[1], matrices=[np.eye(3)], gains=[gain])

    gray = frames.read_gray_native(0, reduction)

    matched = matched_in_light(flickering.frames[1], gain) @ LUMINANCE
    assert np.abs(gray.mean() - matched.mean()) < 2 / 255
