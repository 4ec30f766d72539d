"""Where each frame is focused, from how blurred patches all over the picture are in every frame.

Distances along the axis of focus are counted in px of blur at first: a patch that is sharp at ζ has a blur of radius |q − ζ| in a
frame focused at q, so against its sharpest frame s it shows the squared radius (q − ζ)² − (q_s − ζ)². All q and ζ are found
together, robustly, by weighted least squares; the usual step between frames is then the unit. Steps are expected to be alike,
softly: by a Cauchy distribution [1]_, to which a few steps may be many times as long at little cost, as when frames are missing,
while many small differences cost much.

.. [1] Zhang, "Parameter estimation techniques", Image and Vision Computing 15 (1997).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.depth.relative_blur import RelativeBlur

Reals = NDArray[np.float64]

RELATIVE_ERROR, LEAST_ERROR_PX2 = 0.1, 0.6
"""What squared radii are wrong by beside grain: a share of them, because lenses draw no perfect discs, and px squared of the
decisions, because grain of the sharpest frame looks like 0.2 of blur in the others. On ten rendered stacks with gaps the worst
position was off by 0.06 steps in the mean; with two thirds of the second 0.12, with half as much again of either 0.06 to 0.07
(measured)."""
ALIKE_PX = 0.75
"""Blur, px of the decisions, that hardly shows: a frame shows something sharp if a patch is in focus within so much, or a step.
Steps below it make neighbouring frames say the same: a patch that errs about one errs about the next alike, so that each counts
less. Without it, slow stacks of even steps got lone long ones (measured on three, some 350 px large)."""
STEPS_ALIKE = 0.04
"""Scale of the Cauchy distribution of steps around the usual one. 0.06 makes the worst errors a tenth larger, 0.1 to 0.3 by half
or more; 0.03 does as well (measured)."""
FIRST_ALIKE, COOLING = 1.0, 0.7
"""The scale in the first round, and its factor, and that of misfits, from round to round: started with the last one, a gap can
stay shut (measured on stacks with few patches)."""
USUAL_ALIKE = 0.2
"""The scale by which steps count for the unit in the end: all where they are even, the middle ones where a hand turned a ring."""
STIFF = 0.001
"""The scale of a normal distribution that keeps steps even."""
BACKWARDS_ALIKE = 0.25
"""Frames are given in order: a step back is held against the usual one by a normal distribution of this scale. Without it one of
28 steps of a stack on bellows was taken back, with nothing to see of it."""
PATCH_NEAR_STEPS = 2.0
"""A patch is sharpest near its sharpest frame, give or take so many steps."""
FARTHEST_MISFIT, LEAST_MISFIT = 9.0, 2.0
"""Standard errors from which on a squared radius counts for little (Geman and McClure's weights): in the first round, and in the
last ones."""
ROUNDS, SETTLED = 60, 1e-4
"""Of the fit, at most; and movement in usual steps below which it has settled."""
DAMPING = 1e-6
"""Share of the mean curvature added everywhere, so that what nothing is known of stays where it is."""

LEAST_COUNTS, LEAST_WEIGHT = 4, 0.6
"""Frames that must be explained in a patch, and how well, 0–1, for the patch to say that something is sharp there: what a
mixture of depths or a passing veil leaves is below (measured)."""
LEAST_PATCHES = 3
"""Such patches without which nothing is said."""

UNIT_ERROR = 0.05
"""Share by which the unit may be wrong, and with it all that is not made of usual steps: blur of less than a pixel comes out a
little too large. Rendered gaps are found 2 to 5 % too short, one 8 % (measured)."""

UNEVEN_STEPS, UNEVEN_ERRORS = 0.25, 4.0
"""Steps are uneven when one differs from the usual one by so much and by so many of its standard errors, or a frame lies off even
steps by twice as much. Blur that is wrong by a sixth costs a tenth of a decibel (decision 0010), less is not worth a change."""
UNEVEN_EXPLAINS = 1.8
"""Even steps must leave so many times as much unexplained of what uneven ones explain. Rendered stacks with a gap: 1.9 to 39
times, without one 1.0; even stacks of other origin, with few patches or discs that are none, up to 1.35, for a lone step that is
not there, and 1.7 where steps do differ by a sixth (measured)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FocusFit:
    """Focus positions, and what a step is in px."""

    positions: FocusPositions
    blur_px: float | None
    """Growth of the blur's radius per usual step, px of the grid measured; None where nothing tells."""


def fit_focus(blur: RelativeBlur, sharpness: tuple[float, ...]) -> FocusFit:
    """Find where each frame is focused.

    Parameters
    ----------
    blur : RelativeBlur
        Of patches, each against its sharpest frame.
    sharpness : tuple of float
        Detail of each frame, 0–1; handed on.

    Returns
    -------
    FocusFit
        Exactly even where steps do not differ by more than their errors and by enough to matter, or too little is known. Frames
        before the first and after the last one that shows something sharp keep even steps, with errors that grow.
    """
    count = blur.squared_px.shape[1]
    equations, start = _Equations.of(blur), _Axis.even(blur)
    if start is None:
        return FocusFit(positions=FocusPositions.even(count, sharpness=sharpness), blur_px=None)
    even = _settled(start, equations, stiff=True)
    # From both, because a gap may stay shut from the one, and two steps share one from the other.
    axis = min((_settled(begun, equations, stiff=False) for begun in (start, even)), key=equations.unexplained)
    sharp = axis.sharp(blur)
    if sharp is None or axis.step_px <= 0:
        return FocusFit(positions=FocusPositions.even(count, sharpness=sharpness), blur_px=None)
    apart = np.diff(axis.focus)
    step_px = _usual(apart[sharp.first : sharp.last], USUAL_ALIKE) if sharp.last > sharp.first else axis.step_px
    if step_px <= 0:
        return FocusFit(positions=FocusPositions.even(count, sharpness=sharpness), blur_px=None)
    covariance = axis.covariance / step_px**2
    steps = apart / step_px
    steps[: sharp.first] = 1
    steps[sharp.last :] = 1
    places = np.concatenate([[0.0], np.cumsum(steps)])
    errors = _errors(covariance, sharp)
    # What neither explains, such as patches of several depths, says nothing of the steps.
    told = equations.squared_errors(axis) < LEAST_MISFIT**2
    explains = equations.unexplained(even, told) >= UNEVEN_EXPLAINS * equations.unexplained(axis, told)
    if not explains or not _is_uneven(steps, places, covariance, errors, sharp):
        return FocusFit(positions=FocusPositions.even(count, errors=errors, sharpness=sharpness), blur_px=step_px)
    off = places - np.arange(count, dtype=np.float64)
    off = off - float(np.median(off[sharp.shown]))
    positions = FocusPositions(
        steps=tuple(float(place) for place in places),
        errors=tuple(float(error) for error in np.hypot(errors, UNIT_ERROR * off)),
        sharpness=sharpness,
        is_even=False,
    )
    return FocusFit(positions=positions, blur_px=step_px)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sharp:
    """Which frames show something sharp."""

    first: int
    last: int
    shown: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Axis:
    """Focus of every frame and patch, px of blur."""

    focus: Reals
    """Of frames, shape (N,)."""
    patches: Reals
    """Of patches, shape (T,)."""
    step_px: float
    """The usual step."""
    weights: Reals
    """How well each equation fits, 0–1, shape (T, N); 0 where there is none."""
    covariance: Reals
    """Of `focus`, with the first one held, shape (N, N)."""

    @classmethod
    def even(cls, blur: RelativeBlur) -> "_Axis | None":
        """Start from even steps, as long as most patches say; None if none says anything."""
        count = blur.squared_px.shape[1]
        index = np.arange(count, dtype=np.float64)
        grown, centres = [], blur.sharpest.astype(np.float64)
        for patch, start in enumerate(blur.sharpest):
            known = blur.counts[patch]
            # s² = c² (j² − s²) − 2 c² z (j − s), long blurs with less weight.
            equations = np.stack([index**2 - start**2, index - start], axis=1)[known]
            squared = blur.squared_px[patch][known]
            weight = 1 / np.maximum(squared, LEAST_ERROR_PX2)
            if len(squared) < LEAST_COUNTS - 1:
                continue
            (growth, shift), *_ = np.linalg.lstsq(equations * weight[:, None], squared * weight, rcond=None)
            if growth > 0:
                grown.append(np.sqrt(growth))
                centres[patch] = np.clip(-shift / (2 * growth), start - 1, start + 1)
        if len(grown) < LEAST_PATCHES:
            return None
        step_px = float(np.median(grown))
        return cls(
            focus=step_px * index,
            patches=step_px * centres,
            step_px=step_px,
            weights=blur.counts.astype(np.float64),
            covariance=np.zeros((count, count)),
        )

    def sharp(self, blur: RelativeBlur) -> _Sharp | None:
        """Tell which frames show something sharp; None if too little is in focus anywhere to tell."""
        known = blur.counts.sum(axis=1)
        good = (known >= min(LEAST_COUNTS, blur.counts.shape[1] - 1)) & (self.weights.sum(axis=1) >= LEAST_WEIGHT * known)
        if good.sum() < LEAST_PATCHES:
            return None
        within = max(self.step_px, ALIKE_PX)
        shown: NDArray[np.bool_] = np.any(np.abs(self.focus[:, None] - self.patches[None, good]) <= within, axis=1)
        frames = np.flatnonzero(shown)
        return _Sharp(first=int(frames[0]), last=int(frames[-1]), shown=shown) if len(frames) else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Equations:
    """One a patch and frame: squared radius, its variance, where there is one; and each patch's sharpest frame."""

    squared: Reals
    variance: Reals
    known: NDArray[np.bool_]
    sharpest: NDArray[np.intp]

    @classmethod
    def of(cls, blur: RelativeBlur) -> "_Equations":
        squared = np.where(blur.counts, blur.squared_px, 0)
        grain = np.where(blur.counts, blur.errors_px, 0)
        variance = grain**2 + (RELATIVE_ERROR * squared) ** 2 + LEAST_ERROR_PX2**2
        return cls(squared=squared, variance=variance, known=blur.counts, sharpest=blur.sharpest)

    def squared_errors(self, axis: _Axis) -> Reals:
        """Tell by how many squared standard errors an axis misses each equation; 0 where there is none."""
        away = axis.focus[None] - axis.patches[:, None]
        own = axis.focus[self.sharpest] - axis.patches
        return np.where(self.known, self.squared - (away**2 - own[:, None] ** 2), 0) ** 2 / self.variance

    def unexplained(self, axis: _Axis, told: NDArray[np.bool_] | None = None) -> float:
        """Add up what an axis leaves unexplained, robustly, in squared errors; of the equations `told` alone, if given."""
        share = self.squared_errors(axis)
        left = share / (1 + share / LEAST_MISFIT**2)
        return float(left.sum() if told is None else left[told].sum())

    def moved(self, axis: _Axis, *, alike: float | None, misfit: float) -> tuple[_Axis, float]:
        """Improve an axis by one round; also tell by how much it moved, in usual steps. Steps stay even if `alike` is None."""
        system = _System.zero(len(axis.focus), len(axis.patches))
        weights = self._add_blurs(system, axis, misfit)
        _add_nearness(system, axis, self.sharpest)
        _add_steps(system, axis, alike)
        focus, patches, covariance = system.solved()
        largest = float(max(np.abs(focus).max(), np.abs(patches).max())) / axis.step_px
        share = min(1.0, 1 / max(largest, np.finfo(np.float64).tiny))
        moved = axis.focus + share * focus
        return _Axis(
            focus=moved,
            patches=axis.patches + share * patches,
            step_px=_usual(np.diff(moved), STEPS_ALIKE),
            weights=weights,
            covariance=covariance,
        ), largest

    def _add_blurs(self, system: "_System", axis: _Axis, misfit: float) -> Reals:
        away = axis.focus[None] - axis.patches[:, None]
        own = axis.focus[self.sharpest] - axis.patches
        rest = np.where(self.known, self.squared - (away**2 - own[:, None] ** 2), 0)
        fit = np.where(self.known, 1 / (1 + rest**2 / self.variance / misfit**2) ** 2, 0)
        weight = fit / self.variance * min(1.0, axis.step_px / ALIKE_PX)
        by_frame, by_sharpest, by_patch = 2 * away, -2 * own, 2 * (own[:, None] - away)
        rows, frames = np.arange(len(own)), np.arange(len(axis.focus))
        system.curvature[frames, frames] += (weight * by_frame**2).sum(axis=0)
        system.pull[:] += (weight * by_frame * rest).sum(axis=0)
        np.add.at(system.curvature, (self.sharpest, self.sharpest), weight.sum(axis=1) * by_sharpest**2)
        np.add.at(system.pull, self.sharpest, (weight * rest).sum(axis=1) * by_sharpest)
        is_sharpest = (frames[None] == self.sharpest[:, None]).astype(np.float64)
        both = (weight * by_frame * by_sharpest[:, None]).T @ is_sharpest
        system.curvature[:] += both + both.T
        system.mixed[:] += (weight * by_frame * by_patch).T
        system.mixed[self.sharpest, rows] += by_sharpest * (weight * by_patch).sum(axis=1)
        system.patch_curvature[:] += (weight * by_patch**2).sum(axis=1)
        system.patch_pull[:] += (weight * by_patch * rest).sum(axis=1)
        return fit


def _add_nearness(system: "_System", axis: _Axis, sharpest: NDArray[np.intp]) -> None:
    """Hold patches near their sharpest frames."""
    weight = 1 / (PATCH_NEAR_STEPS * axis.step_px) ** 2
    rest = axis.focus[sharpest] - axis.patches
    np.add.at(system.curvature, (sharpest, sharpest), weight)
    np.add.at(system.pull, sharpest, -weight * rest)
    system.mixed[sharpest, np.arange(len(rest))] -= weight
    system.patch_curvature[:] += weight
    system.patch_pull[:] += weight * rest


def _add_steps(system: "_System", axis: _Axis, alike: float | None) -> None:
    """Hold steps to the usual one, or strictly to their mean, whatever that becomes."""
    steps = np.diff(axis.focus)
    if alike is None:
        differences = np.diff(np.eye(len(axis.focus)), axis=0)
        differences -= differences.mean(axis=0)
        stiffness = 1 / (STIFF * axis.step_px) ** 2
        system.curvature[:] += stiffness * (differences.T @ differences)
        system.pull[:] += stiffness * (differences.T @ (steps.mean() - steps))
        return
    rest = axis.step_px - steps
    weight = 1 / (1 + (rest / (alike * axis.step_px)) ** 2) / (alike * axis.step_px) ** 2
    weight = np.where(steps < 0, np.maximum(weight, 1 / (BACKWARDS_ALIKE * axis.step_px) ** 2), weight)
    left = np.arange(len(steps))
    for one, other, sign in ((left, left, 1), (left + 1, left + 1, 1), (left, left + 1, -1), (left + 1, left, -1)):
        system.curvature[one, other] += sign * weight
    system.pull[1:] += weight * rest
    system.pull[:-1] -= weight * rest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _System:
    """Normal equations of one round; each equation has one patch in it, so patches are easily taken out."""

    curvature: Reals
    pull: Reals
    mixed: Reals
    """Of frames with patches, shape (N, T)."""
    patch_curvature: Reals
    patch_pull: Reals

    @classmethod
    def zero(cls, frames: int, patches: int) -> "_System":
        return cls(
            curvature=np.zeros((frames, frames)),
            pull=np.zeros(frames),
            mixed=np.zeros((frames, patches)),
            patch_curvature=np.zeros(patches),
            patch_pull=np.zeros(patches),
        )

    def solved(self) -> tuple[Reals, Reals, Reals]:
        """Give the movements of frames, the first one held, and of patches, and the covariance of the frames."""
        share = self.mixed / self.patch_curvature
        curvature = self.curvature - share @ self.mixed.T
        pull = self.pull - share @ self.patch_pull
        count = len(pull)
        curvature[np.arange(count), np.arange(count)] += DAMPING * np.trace(curvature) / count
        covariance = np.zeros_like(curvature)
        covariance[1:, 1:] = np.linalg.inv(curvature[1:, 1:])
        frames = covariance @ pull
        return frames, (self.patch_pull - self.mixed.T @ frames) / self.patch_curvature, covariance


def _settled(axis: _Axis, equations: _Equations, *, stiff: bool) -> _Axis:
    """Improve an axis until it stays; its steps stay even if `stiff`."""
    alike, misfit = FIRST_ALIKE, FARTHEST_MISFIT
    for _ in range(ROUNDS):
        axis, moved = equations.moved(axis, alike=None if stiff else alike, misfit=misfit)
        if moved < SETTLED and alike == STEPS_ALIKE and misfit == LEAST_MISFIT:
            break
        alike, misfit = max(COOLING * alike, STEPS_ALIKE), max(COOLING * misfit, LEAST_MISFIT)
    return axis


def _usual(steps: Reals, alike: float) -> float:
    """Mean of the steps, those farther from the median than a share of it with little weight."""
    middle = float(np.median(steps))
    if middle <= 0:
        middle = float(np.mean(np.abs(steps))) or 1.0
    weight = 1 / (1 + ((steps - middle) / (alike * middle)) ** 2)
    return float((weight * steps).sum() / weight.sum()) if middle > 0 else middle


def _errors(covariance: Reals, sharp: _Sharp) -> tuple[float, ...]:
    """Standard errors against the frames that show something sharp, taken together; a step more for each step away from them."""
    count = len(covariance)
    against = np.eye(count) - (sharp.shown / sharp.shown.sum())[None]
    own = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", against, covariance, against), 0))
    index = np.arange(count)
    nearest = np.clip(index, sharp.first, sharp.last)
    return tuple(float(error) for error in np.hypot(own[nearest], np.abs(index - nearest)))


def _is_uneven(steps: Reals, places: Reals, covariance: Reals, errors: tuple[float, ...], sharp: _Sharp) -> bool:
    """Tell whether even steps would be wrong by enough to matter, and surely."""
    inside = slice(sharp.first, sharp.last + 1)
    variance = np.diag(covariance)
    between = np.sqrt(np.maximum(variance[1:] + variance[:-1] - 2 * np.diag(covariance, 1), 0))
    off = np.abs(steps - 1)
    if np.any((off > UNEVEN_STEPS) & (off > UNEVEN_ERRORS * between)):
        return True
    drift = (places - np.arange(len(places)))[inside]
    drift = np.abs(drift - np.median(drift))
    return bool(np.any((drift > 2 * UNEVEN_STEPS) & (drift > 2 * UNEVEN_ERRORS * np.asarray(errors)[inside])))
