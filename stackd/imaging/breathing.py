"""Breathing: how magnification runs through a stack.

A lens that is focused step by step, or a camera on a rail, changes magnification evenly; how evenly, the stack itself says. Where
links between frames are surer than the stack is even, they decide alone; where they are not (little texture, much noise),
a frame takes the magnification that its neighbours lead to.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

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
    links, frames = len(pairs), len(positions)
    rows = np.repeat(np.arange(links), 2)
    design = sparse.csr_matrix((np.tile([-1.0, 1.0], links), (rows, pairs.ravel())), shape=(links, frames))
    # The first frame stays where it is; without its column nothing is left undetermined.
    weighted = sparse.diags_array(1 / error_px) @ design[:, 1:]
    wanted = measured_px / error_px
    wander = _wander(positions)[:, 1:]
    plausibility = np.empty(len(UNEVENNESS_PX))
    answers = np.zeros((len(UNEVENNESS_PX), frames))
    for k, unevenness in enumerate(UNEVENNESS_PX):
        even = wander / unevenness
        factors = splu((weighted.T @ weighted + even.T @ even).tocsc())
        answers[k, 1:] = factors.solve(weighted.T @ wanted)
        missed = ((weighted @ answers[k, 1:] - wanted) ** 2).sum() + ((even @ answers[k, 1:]) ** 2).sum()
        volume = np.log(np.abs(factors.U.diagonal())).sum()
        plausibility[k] = -missed / 2 - volume / 2 - (frames - 2) * np.log(unevenness)
    share = np.exp(plausibility - plausibility.max())
    return np.asarray(share @ answers / share.sum())


def _wander(positions: Vector) -> sparse.csr_matrix:
    """Change of step at each inner frame, per frame of distance: of unit variance where steps wander by one a frame."""
    before, after = np.diff(positions)[:-1], np.diff(positions)[1:]
    spread = np.sqrt((before + after) / 2)
    diagonals = [1 / before / spread, -(1 / before + 1 / after) / spread, 1 / after / spread]
    return sparse.csr_matrix(sparse.diags_array(diagonals, offsets=[0, 1, 2], shape=(len(before), len(positions))))
