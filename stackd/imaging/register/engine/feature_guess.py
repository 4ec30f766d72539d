"""A first guess of how two frames lie to each other from features that both show.

What the search over thumbnails cannot reach is found here: shifts that leave little in common, any rotation, a lens zoomed in
between. It takes some tenths of a second a frame, and is no more than a guess: whether to believe it is decided as for any other.
"""

import numpy as np

from stackd.imaging.ground.matrices import Vectors, transformed
from stackd.imaging.register.engine.features import Features
from stackd.imaging.register.engine.prepared_frame import PreparedFrame
from stackd.model.pixels import Matrix

DISTINCT = 0.8
"""A match counts where it is nearer than the next best by this ratio (Lowe 2004, where that drops 90 % of false matches)."""

TOLERANCE_PX = 3.0
"""Matches within so many px of the level searched agree: parallax and keystone move features by about as much (guess)."""

LEAST_MATCHES = 5
"""Matches that must agree: true guesses had 5 and more, chance agreements 3 at most (on 132 pairs of known motion)."""

MAX_TRIALS = 1000
"""Pairs of matches tried at most: finds a motion that a tenth of the matches agree on with 99.99 %."""

SURE_ENOUGH = 0.999
"""Probability of having met a pair of true matches at which no further pairs are tried."""

SEED = 0
"""Pairs are drawn at random, but the same for the same frames."""


def guess_from_features(reference: PreparedFrame, moving: PreparedFrame, *, only_shift: bool = False) -> Matrix | None:
    """Find the similarity, or the shift, on which the most features of both frames agree.

    Choose it where frames may be far apart, as from a hand; `guess_shift` finds neighbours on a tripod much faster.

    Parameters
    ----------
    reference, moving : PreparedFrame
        Frames of one shape.
    only_shift : bool
        Leave rotation and magnification out of the guess, for models that know neither.

    Returns
    -------
    ndarray of float64, shape (3, 3), or None
        Sampling matrix, reference → moving px; None when too few features agree.

    References
    ----------
    .. [1] Fischler & Bolles, "Random Sample Consensus", Communications of the ACM 24, 381–395 (1981). DOI 10.1145/358669.358692
    """
    from skimage.measure import ransac
    from skimage.transform import SimilarityTransform

    here, there = _matched(reference.features, moving.features)
    if len(here) < LEAST_MATCHES:
        return None
    tolerance_px = TOLERANCE_PX * reference.feature_level.reduction
    found, agree = ransac(
        (here, there),
        SimilarityTransform,
        min_samples=2,
        residual_threshold=tolerance_px,
        max_trials=MAX_TRIALS,
        stop_probability=SURE_ENOUGH,
        rng=SEED,
    )
    if agree is None or np.count_nonzero(agree) < LEAST_MATCHES:
        return None
    sampling = np.asarray(found.params, dtype=np.float64)
    if not only_shift:
        return sampling
    middle = here[agree].mean(axis=0, keepdims=True)
    shift = np.eye(3)
    shift[:2, 2] = (transformed(sampling, middle) - middle)[0]
    return shift


def _matched(reference: Features, moving: Features) -> tuple[Vectors, Vectors]:
    """Points (x, y) of features that are each other's nearest in looks, shape (M, 2) each."""
    from skimage.feature import match_descriptors

    if min(len(reference.points), len(moving.points)) < LEAST_MATCHES:
        return np.zeros((0, 2)), np.zeros((0, 2))
    pairs = match_descriptors(reference.descriptors, moving.descriptors, cross_check=True, max_ratio=DISTINCT)
    return reference.points[pairs[:, 0]], moving.points[pairs[:, 1]]
