"""Laplacian pyramids."""

import cv2
import numpy as np
import pytest

from stackd.imaging.compose.laplacian import decompose, level_count, recompose


@pytest.mark.parametrize("shape", [(64, 64), (65, 131), (700, 40), (513, 33)])
def test_taking_apart_and_putting_together_gives_the_image_back(shape: tuple[int, int]):
    image = np.random.default_rng(1).uniform(0, 1, (*shape, 3)).astype(np.float32)

    again = recompose(list(decompose(image, level_count(shape, 5))))

    np.testing.assert_allclose(again, image, atol=1e-6)


def test_strips_give_what_the_whole_image_gives():
    image = np.random.default_rng(2).uniform(0, 1, (777, 50, 3)).astype(np.float32)

    detail = next(iter(decompose(image, 1)))

    whole = image - cv2.pyrUp(cv2.pyrDown(image), dstsize=(50, 777))
    np.testing.assert_allclose(detail, whole, atol=1e-6)


def test_taking_apart_leaves_the_image_alone():
    image = np.random.default_rng(3).uniform(0, 1, (64, 64, 3)).astype(np.float32)
    before = image.copy()

    list(decompose(image, 3))

    np.testing.assert_array_equal(image, before)


def test_a_tiny_image_has_no_levels_of_detail():
    assert level_count((8, 8), 5) == 0
    assert level_count((4000, 6000), 5) == 5
