"""Where no frame is ever in focus: one calm choice instead of the rims of bokeh discs.

A background that lies beyond the stack is blurred in every frame. The discs of its highlights shrink towards one end of the
stack, and wherever a rim passes it looks like detail. Either an end frame explains all others by lying nearer to it
(`stackd.imaging.depth.beyond`), or three signs together give such places away: the fine detail around them hardly changes through
the stack, while detail in focus comes and goes a hundredfold; contrast is greatest in the first or the last frame; and nothing
near is bright enough to be clipped. In both cases fine detail is next to nothing beside coarse contrast. The end frame is least
blurred, and it is taken for the whole place.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.depth.beyond import REDUCTION, Beyond, on_disc_grid
from stackd.imaging.ground.blocks import stretched
from stackd.imaging.ground.frames import PlaneStore, Step, ignore_step
from stackd.imaging.ground.grain import HIGH_PASS_SHARE
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

NOT_SHOWN = np.finfo(np.float32).max
"""The same for a frame that does not show the place."""
UNSEEN = np.float16(-1)
"""Stands for the contrast of such a frame."""

NEGLIGIBLE = 0.2
"""Share of the best frame's weight below which a frame is left out: it saves warping tiles for nothing that could be seen. Doubt
about frames far from the depth expected is capped, so otherwise every frame of the stack would have a hundredth part."""

SPREAD_PX, SPREAD_GAIN, SPREAD_FROM = 24.0, 5.0, 0.3
"""How far the choice is continued to where focused things stand before the background, and from which share of it on."""

HIGHLIGHT = 0.7
"""Display value: around brighter spots contrast does not tell, since clipped discs do not dim as they grow."""
HIGHLIGHT_WIDE_PX, HIGHLIGHT_NARROW_PX, HIGHLIGHT_SHARE = 16.0, 4.0, 0.05
"""Sigmas of the surroundings of such spots, and the share of them that forbids it altogether."""
HIGHLIGHT_SIDE_PX = 5
"""Spots are widened to this side, so that they outlast the reduction."""

TINY = np.finfo(np.float32).eps
"""Keeps ratios finite where nothing is to be seen, not even grain."""
END_SHARE = (0.45, 0.95)
"""Share of the surroundings whose coarse contrast is greatest in an end frame: from the first on it counts, from the second
fully."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Contrasts:
    """What the coarse contrasts of the frames so far have in common, as amplitudes."""

    count: int
    first: NDArray[np.float16]
    last: NDArray[np.float16]
    between: NDArray[np.float16]
    """The greatest of any frame but the first and the last."""
    smallest: NDArray[np.float16]
    largest: NDArray[np.float16]

    @classmethod
    def of_first(cls, contrast: NDArray[np.float16]) -> "_Contrasts":
        nothing = np.zeros_like(contrast)
        return cls(count=1, first=contrast, last=contrast, between=nothing, smallest=contrast, largest=contrast)

    def followed_by(self, contrast: NDArray[np.float16]) -> "_Contrasts":
        return _Contrasts(
            count=self.count + 1,
            first=self.first,
            last=contrast,
            between=np.maximum(self.between, self.last) if self.count > 1 else self.between,
            smallest=np.minimum(self.smallest, contrast),
            largest=np.maximum(self.largest, contrast),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Range:
    """Least and greatest fine detail through the stack, in a wide and in a narrow window."""

    least: Plane
    most: Plane

    def with_next(self, plane: Plane) -> "_Range":
        return _Range(least=np.minimum(self.least, plane), most=np.maximum(self.most, plane))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """What all frames so far have in common."""

    contrasts: _Contrasts
    wide: _Range
    narrow: _Range
    brightest: Plane


class Unfocused:
    """Sees all frames go by; `settle`, once it has, tells where nothing is ever in focus.

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
        self._seen: _Seen | None = None

    def add(self, gray: Gray, detail: Plane, outside: Mask | None = None) -> None:
        """Take the next frame, on the grid of the decisions: luminance, mean squared fine detail, and what it does not show."""
        small = on_disc_grid(gray)
        rest = small - _smooth(small, COARSE_SIGMA_PX)
        # An amplitude, because squares of small contrasts are lost in half precision.
        contrast = cv2.sqrt(_smooth(rest * rest, COARSE_SIGMA_PX)).astype(np.float16)
        self._store.append(contrast if outside is None else _hidden(contrast, outside))
        wide, narrow = (_smooth(on_disc_grid(detail), window) for window in (WIDE_WINDOW_PX, NARROW_WINDOW_PX))
        spots = on_disc_grid(np.asarray(cv2.dilate(gray, np.ones((HIGHLIGHT_SIDE_PX, HIGHLIGHT_SIDE_PX), np.uint8)), np.float32))
        seen = self._seen
        if seen is None:
            self._seen = _Seen(
                contrasts=_Contrasts.of_first(contrast),
                wide=_Range(least=wide, most=wide),
                narrow=_Range(least=narrow, most=narrow),
                brightest=np.maximum(np.float32(0), spots),
            )
        else:
            self._seen = _Seen(
                contrasts=seen.contrasts.followed_by(contrast),
                wide=seen.wide.with_next(wide),
                narrow=seen.narrow.with_next(narrow),
                brightest=np.maximum(seen.brightest, spots),
            )

    def settle(self, shape: tuple[int, int], beyond: Beyond) -> "NeverSharp":
        """Tell where nothing is ever in focus.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns of the grid of the decisions.
        beyond : Beyond
            What is known to lie beyond the ends.
        """
        seen = self._seen
        if seen is None:
            msg = "no frame has been seen"
            raise ValueError(msg)
        contrasts = seen.contrasts
        ends = np.maximum(contrasts.first, contrasts.last)
        at_end = _smooth((ends >= contrasts.between).astype(np.float32), COARSE_SIGMA_PX / 2)
        greatest, least = (_square(contrast) for contrast in (contrasts.largest, contrasts.smallest))
        decides = np.clip((greatest - least) / self._unit / DECIDES_FROM - 1, 0, 1)
        calm = self._hardly_changes(seen.wide, WIDE_RATIO_OCTAVES) * _without_highlights(seen.brightest, HIGHLIGHT_WIDE_PX)
        wide = np.maximum(calm * _ramp(at_end, *END_SHARE) * decides, beyond.share) * self._without_texture(seen.wide, greatest)
        wide = wide.astype(np.float32)
        around = _smooth(wide, SPREAD_PX)
        calm = self._hardly_changes(seen.narrow, NARROW_RATIO_OCTAVES) * _without_highlights(seen.brightest, HIGHLIGHT_NARROW_PX)
        calm *= np.clip(SPREAD_GAIN * around - SPREAD_FROM, 0, 1)
        narrow = np.maximum(calm, beyond.share) * self._without_texture(seen.narrow, greatest)
        return NeverSharp(
            share=stretched(np.maximum(wide, narrow), shape),
            store=self._store,
            unit=self._unit,
            greatest=greatest,
            wide=wide,
            around=around,
            beyond=beyond,
        )

    def _hardly_changes(self, seen: _Range, octaves: tuple[float, float]) -> Plane:
        least, most = (np.maximum(plane - self._floor, 0) + self._floor / 2 + TINY for plane in (seen.least, seen.most))
        return 1 - _ramp(np.log2(most / least), *octaves)

    def _without_texture(self, seen: _Range, contrast: Plane) -> Plane:
        fine = np.maximum(seen.most - self._floor, 0)
        return 1 - _ramp(fine / (contrast + TINY), *FINE_SHARE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NeverSharp:
    """Where nothing is ever in focus, and what it takes to choose frames there."""

    share: Plane
    """How surely, 0–1, on the grid of the decisions."""
    store: PlaneStore
    """Coarse contrast of every frame, an amplitude."""
    unit: np.float32
    greatest: Plane
    """Greatest coarse contrast through the stack, mean squared display units; this and what follows on the reduced grid."""
    wide: Plane
    around: Plane
    beyond: Beyond

    def weigh(
        self, expected: Plane, *, focus: FocusPositions, within: float, at_most: float, step: Step = ignore_step
    ) -> "UnfocusedWeights":
        """Fix the frames' weights.

        Parameters
        ----------
        expected : ndarray of float32, shape (H, W)
            Position in the stack expected, grid of the decisions: frames focused near it win a tie.
        focus : FocusPositions
            Where the frames are focused.
        within, at_most : float
            Usual steps, and the cap of the cost in units of the tolerance: how much expectation counts.
        step : Step
            Told twice a frame.
        """
        costs = _Costs(never_sharp=self, expected=focus.of(on_disc_grid(expected)), focus=focus, within=within, at_most=at_most)
        positions = range(len(self.store))
        least = np.full_like(self.greatest, np.inf)
        for position in positions:
            least = np.minimum(least, costs.of(position))
            step()
        total, moment = np.zeros_like(least), np.zeros_like(least)
        for position in positions:
            weight = relative_weight(costs.of(position) - least)
            total += weight
            moment += np.float32(position) * weight
            step()
        return UnfocusedWeights(costs=costs, least=least, total=total, aim=moment / total)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Costs:
    """How ill each frame suits places where nothing is in focus, in units of the tolerance."""

    never_sharp: NeverSharp
    expected: Plane
    """Focus expected, usual steps."""
    focus: FocusPositions
    within: float
    at_most: float

    def of(self, position: int) -> Plane:
        """Give the cost of a frame."""
        found = self.never_sharp
        contrast = np.asarray(found.store.read(position, slice(None)), np.float16)
        lack = np.minimum((found.greatest - _square(contrast)) / found.unit, np.float32(COST_AT_MOST))
        away = self._away_from_end(position)
        lack += found.beyond.share * (away - lack)
        spread = _smooth(lack * found.wide, SPREAD_PX) / (found.around + TINY)
        spread += found.beyond.share * (away - spread)  # what is known of a place outdoes what is known around it
        distance = (self.expected - np.float32(self.focus.steps[position])) / np.float32(self.within)
        spread += np.minimum(np.square(distance) / 2, np.float32(self.at_most))
        return np.where(contrast == UNSEEN, NOT_SHOWN, spread)

    def _away_from_end(self, position: int) -> Plane | np.float32:
        """Cost of a frame where something is known to lie beyond an end: none at that end, as high as can be elsewhere."""
        last = self.never_sharp.beyond.last
        frames = len(self.never_sharp.store)
        at_end = np.float32(position == 0) * (1 - last) + np.float32(position == frames - 1) * last
        return np.float32(COST_AT_MOST) * (1 - at_end)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnfocusedWeights:
    """Weights of all frames where nothing is in focus."""

    costs: _Costs
    least: Plane
    total: Plane
    aim: Plane
    """Mean position of the frames taken, on the reduced grid."""

    def aim_on(self, shape: tuple[int, int]) -> Plane:
        """Mean position of the frames taken, on the grid of the decisions."""
        return stretched(self.aim, shape)

    def weight(self, position: int, shape: tuple[int, int]) -> Plane:
        """Weights of a frame on the grid of the decisions; those of all frames sum to one."""
        return stretched(relative_weight(self.costs.of(position) - self.least) / self.total, shape)


def _hidden(contrast: NDArray[np.float16], outside: Mask) -> NDArray[np.float16]:
    """Leave of a frame's contrast what it shows."""
    hidden = cv2.resize(outside.view(np.uint8), contrast.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.where(hidden, UNSEEN, contrast)


def relative_weight(worse: Plane) -> Plane:
    """Weight against the best frame's, given by how much worse a frame is, in units of the tolerance."""
    weight = cv2.exp(-worse)
    return np.asarray(cv2.threshold(weight, NEGLIGIBLE, 0, cv2.THRESH_TOZERO, dst=weight)[1], np.float32)


def _without_highlights(brightest: Plane, around_px: float) -> Plane:
    share = _smooth((brightest > HIGHLIGHT).astype(np.float32), around_px)
    return 1 - _ramp(share, 0, HIGHLIGHT_SHARE)


def _smooth(plane: Plane, sigma_px: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px / REDUCTION), np.float32)


def _square(amplitude: NDArray[np.float16]) -> Plane:
    return np.square(amplitude, dtype=np.float32)


def _ramp(plane: Plane, start: float, end: float) -> Plane:
    return np.asarray(np.clip((plane - start) / (end - start), 0, 1), np.float32)
