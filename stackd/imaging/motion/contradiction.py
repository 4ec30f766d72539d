"""Notice motion: where the frame taken, blurred by one step, does not look like its neighbours.

Between neighbours blur changes by one step, and in one step even veils of near edges and discs of highlights hardly change. So
what two neighbours show differently, beyond a share of blur and a share of brightness, has moved. Frames further apart would
contradict each other at every edge in depth.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.depth.defocus import blurred
from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.colour import to_display, to_light
from stackd.imaging.ground.frames import PlanesInMemory, PlaneStore, Step, ignore_step
from stackd.model.pixels import Gray, Mask

Plane = NDArray[np.float32]

REDUCTION = 2
"""Between the grid of the decisions and the one neighbours are compared on."""
CELL_PX = 2 * REDUCTION
"""Side of the cells contradictions are kept for, px of the decisions: windows are wider."""
WINDOW_PX = 3.0
"""Sigma of the windows, px of the grid compared on. Smaller ones cannot tell blur from motion."""
DIFFERENT = 0.03
"""Display units (RMS) from which neighbours contradict each other. On thirteen rendered stacks of still scenes at most 0.05 % of
the cells reach it, on walkers and swaying cards that move more than 2 px a frame 4 to 15 % (measured)."""
GRAINS = 4.0
"""And in units of the grain."""
RIDGE = np.float32(1e-6)
"""Mean squared display units: blur that changes less says nothing."""
MISPLACED_PX = 0.5
"""Px of the grid compared on: what displacing by so much would do is not told from discs that are no Gaussians. Fine texture of
high contrast passed for motion without this (measured on the quality guard's hairs)."""
CLIPPED = (0.88, 0.96)
"""Display values from which a pixel counts less, and not at all: discs of clipped highlights grow in jumps, white paper must
still count (measured)."""
LEAST_WEIGHT = 0.15
"""Share of a window that must count."""
MOST_APART = 1.5
"""Usual steps of focus up to which neighbours are compared: across a gap blur changes too much to be fitted, and a still stack
with frames left out passed for a moving one on a quarter of the picture (measured)."""
NEVER_SHARP = 0.2
"""How surely nothing is ever in focus, from which on neighbours are not asked (guess)."""
UNSEEN = np.float32(-1)
"""Stands for what cannot be compared."""


class Neighbours:
    """Sees all frames go by, and keeps how much each differs from the one before.

    Parameters
    ----------
    store : PlaneStore
        Keeps one small plane a pair of neighbours.
    focus : FocusPositions
        Where the frames are focused.
    blur_px : float
        Growth of the blur's radius per usual step of focus, px of the decisions.
    grain : float
        Standard deviation of grain, display units, on the grid of the decisions.
    """

    def __init__(self, store: PlaneStore, *, focus: FocusPositions, blur_px: float, grain: float) -> None:
        self._focus = focus
        self._store = store
        self._blur_px = blur_px / REDUCTION
        self._different = float(np.hypot(DIFFERENT, GRAINS * grain / REDUCTION))
        self._before: _Seen | None = None
        self._shape = (1, 1)

    def add(self, gray: Gray, outside: Mask) -> None:
        """Take the next frame, on the grid of the decisions: luminance, and what it does not show."""
        small = block_means(gray, REDUCTION, edge=Edge.REPEATED)
        hidden = cv2.dilate(outside.view(np.uint8), np.ones((2 * REDUCTION + 1,) * 2, np.uint8))
        hidden = cv2.resize(hidden, small.shape[::-1], interpolation=cv2.INTER_NEAREST)
        start, end = CLIPPED
        trust = np.clip((np.float32(end) - cv2.dilate(small, np.ones((3, 3), np.uint8))) / np.float32(end - start), 0, 1)
        trust[hidden > 0] = 0
        softer = to_display(blurred(to_light(small), self._blur_px)) - small
        slopes = cv2.Sobel(small, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(small, cv2.CV_32F, 0, 1, scale=1 / 8)
        steepness = _mean(np.square(slopes[0]) + np.square(slopes[1]))
        self._shape = (steepness.shape[0], steepness.shape[1])
        seen = _Seen(gray=small, softer=softer, steepness=steepness, trust=np.asarray(trust, np.float32))
        if self._before is not None:
            index = len(self._store)
            near = self._focus.apart(index, index + 1) <= MOST_APART
            difference = self._difference(self._before, seen) if near else np.full(self._shape, UNSEEN)
            self._store.append(difference.astype(np.float16))
        self._before = seen

    def settle(self, taken: Plane, never_sharp: Plane, step: Step = ignore_step) -> "Contradictions":
        """Tell where the frame taken contradicts its neighbours.

        Parameters
        ----------
        taken : ndarray of float32, shape (H, W)
            Position of the frame with the greatest weight, grid of the decisions.
        never_sharp : ndarray of float32, shape (H, W)
            How surely nothing is ever in focus, 0–1: there discs come and go.
        step : Step
            Told after every pair of neighbours.
        """
        shape = self._shape
        cells = taken[::CELL_PX, ::CELL_PX][: shape[0], : shape[1]]
        total, count = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        anywhere = np.zeros(shape, np.bool_)
        for index in range(len(self._store)):
            difference = np.asarray(self._store.read(index, slice(None)), np.float32)
            sees = (difference != UNSEEN) & ((cells == index) | (cells == index + 1))
            total[sees] += np.square(difference[sees])
            count[sees] += 1
            anywhere |= difference > self._different
            step()
        rms = np.sqrt(total / np.maximum(count, 1))
        sharp = never_sharp[::CELL_PX, ::CELL_PX][: shape[0], : shape[1]] < NEVER_SHARP
        return Contradictions(
            taken=(rms > self._different) & sharp,
            rms=rms,
            anywhere=anywhere & sharp,
            store=self._store,
            different=self._different,
        )

    @staticmethod
    def _difference(frame: "_Seen", later: "_Seen") -> Plane:
        """RMS of what is left of a difference in a window around every cell, once blur of either and brightness are fitted."""
        weight = frame.trust * later.trust
        share = _mean(weight)
        known = np.maximum(share, np.float32(LEAST_WEIGHT))
        change, softer, later_softer = later.gray - frame.gray, frame.softer, later.softer
        means = [_mean(weight * plane) / known for plane in (change, softer, later_softer)]

        def together(one: int, other: int) -> Plane:
            planes = (change, softer, later_softer)
            return np.asarray(_mean(weight * planes[one] * planes[other]) / known - means[one] * means[other], np.float32)

        energy, first, second = together(0, 0), together(0, 1), together(0, 2)
        own, later_own, both = together(1, 1) + RIDGE, together(2, 2) + RIDGE, together(1, 2)
        determinant = np.maximum(own * later_own - both * both, RIDGE**2)
        left = energy - (later_own * first**2 - 2 * both * first * second + own * second**2) / determinant
        left -= np.float32(MISPLACED_PX**2) * np.maximum(frame.steepness, later.steepness)
        return np.where(share < LEAST_WEIGHT, UNSEEN, np.sqrt(np.maximum(left, 0))).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """A frame on the grid neighbours are compared on."""

    gray: Gray
    softer: Plane
    """What one step of blur changes."""
    steepness: Plane
    """Mean squared slope around every cell."""
    trust: Plane


def _mean(plane: Plane) -> Plane:
    """Mean in a window around every cell."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), WINDOW_PX)[::2, ::2], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contradictions:
    """Where neighbours show different things, on cells of `CELL_PX` px of the decisions."""

    taken: Mask
    """The frame taken and those beside it."""
    rms: Plane
    """By how much, display units."""
    anywhere: Mask
    """Any two neighbours of the stack."""
    store: PlaneStore
    """By how much each frame and the next differ; `UNSEEN` where that cannot be told."""
    different: float

    @classmethod
    def none(cls) -> "Contradictions":
        """Give what there is where nobody looked."""
        nowhere = np.zeros((1, 1), np.bool_)
        rms = np.zeros((1, 1), np.float32)
        return cls(taken=nowhere, rms=rms, anywhere=nowhere, store=PlanesInMemory(), different=float("inf"))

    @property
    def frames(self) -> int:
        """Count the frames."""
        return len(self.store) + 1

    def around(self, position: int) -> Mask:
        """Mark where a frame contradicts the one before or after it."""
        found = np.zeros_like(self.taken)
        for index in (position - 1, position):
            if 0 <= index < len(self.store):
                found |= np.asarray(self.store.read(index, slice(None)), np.float32) > self.different
        return found
