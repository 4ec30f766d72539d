"""Where each frame is focused is found from blur alone."""

from dataclasses import replace

import numpy as np
import pytest

from stackd.imaging.depth.focus_fit import FocusFit, fit_focus
from stackd.imaging.depth.relative_blur import PatchesOfTexture, RelativeBlur
from stackd.imaging.ground.frames import PlanesInMemory
from stackd.rendering.scenes import Canvas, SceneSettings, Surface, render_stack, speckle, tilted_plane

STEP_PX = 0.8
RIGHT = 0.2
"""Steps by which a position may be wrong."""

PLANE = SceneSettings(
    subject=tilted_plane, height_px=288, width_px=384, blur_px=STEP_PX, full_well_electrons=20_000, bits=16, seed=31
)


def _found(scene: SceneSettings) -> FocusFit:
    stack = render_stack(scene)
    texture = PatchesOfTexture(PlanesInMemory())
    for position in range(len(stack)):
        texture.add(stack.read_gray(position, 1))
    return fit_focus(texture.measure(), texture.sharpness())


def _of_focus(focus: tuple[float, ...]) -> FocusFit:
    return _found(replace(PLANE, focus=focus, frame_count=len(focus)))


@pytest.mark.parametrize(
    "focus",
    [
        (0.0, 1, 2, 3, 6, 7, 8, 9, 10, 11),
        (0.0, 1, 2, 3, 10, 11, 12, 13, 14, 15),
        (0.0, 1, 2, 5, 6, 7, 8, 12, 13, 14),
    ],
    ids=["2 left out", "6 left out", "2 and 3 left out"],
)
def test_frames_left_out_are_found(focus: tuple[float, ...]):
    found = _of_focus(focus)

    error = np.array(found.positions.steps) - focus
    assert np.abs(error - np.median(error)).max() <= RIGHT
    claimed = np.array(found.positions.errors)[2:-2]  # the ends are sharp along the border alone
    assert claimed.max() <= 2 * RIGHT
    assert (np.abs(error - np.median(error))[2:-2] <= 3 * claimed).all()
    assert found.blur_px == pytest.approx(STEP_PX, rel=0.08)
    assert not found.positions.is_even


def test_a_hand_on_the_ring_makes_uneven_steps():
    focus = (0.0, 1.0, 2.3, 2.9, 3.9, 5.4, 6.4, 6.9, 7.9, 9.3)

    found = _of_focus(focus)

    error = np.array(found.positions.steps) - focus
    assert np.abs(error - np.median(error)).max() <= RIGHT


def test_a_frame_focused_before_the_one_in_front_of_it_is_told():
    found = _of_focus((0.0, 1.0, 2.0, 4.0, 3.0, 5.0, 6.0, 7.0, 8.0))

    assert found.positions.steps[4] < found.positions.steps[3] - 0.5


def test_even_steps_are_even_to_the_bit():
    found = _found(replace(PLANE, frame_count=9))

    assert found.positions.is_even
    assert found.positions.steps == tuple(range(9))
    assert max(found.positions.errors[1:-1]) <= RIGHT


def _within_the_middle(canvas: Canvas) -> tuple[Surface, ...]:
    """A tilted surface that only the frames in the middle third show sharp."""
    _, y = canvas.grid()
    colour = speckle(canvas, 1, dark=(0.03, 0.02, 0.01), bright=(0.70, 0.60, 0.45))
    return (Surface(colour=colour, opacity=np.ones(canvas.shape, np.float32), depth=(0.5 - 0.4 * y).astype(np.float32)),)


def test_frames_in_which_nothing_is_sharp_keep_their_places_and_are_unsure():
    found = _found(replace(PLANE, subject=_within_the_middle, frame_count=15))

    assert found.positions.steps == tuple(range(15))
    errors = found.positions.errors
    assert max(errors[6:9]) <= RIGHT
    assert min(errors[:3] + errors[-3:]) >= 1
    assert errors[0] > errors[1] > errors[2]


def test_frames_without_texture_are_taken_for_even():
    texture = PatchesOfTexture(PlanesInMemory())
    for _ in range(5):
        texture.add(np.full((120, 160), 0.4, np.float32))

    found = fit_focus(texture.measure(), texture.sharpness())

    assert found.positions.is_even
    assert found.blur_px is None
    assert np.isinf(found.positions.errors).all()


def test_the_other_way_round_the_same_is_found():
    focus = (0.0, 1, 2, 3, 7, 8, 9, 10, 11)
    stack = render_stack(replace(PLANE, focus=focus, frame_count=len(focus)))
    texture = PatchesOfTexture(PlanesInMemory())
    for position in reversed(range(len(stack))):
        texture.add(stack.read_gray(position, 1))

    found = fit_focus(texture.measure(), texture.sharpness())

    error = np.array(found.positions.steps) - [11 - place for place in reversed(focus)]
    assert np.abs(error - np.median(error)).max() <= RIGHT


def test_patches_that_nothing_explains_do_not_hide_a_gap():
    """Patches of several depths fit neither even nor uneven steps; what is left of them outweighed what the gap explains."""
    focus = np.array((0.0, 1, 2, 3, 6, 7, 8, 9, 10, 11))
    sharp_at = np.array((1.0, 2.0, 3.0, 6.0, 7.0, 8.0))
    random = np.random.default_rng(7)
    away = 1.2 * np.abs(focus[None] - sharp_at[:, None])
    told = away**2 - away.min(axis=1, keepdims=True) ** 2
    mixed = random.uniform(0, 120, (12, len(focus)))
    squared = np.concatenate([told, mixed])
    sharpest = np.concatenate([away.argmin(axis=1), random.integers(0, len(focus), len(mixed))])
    near = np.abs(np.arange(len(focus))[None] - sharpest[:, None])
    blur = RelativeBlur(
        sharpest=sharpest, squared_px=squared, errors_px=np.full(squared.shape, 0.1), counts=(near > 0) & (near < 5)
    )

    found = fit_focus(blur, (1.0,) * len(focus))

    assert not found.positions.is_even
    assert np.diff(found.positions.steps).argmax() == 3
