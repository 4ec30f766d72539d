"""Continuing a depth map into where it is unknown."""

import numpy as np
import pytest

from stackd.imaging.depth.fill import filled


def test_what_is_sure_stays():
    position = np.random.default_rng(1).uniform(0, 9, (50, 70)).astype(np.float32)

    np.testing.assert_array_equal(filled(position, np.ones_like(position)), position)


def test_a_hole_in_a_slope_is_bridged():
    slope = np.tile(np.linspace(0, 10, 96, dtype=np.float32), (80, 1))
    confidence = np.ones_like(slope)
    confidence[30:50, 30:60] = 0
    broken = np.where(confidence > 0, slope, 99).astype(np.float32)

    bridged = filled(broken, confidence)

    assert np.abs(bridged - slope).max() < 1.5


def test_a_lone_sure_pixel_speaks_for_all():
    position = np.zeros((40, 40), np.float32)
    confidence = np.zeros_like(position)
    position[5, 7], confidence[5, 7] = 4, 1

    assert filled(position, confidence) == pytest.approx(np.full((40, 40), 4), abs=0.01)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (17, 33)])
def test_nothing_sure_gives_something_finite(shape: tuple[int, int]):
    position = np.full(shape, 3, np.float32)

    assert filled(position, np.zeros(shape, np.float32)) == pytest.approx(np.full(shape, 3))


def test_inputs_stay_as_they_were():
    position = np.random.default_rng(2).uniform(0, 9, (33, 20)).astype(np.float32)
    confidence = np.full_like(position, 0.3)
    before = position.copy(), confidence.copy()

    filled(position, confidence)

    np.testing.assert_array_equal(position, before[0])
    np.testing.assert_array_equal(confidence, before[1])
