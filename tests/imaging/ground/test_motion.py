"""What a matrix does to the middle of a frame is told in words a photographer has for it."""

import numpy as np
import pytest

from stackd.imaging.ground.matrices import motion_at_centre
from stackd.rendering.scenes import Move

SHAPE = (400, 600)


def test_the_motion_that_was_imposed_is_told():
    matrix = Move(shift_px=(7.5, -3.0), turn_rad=np.deg2rad(1.25), scale=1.02).matrix(SHAPE)

    motion = motion_at_centre(matrix, SHAPE)

    assert motion.shift_x_px == pytest.approx(7.5)
    assert motion.shift_y_px == pytest.approx(-3.0)
    assert motion.rotation_deg == pytest.approx(1.25)
    assert motion.magnification == pytest.approx(1.02)


def test_a_frame_that_only_breathes_is_not_shifted():
    motion = motion_at_centre(Move(scale=0.97).matrix(SHAPE), SHAPE)

    assert (motion.shift_x_px, motion.shift_y_px) == pytest.approx((0, 0))


def test_a_homography_is_told_as_it_is_in_the_middle():
    keystone = np.eye(3)
    keystone[2, :2] = 2e-5, -1e-5
    x, y = 299.5, 199.5

    def lies_at(x: float, y: float) -> np.ndarray:
        mapped = keystone @ (x, y, 1)
        return mapped[:2] / mapped[2]

    motion = motion_at_centre(keystone, SHAPE)

    step = 1e-3
    across = (lies_at(x + step, y) - lies_at(x - step, y)) / (2 * step)
    down = (lies_at(x, y + step) - lies_at(x, y - step)) / (2 * step)
    assert (motion.shift_x_px, motion.shift_y_px) == pytest.approx(tuple(lies_at(x, y) - (x, y)))
    assert motion.magnification == pytest.approx(np.sqrt(np.linalg.det(np.stack([across, down]))), rel=1e-6)
    assert motion.rotation_deg == pytest.approx(np.rad2deg(np.arctan2(across[1] - down[0], across[0] + down[1])), abs=1e-6)
