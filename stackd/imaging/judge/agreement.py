"""Where frames contradict one another: something moved between them that no change of focus explains.

From one frame to the next the disc of every point grows or shrinks by one step of blur. So what one of two frames shows at a
pixel, the other shows within that many pixels of it, in one of the two directions of time: a disc that grows spreads what was
there already, one that shrinks had been spread before. Where neither holds, something has come or gone. Occlusion edges, veils
and bokeh obey this rule whatever their size, so the test stays quiet where flow and re-blurring do not.

Fusion by defocus looks for motion itself (`stackd.imaging.motion`), on a finer grid and only near the frame it takes, to do
something about it. This is the second opinion: whatever method fused, and of all frames.
"""

from collections import deque
from collections.abc import Mapping, Sequence
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
STRUCTURE_SEEN_FROM: Final = 0.02
"""A difference is seen, beyond that, from so many display units, and one of fine structure from so many."""
FEWEST_SEEDS: Final = 6
"""Px of the judge's grid where structure contradicts, by which a place where luminance does is believed."""
JOINED_PX: Final = 9
"""Places so near to one another are one."""
CUT_OFF: Final = 0.97
"""Display value from which a highlight may be cut off: its disc is then brighter, and its skirt wider, than itself."""
STRUCTURE_PX: Final = 3.0
"""Sigma, px: structure is what is finer. Light that falls or fades is smooth, and so is the inside of a disc, which dims as the
disc grows: by luminance alone a shadow on the table beside a rose was 2.4 % of the picture, discs in the demo's meadow 0.8; by
both 0.0. By structure alone something that walks before texture is a tenth of what it is: texture has all values everywhere."""
SKIRT: Final = np.ones((9, 9), np.uint8)
"""How far around such highlights nothing is said."""
APART: Final = (1, 2, 4, 8)
"""Frames between those compared: what moves slowly has gone far enough after a while."""
REACH: Final = max(APART)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contradictions:
    """Where frames contradict one another, in display units by which they do at most, shape (H, W)."""

    strength: Plane
    """In luminance."""
    structure: Plane
    """In fine structure alone."""

    @property
    def places(self) -> Mask:
        """Where luminance contradicts, around places where structure does, too."""
        seen = self.strength > SEEN_FROM
        joined = cv2.dilate(seen.view(np.uint8), np.ones((JOINED_PX, JOINED_PX), np.uint8))
        count, labels = cv2.connectedComponents(joined, connectivity=8)
        seeds = np.bincount(labels[self.structure > STRUCTURE_SEEN_FROM], minlength=count)
        seeds[0] = 0
        return np.asarray(seen & (seeds >= FEWEST_SEEDS)[labels])


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
        self._recent: deque[_Look] = deque(maxlen=REACH)
        self._strength, self._structure = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._seen = 0

    def add(self, gray: Gray, covered: Mask) -> None:
        """Take the next frame: luminance, and what of the grid it shows."""
        look = _Look.at(gray, covered)
        for apart in APART:
            if apart > len(self._recent):
                break
            found, structure = self._between(self._recent[-apart], look, self._seen - apart, self._seen)
            np.maximum(self._strength, found, out=self._strength)
            np.maximum(self._structure, structure, out=self._structure)
        self._recent.append(look)
        self._seen += 1

    def settle(self) -> Contradictions:
        """Tell what was found."""
        return Contradictions(strength=self._strength, structure=self._structure)

    def _between(self, first: "_Look", second: "_Look", i: int, j: int) -> tuple[Plane, Plane]:
        squeeze = _squeeze(j - i)
        grown_px = self._blur_px * abs(self._positions[j] - self._positions[i])
        radius_px = ceil(grown_px / squeeze) + round(SLACK_PX)
        hidden = ~(first.shown & second.shown)
        found = []
        for one, other in (
            (first.lights[squeeze], second.lights[squeeze]),
            (first.structures[squeeze], second.structures[squeeze]),
        ):
            plane = contradiction(one, other, radius_px=radius_px, tolerance=self._tolerance)
            plane = plane if squeeze == 1 else stretched(plane, self._strength.shape)
            plane[hidden] = 0
            found.append(plane)
        return found[0], found[1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Look:
    """What of a frame is compared."""

    lights: Mapping[int, Plane]
    structures: Mapping[int, Plane]
    """Luminance and structure on grids reduced by so much."""
    shown: Mask
    """What it shows, and is not near a highlight that may be cut off."""

    @classmethod
    def at(cls, gray: Gray, covered: Mask) -> "_Look":
        calm = np.asarray(cv2.GaussianBlur(gray, (0, 0), SMOOTHING_PX), np.float32)
        grids = {squeeze: calm if squeeze == 1 else squeezed(calm, squeeze) for squeeze in map(_squeeze, APART)}
        return cls(
            lights=grids,
            structures={
                squeeze: np.asarray(cv2.subtract(grid, cv2.GaussianBlur(grid, (0, 0), STRUCTURE_PX)), np.float32)
                for squeeze, grid in grids.items()
            },
            shown=covered & (cv2.dilate(calm, SKIRT) < CUT_OFF),
        )


def _squeeze(apart: int) -> int:
    """By how much frames so far apart are reduced: what moves slowly has gone far."""
    return max(apart // 2, 1)


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
    outside = []
    for one, other in ((first, second), (second, first)):
        too_dark = cv2.subtract(cv2.erode(one, around), other)
        outside.append(cv2.max(too_dark, cv2.subtract(other, cv2.dilate(one, around))))
    return np.asarray(np.maximum(cv2.min(*outside) - np.float32(tolerance), 0), np.float32)
