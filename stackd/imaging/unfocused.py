"""Where no frame is ever in focus: one calm choice instead of the rims of bokeh discs.

A background that lies beyond the stack is blurred in every frame. The discs of its highlights shrink towards one end of the
stack, and wherever a rim passes it looks like detail. Either an end frame explains all others by lying nearer to it
(`stackd.imaging.beyond`), or three signs together give such places away: the fine detail around them hardly changes through the
stack, while detail in focus comes and goes a hundredfold; contrast is greatest in the first or the last frame; and nothing
near is bright enough to be clipped. In both cases fine detail is next to nothing beside coarse contrast. The end frame is
least blurred, and it is taken for the whole place.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.beyond import REDUCTION, Beyond, reduced
from stackd.imaging.frames import PlaneStore, Step, ignore_step
from stackd.imaging.grain import HIGH_PASS_SHARE
from stackd.model.pixels import Gray, Mask

Plane = NDArray[np.float32]

WIDE_WINDOW_PX, WIDE_RATIO_OCTAVES = 8.0, (3.0, 5.0)
"""Sigma, px of the decisions; and log2 of the greatest over the least fine detail through the stack. Up to the lower ratio
nothing is ever in focus, from the upper on something is. Discs reach 3, focused texture 6 and more (measured)."""
NARROW_WINDOW_PX, NARROW_RATIO_OCTAVES = 3.0, (4.0, 6.0)
"""The same right beside focused edges, once the surroundings are known to be out of focus: a single rim changes more."""

FINE_SHARE = (0.1, 0.3)
"""Greatest fine detail over greatest coarse contrast: up to the first it can be rims, from the second on it is texture. Rims
of the demo's discs reach 0.002, hairs before a wall 0.6, even when both ends of a short stack show something sharp (measured)."""

COARSE_SIGMA_PX = 16.0
"""Contrast coarser than rims, of the size of discs. Measured on one scene; 8 leaves discs with holes."""
COARSE_WEIGHT = 3.0
"""Of coarse contrast against misfits, both mean squared display units."""
DECIDES_FROM = 16.0
"""In units of the tolerance: where coarse contrast changes less, nothing is to be seen and averaging is better."""
COST_AT_MOST = 60.0
"""In units of the tolerance: cost beyond this excludes a frame; held finite, so that it can be spread."""

NOT_SHOWN = 1000.0
"""The same for a frame that does not show the place: far above all others together, and exp(−1000) is none of it."""
UNSEEN = np.float16(-1)
"""Stands for the contrast of such a frame."""

NEGLIGIBLE = 0.2
"""Share of the best frame's weight below which a frame is left out, as where something is in focus: the doubt about frames far
from the depth expected is capped, so otherwise every frame of the stack would have a hundredth part, and be warped for it."""

SPREAD_PX, SPREAD_GAIN, SPREAD_FROM = 24.0, 5.0, 0.3
"""How far the choice is continued to where focused things stand before the background, and from which share of it on."""

HIGHLIGHT = 0.7
"""Display value: around brighter spots contrast does not tell, since clipped discs do not dim as they grow."""
HIGHLIGHT_WIDE_PX, HIGHLIGHT_NARROW_PX, HIGHLIGHT_SHARE = 16.0, 4.0, 0.05
"""Sigmas of the surroundings of such spots, and the share of them that forbids it altogether."""
HIGHLIGHT_SIDE_PX = 5
"""Spots are widened to this side, so that they outlast the reduction."""

LEAST_ENERGY = 1e-8
"""Mean squared display units: below this detail is rounding."""
END_SHARE = (0.45, 0.95)
"""Share of the surroundings whose coarse contrast is greatest in an end frame: from the first on it counts, from the second
fully."""


class Unfocused:
    """Sees all frames go by, then tells where nothing is ever in focus and which frames to take there.

    Parameters
    ----------
    store : PlaneStore
        Keeps one small plane a frame.
    grain : float
        Standard deviation of grain at the scale at which detail is measured, display units.
    tolerance : float
        Differences no larger than this are equal, display units.
    """

    def __init__(self, store: PlaneStore, *, grain: float, tolerance: float) -> None:
        self._floor = np.float32(HIGH_PASS_SHARE * grain**2)
        self._unit = np.float32(tolerance**2 / COARSE_WEIGHT)
        self._store = store
        self._first = self._last = self._between = self._smallest = self._largest = np.zeros((1, 1), np.float16)
        self._ranges: list[tuple[Plane, Plane]] = []  # (least, greatest) detail in the wide and the narrow window
        self._brightest = np.zeros((1, 1), np.float32)

    def add(self, gray: Gray, detail: Plane, outside: Mask | None = None) -> None:
        """Take the next frame, on the grid of the decisions: luminance, mean squared fine detail, and what it does not show."""
        small = reduced(gray)
        rest = small - _smooth(small, COARSE_SIGMA_PX)
        # An amplitude, because squares of small contrasts are lost in half precision.
        contrast = cv2.sqrt(_smooth(rest * rest, COARSE_SIGMA_PX))
        self._note(contrast.astype(np.float16), outside)
        seen = [_smooth(reduced(detail), window) for window in (WIDE_WINDOW_PX, NARROW_WINDOW_PX)]
        if not self._ranges:
            self._ranges = [(plane, plane) for plane in seen]
        self._ranges = [
            (np.minimum(least, plane), np.maximum(most, plane)) for (least, most), plane in zip(self._ranges, seen, strict=True)
        ]
        spots = reduced(np.asarray(cv2.dilate(gray, np.ones((HIGHLIGHT_SIDE_PX, HIGHLIGHT_SIDE_PX), np.uint8)), np.float32))
        self._brightest = np.maximum(self._brightest, spots)

    def settle(self, shape: tuple[int, int], beyond: Beyond) -> Plane:
        """Return how surely nothing is ever in focus, 0–1, on the grid of the decisions, and fix it."""
        ends = np.maximum(self._first, self._last)
        at_end = _smooth((ends >= self._between).astype(np.float32), COARSE_SIGMA_PX / 2)
        greatest, least = (_square(contrast) for contrast in (self._largest, self._smallest))
        decides = np.clip((greatest - least) / self._unit / DECIDES_FROM - 1, 0, 1)
        calm = self._hardly_changes(0, WIDE_RATIO_OCTAVES) * self._without_highlights(HIGHLIGHT_WIDE_PX)
        wide = np.maximum(calm * _ramp(at_end, *END_SHARE) * decides, beyond.share) * self._without_texture(0, greatest)
        self._greatest, self._wide, self._beyond = greatest, wide.astype(np.float32), beyond
        self._around = _smooth(self._wide, SPREAD_PX)
        calm = self._hardly_changes(1, NARROW_RATIO_OCTAVES) * self._without_highlights(HIGHLIGHT_NARROW_PX)
        calm *= np.clip(SPREAD_GAIN * self._around - SPREAD_FROM, 0, 1)
        narrow = np.maximum(calm, beyond.share) * self._without_texture(1, greatest)
        return _enlarged(np.maximum(self._wide, narrow), shape)

    def weigh(self, expected: Plane, *, within: float, at_most: float, step: Step = ignore_step) -> None:
        """Fix the frames' weights, given the depth expected (grid of the decisions): frames near it win a tie.

        It takes two steps a frame.
        """
        self._expected, self._within, self._at_most = reduced(expected), within, at_most
        positions = range(len(self._store))
        self._least = np.full_like(self._greatest, np.inf)
        for position in positions:
            self._least = np.minimum(self._least, self._cost(position))
            step()
        self._total, moment = np.zeros_like(self._least), np.zeros_like(self._least)
        for position in positions:
            weight = self._relative(position)
            self._total += weight
            moment += np.float32(position) * weight
            step()
        self._aim = moment / self._total

    def aim(self, shape: tuple[int, int]) -> Plane:
        """Mean position of the frames taken where nothing is in focus."""
        return _enlarged(self._aim, shape)

    def weight(self, position: int, shape: tuple[int, int]) -> Plane:
        """Weights of a frame where nothing is in focus; those of all frames sum to one."""
        return _enlarged(self._relative(position) / self._total, shape)

    def _relative(self, position: int) -> Plane:
        """Weight against the best frame's."""
        weight = np.exp(self._least - self._cost(position))
        weight[weight < np.float32(NEGLIGIBLE)] = 0
        return np.asarray(weight, np.float32)

    def _cost(self, position: int) -> Plane:
        contrast = self._read_contrast(position)
        lack = np.minimum((self._greatest - _square(contrast)) / self._unit, np.float32(COST_AT_MOST))
        away = self._away_from_end(position)
        lack += self._beyond.share * (away - lack)
        spread = _smooth(lack * self._wide, SPREAD_PX) / (self._around + np.finfo(np.float32).eps)
        spread += self._beyond.share * (away - spread)  # what is known of a place outdoes what is known around it
        distance = (self._expected - np.float32(position)) / np.float32(self._within)
        spread += np.minimum(np.square(distance) / 2, np.float32(self._at_most))
        return np.asarray(spread + np.float32(NOT_SHOWN) * (contrast == UNSEEN), np.float32)

    def _note(self, contrast: NDArray[np.float16], outside: Mask | None) -> None:
        """Keep the contrast of the next frame, where it shows any, and what all so far have in common."""
        seen = len(self._store)
        if not seen:
            self._first = self._smallest = self._largest = contrast
            self._between = np.zeros_like(contrast)
        elif seen > 1:
            self._between = np.maximum(self._between, self._last)
        if outside is None:
            self._store.append(contrast)
        else:
            hidden = cv2.resize(outside.view(np.uint8), contrast.shape[::-1], interpolation=cv2.INTER_NEAREST)
            self._store.append(np.where(hidden, UNSEEN, contrast))
        self._last = contrast
        self._smallest, self._largest = np.minimum(self._smallest, contrast), np.maximum(self._largest, contrast)

    def _read_contrast(self, position: int) -> NDArray[np.float16]:
        return np.asarray(self._store.read(position, slice(None)), np.float16)

    def _away_from_end(self, position: int) -> Plane | np.float32:
        """Cost of a frame where something is known to lie beyond an end: none at that end, as high as can be elsewhere."""
        last = self._beyond.last
        at_end = np.float32(position == 0) * (1 - last) + np.float32(position == len(self._store) - 1) * last
        return np.float32(COST_AT_MOST) * (1 - at_end)

    def _hardly_changes(self, window: int, octaves: tuple[float, float]) -> Plane:
        least, most = (np.maximum(plane - self._floor, 0) + self._floor / 2 + LEAST_ENERGY for plane in self._ranges[window])
        return 1 - _ramp(np.log2(most / least), *octaves)

    def _without_texture(self, window: int, contrast: Plane) -> Plane:
        fine = np.maximum(self._ranges[window][1] - self._floor, 0)
        return 1 - _ramp(fine / (contrast + np.float32(LEAST_ENERGY)), *FINE_SHARE)

    def _without_highlights(self, around_px: float) -> Plane:
        share = _smooth((self._brightest > HIGHLIGHT).astype(np.float32), around_px)
        return 1 - _ramp(share, 0, HIGHLIGHT_SHARE)


def _enlarged(plane: Plane, shape: tuple[int, int]) -> Plane:
    return np.asarray(cv2.resize(plane, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def _smooth(plane: Plane, sigma_px: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px / REDUCTION), np.float32)


def _square(amplitude: NDArray[np.float16]) -> Plane:
    return np.square(amplitude, dtype=np.float32)


def _ramp(plane: Plane, start: float, end: float) -> Plane:
    return np.asarray(np.clip((plane - start) / (end - start), 0, 1), np.float32)
