"""Where frames contradict one another: something moved between them that no change of focus explains.

From one frame to the next the disc of every point grows or shrinks by one step of blur. So what one of two frames shows at a
pixel, the other shows within that many pixels of it, in one of the two directions of time: a disc that grows spreads what was
there already, one that shrinks had been spread before. Where neither holds, something has come or gone. Occlusion edges, veils
and bokeh obey this rule whatever their size, so the test stays quiet where flow and re-blurring do not.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.blocks import squeezed, stretched
from stackd.model.pixels import Gray, Mask

Plane = NDArray[np.float32]

SMOOTHING_PX: Final = 0.7
"""Sigma: interpolation and grain of single pixels say nothing."""
SLACK_PX: Final = 1.0
"""By so much details may lie apart after alignment."""
GRAINS: Final = 4.0
LEAST_DIFFERENCE: Final = 0.01
"""A difference begins at so many standard deviations of grain and so many display units …"""
SEEN_FROM: Final = 0.03
"""… and is seen, beyond that, from so many display units. In nine good real stacks 0.4 % of the pixels at most differ more, where
leaves sway in the wind 35 %, where a person walks by 2 % (measured)."""
CUT_OFF: Final = 0.97
"""Display value from which a highlight may be cut off: its disc is then brighter, and its skirt wider, than itself."""
LIGHT_PX, LIGHT_SQUEEZED = 24.0, 8
"""Sigma beyond which a difference is one of light, and by how much the grid for it is reduced. A shadow that fell on the table
beside a rose was 2.4 % of the picture."""
APART: Final = (1, 2, 4, 8)
"""Frames between those compared: what moves slowly has gone far enough after a while."""
REACH: Final = max(APART)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contradictions:
    """Where frames contradict one another."""

    strength: Plane
    """Display units by which they do at most, shape (H, W)."""
    shares: tuple[float, ...]
    """Share of the picture on which each pair of neighbours does."""


class Agreement:
    """Sees the frames go by, laid over the reference, and notes where they contradict one another.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of what is added.
    grain : float
        Standard deviation of grain, display units.
    blur_px : float
        Growth of the blur's radius from frame to frame, px of this grid.
    positions : sequence of float
        Where each frame is focused, in steps.
    """

    def __init__(self, shape: tuple[int, int], *, grain: float, blur_px: float, positions: Sequence[float]) -> None:
        self._tolerance = GRAINS * grain + LEAST_DIFFERENCE
        self._blur_px = blur_px
        self._positions = tuple(positions)
        self._recent: deque[tuple[Gray, Mask]] = deque(maxlen=REACH)
        self._strength = np.zeros(shape, np.float32)
        self._shares: list[float] = []
        self._seen = 0

    def add(self, gray: Gray, covered: Mask) -> None:
        """Take the next frame: luminance, and what of the grid it shows."""
        smooth = np.asarray(cv2.GaussianBlur(gray, (0, 0), SMOOTHING_PX), np.float32)
        for apart in APART:
            if apart > len(self._recent):
                break
            other, shown = self._recent[-apart]
            found = self._between(other, smooth, self._seen - apart, self._seen, squeeze=max(apart // 2, 1))
            found[~(covered & shown)] = 0
            if apart == 1:
                self._shares.append(float((found > SEEN_FROM).mean()))
            np.maximum(self._strength, found, out=self._strength)
        self._recent.append((smooth, covered))
        self._seen += 1

    def settle(self) -> Contradictions:
        """Tell what was found."""
        return Contradictions(strength=self._strength, shares=tuple(self._shares))

    def _between(self, first: Gray, second: Gray, i: int, j: int, *, squeeze: int) -> Plane:
        grown_px = self._blur_px * abs(self._positions[j] - self._positions[i])
        radius = ceil(grown_px / squeeze) + round(SLACK_PX)
        second = _lit_alike(first, second)
        if squeeze == 1:
            return contradiction(first, second, radius_px=radius, tolerance=self._tolerance)
        small = contradiction(squeezed(first, squeeze), squeezed(second, squeeze), radius_px=radius, tolerance=self._tolerance)
        return stretched(small, first.shape)


def _lit_alike(first: Gray, second: Gray) -> Gray:
    """Take from a frame what differs smoothly from another: a shadow that falls, light that changes."""
    smooth = cv2.GaussianBlur(
        squeezed(np.asarray(cv2.subtract(second, first), np.float32), LIGHT_SQUEEZED), (0, 0), LIGHT_PX / LIGHT_SQUEEZED
    )
    return np.asarray(cv2.subtract(second, stretched(np.asarray(smooth, np.float32), first.shape)), np.float32)


def contradiction(first: Gray, second: Gray, *, radius_px: int, tolerance: float) -> Plane:
    """Tell by how much each of two frames shows what the other does not show anywhere near.

    Parameters
    ----------
    first, second : ndarray of float32, shape (H, W)
        On one grid.
    radius_px : int
        How far things may spread from one to the other.
    tolerance : float
        Differences no larger than this are none.

    Returns
    -------
    ndarray of float32, shape (H, W)
        0 where one explains the other.
    """
    side = 2 * radius_px + 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    outside, cut_off = [], np.zeros(first.shape, np.bool_)
    for one, other in ((first, second), (second, first)):
        brightest = cv2.dilate(one, around)
        too_dark = cv2.subtract(cv2.erode(one, around), other)
        outside.append(cv2.max(too_dark, cv2.subtract(other, brightest)))
        cut_off |= brightest >= CUT_OFF
    found = np.maximum(cv2.min(*outside) - np.float32(tolerance), 0)
    found[cut_off] = 0
    return np.asarray(found, np.float32)
