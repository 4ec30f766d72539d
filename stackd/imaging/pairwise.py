"""Lay one frame over its neighbour: first guess, refinement, and the decision whether to believe the result.

Each estimator is tried only when the one before it left the frames disagreeing: the caller's own guess, the best plain shift,
then a search over rotation and magnification.
"""

from collections.abc import Iterator

import numpy as np

from stackd.errors import MixedStack
from stackd.imaging.coarse_to_fine import Fit, refine
from stackd.imaging.first_guess import guess_shift, guess_similarities
from stackd.imaging.motion import PARAMETERS, corners, inverse, transformed
from stackd.imaging.prepared_frame import PreparedFrame
from stackd.model.pixels import Matrix
from stackd.model.registration import FailedRegistration, MotionModel, Registration

CONVINCING = 0.6
"""Agreement on the coarse levels at which no further guess is tried; true neighbours reach 0.66–1, strangers 0.25 (measured)."""

LEAST_AGREEMENT = 0.5
"""Agreement on the coarse levels below which two frames do not show the same thing (measured, as above)."""

LEAST_OVERLAP = 0.25
"""Share of the frame that must be common; less leaves too little to fuse (guess)."""

LARGEST_SCALE = 1.5
"""Neighbours never differ in magnification by more, nor by less than its inverse (guess; breathing is below 1.05)."""

SEARCH_CANDIDATES = 4
"""Guesses of the rotation and magnification search that are refined: the best one is nearly always first."""

COARSE_PARAMETERS = 4
"""The coarse levels estimate a similarity: they carry too little detail for more."""

COARSE_LEVELS = 2
"""How many levels decide whether a guess is right."""

FINE_LEVELS = 2
"""How many levels, counted from the finest, show whether a frame is blurred: noise can veil the finest alone."""

BLURRED = 1.6
"""Neighbours in a stack differ less in their finest detail (1.46 at most in nine real stacks); a blur of 8 px makes it 1.8–3."""

SAME_EXPOSURE = 0.1
"""Relative difference in structure below which two files hold one exposure; neighbours in real stacks reach 0.25 (measured)."""

SAMPLES_OF_EXPOSURE = 256
"""Pixels along the long side that are compared: noise, which no two exposures share, is in every one of them."""

OVERLAP_GRID = 32
"""Points a side at which overlap is counted."""


def align(
    reference: PreparedFrame,
    moving: PreparedFrame,
    *,
    model: MotionModel,
    uncertainty_limit_px: float,
    initial: Matrix | None,
) -> Registration | FailedRegistration:
    """Estimate the motion between two frames.

    Parameters
    ----------
    reference, moving : PreparedFrame
        Frames of one shape.
    model : MotionModel
        Which motions are free.
    uncertainty_limit_px : float
        Standard error at the corners beyond which the estimate counts as failed.
    initial : ndarray of float64, shape (3, 3), or None
        Moving → reference px, where the caller already has an idea.

    Returns
    -------
    Registration or FailedRegistration

    Raises
    ------
    MixedStack
        If the shapes differ.
    """
    if reference.shape != moving.shape:
        raise MixedStack(
            f"One frame is {moving.shape[1]}×{moving.shape[0]} px but its neighbour is "
            f"{reference.shape[1]}×{reference.shape[0]} px.",
            hint="Frames of one stack must have one size; move the odd one out and retry.",
        )
    if moving.is_blank or reference.is_blank:
        which = "It" if moving.is_blank else "Its neighbour"
        return FailedRegistration(reason=f"{which} is blank: no detail stands out of the noise.")
    parameters = PARAMETERS[model]
    best = _best_guess(reference, moving, initial, min(parameters, COARSE_PARAMETERS))
    if best is None or best.agreement < LEAST_AGREEMENT:
        return FailedRegistration(
            reason="It does not show the same subject as its neighbour, or nothing in it is sharp enough to tell."
        )
    coarser = _coarsening(reference, moving)
    if not 1 / BLURRED <= coarser <= BLURRED:
        which, other = ("It", "its neighbour") if coarser > 1 else ("Its neighbour", "it")
        return FailedRegistration(reason=f"{which} is blurred everywhere, while {other} is sharp.")
    fit = _refined(reference, moving, best, parameters)
    if fit is None or not _is_possible(fit.sampling, reference.shape):
        return FailedRegistration(reason="No motion of the camera explains how this frame differs from its neighbour.")
    if fit.uncertainty_px > uncertainty_limit_px:
        return FailedRegistration(
            reason=f"Too little is sharp in both it and its neighbour: its place is known only to ±{fit.uncertainty_px:.1f} px."
        )
    matrix = inverse(fit.sampling)
    return Registration(
        matrix=matrix,
        model=model,
        residual_px=fit.misfit_px,
        overlap=overlap_of(fit.sampling, reference.shape),
        uncertainty_px=fit.uncertainty_px,
    )


def is_duplicate(first: PreparedFrame, second: PreparedFrame) -> bool:
    """Tell whether two frames are the same exposure: the same file twice, or with other metadata or packing.

    Parameters
    ----------
    first, second : PreparedFrame
        Any two frames.

    Returns
    -------
    bool
        False for two exposures at the same focus: their noise differs.
    """
    if first.shape != second.shape:
        return False
    step = max(1, max(first.shape) // SAMPLES_OF_EXPOSURE)
    ours, theirs = (frame.levels[-1].structure[::step, ::step] for frame in (first, second))
    difference = ours - theirs
    energy = float((ours**2).mean())
    return float((difference**2).mean()) <= SAME_EXPOSURE**2 * energy


def overlap_of(sampling: Matrix, shape: tuple[int, int]) -> float:
    """Share of the reference, 0–1, whose sampled position lies inside the moving frame."""
    height, width = shape
    x, y = np.meshgrid(np.linspace(0, width - 1, OVERLAP_GRID), np.linspace(0, height - 1, OVERLAP_GRID))
    q = transformed(sampling, np.column_stack([x.ravel(), y.ravel()]))
    inside = ((q >= 0) & (q <= (width - 1, height - 1))).all(axis=1)
    return float(inside.mean())


def _best_guess(reference: PreparedFrame, moving: PreparedFrame, initial: Matrix | None, parameters: int) -> Fit | None:
    """The guess that makes the coarse levels agree best; later guesses are not even made once one convinces."""
    best: Fit | None = None
    for guess in _guesses(reference, moving, initial):
        fit = refine(reference, moving, guess, parameters=parameters, levels=slice(COARSE_LEVELS))
        if fit is None or not _is_possible(fit.sampling, reference.shape):
            continue
        if best is None or fit.agreement > best.agreement:
            best = fit
        if best.agreement >= CONVINCING:
            break
    return best


def _refined(reference: PreparedFrame, moving: PreparedFrame, coarse: Fit, parameters: int) -> Fit | None:
    """Go on to the finer levels; a richer model than the coarse levels estimate starts on them anew."""
    if parameters <= COARSE_PARAMETERS:
        return refine(reference, moving, coarse, parameters=parameters, levels=slice(COARSE_LEVELS, None))
    last_coarse = min(COARSE_LEVELS, len(reference.levels)) - 1
    return refine(reference, moving, coarse.sampling, parameters=parameters, levels=slice(last_coarse, None))


def _coarsening(reference: PreparedFrame, moving: PreparedFrame) -> float:
    """How many times coarser the finest detail of `moving` is, on the two finest levels."""
    ratios = [
        mine.finest_px / theirs.finest_px
        for mine, theirs in list(zip(moving.levels, reference.levels, strict=True))[-FINE_LEVELS:]
        if np.isfinite(mine.finest_px) and np.isfinite(theirs.finest_px)
    ]
    return max(ratios, key=lambda ratio: abs(np.log(ratio)), default=1.0)


def _guesses(reference: PreparedFrame, moving: PreparedFrame, initial: Matrix | None) -> Iterator[Matrix]:
    if initial is not None:
        yield inverse(initial)
    yield guess_shift(reference, moving)
    yield from guess_similarities(reference, moving, wanted=SEARCH_CANDIDATES)


def _is_possible(sampling: Matrix, shape: tuple[int, int]) -> bool:
    """Tell whether a camera on a rail, a tripod or in a hand can have done this between neighbours."""
    if not np.isfinite(sampling).all():
        return False
    moved = transformed(sampling, corners(shape))
    height, width = shape
    edges = np.linalg.norm(np.roll(moved, -1, axis=0) - moved, axis=1)
    stretch = edges / np.array([width - 1, height - 1, width - 1, height - 1])
    return bool(
        stretch.max() < LARGEST_SCALE and stretch.min() > 1 / LARGEST_SCALE and overlap_of(sampling, shape) >= LEAST_OVERLAP
    )
