"""What follows from the costs of all frames."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import median_filter

from stackd.imaging.depth.evidence import CALM_PX, _calmed


def _positions(frames: int) -> np.ndarray:
    """A slope from the first to the last frame, with specks."""
    random = np.random.default_rng(frames)
    slope = np.rint(np.linspace(0, frames - 1, 60 * 80)).reshape(60, 80)
    specks = random.integers(0, frames, slope.shape)
    return np.where(random.random(slope.shape) < 0.2, specks, slope).astype(np.float32)


@pytest.mark.parametrize("frames", [257, 300, 511, 512, 513, 1000])
def test_specks_are_taken_out_of_long_stacks_without_moving_what_is_around(frames: int):
    """Beyond 256 frames positions were halved and cut off before the median: half a frame too near on average."""
    positions = _positions(frames)

    calmed = _calmed(positions)

    np.testing.assert_array_equal(calmed, median_filter(positions, CALM_PX, mode="nearest"))


@pytest.mark.parametrize("frames", [1, 2, 200, 256])
def test_specks_are_taken_out_of_short_stacks_by_one_median(frames: int):
    positions = _positions(frames)

    np.testing.assert_array_equal(_calmed(positions), cv2.medianBlur(positions.astype(np.uint8), CALM_PX))
