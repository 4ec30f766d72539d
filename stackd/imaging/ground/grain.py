"""How much grain frames and composites have, measured where they show nothing else."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.blocks import Edge, block_means
from stackd.model.pixels import Gray, Mask

PATCH_PX = 16
"""Side of the patches: 256 samples give their grain to 5 %."""
SMOOTHEST = 10
"""Percentile of patches taken for free of detail. A stack is mostly out of focus, so there are always some. Measured."""
HIGH_PASS_SHARE = 0.761
"""Variance of white grain that is left after taking away a Gaussian of sigma 1: 1 − 2 / (2π) + 1 / (4π)."""
MIDDLE = (0.04, 0.96)
"""Display values between which grain is not clipped away."""
NEIGHBOURHOOD_PATCHES = 9
"""Side of the square of patches whose smoothest are taken for grain: a composite has less grain where frames were averaged, and
that changes over some hundred px. Fewer patches find texture everywhere, more find the least grain of far away (measured)."""
NEIGHBOURHOOD_SIGMA_PATCHES = 2.0
"""Blur of the map of grain: it must not step from patch to patch (guess)."""
LEAST_GRAIN = 1e-4
"""Display units, a fortieth of a step of 8 bits: what has less grain has none (guess)."""
GRAIN_ALONE = 1.5
"""Squared detail, in those of grain, up to which detail counts as grain: 1 would keep the strongest half of the grain (measured
with `denoise`: 0.3 to 1 dB less)."""
DETAIL_SIGMA_PX = 2.0
"""Sigma of the window in which detail is told from grain: one of 1 px follows the grain itself (guess)."""
WHOLLY = 0.999
"""Share of a patch that is all of it, but for rounding."""
IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
"""Difference of two Laplacians: blind to edges, keeps the standard deviation of white grain [1]_."""


def estimate_grain(grays: Sequence[Gray], shown: Sequence[Mask | None] = ()) -> float:
    """Estimate the standard deviation of grain.

    Parameters
    ----------
    grays : sequence of ndarray of float32, shape (H, W)
        Frames of one stack, display-encoded, as they will be compared: grain depends on size and interpolation.
    shown : sequence of (ndarray of bool, shape (H, W), or None)
        What of each is picture; all of them by default. The rest, which is filled in, has no grain.

    Returns
    -------
    float
        Display units; 0 when every patch is clipped.
    """
    details = [np.square(cv2.subtract(gray, cv2.GaussianBlur(gray, (0, 0), 1.0))) for gray in grays]
    return float(np.sqrt(detail_of_grain(grays, details, shown) / HIGH_PASS_SHARE))


def detail_of_grain(grays: Sequence[Gray], details: Sequence[NDArray[np.float32]], shown: Sequence[Mask | None] = ()) -> float:
    """Estimate the mean squared detail that is grain alone.

    Parameters
    ----------
    grays : sequence of ndarray of float32, shape (H, W)
        Frames of one stack, display-encoded.
    details : sequence of ndarray of float32, shape (H, W)
        Squared detail of each, whatever its scale.
    shown : sequence of (ndarray of bool, shape (H, W), or None)
        As `estimate_grain` takes it.

    Returns
    -------
    float
        Squared display units; 0 when every patch is clipped.
    """
    energies = []
    for gray, detail, told in zip(grays, details, shown or [None] * len(grays), strict=True):
        energy, level = (block_means(plane, PATCH_PX, edge=Edge.LEFT_OUT) for plane in (detail, gray))
        lit = (level > MIDDLE[0]) & (level < MIDDLE[1])
        if told is not None:
            lit &= block_means(told.astype(np.float32), PATCH_PX, edge=Edge.LEFT_OUT) > WHOLLY
        energies.append(energy[lit])
    pooled = np.concatenate(energies)
    return float(np.percentile(pooled, SMOOTHEST)) if pooled.size else 0.0


def estimate_grain_map(plane: Gray, *, lit: Mask) -> NDArray[np.float32]:
    """Estimate the standard deviation of grain for every place of a composite.

    Texture all over looks like grain; so each place takes the smoothest patches of its surroundings. Where those have less grain
    than the place itself, because more frames were averaged there, it is understated: better too little smoothed than too much.

    Parameters
    ----------
    plane : ndarray of float32, shape (H, W)
        Luminance or a colour difference, display units.
    lit : ndarray of bool, shape (rows, columns)
        Patches that tell, from `lit_patches`.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        One value for each `PATCH_PX` px square; at least `LEAST_GRAIN`.

    References
    ----------
    .. [1] J. Immerkær, "Fast noise variance estimation", Computer Vision and Image Understanding 64 (1996).
    """
    from skimage.util import view_as_windows

    detail = cv2.filter2D(plane, -1, IMMERKAER, borderType=cv2.BORDER_REFLECT_101)
    grain = np.sqrt(np.pi / 2) * block_means(np.abs(detail, out=detail), PATCH_PX, edge=Edge.LEFT_OUT)
    if not lit.any():
        return np.full(grain.shape, LEAST_GRAIN, np.float32)
    told = np.where(lit, grain, np.percentile(grain[lit], SMOOTHEST))
    reach = NEIGHBOURHOOD_PATCHES // 2
    around = view_as_windows(np.pad(told.astype(np.float32), reach, mode="symmetric"), NEIGHBOURHOOD_PATCHES)
    smoothest = np.percentile(around, SMOOTHEST, axis=(2, 3), method="lower")
    softened = np.asarray(cv2.GaussianBlur(smoothest, (0, 0), NEIGHBOURHOOD_SIGMA_PATCHES), np.float32)
    return np.maximum(softened, np.float32(LEAST_GRAIN))


def lit_patches(luminance: Gray) -> Mask:
    """Find the patches that are neither black nor white, where grain is clipped away.

    Parameters
    ----------
    luminance : ndarray of float32, shape (H, W)

    Returns
    -------
    ndarray of bool, shape (rows, columns)
        One for each `PATCH_PX` px square.
    """
    level = block_means(luminance, PATCH_PX, edge=Edge.LEFT_OUT)
    return (level > MIDDLE[0]) & (level < MIDDLE[1])


def share_of_detail(plane_in_grains: Gray) -> NDArray[np.float32]:
    """Tell detail from grain: 0 where there is only grain, towards 1 where there is much more.

    It is Wiener's share of what is not noise, in a window.

    Parameters
    ----------
    plane_in_grains : ndarray of float32, shape (H, W)
        Divided by the standard deviation of its grain.

    Returns
    -------
    ndarray of float32, shape (H, W)
    """
    detail = cv2.subtract(plane_in_grains, cv2.GaussianBlur(plane_in_grains, (0, 0), 1.0))
    energy = cv2.GaussianBlur(np.square(detail, out=detail), (0, 0), DETAIL_SIGMA_PX)
    grain = np.float32(GRAIN_ALONE * HIGH_PASS_SHARE)
    return np.asarray(np.maximum(energy - grain, 0) / np.maximum(energy, grain), np.float32)
