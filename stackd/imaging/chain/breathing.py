"""Breathing: how magnification runs through a stack.

A lens that is focused step by step, or a camera on a rail, changes magnification evenly; how evenly, the stack itself says. Where
links between frames are surer than the stack is even, they decide alone; where they are not (little texture, much noise),
a frame takes the magnification that its neighbours lead to.
"""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.linked import NormalEquations

Vector: TypeAlias = NDArray[np.float64]

UNEVENNESS_PX: Vector = np.geomspace(0.003, 10, 13)
"""Changes between one step of magnification and the next, at the corners, that are considered: from lenses more even than any
registration can tell, to steps set by hand. Nine real stacks lie between 0.03 and 6 (measured)."""

LEAST_FRAMES = 5
"""Fewer frames have too few steps to say how even they are."""


def smoothed_magnifications(pairs: NDArray[np.intp], measured_px: Vector, error_px: Vector, positions: Vector) -> Vector:
    """Find the magnification of every frame from links between them and from how evenly they follow each other.

    The steps of magnification are taken to wander by a small random amount from each to the next. By which, is not set but found:
    every candidate is weighed by how probable it makes the links, and the answers are averaged (marginal likelihood,
    also called empirical Bayes).

    Parameters
    ----------
    pairs : ndarray of int, shape (L, 2)
        Reference and moving frame of each link, as indices into `positions`. All frames hang together.
    measured_px : ndarray of float64, shape (L,)
        Logarithm of the magnification, moving → reference, times the distance of the corners from the centre.
    error_px : ndarray of float64, shape (L,)
        Standard error of each.
    positions : ndarray of float64, shape (F,)
        Where in the stack each frame lies, ascending; gaps are where frames were left out.

    Returns
    -------
    ndarray of float64, shape (F,)
        Logarithm of the magnification, frame → first frame, in the same unit.

    References
    ----------
    .. [1] MacKay, "Bayesian Interpolation", Neural Computation 4, 415–447 (1992). DOI 10.1162/neco.1992.4.3.415
    """
    steps, spreads = _steps(positions)
    plausibility = np.empty(len(UNEVENNESS_PX))
    answers = np.zeros((len(UNEVENNESS_PX), len(positions)))
    for k, unevenness in enumerate(UNEVENNESS_PX):
        # The first frame stays where it is: without it nothing is left undetermined.
        normal = NormalEquations(len(positions) - 1, 1)
        for (reference, moving), wanted_px, sigma_px in zip(pairs.tolist(), measured_px, error_px, strict=True):
            normal.add(_without_first({reference: -1.0, moving: 1.0}), np.array([wanted_px]), sigma_px**-2)
        for frame, (change, spread) in enumerate(zip(steps, spreads, strict=True)):
            parts = _without_first(dict(enumerate(change, start=frame)))
            normal.add(parts, np.zeros(1), (spread * unevenness) ** -2)
        found, log_determinant = normal.solve()
        answers[k, 1:] = found[:, 0]
        off = (np.diff(answers[k][pairs], axis=1)[:, 0] - measured_px) / error_px
        uneven = (steps * np.lib.stride_tricks.sliding_window_view(answers[k], 3)).sum(axis=1) / spreads / unevenness
        missed = (off**2).sum() + (uneven**2).sum()
        plausibility[k] = -missed / 2 - log_determinant / 2 - (len(positions) - 2) * np.log(unevenness)
    share = np.exp(plausibility - plausibility.max())
    return np.asarray(share @ answers / share.sum())


def _steps(positions: Vector) -> tuple[Vector, Vector]:
    """Factors of three frames in a row that give the change of step at the middle one, per frame of distance, and its spread.

    The spread is one where steps wander by one a frame.
    """
    before, after = np.diff(positions)[:-1], np.diff(positions)[1:]
    return np.stack([1 / before, -(1 / before + 1 / after), 1 / after], axis=1), np.sqrt((before + after) / 2)


def _without_first(factors: Mapping[int, float]) -> dict[int, Vector]:
    return {frame - 1: np.array([[factor]]) for frame, factor in factors.items() if frame}
