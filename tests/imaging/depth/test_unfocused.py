"""Where nothing is ever in focus is told from what comes into focus."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.depth.beyond import REDUCTION, Beyond, BeyondEnds
from stackd.imaging.depth.defocus import blurred
from stackd.imaging.depth.unfocused import NeverSharp, Unfocused
from stackd.imaging.ground.colour import to_display
from stackd.imaging.ground.frames import PlanesInMemory

SHAPE = (96, 128)
FRAMES = 6
EVEN = FocusPositions.even(FRAMES)
GRAIN = 0.002
BLUR_PX = 4.0
"""Growth of the blur's radius that is assumed, px per frame."""

Plane = NDArray[np.float32]


def _texture() -> Plane:
    rough = np.random.default_rng(1).normal(0, 1, SHAPE).astype(np.float32)
    return np.asarray(0.4 + 0.1 * cv2.GaussianBlur(rough, (0, 0), 1.2) / 0.25, np.float32)


def _seen(frames: list[Plane]) -> tuple[NeverSharp, Plane]:
    unfocused = Unfocused(PlanesInMemory(), grain=GRAIN, tolerance=2 * GRAIN)
    grays = [
        frame + GRAIN * np.random.default_rng(position).standard_normal(SHAPE).astype(np.float32)
        for position, frame in enumerate(frames)
    ]
    witnesses = [(position, gray, np.clip((0.9 - gray) / 0.2, 0, 1)) for position, gray in enumerate(grays)]
    beyond = BeyondEnds(witnesses, focus=EVEN, blur_px=BLUR_PX, tolerance=2 * GRAIN)
    for position, gray in enumerate(grays):
        rest = gray - cv2.GaussianBlur(gray, (0, 0), 1.0)
        unfocused.add(gray, rest * rest)
        beyond.add(position, gray)
    never_sharp = unfocused.settle(SHAPE, beyond.settle())
    return never_sharp, never_sharp.share


def _blurred_texture(sigmas_px: list[float]) -> list[Plane]:
    return [np.asarray(cv2.GaussianBlur(_texture(), (0, 0), sigma), np.float32) for sigma in sigmas_px]


def test_texture_that_comes_into_focus_is_left_alone() -> None:
    _, share = _seen(_blurred_texture([6, 4, 2, 0.3, 2, 4]))

    assert share.max() < 0.05


def test_texture_sharpest_in_an_end_frame_is_left_alone() -> None:
    _, share = _seen(_blurred_texture([12, 9, 6, 4, 2, 0.3]))

    assert share.mean() < 0.01  # a spot may be taken for one beyond that frame, which is the frame it is sharpest in


def test_a_surface_that_never_changes_is_left_to_be_averaged() -> None:
    _, share = _seen([np.full(SHAPE, 0.3, np.float32)] * FRAMES)

    assert share.max() == 0


@pytest.mark.parametrize("least_blurred", [0, FRAMES - 1])
def test_a_background_beyond_the_stack_is_taken_from_the_end_frame_nearest_to_it(least_blurred: int) -> None:
    # Waves as coarse as discs: blurred in every frame, least so at one end.
    columns = np.arange(SHAPE[1], dtype=np.float32)
    wave = np.broadcast_to(np.sin(columns / 9), SHAPE)
    frames = [np.asarray(0.3 + 0.1 * wave / (1 + abs(position - least_blurred)), np.float32) for position in range(FRAMES)]

    unfocused, share = _seen(frames)
    settled = unfocused.weigh(np.full(SHAPE, 2.5, np.float32), focus=EVEN, within=1.2, at_most=4.0)

    assert np.median(share) > 0.9
    weights = [settled.weight(position, SHAPE) for position in range(FRAMES)]
    assert np.median(weights[least_blurred]) > 0.9
    assert np.allclose(np.sum(weights, axis=0), 1, atol=1e-4)


def test_clipped_discs_of_a_light_within_the_stack_are_not_taken_for_a_background_beyond_it() -> None:
    """They do not dim as they grow, so contrast is greatest in the frame farthest from focus."""
    light = np.full(SHAPE, 0.05, np.float32)
    light[45:51, 60:66] = 60
    frames = [to_display(np.minimum(blurred(light, BLUR_PX * abs(position - 2)), 1)) for position in range(FRAMES)]

    _, share = _seen(frames)

    assert share[36:60, 51:75].max() < 0.1


def test_a_speck_beyond_one_end_is_taken_from_there_although_all_around_lies_beyond_the_other() -> None:
    """What was known of one end was once spread over all that lay near it, and a speck in amber vanished."""
    unfocused = Unfocused(PlanesInMemory(), grain=GRAIN, tolerance=2 * GRAIN)
    for _ in range(FRAMES):
        unfocused.add(np.full(SHAPE, 0.3, np.float32), np.zeros(SHAPE, np.float32))
    small = (SHAPE[0] // REDUCTION, SHAPE[1] // REDUCTION)
    last = np.zeros(small, np.float32)
    last[10:13, 14:17] = 1

    never_sharp = unfocused.settle(SHAPE, Beyond(share=np.ones(small, np.float32), last=last))
    weights = never_sharp.weigh(np.full(SHAPE, 2.5, np.float32), focus=EVEN, within=1.2, at_most=4.0)

    assert weights.weight(FRAMES - 1, SHAPE)[46, 62] > 0.9
    assert weights.weight(0, SHAPE)[20, 20] > 0.9
