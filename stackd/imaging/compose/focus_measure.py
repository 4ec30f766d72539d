"""Focus measure: how sharp a frame is around each pixel, comparable only within one stack."""

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.matrices import rescale_matrix
from stackd.model.pixels import Gray, Matrix

GRAIN_SIGMA_PX = 1.0
"""Smoothing ahead of the Laplacian. Measured: less lets grain vote, more loses the finest texture."""


def focus_measure(gray: Gray, *, window_px: float) -> NDArray[np.float32]:
    """Measure local sharpness as the mean squared Laplacian.

    The squared Laplacian is the energy of what defocus destroys first, hence the most selective of the common measures [1]_.

    Parameters
    ----------
    gray : ndarray of float32, shape (H, W)
        Luminance on the frame's own grid: interpolation would cost sharpness that differs from frame to frame.
    window_px : float
        Sigma of the Gaussian window the energy is averaged over.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Squared display units; 0 where nothing varies.

    References
    ----------
    .. [1] Pertuz, Puig, Garcia, "Analysis of focus measure operators for shape-from-focus", Pattern Recognition 46 (2013).
    """
    energy = cv2.Laplacian(cv2.GaussianBlur(gray, (0, 0), GRAIN_SIGMA_PX), cv2.CV_32F)
    cv2.multiply(energy, energy, dst=energy)
    return cv2.GaussianBlur(energy, (0, 0), window_px, dst=energy).astype(np.float32, copy=False)


def lay_over_reference(
    plane: NDArray[np.float32],
    matrix: Matrix,
    *,
    reduction: int,
    shape: tuple[int, int],
    interpolation: int = cv2.INTER_LINEAR,
) -> NDArray[np.float32]:
    """Warp a plane from a frame's reduced grid to the reduced grid of the reference; outside the frame the border is replicated.

    Parameters
    ----------
    plane : ndarray of float32, shape (h, w)
        On the frame's grid reduced by `reduction`.
    matrix : ndarray of float64, shape (3, 3)
        Frame → reference in full-size px.
    reduction : int
        How many full-size pixels one pixel of `plane` spans.
    shape : tuple of int
        Rows and columns wanted.
    interpolation : int
        OpenCV's flag: linear is enough for smooth planes.

    Returns
    -------
    ndarray of float32, of `shape`
    """
    reduced = rescale_matrix(matrix, 1 / reduction)
    size = (shape[1], shape[0])
    if np.array_equal(reduced, np.eye(3)) and plane.shape == shape:
        return plane
    if np.array_equal(reduced[2], (0, 0, 1)):
        warped = cv2.warpAffine(plane, reduced[:2], size, flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
    else:
        warped = cv2.warpPerspective(plane, reduced, size, flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
    return warped.astype(np.float32, copy=False)
