"""Coarse-to-fine alignment of two prepared frames: Gauss–Newton on what both show.

What defocus leaves in the structures compared is either symmetric around each detail and does not pull the estimate, or is given
room of its own: in every window the detail may differ in contrast and in blur before it counts as moved. What is neither
(occlusions, bokeh) is voted down, window by window and point by point.

Sampling matrices map reference → moving, the direction in which pixels are looked up, and are inverted once at the end.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.matrices import (
    GENERATORS,
    Rows,
    Vectors,
    coefficients,
    corners,
    displacements,
    mapped,
    normalised,
    px_to_unit,
    rescale_matrix,
    transformed,
)
from stackd.imaging.ground.robust import MAD_TO_SIGMA, TUKEY
from stackd.imaging.register.engine.prepared_frame import TRUST_WINDOWS, Level, PreparedFrame, windows_of
from stackd.model.pixels import Gray, Matrix

SCALE_STRIDE = 4
"""Every so many residuals tell their scale, to a few per cent, which the weights do not feel."""

TRUST_FROM, TRUST_FULLY = 0.45, 0.75
"""Correlation within a window below which it has no say, and above which full say (tuned on a strongly defocused board)."""

DISAGREEMENT = 0.1
"""Shortfall of correlation at which a window has a quarter of the say of one that agrees perfectly: what frames do not share in a
window pulls its estimate about in proportion, so that the variance grows with the square (0.03 to 0.3 do nearly as well)."""

DEFOCUS_RIDGE = 0.01
"""Share of a typical window's detail below which a window is too empty to tell contrast and blur from motion."""

WITNESSES = (8, 6)
"""Pieces, along the long and the short side, taken as independent when judging how sure an estimate is."""

SPLINE_REACH_PX = 2
"""A cubic spline looks this far; points nearer to the border would see beyond it."""

LEAST_TRUST = 0.03
"""A level on which less than this share of the details can be trusted is skipped: some windows agree by chance (guess)."""

LEAST_POINTS = 60
"""Fewer common details than this cannot carry a model: the level is skipped."""

MAX_STEPS = 8
"""Gauss–Newton steps a level; most need two to four."""

LONGEST_STRIDE = 4.0
"""A step is lengthened at most so many times towards where the steps converge."""

SETTLED_PX = 0.02
"""A step below this, in px of the level, ends the iteration: what is left after it is a fraction of it."""

SURE_PX = 0.002
"""No level claims to know the motion better than this."""

COARSE_BIAS_PX = 0.01
"""Error that defocus leaves per px of reduction, on top of what the pieces of a level admit (measured on rendered stacks: 0.007
to 0.01 do best, at 0.02 chains are off by an eighth more)."""

CONTRADICTION = 2.0
"""Levels further apart than this many standard errors contradict each other. At 1.5, sharp fine levels were overruled on real
stacks; without, fine levels that had gone astray decided (measured)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """Where Gauss–Newton came to rest.

    `sampling` maps reference → moving px; `agreement` is the correlation of both structures over the inliers' area, −1 to 1;
    `misfit_px` the RMS motion that pieces of the image still want beyond the model; `uncertainty_px` the standard error at the
    corners, from how much the pieces disagree.
    """

    sampling: Matrix
    agreement: float
    misfit_px: float
    information: Vectors
    uncertainty_px: float


def pair_levels(reference: PreparedFrame, moving: PreparedFrame, octaves: int = 0) -> tuple[tuple[Level, Level], ...]:
    """Pair the levels of two frames on which they show things equally large.

    Parameters
    ----------
    reference, moving : PreparedFrame
        Frames of one shape.
    octaves : int
        How many doublings larger the moving frame shows things; a pair for each level that has a counterpart.

    Returns
    -------
    tuple of (Level, Level)
        Of the reference and of the moving frame, coarse → fine.
    """
    counterparts = {level.reduction: level for level in moving.levels}
    wanted = ((level, level.reduction * 2.0**octaves) for level in reference.levels)
    return tuple((level, counterparts[int(reduction)]) for level, reduction in wanted if reduction in counterparts)


def refine(
    reference: PreparedFrame,
    moving: PreparedFrame,
    initial: Matrix | Fit,
    *,
    parameters: int,
    levels: slice = slice(None),
    octaves: int = 0,
) -> Fit | None:
    """Improve a sampling matrix level by level with inverse compositional Gauss–Newton.

    Each level reports how sure it is, from how much the pieces of the image disagree, and is combined with the coarser levels by
    that: where fine detail is sharp in both frames it decides, where one frame is blurred the coarser structure does.

    Parameters
    ----------
    reference, moving : PreparedFrame
        Frames of one shape.
    initial : ndarray of float64, shape (3, 3), or Fit
        Sampling, reference → moving px, as no more than a place to start; or the result of coarser levels, which keeps its say.
    parameters : int
        How many of `GENERATORS` are free: 2 translation, 4 similarity, 6 affine, 8 homography.
    levels : slice
        Which levels of the pyramid to run, coarse → fine.
    octaves : int
        How many doublings larger the moving frame shows things, by the initial matrix; see `pair_levels`.

    Returns
    -------
    Fit, or None
        None when no level had enough detail in common.

    References
    ----------
    .. [1] Baker & Matthews, "Lucas-Kanade 20 Years On: A Unifying Framework", IJCV 56, 221–255 (2004).
           DOI 10.1023/B:VISI.0000011205.11775.fd
    """
    fit = initial if isinstance(initial, Fit) else None
    sampling = initial.sampling if isinstance(initial, Fit) else initial
    for level, other in pair_levels(reference, moving, octaves)[levels]:
        found = _refine_level(level, other, sampling, parameters)
        if found is not None:
            fit = found if fit is None else _combine(fit, found, reference.shape)
            sampling = fit.sampling
    return fit


def _combine(coarse: Fit, fine: Fit, shape: tuple[int, int]) -> Fit:
    """Weigh two estimates of the same motion by their information matrices."""
    to_unit = px_to_unit(shape)
    change = to_unit @ np.linalg.inv(coarse.sampling) @ fine.sampling @ np.linalg.inv(to_unit)
    parameters = len(fine.information)
    wish = coefficients(change, parameters)
    fine_information = fine.information / _surprise(wish, coarse.information, fine.information)
    information = coarse.information + fine_information
    step = np.linalg.solve(information, fine_information @ wish)
    delta = np.eye(3) + np.tensordot(step, GENERATORS[:parameters], 1)
    sampling = normalised(coarse.sampling @ np.linalg.inv(to_unit) @ delta @ to_unit)
    return Fit(
        sampling=sampling,
        agreement=fine.agreement,
        misfit_px=fine.misfit_px,
        information=information,
        uncertainty_px=_corner_error(information, shape),
    )


def _surprise(wish: Vectors, coarse: Vectors, fine: Vectors) -> float:
    """How much more variance than both admit it takes to explain that they differ by `wish`; 1 where they go together.

    A fine level that contradicts the coarser ones has locked onto texture or noise beside the truth, all the while feeling sure.
    """
    covariance = np.linalg.pinv(coarse) + np.linalg.pinv(fine)
    excess = float(wish @ np.linalg.solve(covariance, wish)) / len(wish)
    return max(1.0, excess / CONTRADICTION**2)


def _corner_error(information: Vectors, shape: tuple[int, int]) -> float:
    """Standard error at the corners, px, of an estimate with this information matrix."""
    half = max(shape) / 2
    unit_corners = transformed(px_to_unit(shape), corners(shape))
    motion = displacements(unit_corners, len(information)) * half
    variance = np.einsum("npk,pq,nqk->n", motion, np.linalg.pinv(information), motion)
    return float(np.sqrt(variance.mean()))


def _refine_level(level: Level, other: Level, sampling: Matrix, parameters: int) -> Fit | None:
    reduction, shape = level.reduction, level.structure.shape
    half = max(shape) / 2
    to_unit = px_to_unit(shape)
    from_unit = np.linalg.inv(to_unit)

    matrix = rescale_matrix(sampling, 1 / reduction, onto=1 / other.reduction)
    stride, before = np.zeros(parameters), np.zeros(parameters)
    for _ in range(MAX_STEPS):
        compared = _compare(level, other, matrix)
        if compared is None:
            return None
        residual, inside = compared
        correlation = _window_correlation(level, residual, inside)
        trust = _trust(correlation)[level.windows]
        if trust.sum() < max(LEAST_POINTS, LEAST_TRUST * len(trust)):
            return None
        weight = _tukey(residual, inside) * trust * _precision(correlation)[level.windows]
        jacobian = _without_defocus(level, level.jacobian[:parameters], weight)
        weighted = jacobian * weight
        normal = _products(weighted, jacobian)
        step = np.linalg.solve(normal + 1e-9 * np.trace(normal) * np.eye(parameters), _products(weighted, residual[None])[:, 0])
        stride, before = _lengthened(step, before, stride), step
        delta = np.eye(3) + np.tensordot(stride, GENERATORS[:parameters], 1)
        matrix = normalised(matrix @ from_unit @ np.linalg.inv(delta) @ to_unit)
        if np.abs(stride).max() * half < SETTLED_PX:
            break
    unexplained = _without_defocus(level, residual[None], weight)[0]
    information, misfit = _information(level, jacobian, unexplained, weight)
    return Fit(
        sampling=rescale_matrix(matrix, reduction, onto=other.reduction),
        agreement=_correlation(level.values[inside], (level.values + residual)[inside]),
        misfit_px=misfit * reduction,
        information=information,
        uncertainty_px=_corner_error(information, shape) * reduction,
    )


def _lengthened(step: Vectors, before: Vectors, stride: Vectors) -> Vectors:
    """Jump to where the steps converge (Anderson's acceleration with one step of memory).

    Beside a blurred neighbour the slopes of the sharp frame promise more change than there is, and every step falls short by
    about the same share; two steps tell by how much.
    """
    change = step - before
    if not stride.any() or not change.any():
        return step
    share = float(step @ change) / float(change @ change)
    longer = step - share * (stride + change)
    limit = LONGEST_STRIDE * float(np.abs(step).max())
    return np.asarray(longer * min(1.0, limit / float(np.abs(longer).max() + np.finfo(float).tiny)))


def _products(first: Rows, second: Rows) -> Vectors:
    """Multiply long rows, first @ second.T.

    Without BLAS, whose threads cost more than the work, and whose sums depend on how many threads there are.
    """
    return np.asarray(np.einsum("pn,qn->pq", first, second, optimize=False), dtype=np.float64)


def _correlation(first: Rows, second: Rows) -> float:
    common, own, other = (float((a * b).sum()) for a, b in ((first, second), (first, first), (second, second)))
    return common / float(np.sqrt(own * other + 1e-12))


def _window_correlation(level: Level, residual: Rows, inside: NDArray[np.bool_]) -> Vectors:
    """How well both frames agree in each window, −1 to 1; 0 where there is nothing to compare."""
    count = TRUST_WINDOWS[0] * TRUST_WINDOWS[1]
    template = level.values * inside
    sampled = (level.values + residual) * inside
    common = np.bincount(level.windows, template * sampled, count)
    energy = np.bincount(level.windows, template * template, count) * np.bincount(level.windows, sampled * sampled, count)
    return np.asarray(common / np.sqrt(energy + 1e-12))


def _trust(correlation: Vectors) -> Rows:
    """Whether a window has a say at all, 0–1: detail sharp in one frame alone says nothing on motion."""
    low, high = TRUST_FROM, TRUST_FULLY
    return np.asarray(np.clip((correlation - low) / (high - low), 0, 1), dtype=np.float32)


def _precision(correlation: Vectors) -> Rows:
    """How much say a window has beside others, 0–1: one over the variance of what it says."""
    return np.asarray((DISAGREEMENT / (DISAGREEMENT + np.maximum(1 - correlation, 0))) ** 2, dtype=np.float32)


def _without_defocus(level: Level, rows: Rows, weight: Rows) -> Rows:
    """Take out of rows of numbers of the points what a change of contrast or of blur explains in each window.

    Defocus scales detail and adds a share of its Laplacian, differently at every depth. Taken for motion, the two pull each
    window somewhere; what they explain is left to them, and motion is judged by the rest.
    """
    rows = np.concatenate([level.curvatures[None], rows])
    # Points come window by window: sums over runs take a quarter of the time that picking them apart does.
    starts = np.flatnonzero(np.diff(level.windows, prepend=-1))
    lengths = np.diff(starts, append=level.windows.size)
    rows = _without(level.values, rows, weight, starts, lengths)
    return _without(rows[0], rows[1:], weight, starts, lengths)


def _without(effect: Rows, rows: Rows, weight: Rows, starts: NDArray[np.intp], lengths: NDArray[np.intp]) -> Rows:
    """Subtract from each row, in each window, as much of `effect` as fits it best."""
    weighted = weight * effect
    energy = np.add.reduceat(weighted * effect, starts)
    energy += DEFOCUS_RIDGE * energy.sum() / (TRUST_WINDOWS[0] * TRUST_WINDOWS[1]) + np.finfo(np.float32).tiny
    share = np.add.reduceat(rows * weighted, starts, axis=1) / energy
    return np.asarray(rows - effect * np.repeat(share, lengths, axis=1))


def _compare(level: Level, other: Level, matrix: Matrix) -> tuple[Rows, NDArray[np.bool_]] | None:
    """Moving minus reference structure at the reference's points, and which of them lie inside the moving frame."""
    x, y = mapped(matrix, level.points)
    height, width = other.structure.shape
    low, right, bottom = SPLINE_REACH_PX, width - 1 - SPLINE_REACH_PX, height - 1 - SPLINE_REACH_PX
    inside = (x > low) & (x < right) & (y > low) & (y < bottom)
    if other.shown is not None:
        columns, rows = (np.rint(place).clip(0, side - 1).astype(np.intp) for place, side in ((x, width), (y, height)))
        inside &= other.shown[rows, columns]
    if np.count_nonzero(inside) < LEAST_POINTS:
        return None
    sampled = _sampled(other.structure, x.clip(low, right), y.clip(low, bottom))
    return np.asarray((sampled - level.values) * inside), np.asarray(inside)


def _sampled(structure: Gray, x: Rows, y: Rows) -> Rows:
    """Cubic B-spline over `structure` at points that lie at least `SPLINE_REACH_PX` inside."""
    width = structure.shape[1]
    column, row = x.astype(np.intp), y.astype(np.intp)
    across, down = _spline_weights(x - column), _spline_weights(y - row)
    corner = row * width + column + np.array([-1, 0, 1, 2])[:, None]
    flat = structure.ravel()
    lines = [np.einsum("kn,kn->n", across, flat.take(corner + line * width)) for line in (-1, 0, 1, 2)]
    return np.asarray(np.einsum("kn,kn->n", down, np.stack(lines)))


def _spline_weights(fraction: NDArray[np.floating]) -> Rows:
    """Weights of the four pixels around, shape (4, N)."""
    t = fraction.astype(np.float32)
    u = 1 - t
    first, last = u * u * u / 6, t * t * t / 6
    second = 2 / 3 - t * t * (1 - t / 2)
    return np.stack([first, second, 1 - first - second - last, last])


def _tukey(residual: Rows, inside: NDArray[np.bool_]) -> Rows:
    sample = np.abs(residual[inside][::SCALE_STRIDE])
    scale = max(MAD_TO_SIGMA * float(np.partition(sample, sample.size // 2)[sample.size // 2]), 1e-3)
    weight = np.maximum(1 - (residual / (TUKEY * scale)) ** 2, 0)
    return np.asarray(weight * weight * inside)


def _information(level: Level, jacobian: Rows, residual: Rows, weight: Rows) -> tuple[Vectors, float]:
    """Information matrix of the estimate, and the RMS motion that pieces of the image still want, px.

    Sandwich estimate over pieces rather than pixels: errors from defocus and occlusion are shared by neighbouring pixels, so that
    only pieces far apart are independent witnesses.
    """
    piece = windows_of(level.points, level.structure.shape, WITNESSES)
    count = WITNESSES[0] * WITNESSES[1]
    gx, gy = level.gradients
    xx, xy, yy, bx, by = (
        np.bincount(piece, weight * v, count) for v in (gx * gx, gx * gy, gy * gy, gx * residual, gy * residual)
    )
    trace = xx + yy
    # A ridge keeps pieces with detail in one direction only from reporting wild shifts in the other.
    ridge = 0.02 * trace + 1e-9
    determinant = (xx + ridge) * (yy + ridge) - xy * xy
    shift_x = ((yy + ridge) * bx - xy * by) / determinant
    shift_y = ((xx + ridge) * by - xy * bx) / determinant
    misfit = float(np.sqrt(np.average(shift_x**2 + shift_y**2, weights=trace + 1e-12)))
    normal = _products(jacobian * weight, jacobian)
    score = np.stack([np.bincount(piece, weight * residual * slope, count) for slope in jacobian], axis=1)
    # Few witnesses underestimate their own scatter: the usual small-sample factor.
    witnesses = float(trace.sum() ** 2 / (trace**2).sum())
    inflate = witnesses / max(witnesses - len(normal), 0.25)
    scatter = inflate * (score.T @ score)
    sure = (SURE_PX + COARSE_BIAS_PX * (level.reduction - 1)) / (level.reduction * max(level.structure.shape) / 2)
    floor = sure**2 * normal @ normal
    return np.asarray(normal @ np.linalg.solve(scatter + floor, normal)), misfit
