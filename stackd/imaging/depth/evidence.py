"""All that speaks for one frame or another, pixel by pixel, and the weights that follow from it.

Costs come frame by frame and are kept outside memory. What they say is weighed against the depth of the surroundings, small
patches are taken out, and places where nothing is ever in focus, or beside edges in depth, are left to those who know of them.
"""

from dataclasses import dataclass, replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.compose.blending import FrameWeight
from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.depth.beyond import BeyondEnds
from stackd.imaging.depth.edge_detail import DetailSeen, EdgeChanges, EdgeDetail
from stackd.imaging.depth.fill import filled
from stackd.imaging.depth.unfocused import Unfocused, UnfocusedWeights, relative_weight
from stackd.imaging.depth.veils import last_unveiled, without_specks
from stackd.imaging.ground.frames import PlaneStore, Progress, Step, Steps, ignore_progress
from stackd.model.composite import DepthMap
from stackd.model.pixels import Gray, Mask

Plane = NDArray[np.float32]

SURE_FRAMES = 2.0
"""Up to so many frames that explain a pixel equally well, its depth counts as sure: between two frames both are half right."""
SURE_EXPONENT = 4
"""Only what is nearly sure speaks for its surroundings."""
SURFACE_FROM = 0.5
"""Confidence from which something in focus is taken for a surface that can veil what lies behind it (guess)."""
EXPECTED_WITHIN, EXPECTED_AT_MOST = 1.2, 4.0
"""Usual steps; and in units of the tolerance. Where costs do not decide, frames near the depth of the surroundings take part:
some five of them, enough to halve the grain. The doubt is capped, so that the surroundings never overrule what is seen."""
CALM_PX = 9
"""Side of the median over the depth expected, reduced px: a few cells at another depth, hardly better than those around, are a
mistake. Without it there were dark specks on smooth traces; hairs are too sure to be touched by expectation (measured)."""
PASSES = 7
"""Times that settling goes through the whole stack."""
MOST_OF_MEDIAN = 255
"""Greatest number that OpenCV's wide median takes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watchers:
    """What else sees every frame go by, for places where the one frame in focus is not the answer."""

    unfocused: Unfocused
    beyond: BeyondEnds
    edges: EdgeDetail

    def add(self, position: int, gray: Gray, fine_detail: Plane, detail: Plane, outside: Mask | None = None) -> None:
        """Take the next frame: luminance, squared detail of a grid twice as fine and of its own, and what it does not show."""
        self.unfocused.add(gray, detail, outside)
        self.beyond.add(position, gray)
        self.edges.add(gray, np.add(detail, fine_detail), outside)


class Evidence:
    """Gathers the costs of all frames, in units of the tolerance; `settle`, once it has, weighs them.

    Parameters
    ----------
    store : PlaneStore
        Keeps one plane a frame.
    tolerance : float
        Costs closer than its square are equal, display units.
    heard : ndarray of float32, shape (H, W)
        0–1: how much of what witnesses say counts, on the grid of the decisions.
    watchers : Watchers
        Have seen every frame by the time of `settle`.
    """

    def __init__(self, store: PlaneStore, tolerance: float, heard: Plane, watchers: Watchers) -> None:
        self._store = store
        self._watchers = watchers
        self._heard = heard
        self._unit = np.float32(tolerance**2)
        self._least = np.full_like(heard, np.finfo(np.float16).max)
        self._total = np.zeros_like(heard)
        self._best = np.zeros_like(heard)

    def add(self, cost: Plane) -> None:
        """Take the next frame's cost."""
        limit = np.finfo(np.float16).max
        position = len(self._store)
        kept = _converted(np.clip(cost / self._unit, -limit, limit), cv2.CV_16F)
        self._store.append(kept)
        known = _converted(kept, cv2.CV_32F)
        # Positions rise, so the greatest of those that were best is the last of them.
        np.maximum(self._best, np.multiply(known < self._least, np.float32(position), dtype=np.float32), out=self._best)
        least = np.minimum(self._least, known)
        self._total *= cv2.exp(least - self._least)
        self._total += cv2.exp(least - known)
        self._least = least

    def settle(self, blur_px: float, *, focus: FocusPositions, progress: Progress = ignore_progress) -> "SettledEvidence":
        """Fix the weights of all frames.

        Parameters
        ----------
        blur_px : float
            Growth of the blur's radius per usual step, px of the decisions.
        focus : FocusPositions
            Where the frames are focused.
        progress : Progress
            Told after every frame of every pass.
        """
        step = Steps(progress, "decide", PASSES * len(self._store))
        never_sharp = self._watchers.unfocused.settle(self._least.shape, self._watchers.beyond.settle())
        sure = self._confidence() * self._heard
        confidence = sure * (1 - never_sharp.share)
        expected = filled(_calmed(self._best), confidence**SURE_EXPONENT)
        doubt_at_most = np.asarray(np.float32(EXPECTED_AT_MOST) / np.maximum(self._heard, np.finfo(np.float32).eps), np.float32)
        costs = _DoubtedCosts(
            store=self._store, expected=focus.of(expected), focus=focus, doubt_at_most=doubt_at_most, patches=NO_PATCHES
        )
        unfocused = never_sharp.weigh(expected, focus=focus, within=EXPECTED_WITHIN, at_most=EXPECTED_AT_MOST, step=step)
        least, taken = costs.least(step)
        seen = self._watchers.edges.settle()
        patches = _Patches.found(taken, seen, focus, blur_px, step)
        costs = replace(costs, patches=patches)
        taken.ravel()[patches.places] = patches.around
        least.ravel()[patches.places] = 0
        choice = seen.edges(taken, focus=focus, blur_px=blur_px)
        certain = seen.textured(taken, step=step) & (sure > SURFACE_FROM) & (never_sharp.share < SURFACE_FROM)
        surface = np.where(certain, focus.of(without_specks(taken)), np.float32(np.inf))
        unveiled = focus.frames_at(last_unveiled(surface, blur_px=blur_px))
        total = np.zeros_like(least)
        for position in range(len(self._store)):
            worse = costs.of(position) - least
            total += relative_weight(worse)
            choice.consider(position, worse * self._unit)
            step()
        return SettledEvidence(
            depth=DepthMap(position=self._between_frames(focus, step), confidence=confidence, frame_count=len(self._store)),
            taken=taken,
            costs=costs,
            least=least,
            total=total,
            edges=choice.decide(),
            never_sharp=never_sharp.share,
            unfocused=unfocused,
            unveiled=unveiled,
            veiled=np.clip(unfocused.aim_on(taken.shape) - unveiled, 0, 1),
        )

    def _confidence(self) -> Plane:
        """1 where one frame alone, or two neighbours, explain the others; 0 where half the stack does."""
        count = len(self._store)
        rivals = (self._total - SURE_FRAMES) / np.float32(max(count / 2 - SURE_FRAMES, 0.5))
        return np.asarray(np.clip(1 - rivals, 0, 1), np.float32)

    def _between_frames(self, focus: FocusPositions, step: Step) -> Plane:
        """Place the least cost between frames: the vertex of the parabola through the best frame's cost and its neighbours'."""
        before, least, after = (np.full(self._best.shape, np.inf, np.float32) for _ in range(3))
        for position in range(len(self._store)):
            cost = _read_cost(self._store, position)
            for plane, offset in ((before, -1), (least, 0), (after, 1)):
                cv2.copyTo(cost, (self._best == position - offset).view(np.uint8), plane)
            step()
        known = np.isfinite(before) & np.isfinite(after)  # both are missing beyond the ends of the stack
        if not focus.is_even:
            return _between_uneven(self._best, before - least, after - least, focus, known)
        slope = np.subtract(before, after, where=known, out=np.zeros_like(before))
        bend = np.subtract(before + after, 2 * least, where=known, out=np.zeros_like(before))
        shift = np.divide(slope, 2 * bend, where=bend > 0, out=np.zeros_like(before))
        return np.asarray(self._best + np.clip(shift, -0.5, 0.5), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SettledEvidence:
    """What the evidence comes to: a depth for every pixel, and weights for every frame."""

    depth: DepthMap
    """On the grid of the decisions: what was measured, and how surely."""
    taken: Plane
    """Position of the frame with the least cost."""
    costs: "_DoubtedCosts"
    least: Plane
    total: Plane
    edges: EdgeChanges
    never_sharp: Plane
    unfocused: UnfocusedWeights
    unveiled: Plane
    """Last frame that shows a background beyond the stack without the veil of surfaces in front."""
    veiled: Plane
    """How much of that background is veiled in the frames taken for it, 0–1."""

    def weight(self, position: int) -> FrameWeight:
        """Weight of a frame."""
        weight = relative_weight(self.costs.of(position) - self.least) / self.total
        detail = self.edges.change(position, weight, 1 - self.never_sharp)
        weight += self.never_sharp * (self._unfocused_weight(position) - weight)
        return FrameWeight(whole=weight, detail=detail)

    def _unfocused_weight(self, position: int) -> Plane:
        """Weight of a frame where nothing is in focus: beside near surfaces, of the last one that they do not veil."""
        weight = self.unfocused.weight(position, (self.least.shape[0], self.least.shape[1]))
        last = np.maximum(1 - np.abs(self.unveiled - np.float32(position)), 0)
        return np.asarray(weight + self.veiled * (last - weight), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Patches:
    """Small patches that show nothing but the blur of their surroundings: there the frame around is taken, and it alone."""

    places: NDArray[np.intp]
    """Indices into the flattened plane."""
    around: Plane
    """Position of the frame taken around each."""

    @classmethod
    def found(cls, taken: Plane, seen: DetailSeen, focus: FocusPositions, blur_px: float, step: Step) -> "_Patches":
        around = _calmed(taken)
        places = seen.bare_patches(taken, around, side_px=CALM_PX, focus=focus, blur_px=blur_px, step=step)
        return cls(places=places, around=around.ravel()[places])


NO_PATCHES = _Patches(places=np.zeros(0, np.intp), around=np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _DoubtedCosts:
    """Costs of all frames, raised a little with the distance of their focus from that expected."""

    store: PlaneStore
    expected: Plane
    """Focus, usual steps."""
    focus: FocusPositions
    doubt_at_most: Plane
    patches: _Patches

    def of(self, position: int) -> Plane:
        """Give a frame's cost, a new array."""
        cost = _read_cost(self.store, position)
        distance = (self.expected - np.float32(self.focus.steps[position])) / np.float32(EXPECTED_WITHIN)
        doubt = np.minimum(np.square(distance, out=distance) / 2, self.doubt_at_most)
        np.add(cost, doubt, out=doubt)
        excluded = np.float32(np.finfo(np.float16).max)
        doubt.ravel()[self.patches.places] = np.where(self.patches.around == position, np.float32(0), excluded)
        return np.asarray(doubt, np.float32)

    def least(self, step: Step) -> tuple[Plane, Plane]:
        """Give the least cost of all frames, and the position of the frame that has it; both new arrays."""
        least = np.full_like(self.expected, np.inf)
        taken = np.zeros_like(self.expected)
        for position in range(len(self.store)):
            cost = self.of(position)
            taken[cost < least] = position
            np.minimum(least, cost, out=least)
            step()
        return least, taken


def _between_uneven(best: Plane, before: Plane, after: Plane, focus: FocusPositions, known: Mask) -> Plane:
    """Place least costs between frames that are unevenly focused.

    Parameters
    ----------
    best : ndarray of float32, shape (H, W)
        Position of the frame with the least cost.
    before, after : ndarray of float32, shape (H, W)
        Costs of its neighbours, above its own.
    focus : FocusPositions
        Where the frames are focused.
    known : ndarray of bool, shape (H, W)
        Where there are both neighbours.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Positions in the stack, no farther than half way to a neighbour's.
    """
    steps = np.asarray(focus.steps, np.float32)
    index = best.astype(np.intp)
    back = steps[index] - steps[np.maximum(index - 1, 0)]
    ahead = steps[np.minimum(index + 1, len(steps) - 1)] - steps[index]
    known = known & (back > 0) & (ahead > 0)
    slope = np.subtract(before * ahead**2, after * back**2, where=known, out=np.zeros_like(best))
    bend = np.add(before * ahead, after * back, where=known, out=np.zeros_like(best))
    away = np.divide(slope, 2 * bend, where=known & (bend > 0), out=np.zeros_like(best))
    share = np.divide(away, np.where(away < 0, back, ahead), where=known, out=np.zeros_like(best))
    return np.asarray(best + np.clip(share, -0.5, 0.5), np.float32)


def _read_cost(store: PlaneStore, position: int) -> Plane:
    return np.asarray(_converted(np.asarray(store.read(position, slice(None)), np.float16), cv2.CV_32F), np.float32)


def _calmed(position: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take specks out of a map of positions.

    So wide a median needs whole numbers below 256. It looks at the order of values alone, so that of a long stack is the sum of
    those of its parts, each cut off at its ends.
    """
    starts = range(0, max(int(position.max()), 1), MOST_OF_MEDIAN)
    parts = (np.clip(position - np.float32(start), 0, MOST_OF_MEDIAN).astype(np.uint8) for start in starts)
    return np.asarray(sum(cv2.medianBlur(part, CALM_PX).astype(np.float32) for part in parts), np.float32)


def _converted(plane: NDArray[np.floating], depth: int) -> NDArray[np.floating]:
    """Turn half precision into single or back; OpenCV does it ten times as fast as numpy."""
    return cast("NDArray[np.floating]", cv2.addWeighted(plane, 1, plane, 0, 0, dtype=depth))
