"""How blurred the sharpest edges of an image are, measured in the image itself."""

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.grain import estimate_grain
from stackd.imaging.ground.tiles import spans
from stackd.model.pixels import Gray

FIRST_SIGMA_PX, SECOND_SIGMA_PX = 0.7, 1.4
"""Blurs put on top: the weaker one keeps grain out of the gradients, and the ratio tells blurs of 0.5 to 3 px (measured)."""

LEAST_SLOPE, LEAST_SLOPE_IN_GRAINS = 0.02, 3.0
"""Gradient of an edge, display units per px: a fiftieth of the range, and ten times the gradient that grain has after the weaker
blur (guesses)."""

STEEPEST_SHARE = 0.25
"""Share of edges, the steepest, that are asked. The others are soft shades and texture (measured)."""

LEAST_EDGES = 50
"""Fewer edges than that say nothing about an image (guess)."""

BORDER_PX = 8
"""Left out around each tile, where blurs see its border."""

LARGEST_SIGMA_PX = 4.0
"""More blur than that hardly changes the ratio; what is so soft is out of focus, not blurred by the lens."""

_SLOPE_KERNEL = np.array([[-0.5, 0.0, 0.5]], np.float32)


def estimate_blur(luminance: Gray) -> float:
    """Estimate the sigma of the Gaussian that the sharp edges of an image are blurred by.

    An edge is blurred twice more, weakly and strongly. The sharper it is, the more of its slope the stronger blur takes; for a
    step the ratio of the slopes gives the blur. Lines and fine texture come out too sharp, soft shades too soft; the median of
    the steepest is right to 15 % for blurs of 0.8 to 2 px, on rendered scenes with known blur.

    Parameters
    ----------
    luminance : ndarray of float32, shape (H, W)
        Range [0, 1], display-encoded.

    Returns
    -------
    float
        Sigma in px. A perfectly sharp image has 0.2 to 0.5 px, since a pixel is an area; 0 when there are too few edges to tell.

    References
    ----------
    .. [1] S. Zhuo, T. Sim, "Defocus map estimation from a single image", Pattern Recognition 44 (2011).
    """
    least_slope = max(LEAST_SLOPE, LEAST_SLOPE_IN_GRAINS * estimate_grain([luminance]))
    measured = [
        _edges(luminance[rows, columns], least_slope)
        for rows in spans(luminance.shape[0])
        for columns in spans(luminance.shape[1])
    ]
    slopes, variances = (np.concatenate(values) for values in zip(*measured, strict=True))
    if len(slopes) * STEEPEST_SHARE < LEAST_EDGES:
        return 0.0
    steepest = slopes >= np.quantile(slopes, 1 - STEEPEST_SHARE)
    return float(np.clip(np.sqrt(max(float(np.median(variances[steepest])), 0.0)), 0, LARGEST_SIGMA_PX))


def _edges(tile: Gray, least_slope: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the edges of a tile: slope, and variance of the blur in px²."""
    across, down = _gradient(tile, FIRST_SIGMA_PX)
    slope = cv2.magnitude(across, down)
    softer = cv2.magnitude(*_gradient(tile, SECOND_SIGMA_PX))
    # An edge is where the slope is largest along its own direction.
    crest = np.zeros(tile.shape, bool)
    crest[1:-1, 1:-1] = np.where(
        (np.abs(across) > np.abs(down))[1:-1, 1:-1],
        (slope[1:-1, 1:-1] >= slope[1:-1, :-2]) & (slope[1:-1, 1:-1] > slope[1:-1, 2:]),
        (slope[1:-1, 1:-1] >= slope[:-2, 1:-1]) & (slope[1:-1, 1:-1] > slope[2:, 1:-1]),
    )
    crest &= slope > least_slope
    crest[:BORDER_PX] = crest[-BORDER_PX:] = False
    crest[:, :BORDER_PX] = crest[:, -BORDER_PX:] = False
    ratio = np.square(slope[crest] / softer[crest])
    # slope² ∝ 1 / (blur² + sigma²) for a step, once for each sigma.
    variance = (SECOND_SIGMA_PX**2 - ratio * FIRST_SIGMA_PX**2) / np.maximum(ratio - 1, 1e-3)
    return np.asarray(slope[crest], np.float32), np.asarray(variance, np.float32)


def _gradient(tile: Gray, sigma_px: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    soft = cv2.GaussianBlur(tile, (0, 0), sigma_px)
    return (
        np.asarray(cv2.filter2D(soft, -1, _SLOPE_KERNEL), np.float32),
        np.asarray(cv2.filter2D(soft, -1, _SLOPE_KERNEL.T), np.float32),
    )
