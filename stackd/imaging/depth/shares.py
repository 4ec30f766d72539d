"""Which frame is sharpest where, from a finished depth map: for people and programs that look at the result."""

import numpy as np
from numpy.typing import NDArray

from stackd.model.composite import DepthMap

SAMPLED_SIDE_PX = 1000
"""Of the long side: shares are then good to a tenth of a per cent, and a map of any size takes milliseconds."""


def sampled(depth: DepthMap, side_px: int) -> DepthMap:
    """Take every n-th row and column, so that the long side is no longer than about `side_px`."""
    step = -(-max(depth.position.shape) // side_px)
    rows, columns = (slice(step // 2 if side > step // 2 else 0, None, step) for side in depth.position.shape)
    return DepthMap(
        position=depth.position[rows, columns], confidence=depth.confidence[rows, columns], frame_count=depth.frame_count
    )


def nearest_frames(depth: DepthMap) -> NDArray[np.intp]:
    """Tell at each pixel which of the frames that took part is sharpest there, shape (H, W)."""
    return np.clip(np.rint(depth.position), 0, depth.frame_count - 1).astype(np.intp)


def sharpest_shares(depth: DepthMap) -> tuple[float, ...]:
    """Tell for each frame that took part on which share of the composite it is the sharpest; they add up to 1."""
    nearest = nearest_frames(sampled(depth, SAMPLED_SIDE_PX))
    counts = np.bincount(nearest.ravel(), minlength=depth.frame_count)
    return tuple((counts / nearest.size).tolist())
