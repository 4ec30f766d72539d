"""The common rectangle of all frames."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackd.imaging.lay_over.crop import ROUNDING_PX, common_rectangle
from stackd.imaging.lay_over.warp import covered
from stackd.model.composite import Rectangle
from stackd.model.pixels import Matrix


def _similarity(*, shift_x: float = 0, shift_y: float = 0, scale: float = 1, turn_rad: float = 0) -> Matrix:
    c, s = scale * np.cos(turn_rad), scale * np.sin(turn_rad)
    return np.array([[c, -s, shift_x], [s, c, shift_y], [0, 0, 1]])


def test_frames_that_did_not_move_keep_everything():
    area = common_rectangle([np.eye(3)] * 3, (40, 60))

    assert (area.left, area.top, area.right, area.bottom) == (0, 0, 60, 40)


def test_a_whole_pixel_shift_cuts_exactly_those_pixels():
    area = common_rectangle([np.eye(3), _similarity(shift_x=3, shift_y=-5)], (40, 60))

    assert (area.left, area.top, area.right, area.bottom) == (3, 0, 60, 35)


def test_a_fraction_of_a_pixel_cuts_a_whole_one():
    area = common_rectangle([_similarity(shift_x=0.4)], (40, 60))

    assert (area.left, area.right) == (1, 60)


def test_frames_without_a_common_area_leave_nothing():
    area = common_rectangle([_similarity(shift_x=61)], (40, 60))

    assert area.width_px == 0


@given(
    motions=st.lists(
        st.tuples(st.floats(-6, 6), st.floats(-6, 6), st.floats(0.95, 1.05), st.floats(-0.1, 0.1)), min_size=1, max_size=3
    )
)
def test_the_rectangle_is_covered_by_every_frame_and_cannot_grow(motions: list[tuple[float, float, float, float]]):
    shape = (50, 70)
    matrices = [_similarity(shift_x=x, shift_y=y, scale=s, turn_rad=t) for x, y, s, t in motions]

    area = common_rectangle(matrices, shape)

    tolerance_px = 2 * ROUNDING_PX
    assert _least_depth_px(area, matrices, shape) > -tolerance_px
    grown = (
        replace(area, left=area.left - 1),
        replace(area, top=area.top - 1),
        replace(area, right=area.right + 1),
        replace(area, bottom=area.bottom + 1),
    )
    assert all(_least_depth_px(larger, [np.eye(3), *matrices], shape) < tolerance_px for larger in grown)


def _least_depth_px(area: Rectangle, matrices: list[Matrix], shape: tuple[int, int]) -> float:
    """How far the corners of `area` lie inside the frames; negative outside."""
    columns, rows = (area.left, area.right - 1), (area.top, area.bottom - 1)
    corners = np.array([[x, y, 1] for x in columns for y in rows], float)
    depths = []
    for matrix in matrices:
        x, y, w = (corners @ np.linalg.inv(matrix).T).T
        depths += [x / w, y / w, shape[1] - 1 - x / w, shape[0] - 1 - y / w]
    return float(np.min(depths))


@pytest.mark.parametrize("tilt", [1e-5, -3e-5])
def test_a_homography_is_followed_too(tilt: float):
    shape = (50, 70)
    matrix = np.array([[1, 0, 2.0], [0, 1, 0], [tilt, 0, 1]])

    area = common_rectangle([matrix], shape)

    assert covered(matrix, shape, shape)[area.top : area.bottom, area.left : area.right].all()
