"""A first guess of how two frames lie to each other, from their thumbnails alone.

Normalised cross-correlation over all shifts at once (by FFT), for one or for many combinations of rotation and magnification. The
thumbnails hold locally normalised structure, so that one bright highlight does not decide; overlap is accounted for, so that a
hand-held shift of a quarter of the frame is found as surely as none.
"""

from collections.abc import Sequence
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.matrices import normalised, rescale_matrix
from stackd.imaging.register.engine.prepared_frame import PreparedFrame
from stackd.model.pixels import Gray, Matrix

LEAST_OVERLAP = 0.25
"""Share of the frame that must be common: less leaves too little to fuse, and chance agreements abound there (guess)."""

ROTATIONS_RAD = tuple(np.deg2rad(np.arange(-10, 10.1, 2.5)))
"""Searched when frames do not fit upright: a hand turns a camera by a few degrees; 2.5° steps lie within reach of refinement."""

SCALES = (1.0, 0.95, 1.05, 0.9, 1.11, 0.81, 1.235)
"""Searched likewise; breathing between neighbours stays below some percent, larger ones bridge missing frames."""


def guess_shift(reference: PreparedFrame, moving: PreparedFrame) -> Matrix:
    """Find the shift, without rotation or scale, under which the thumbnails agree best.

    Parameters
    ----------
    reference, moving : PreparedFrame
        Frames of one shape.

    Returns
    -------
    ndarray of float64, shape (3, 3)
        Sampling matrix, reference → moving px.
    """
    reduction = reference.levels[0].reduction
    return rescale_matrix(_best_shift(reference.thumbnail, moving.thumbnail, [np.eye(3)]), reduction)


def guess_similarity(reference: PreparedFrame, moving: PreparedFrame) -> Matrix:
    """Search rotation, scale and shift for what makes the thumbnails agree best.

    Parameters
    ----------
    reference, moving : PreparedFrame
        Frames of one shape.

    Returns
    -------
    ndarray of float64, shape (3, 3)
        Sampling matrix, reference → moving px.
    """
    template, turned = (_halved(frame.thumbnail) for frame in (reference, moving))
    height, width = template.shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    turns = []
    for angle, scale in product(ROTATIONS_RAD, SCALES):
        turn = np.eye(3)
        turn[:2, :2] = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turn[:2, 2] = centre - turn[:2, :2] @ centre
        turns.append(turn)
    return rescale_matrix(_best_shift(template, turned, turns), 2 * reference.levels[0].reduction)


def _halved(thumbnail: Gray) -> Gray:
    """Half the size: enough to tell one turn from the next, at a quarter of the work."""
    return block_means(thumbnail, 2, edge=Edge.LEFT_OUT)


def _best_shift(reference: Gray, moving: Gray, turns: Sequence[Matrix]) -> Matrix:
    """Find the turn (a sampling matrix on these thumbnails) and the shift with the best correlation."""
    template, other = _softly_clipped(reference), _softly_clipped(moving)
    height, width = template.shape
    size = (cv2.getOptimalDFTSize(2 * height), cv2.getOptimalDFTSize(2 * width))  # products of 2, 3 and 5: quick for any library

    def spectrum(image: NDArray[np.generic]) -> NDArray[np.complex64]:
        return np.asarray(np.fft.rfft2(image, size), dtype=np.complex64)

    template_spectrum, template_energy = spectrum(template), spectrum(template * template)
    whole = np.ones_like(template)
    template_area = spectrum(whole)
    best, found = -np.inf, turns[0]
    for turn in turns:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        turned = cv2.warpAffine(other, turn[:2], (width, height), flags=flags)
        area = cv2.warpAffine(whole, turn[:2], (width, height), flags=flags)
        turned_spectrum, area_spectrum = spectrum(turned), spectrum(area)
        # At shift s: sum over p of template(p) · turned(p + s), and both energies over the common area.
        common = _correlate(template_spectrum, turned_spectrum, size)
        energy_t = _correlate(template_energy, area_spectrum, size)
        energy_m = _correlate(template_area, spectrum(turned * turned), size)
        overlap = _correlate(template_area, area_spectrum, size)
        allowed = overlap > LEAST_OVERLAP * template.size
        score = np.where(allowed, common / np.sqrt(np.maximum(energy_t * energy_m, 1e-6)), -1)
        if score.max() <= best:
            continue
        best = float(score.max())
        peak = np.unravel_index(int(score.argmax()), size)
        dy, dx = (int(p) if p < n // 2 else int(p) - n for p, n in zip(peak, size, strict=True))
        shift = np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1]], dtype=np.float64)
        found = normalised(turn @ shift)
    return found


def _correlate(
    first: NDArray[np.complex64],
    second: NDArray[np.complex64],
    size: tuple[int, int],
) -> Gray:
    return np.asarray(np.fft.irfft2(np.conj(first) * second, size), dtype=np.float32)


def _softly_clipped(structure: Gray) -> Gray:
    """Bound each pixel's say."""
    return np.asarray(np.clip(structure, -2, 2), dtype=np.float32)
