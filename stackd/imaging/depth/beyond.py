"""Tell what lies beyond an end of the stack by how its blur grows from there.

A light far behind the last frame's focus is a disc in every frame, smallest in the last. If it lies m frames beyond the last one,
frame j shows it as the last frame does, blurred once more by s² = c² ((m + d)² − m²), d frames away: less than what is in focus
in the last frame, and no frame within the stack explains the sharper ones beside it. So the ends are given a few virtual
distances m, and each is compared with all frames as if these had it in focus. Clipped highlights need no exception: a disc cut
off at white is predicted too dark, which counts less than too bright, and its size still tells.

The same comparison as in `stackd.imaging.fuse.depth_from_defocus.costs`, on a grid as coarse as discs allow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.depth.defocus import blurred
from stackd.imaging.ground.blocks import squeezed
from stackd.imaging.ground.colour import to_display, to_light
from stackd.model.pixels import Gray

Plane = NDArray[np.float32]

REDUCTION = 4
"""Between the grid of the decisions and the one used here: discs worth the trouble are larger."""
DISTANCES_STEPS = (2, 4, 8, 16, 32, 64)
"""Tried beyond either end: less is nearly in focus there, and so far beyond that discs hardly change any more. Doublings,
because steps of three lose 0.2 to 0.6 dB in the demo's meadow (measured)."""
TOO_DARK_COUNTS = 0.5
"""Weight of the amplitude where a frame is brighter than predicted: highlights may be clipped where they are predicted from."""
WINDOW_PX = 1.0
"""Sigma, px of this grid."""
AGREED_SIDE_PX = 9
"""Px of this grid within which evidence for one end or the other is summed: in the middle of a disc nothing tells them apart, and
cells that took the wrong one were dark marks in it (seen in the demo; 5 px leave one of four)."""
FACTOR_OCTAVES = (0.5, 1.5)
"""Log2 of what the best frame leaves unexplained over what the best end leaves: from the first on an end counts, from the second
fully. In discs of the demo's meadow 1.5 to 3, around glints within a stack below 0 (measured)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Beyond:
    """What lies beyond the ends, on a grid reduced by `REDUCTION`."""

    share: Plane
    """How surely, 0–1."""
    last: Plane
    """1 where it is the last frame it lies beyond, 0 where it is the first."""


class BeyondEnds:
    """Sees all frames go by and compares them with the ends.

    Parameters
    ----------
    witnesses : sequence of (int, ndarray of float32, ndarray of float32), each of shape (H, W)
        Positions, luminance on the grid of the decisions, and 0–1 how far each pixel can be trusted. The first and the last frame
        are among them.
    focus : FocusPositions
        Where the frames are focused.
    blur_px : float
        Growth of the blur's radius per usual step, px of the decisions.
    tolerance : float
        Differences no larger than this are equal, display units.
    """

    def __init__(
        self, witnesses: Sequence[tuple[int, Gray, Plane]], *, focus: FocusPositions, blur_px: float, tolerance: float
    ) -> None:
        self._focus = focus
        self._blur_px = blur_px / REDUCTION
        self._equal = np.float32(tolerance**2)
        self._witnesses = [(position, to_display(_small_light(gray)), on_disc_grid(trust)) for position, gray, trust in witnesses]
        first, last = witnesses[0], witnesses[-1]
        self._ends = [
            np.minimum.reduce([self._unexplained(_small_light(gray), position, beyond=steps) for steps in DISTANCES_STEPS])
            for position, gray, _ in (first, last)
        ]
        self._least = np.full_like(self._ends[0], np.inf)

    def add(self, position: int, gray: Gray) -> None:
        """Take the next frame: its luminance on the grid of the decisions."""
        np.minimum(self._least, self._unexplained(_small_light(gray), position, beyond=0), out=self._least)

    def settle(self) -> Beyond:
        """Tell where an end explains the frames better than any frame does."""
        first, last = self._ends
        octaves = np.log2((self._least + self._equal) / (np.minimum(first, last) + self._equal))
        start, full = FACTOR_OCTAVES
        share = np.clip((octaves - np.float32(start)) / np.float32(full - start), 0, 1)
        # Weighed by how sure each is, so that a speck in front of what is in focus keeps its end.
        for_last = cv2.blur(share * (first - last), (AGREED_SIDE_PX, AGREED_SIDE_PX))
        return Beyond(share=share, last=(for_last > 0).astype(np.float32))

    def _unexplained(self, light: Plane, position: int, *, beyond: float) -> Plane:
        """Mean squared difference between the witnesses and a frame that is blurred as if its subject lay that far beyond it."""
        misfit = np.zeros_like(light)
        trusted = np.full_like(light, np.finfo(np.float32).eps)
        for there, gray, trust in self._witnesses:
            if there == position:
                continue
            away = self._focus.apart(there, position)
            radius_px = self._blur_px * float(np.sqrt((beyond + away) ** 2 - beyond**2))
            excess = cv2.subtract(to_display(blurred(light, radius_px)), gray)
            cv2.max(excess, excess * np.float32(-TOO_DARK_COUNTS), dst=excess)
            misfit += np.square(excess) * trust
            trusted += trust
        return np.asarray(cv2.GaussianBlur(misfit, (0, 0), WINDOW_PX) / cv2.GaussianBlur(trusted, (0, 0), WINDOW_PX), np.float32)


def on_disc_grid(plane: Plane) -> Plane:
    """Reduce a plane from the grid of the decisions."""
    return squeezed(plane, REDUCTION)


def _small_light(gray: Gray) -> Plane:
    return on_disc_grid(to_light(gray))
