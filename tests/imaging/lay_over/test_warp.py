"""Warping is held to scikit-image; tiles are held to the whole."""

import numpy as np
import pytest
from skimage import transform

from stackd.imaging.lay_over.warp import Interpolation, covered, warp

SHAPE = (90, 120)
TURNED = np.array([[1.004, 0.012, -3.37], [-0.012, 1.004, 2.61], [0, 0, 1]])
KEYSTONE = np.array([[1.0, 0.01, 2.0], [0.0, 1.01, -1.5], [1e-4, -5e-5, 1]])


def smooth_colour(dtype: type = np.float32) -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    planes = [0.5 + 0.3 * np.sin(x / 7 + phase) * np.cos(y / 9 - phase) for phase in (0.0, 0.7, 1.9)]
    image = np.stack(planes, axis=2).astype(np.float32)
    return image if dtype == np.float32 else np.rint(image * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("matrix", [TURNED, KEYSTONE], ids=["similarity", "homography"])
@pytest.mark.parametrize("interpolation", list(Interpolation))
def test_warping_agrees_with_scikit_image(matrix: np.ndarray, interpolation: Interpolation):
    image = smooth_colour()

    warped = warp(image, matrix, SHAPE, interpolation=interpolation)

    order = 1 if interpolation is Interpolation.LINEAR else 3
    expected = transform.warp(image, np.linalg.inv(matrix), order=order, mode="edge")
    inner = (slice(8, -8), slice(8, -8))
    assert np.abs(warped - expected)[inner].max() < 0.004


def test_a_transform_of_scikit_image_warps_as_its_matrix_does():
    image = smooth_colour()

    warped = warp(image, transform.SimilarityTransform(TURNED), SHAPE)

    np.testing.assert_array_equal(warped, warp(image, TURNED, SHAPE))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("matrix", [TURNED, KEYSTONE], ids=["similarity", "homography"])
def test_a_tile_has_the_values_of_the_whole(dtype: type, matrix: np.ndarray):
    image = smooth_colour(dtype)
    rows, columns = slice(17, 51), slice(30, 99)

    tile = warp(image, matrix, SHAPE, rows=rows, columns=columns)

    whole = warp(image, matrix, SHAPE)
    rounding = 2e-4 if dtype == np.float32 else 2e-4 * np.iinfo(dtype).max + 1
    assert tile.dtype == dtype
    assert np.abs(whole[rows, columns].astype(np.float64) - tile).max() <= rounding


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_frame_that_did_not_move_is_not_resampled(dtype: type):
    image = smooth_colour(dtype)

    warped = warp(image, np.eye(3), SHAPE, rows=slice(5, 40))

    np.testing.assert_array_equal(warped, image[5:40])


def test_warping_there_and_back_returns_the_frame():
    image = smooth_colour()

    back = warp(warp(image, TURNED, SHAPE), np.linalg.inv(TURNED), SHAPE)

    assert np.abs(back - image)[10:-10, 10:-10].max() < 0.01


def test_outside_the_frame_its_border_goes_on():
    image = smooth_colour()

    warped = warp(image, np.array([[1.0, 0, 10], [0, 1, 0], [0, 0, 1]]), SHAPE)

    np.testing.assert_allclose(warped[:, :9], np.repeat(image[:, :1], 9, axis=1), atol=1e-6)


def test_covered_marks_what_the_frame_shows():
    area = covered(np.array([[1.0, 0, 10], [0, 1, -3], [0, 0, 1]]), SHAPE, SHAPE)

    expected = np.zeros(SHAPE, bool)
    expected[:-3, 10:] = True
    np.testing.assert_array_equal(area, expected)


def test_a_frame_in_place_covers_everything():
    assert covered(np.eye(3), SHAPE, SHAPE).all()
