"""How much grain frames have, measured where they show nothing else."""

from collections.abc import Sequence

import cv2
import numpy as np

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
    energies = []
    for gray in grays:
        rest = cv2.subtract(gray, cv2.GaussianBlur(gray, (0, 0), 1.0))
        rows, columns = (max(side // PATCH_PX, 1) for side in gray.shape)
        whole = (slice(0, rows * PATCH_PX), slice(0, columns * PATCH_PX))
        energy = cv2.resize(np.square(rest[whole]), (columns, rows), interpolation=cv2.INTER_AREA)
        level = cv2.resize(gray[whole], (columns, rows), interpolation=cv2.INTER_AREA)
        energies.append(energy[(level > MIDDLE[0]) & (level < MIDDLE[1])])
    pooled = np.concatenate(energies)
    return float(np.sqrt(np.percentile(pooled, SMOOTHEST) / HIGH_PASS_SHARE)) if pooled.size else 0.0
