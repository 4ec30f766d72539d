"""How far from a near surface a frame must be to show what lies behind without its veil.

A surface in focus in frame n is spread over c · (k − n) px in frame k. Behind its outline, x px away, only frames up to
n + x / c are free of its light.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

SPECK_PX = 5
"""Side of the square, px of the decisions, that a surface must fill: a few pixels in front of all around are a mistake more
often, and would keep a wide cone of frames from being used."""
FARTHEST_STEP_PX = 32
"""Outlines are followed over twice this many px of the decisions; veils spread over more than that are faint."""


def without_specks(taken: Plane) -> Plane:
    """Give pixels that lie in front of all around them the position of what is around."""
    return np.asarray(cv2.morphologyEx(taken, cv2.MORPH_CLOSE, np.ones((SPECK_PX, SPECK_PX), np.uint8)), np.float32)


def last_unveiled(surface: Plane, *, blur_px: float) -> Plane:
    """Tell for every pixel the last frame that no nearer surface veils.

    A cone is lowered over every pixel of a surface. Squares of doubling size add up to every distance, so a few passes do;
    distances along the diagonal come out short, which is on the safe side.

    Parameters
    ----------
    surface : ndarray of float32, shape (H, W)
        Focus of the frame that has a surface in focus, usual steps; infinite where there is none.
    blur_px : float
        Growth of the blur's radius per usual step.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Focus, in steps; infinite or beyond the stack where nothing is near.
    """
    lowest = surface
    step_px = 1
    while step_px <= FARTHEST_STEP_PX:
        around = np.ones((2 * step_px + 1, 2 * step_px + 1), np.uint8)
        lowest = np.minimum(lowest, cv2.erode(lowest, around) + np.float32(step_px / blur_px))
        step_px *= 2
    return lowest
