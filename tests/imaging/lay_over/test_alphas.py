"""Alpha of frames: where the composite is cropped, and where it stays transparent."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackd.imaging.lay_over.alphas import common_part
from stackd.imaging.lay_over.crop import largest_rectangle
from stackd.imaging.lay_over.transparency import OPAQUE
from stackd.model.composite import Rectangle

SHAPE = (300, 450)
WHOLE = Rectangle(left=0, top=0, right=450, bottom=300)


def border(px: int) -> np.ndarray:
    alpha = np.zeros(SHAPE, np.uint8)
    alpha[px : SHAPE[0] - px, px : SHAPE[1] - px] = OPAQUE
    return alpha


def turned(degrees: float) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((225, 150), degrees, 1)
    return cv2.warpAffine(np.full(SHAPE, OPAQUE, np.uint8), matrix, SHAPE[::-1])


def ellipse() -> np.ndarray:
    alpha = np.zeros(SHAPE, np.uint8)
    cv2.ellipse(alpha, (225, 150), (190, 120), 0, 0, 360, OPAQUE, -1)
    return alpha


def with_hole() -> np.ndarray:
    alpha = np.full(SHAPE, OPAQUE, np.uint8)
    alpha[140:160, 215:235] = 0
    return alpha


def test_frames_laid_over_before_are_cropped_to_what_all_show():
    alphas = [(border(px), np.eye(3)) for px in (0, 4, 8, 12)]

    assert common_part(alphas, WHOLE, SHAPE) == Rectangle(left=12, top=12, right=438, bottom=288)


def test_frames_turned_before_are_cropped_too():
    alphas = [(turned(degrees), np.eye(3)) for degrees in (-2, 0, 2)]

    found = common_part(alphas, WHOLE, SHAPE)

    assert found != WHOLE
    assert all((alpha[found.top : found.bottom, found.left : found.right] == OPAQUE).all() for alpha, _ in alphas)
    assert found.width_px * found.height_px > 0.85 * 300 * 450


@pytest.mark.parametrize("alpha", [ellipse(), with_hole()], ids=["ellipse", "hole"])
def test_what_was_cut_out_along_its_outline_keeps_its_canvas(alpha: np.ndarray):
    assert common_part([(alpha, np.eye(3))] * 3, WHOLE, SHAPE) == WHOLE


@given(st.integers(1, 14), st.integers(1, 14), st.integers(0, 2**32 - 1))
def test_no_marked_rectangle_is_larger(height: int, width: int, seed: int):
    shown = np.random.default_rng(seed).random((height, width)) < 0.8

    found = largest_rectangle(shown)

    sums = np.pad(shown, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    areas = [0]
    for top in range(height):
        for bottom in range(top + 1, height + 1):
            for left in range(width):
                for right in range(left + 1, width + 1):
                    marked = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
                    area = (bottom - top) * (right - left)
                    areas += [area] if marked == area else []
    assert found.width_px * found.height_px == max(areas)
    assert shown[found.top : found.bottom, found.left : found.right].all()


def test_of_a_large_picture_the_rectangle_is_found_to_the_pixel():
    shown = np.zeros((1000, 1501), np.bool_)
    shown[17:983, 23:1490] = True

    assert largest_rectangle(shown) == Rectangle(left=23, top=17, right=1490, bottom=983)
