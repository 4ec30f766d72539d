"""Where frames are sharp: in a focus stack sharpness wanders through the picture; in a burst or a time-lapse it stays.

Thresholds are set between real files: the smallest movement in a real stack is 0.14 (five frames of a phone, as thumbnails of
102 px), six frames that differ by noise alone move by 0.08.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stackd.intake.evidence.verdict import Evidence, Link, Verdict
from stackd.intake.shot import Shot

MOVED = 0.11
"""Root mean square over the tiles, natural logarithm: 11 % of the local detail."""

STRONG = 0.40
"""Defocus that shows at a glance; camera shake changes all tiles together and is taken out before."""

SMOOTH_RATIO = 0.75
"""Neighbours this much more alike than any two frames: sharpness wanders in order and not at random."""

SMOOTH_RANK = 0.6
"""Rank correlation of the strongest pattern with the order."""

JUMP = 1.5
"""A change so many times the usual one between neighbours is a jump …"""

RETURN_SHARE = 0.5
"""… and a return to the start where it ends at most this share of the jump away from the first frame: while focus moves on, the
next frame is always more like the last one than like the first.
"""

MIN_SHOTS = 3
FULL_SHOTS = 5
"""From five frames on, an order found by chance is unlikely."""


def sharpness_matrix(shots: Sequence[Shot]) -> NDArray[np.float64] | None:
    """Stack the log sharpness of all shots, shape (frames, tiles); None when some are unknown."""
    maps = [shot.content.sharpness.ravel() for shot in shots if shot.content is not None]
    if len(maps) < len(shots) or not maps or len({len(each) for each in maps}) > 1:
        return None
    return np.array(maps, dtype=np.float64)


def distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Difference of two rows of the matrix, root mean square over the tiles."""
    return float(_lengths((first - second)[None])[0])


def neighbours_verdict(run: Sequence[Shot], second: Shot, following: Sequence[Shot]) -> Verdict | None:
    """Cut where sharpness jumps back to where the run began: a second stack of the same subject, without a pause.

    Parameters
    ----------
    run : sequence of Shot
        The run so far; its last frame is the first of the two neighbours.
    second : Shot
        The other neighbour.
    following : sequence of Shot
        Frames after it.
    """
    if len(run) < MIN_SHOTS + 1 or len(following) + 1 < MIN_SHOTS:
        return None
    before = run[-FULL_SHOTS:]
    matrix = sharpness_matrix([run[0], *before, second, *following[: MIN_SHOTS - 1]])
    if matrix is None:
        return None
    start, after = matrix[0], matrix[1 + len(before)]
    jump = distance(matrix[len(before)], after)
    steps = [distance(a, b) for a, b in pairwise(matrix[1:])]
    usual = float(np.median([*steps[: len(before) - 1], *steps[len(before) :]]))
    if jump > max(JUMP * usual, MOVED) and distance(start, after) < RETURN_SHARE * jump:
        return Verdict(link=Link.CUT, because="sharpness jumped back to where the stack began")
    return None


def run_evidence(shots: Sequence[Shot]) -> Evidence | None:
    """Say whether sharpness wanders through the run, or stays where it is."""
    matrix = sharpness_matrix(shots)
    if matrix is None or len(shots) < MIN_SHOTS:
        return None
    ends_and_all = _spread(matrix)
    if ends_and_all < MOVED:
        return Evidence(points=-5.0, sentence="every frame is sharp in the same places")
    if _is_smooth(matrix):
        pattern = matrix - matrix.mean(axis=1, keepdims=True)
        strong = _spread(pattern) >= STRONG
        points = 3.0 if strong or len(shots) >= FULL_SHOTS else float(len(shots) - 2)
        return Evidence(points=points, sentence="the sharp area wanders through the picture from frame to frame")
    pattern = matrix - matrix.mean(axis=1, keepdims=True)
    if _spread(pattern) >= STRONG:
        return Evidence(points=2.0, sentence="each frame is sharp in other places, in no clear order")
    return Evidence(points=0.0, sentence="sharpness changes from frame to frame, in no clear order")


def principal_order(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Place every frame along the strongest pattern of sharpness, shape (frames,)."""
    centred = matrix - matrix.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(left[:, 0] * values[0], dtype=np.float64)


def _lengths(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.mean(differences**2, axis=1)), np.float64)


def _spread(matrix: NDArray[np.float64]) -> float:
    """Largest difference of any frame from the first or the last: what was covered, however the focus went."""
    return max(float(_lengths(matrix - end).max()) for end in (matrix[0], matrix[-1]))


def _is_smooth(matrix: NDArray[np.float64]) -> bool:
    steps = _lengths(np.diff(matrix, axis=0))
    # The mean squared distance of any two frames is twice the variance: no need to compare all pairs.
    any_two = float(np.sqrt(2.0 * np.mean(matrix.var(axis=0)) * len(matrix) / max(len(matrix) - 1, 1)))
    if any_two > 0.0 and float(np.median(steps)) <= SMOOTH_RATIO * any_two:
        return True
    scores = principal_order(matrix)
    ranks = np.argsort(np.argsort(scores))
    order = np.arange(len(matrix))
    return len(matrix) > MIN_SHOTS and abs(float(np.corrcoef(ranks, order)[0, 1])) >= SMOOTH_RANK
