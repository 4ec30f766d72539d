"""What lies beyond an end of the stack is told by how its blur grows from there."""

import numpy as np
import pytest
from numpy.typing import NDArray

from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.depth.beyond import Beyond, BeyondEnds
from stackd.imaging.depth.defocus import blurred
from stackd.imaging.ground.colour import to_display

Plane = NDArray[np.float32]

SHAPE = (160, 200)
FRAMES = 8
BLUR_PX = 1.5
TOLERANCE = 0.006


def _lights(*, strength: float) -> Plane:
    light = np.full(SHAPE, 0.02, np.float32)
    light[40:48, 50:58] = light[100:108, 130:138] = strength
    return light


def _stack(light: Plane, *, focus: float) -> list[Plane]:
    """Frames 0 … 7 of what is in focus at a position that may lie outside; clipped at white."""
    return [to_display(np.minimum(blurred(light, BLUR_PX * abs(frame - focus)), 1)) for frame in range(FRAMES)]


def _found(grays: list[Plane], *, blur_px: float = BLUR_PX) -> Beyond:
    witnesses = [(position, gray, np.clip((0.9 - gray) / 0.2, 0, 1).astype(np.float32)) for position, gray in enumerate(grays)]
    beyond = BeyondEnds(witnesses, focus=FocusPositions.even(FRAMES), blur_px=blur_px, tolerance=TOLERANCE)
    for position, gray in enumerate(grays):
        beyond.add(position, gray)
    return beyond.settle()


def _at_the_lights(plane: Plane) -> float:
    return float(plane[10:13, 12:15].mean())


@pytest.mark.parametrize("strength", [3.0, 40.0])
@pytest.mark.parametrize(("focus", "last"), [(FRAMES + 4, 1), (-5, 0)])
def test_a_light_beyond_an_end_is_told_from_its_discs_even_when_they_are_clipped(strength: float, focus: float, last: int):
    found = _found(_stack(_lights(strength=strength), focus=focus))

    assert _at_the_lights(found.share) > 0.5
    assert _at_the_lights(found.last) == last


@pytest.mark.parametrize("focus", [1, 3.5, 6])
@pytest.mark.parametrize("strength", [0.5, 40.0])
def test_a_light_within_the_stack_is_not_taken_for_one_beyond_it(strength: float, focus: float):
    found = _found(_stack(_lights(strength=strength), focus=focus))

    assert _at_the_lights(found.share) < 0.1


def test_nothing_is_claimed_where_all_frames_look_alike():
    found = _found([np.full(SHAPE, 0.3, np.float32)] * FRAMES)

    assert found.share.max() == 0


def test_all_of_a_light_lies_beyond_one_end():
    """In its middle nothing tells the ends apart, and single cells that took the wrong one were dark marks."""
    rng = np.random.default_rng(5)
    light = np.full(SHAPE, 0.03, np.float32)
    light[53:93, 73:113] = 0.5
    grays = _stack(light, focus=FRAMES + 2)

    # Blur is never measured exactly.
    found = _found([gray + rng.normal(0, 0.004, SHAPE).astype(np.float32) for gray in grays], blur_px=1.2 * BLUR_PX)

    rows, columns = np.ogrid[: found.share.shape[0], : found.share.shape[1]]
    middle = np.hypot(rows - 18, columns - 23) < 4
    assert found.share[middle].mean() > 0.5
    assert found.last[middle].min() == 1
