"""Pixels averaged over blocks."""

import numpy as np
import pytest

from stackd.imaging.ground.blocks import reduced
from stackd.imaging.ground.luminance import reduce_to_gray


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(24, 40), (27, 45, 3), (5, 3, 3)])
@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
def test_a_reduced_pixel_is_the_mean_of_those_it_covers(dtype: type, shape: tuple[int, ...], reduction: int):
    stored = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype)

    small = reduced(stored, reduction)

    assert small.dtype == dtype
    assert small.shape[:2] == tuple(-(-side // reduction) for side in shape[:2])
    for row in range(small.shape[0]):
        for column in range(small.shape[1]):
            block = stored[row * reduction : (row + 1) * reduction, column * reduction : (column + 1) * reduction]
            assert np.abs(block.mean(axis=(0, 1)) - small[row, column]).max() <= 1.5  # each halving rounds


def test_luminance_is_between_zero_and_one():
    white = np.full((9, 9, 3), 65535, np.uint16)

    assert reduce_to_gray(white, 2) == pytest.approx(1)
