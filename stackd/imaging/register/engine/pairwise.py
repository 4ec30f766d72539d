"""Lay one frame over its neighbour: first guess, refinement, and the decision whether to believe the result.

Each estimator is tried only when the one before it left the frames disagreeing: the caller's own guess, the best plain shift,
a search over rotation and magnification, and features that both frames show.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal, TypeAlias, assert_never

import numpy as np

from stackd.errors import MixedStack
from stackd.imaging.ground.matrices import PARAMETERS, corners, inverse, transformed
from stackd.imaging.register.engine.coarse_to_fine import Fit, pair_levels, refine
from stackd.imaging.register.engine.feature_guess import guess_from_features
from stackd.imaging.register.engine.first_guess import LEAST_OVERLAP, guess_shift, guess_similarity
from stackd.imaging.register.engine.prepared_frame import SAMPLES_ACROSS, PreparedFrame
from stackd.model.pixels import Matrix
from stackd.model.registration import FailedRegistration, MotionModel, Registration

FirstGuess: TypeAlias = Literal["auto", "pixels", "features"]
"""Where a first guess comes from. auto: from features only where pixels give none."""

LEAST_AGREEMENT = 0.5
"""Agreement on the coarse levels below which two frames do not show the same thing, and from which no further guess is tried:
true neighbours reach 0.66–1, strangers 0.25 (measured)."""

UNLIKE = "It does not show the same subject as its neighbour, or nothing in it is sharp enough to tell."
UNLIKE_BY_PIXELS = f'{UNLIKE} If it was turned or zoomed, align.first_guess = "auto" finds it.'
"""Why a frame is left out that fits its neighbour nowhere."""

LARGEST_SCALE = 1.5
"""Magnification within which frames are compared at the same sizes, and by which sides may be stretched (guess; breathing is
below 1.05)."""

MOST_OCTAVES = 1
"""Doublings of magnification that are believed, as of a lens zoomed in between: 2.8 times. Beyond it less than an eighth of the
wider frame is common to both."""

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

BLANK = "It is blank: no detail stands out of the noise."
BLANK_NEIGHBOUR = "Its neighbour is blank: no detail stands out of the noise."
"""Why a frame cannot be laid over another."""

OVERLAP_GRID = 32
"""Points a side at which overlap is counted."""


def align(
    reference: PreparedFrame,
    moving: PreparedFrame,
    *,
    model: MotionModel,
    uncertainty_limit_px: float,
    initial: Matrix | None,
    first_guess: FirstGuess = "auto",
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
    first_guess : FirstGuess
        Where to look for the motion first.

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
        return FailedRegistration(reason=BLANK if moving.is_blank else BLANK_NEIGHBOUR)
    parameters = PARAMETERS[model]
    best = _best_guess(reference, moving, initial, min(parameters, COARSE_PARAMETERS), first_guess)
    if best is None or best.fit.agreement < LEAST_AGREEMENT:
        return FailedRegistration(reason=UNLIKE_BY_PIXELS if first_guess == "pixels" else UNLIKE)
    coarser = _coarsening(best)
    if not 1 / BLURRED <= coarser <= BLURRED:
        which, other = ("It", "its neighbour") if (coarser > 1) != best.swapped else ("Its neighbour", "it")
        return FailedRegistration(reason=f"{which} is blurred everywhere, while {other} is sharp.")
    fit = _refined(best, parameters)
    if fit is None or not _is_possible(fit.sampling, reference.shape, best.octaves):
        return FailedRegistration(reason="No motion of the camera explains how this frame differs from its neighbour.")
    found = _registration(fit, model, reference.shape, swapped=best.swapped)
    if found.uncertainty_px > uncertainty_limit_px:
        return FailedRegistration(
            reason=f"Too little is sharp in both it and its neighbour: its place is known only to ±{found.uncertainty_px:.1f} px."
        )
    return found


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
    step = max(1, max(first.shape) // SAMPLES_ACROSS)
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Attempt:
    """A guess that was refined on the coarse levels.

    Where magnification differs much, the frame that shows less of the scene is taken as the reference, since all of it may lie in
    the other one; `swapped` tells that it was the moving frame. `octaves` is how many doublings larger `moving` shows things:
    0 or negative.
    """

    reference: PreparedFrame
    moving: PreparedFrame
    swapped: bool
    octaves: int
    fit: Fit


def _best_guess(
    reference: PreparedFrame, moving: PreparedFrame, initial: Matrix | None, parameters: int, first_guess: FirstGuess
) -> _Attempt | None:
    """The guess that makes the coarse levels agree best; later guesses are not even made once one convinces."""
    known = () if initial is None else (inverse(initial),)
    pixels = _guesses_from_pixels(reference, moving, parameters)
    features = _guesses_from_features(reference, moving, parameters)
    match first_guess:
        case "pixels":
            return _best_attempt(reference, moving, chain(known, pixels), parameters)
        case "features":
            return _best_attempt(reference, moving, chain(known, features, pixels), parameters)
        case "auto":
            best = _best_attempt(reference, moving, chain(known, pixels), parameters)
            if initial is None and (best is None or best.fit.agreement < LEAST_AGREEMENT):
                # What fits no better than strangers do was not found, whatever it is: nothing is lost by starting anew. A frame
                # whose place its neighbour tells already is not found elsewhere.
                return _best_attempt(reference, moving, features, parameters)
            return best
        case _:
            assert_never(first_guess)


def _best_attempt(reference: PreparedFrame, moving: PreparedFrame, guesses: Iterable[Matrix], parameters: int) -> _Attempt | None:
    best: _Attempt | None = None
    for guess in guesses:
        attempt = _attempt(reference, moving, guess, parameters)
        if attempt is None:
            continue
        if best is None or attempt.fit.agreement > best.fit.agreement:
            best = attempt
        if best.fit.agreement >= LEAST_AGREEMENT:
            break
    return best


def _attempt(reference: PreparedFrame, moving: PreparedFrame, sampling: Matrix, parameters: int) -> _Attempt | None:
    """Refine a guess on the coarse levels; None where that comes to nothing, or to nothing a camera can have done."""
    octaves = _octaves(sampling)
    swapped = octaves > 0
    if swapped:
        reference, moving, sampling = moving, reference, inverse(sampling)
    octaves = -abs(octaves)
    if octaves < -MOST_OCTAVES:
        return None
    fit = refine(reference, moving, sampling, parameters=parameters, levels=slice(COARSE_LEVELS), octaves=octaves)
    if fit is None or not _is_possible(fit.sampling, reference.shape, octaves):
        return None
    return _Attempt(reference=reference, moving=moving, swapped=swapped, octaves=octaves, fit=fit)


def _octaves(sampling: Matrix) -> int:
    """How many doublings larger a sampling matrix says that the moving frame shows things; none within `LARGEST_SCALE`."""
    scale = float(np.sqrt(abs(np.linalg.det(sampling[:2, :2]))))
    return 0 if 1 / LARGEST_SCALE < scale < LARGEST_SCALE else round(float(np.log2(scale)))


def _refined(coarse: _Attempt, parameters: int) -> Fit | None:
    """Go on to the finer levels; a richer model than the coarse levels estimate starts on them anew."""
    pairs = len(pair_levels(coarse.reference, coarse.moving, coarse.octaves))
    richer = parameters > COARSE_PARAMETERS
    return refine(
        coarse.reference,
        coarse.moving,
        coarse.fit.sampling if richer else coarse.fit,
        parameters=parameters,
        levels=slice(min(COARSE_LEVELS, pairs) - 1 if richer else COARSE_LEVELS, None),
        octaves=coarse.octaves,
    )


def _registration(fit: Fit, model: MotionModel, shape: tuple[int, int], *, swapped: bool) -> Registration:
    if not swapped:
        return Registration(
            matrix=inverse(fit.sampling),
            model=model,
            residual_px=fit.misfit_px,
            overlap=overlap_of(fit.sampling, shape),
            uncertainty_px=fit.uncertainty_px,
        )
    found = Registration(
        matrix=fit.sampling, model=model, residual_px=fit.misfit_px, overlap=overlap_of(inverse(fit.sampling), shape)
    )
    # Both were found in px of the moving frame.
    return replace(found, residual_px=fit.misfit_px * found.scale, uncertainty_px=fit.uncertainty_px * found.scale)


def _coarsening(attempt: _Attempt) -> float:
    """How many times coarser the finest detail of the attempt's moving frame is, on the two finest levels both have."""
    ratios = [
        mine.finest_px / theirs.finest_px
        for theirs, mine in pair_levels(attempt.reference, attempt.moving, attempt.octaves)[-FINE_LEVELS:]
        if np.isfinite(mine.finest_px) and np.isfinite(theirs.finest_px)
    ]
    return max(ratios, key=lambda ratio: abs(np.log(ratio)), default=1.0)


def _guesses_from_pixels(reference: PreparedFrame, moving: PreparedFrame, parameters: int) -> Iterator[Matrix]:
    yield guess_shift(reference, moving)
    if parameters > PARAMETERS["translation"]:
        yield guess_similarity(reference, moving)


def _guesses_from_features(reference: PreparedFrame, moving: PreparedFrame, parameters: int) -> Iterator[Matrix]:
    found = guess_from_features(reference, moving, only_shift=parameters == PARAMETERS["translation"])
    if found is not None:
        yield found


def _is_possible(sampling: Matrix, shape: tuple[int, int], octaves: int) -> bool:
    """Tell whether a camera on a rail, a tripod or in a hand can have done this between neighbours.

    It must be near the magnification it was started from, and stretch no side much more than another.
    """
    if not np.isfinite(sampling).all():
        return False
    moved = transformed(sampling, corners(shape))
    height, width = shape
    edges = np.linalg.norm(np.roll(moved, -1, axis=0) - moved, axis=1)
    stretch = edges / np.array([width - 1, height - 1, width - 1, height - 1]) / 2.0**octaves
    return bool(
        stretch.max() < LARGEST_SCALE and stretch.min() > 1 / LARGEST_SCALE and overlap_of(sampling, shape) >= LEAST_OVERLAP
    )
