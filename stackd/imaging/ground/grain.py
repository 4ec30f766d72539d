"""How much grain frames have, measured where they show nothing else."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.blocks import Edge, block_means
from stackd.model.pixels import Gray

PATCH_PX = 16
"""Side of the patches: 256 samples give their grain to 5 %."""
SMOOTHEST = 10
"""Percentile of patches taken for free of detail. A stack is mostly out of focus, so there are always some. Measured."""
HIGH_PASS_SHARE = 0.761
"""Variance of white grain that is left after taking away a Gaussian of sigma 1: 1 − 2 / (2π) + 1 / (4π)."""
MIDDLE = (0.04, 0.96)
"""Display values between which grain is not clipped away."""


def estimate_grain(grays: Sequence[Gray]) -> float:
    """Estimate the standard deviation of grain.

    Parameters
    ----------
    grays : sequence of ndarray of float32, shape (H, W)
        Frames of one stack, display-encoded, as they will be compared: grain depends on size and interpolation.

    Returns
    -------
    float
        Display units; 0 when every patch is clipped.
    """
    details = [np.square(cv2.subtract(gray, cv2.GaussianBlur(gray, (0, 0), 1.0))) for gray in grays]
    return float(np.sqrt(detail_of_grain(grays, details) / HIGH_PASS_SHARE))


def detail_of_grain(grays: Sequence[Gray], details: Sequence[NDArray[np.float32]]) -> float:
    """Estimate the mean squared detail that is grain alone.

    Parameters
    ----------
    grays : sequence of ndarray of float32, shape (H, W)
        Frames of one stack, display-encoded.
    details : sequence of ndarray of float32, shape (H, W)
        Squared detail of each, whatever its scale.

    Returns
    -------
    float
        Squared display units; 0 when every patch is clipped.
    """
    energies = []
    for gray, detail in zip(grays, details, strict=True):
        energy, level = (block_means(plane, PATCH_PX, edge=Edge.LEFT_OUT) for plane in (detail, gray))
        energies.append(energy[(level > MIDDLE[0]) & (level < MIDDLE[1])])
    pooled = np.concatenate(energies)
    return float(np.percentile(pooled, SMOOTHEST)) if pooled.size else 0.0
