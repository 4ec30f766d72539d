"""The rendered scenes keep what they promise: others' tests take them for the truth."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from stackd.rendering.flower import flower
from stackd.rendering.scenes import Canvas, SceneSettings, Surface, render_stack, tilted_plane, two_planes


def sharpness(image: np.ndarray) -> float:
    return float(np.abs(np.diff(image.astype(np.float64), axis=1)).mean())


def test_the_same_settings_give_the_same_pixels():
    scene = SceneSettings(subject=two_planes, shift_px=2, flicker=0.05, full_well_electrons=10_000)

    first, second = render_stack(scene), render_stack(scene)

    for one, other in zip(first.frames, second.frames, strict=True):
        np.testing.assert_array_equal(one, other)


def test_each_plane_is_sharpest_in_the_frame_the_depth_names():
    stack = render_stack(SceneSettings(subject=two_planes, frame_count=5))
    middle = (slice(60, 100), slice(100, 140))
    corner = (slice(5, 40), slice(5, 60))

    sharpest_in_the_middle = int(np.argmax([sharpness(frame[middle]) for frame in stack.frames]))
    sharpest_in_the_corner = int(np.argmax([sharpness(frame[corner]) for frame in stack.frames]))

    assert sharpest_in_the_middle == stack.depth_position[80, 120] == 1
    assert sharpest_in_the_corner == stack.depth_position[20, 20] == 3


def test_a_frame_looks_the_same_whichever_frames_are_left_out():
    even = render_stack(SceneSettings(subject=tilted_plane, frame_count=8))
    uneven = render_stack(SceneSettings(subject=tilted_plane, frame_count=5, focus=(0, 1, 2, 6, 7)))

    for position, whole in enumerate((0, 1, 2, 6, 7)):
        np.testing.assert_array_equal(uneven.frames[position], even.frames[whole])
    np.testing.assert_array_equal(uneven.truth, even.truth)
    assert np.allclose(uneven.depth_position, np.interp(even.depth_position, [0, 1, 2, 6, 7], range(5)), atol=1e-5)


def test_there_must_be_a_focus_for_every_frame():
    with pytest.raises(ValueError, match="3 focus positions were given for 5 frames"):
        render_stack(SceneSettings(subject=tilted_plane, frame_count=5, focus=(0, 1, 2)))


def test_where_a_frame_is_in_focus_it_shows_the_truth():
    stack = render_stack(SceneSettings(subject=tilted_plane, frame_count=5, bits=16))
    in_focus = np.abs(stack.depth_position - stack.reference) < 0.05

    difference = np.abs(stack.frames[stack.reference] / 65535 - stack.truth)[in_focus]

    assert in_focus.any()
    assert difference.max() < 2 / 255


def test_the_matrices_lay_the_frames_over_the_reference():
    skimage_transform = pytest.importorskip("skimage.transform")
    scene = SceneSettings(subject=tilted_plane, blur_px=0.0, shift_px=4, turn_rad=0.02, breathing=0.01)
    stack = render_stack(scene)
    inner = (slice(20, -20), slice(20, -20))

    for frame, matrix in zip(stack.frames, stack.matrices, strict=True):
        aligned = skimage_transform.warp(frame, np.linalg.inv(matrix), order=3)
        difference = (aligned - stack.truth)[inner]
        assert np.sqrt(np.mean(difference**2)) < 0.03
    unmoved = (stack.frames[0] / 255 - stack.truth)[inner]
    assert np.sqrt(np.mean(unmoved**2)) > 0.06


def test_the_reference_neither_moves_nor_flickers():
    steady = render_stack(SceneSettings(subject=two_planes, shift_px=5, turn_rad=0.02, breathing=0.01))
    flickering = render_stack(SceneSettings(subject=two_planes, shift_px=5, turn_rad=0.02, breathing=0.01, flicker=0.2))

    np.testing.assert_array_equal(steady.matrices[steady.reference], np.eye(3))
    for position in range(5):
        unchanged = np.array_equal(steady.frames[position], flickering.frames[position])
        assert unchanged == (position == steady.reference)


def test_noise_is_that_of_counted_electrons():
    quiet = render_stack(SceneSettings(subject=tilted_plane, bits=16))
    noisy = render_stack(SceneSettings(subject=tilted_plane, bits=16, full_well_electrons=2_500))

    def linear(frame: np.ndarray) -> np.ndarray:
        return (frame / 65535) ** 2.2

    light = linear(quiet.frames[2])
    gray = (light > 0.2) & (light < 0.3)
    measured = float(np.std((linear(noisy.frames[2]) - light)[gray]))
    assert measured == pytest.approx(np.sqrt(0.25 / 2_500), rel=0.15)


@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
def test_reduced_gray_is_the_mean_of_what_it_covers(reduction: int):
    stack = render_stack(SceneSettings(subject=two_planes, height_px=53, width_px=70))

    reduced = stack.read_gray(1, reduction)

    assert reduced.shape == (-(-53 // reduction), -(-70 // reduction))
    full = stack.read_gray(1, 1)
    assert reduced[0, 0] == pytest.approx(full[:reduction, :reduction].mean(), abs=1e-5)
    bottom = 53 - 53 % reduction if 53 % reduction else 53 - reduction
    assert reduced[-1, 0] == pytest.approx(full[bottom:, :reduction].mean(), abs=1e-5)


def test_sixteen_bits_hold_more_than_eight():
    stack = render_stack(SceneSettings(subject=two_planes, bits=16))

    assert stack.frames[0].dtype == np.uint16
    assert len(np.unique(stack.frames[0])) > 256


def test_the_flower_looks_the_same_at_any_size():
    small = render_stack(SceneSettings(subject=flower, height_px=80, width_px=120, frame_count=3))
    large = render_stack(SceneSettings(subject=flower, height_px=160, width_px=240, frame_count=3, blur_px=4.0))

    halved = large.truth.reshape(80, 2, 120, 2, 3).mean(axis=(1, 3))
    assert np.sqrt(np.mean((halved - small.truth) ** 2)) < 0.05


def test_the_flower_uses_the_whole_stack():
    stack = render_stack(SceneSettings(subject=flower, height_px=120, width_px=180, frame_count=6))

    assert np.ptp(stack.depth_position) == pytest.approx(5, abs=0.2)
    sharpest = np.argmax([[sharpness(frame[rows]) for rows in (slice(20, 40), slice(80, 105))] for frame in stack.frames], axis=0)
    assert sharpest[0] > sharpest[1], "the top of the picture is the far end"


def test_on_a_rail_what_is_in_focus_lies_where_the_matrix_says_and_the_rest_does_not():
    skimage_transform = pytest.importorskip("skimage.transform")
    stack = render_stack(SceneSettings(subject=tilted_plane, frame_count=5, parallax=0.02))
    inner = np.zeros(stack.shape, bool)
    inner[20:-20, 20:-20] = True

    def misfit(position: int, where: np.ndarray) -> float:
        aligned = skimage_transform.warp(stack.frames[position], np.linalg.inv(stack.matrices[position]), order=3)
        return float(np.sqrt(np.mean((aligned - stack.truth)[where & inner] ** 2)))

    assert not np.allclose(stack.matrices[1], np.eye(3), atol=1e-3)
    assert misfit(1, np.abs(stack.depth_position - 1) < 0.1) < 0.03
    assert misfit(1, np.abs(stack.depth_position - 2) < 0.1) > 0.06


def _paper_that_walks(canvas: Canvas) -> tuple[Surface, ...]:
    wall, disc = two_planes(canvas)
    return wall, replace(disc, path=lambda at: (0.25 * at, 0.0))


def test_what_moves_is_seen_at_every_moment_where_it_was_then():
    still = render_stack(SceneSettings(subject=two_planes, frame_count=5, bits=16))
    stack = render_stack(SceneSettings(subject=_paper_that_walks, frame_count=5, bits=16))

    np.testing.assert_array_equal(stack.truth, still.truth)
    np.testing.assert_array_equal(stack.moments[stack.reference], stack.truth)
    np.testing.assert_array_equal(stack.depth_position, still.depth_position)
    step = 10  # a quarter of 160 px in four steps
    there = (slice(60, 100), slice(100, 140))
    for index, moment in enumerate(stack.moments):
        moved = (slice(60, 100), slice(100 + step * (index - 2), 140 + step * (index - 2)))
        np.testing.assert_allclose(moment[moved], stack.truth[there], atol=2e-3)
        np.testing.assert_allclose(moment[:25], stack.truth[:25], atol=1e-6)
    # The first frame but one has the disc in focus: there the frame itself shows it where it was.
    np.testing.assert_allclose(stack.frames[1][60:100, 90:130] / 65535, stack.moments[1][60:100, 90:130], atol=2e-2)
    assert not still.moments


def test_a_hand_that_wanders_displaces_by_depth():
    stack = render_stack(SceneSettings(subject=two_planes, frame_count=5, bits=16, wander_px=8.0, seed=3))

    shifts = np.array([matrix[:2, 2] for matrix in stack.matrices])
    assert 0.5 < np.abs(shifts).max() <= 4.01  # what is in focus lies half the stack from the middle at most
    np.testing.assert_array_equal(stack.matrices[stack.reference], np.eye(3))
    for index in (1, 3):  # one of the two planes is in focus there: it lies where the matrix says
        x, y = shifts[index]
        where = (slice(60, 100), slice(100, 140)) if index == 1 else (slice(10, 40), slice(10, 60))
        back = np.array([[1, 0, x], [0, 1, y]])
        laid = cv2.warpAffine(stack.frames[index], back, (240, 160), flags=cv2.INTER_CUBIC)
        difference = np.abs(laid[where] / 65535 - stack.truth[where])
        unmoved = np.abs(stack.frames[index][where] / 65535 - stack.truth[where])
        assert difference.mean() < unmoved.mean() / 4
