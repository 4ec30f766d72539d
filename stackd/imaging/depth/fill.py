"""Carry a depth map from where it is sure to where it is not."""

import cv2
import numpy as np
from numpy.typing import NDArray


def filled(position: NDArray[np.float32], confidence: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace unsure positions by a smooth continuation of the sure ones around them.

    Pull-push: coarser levels average what is sure, finer levels take from the coarser one what they lack [1]_.

    Parameters
    ----------
    position : ndarray of float32, shape (H, W)
        Positions in the stack.
    confidence : ndarray of float32, shape (H, W)
        0 for unknown to 1 for sure.

    Returns
    -------
    ndarray of float32, shape (H, W)
        The given position where confidence is 1, the continuation where it is 0.

    References
    ----------
    .. [1] Gortler, Grzeszczuk, Szeliski, Cohen, "The lumigraph", SIGGRAPH 1996.
    """
    if min(position.shape) == 1:  # the coarsest level: one mean depth for what no finer one knows
        sure = float(confidence.sum())
        overall = float((position * confidence).sum()) / sure if sure else float(position.mean())
        return confidence * position + (1 - confidence) * np.float32(overall)
    weight = cv2.pyrDown(confidence)
    moment = cv2.pyrDown(position * confidence)
    known = weight > np.finfo(np.float32).tiny
    mean = np.divide(moment, weight, out=cv2.pyrDown(position), where=known)
    # A coarse pixel that holds a quarter of sure ones is as sure as it needs to be: nearby depth beats the mean of far ones.
    coarser = filled(np.asarray(mean, np.float32), np.minimum(4 * weight, 1).astype(np.float32))
    height, width = position.shape
    continued = np.asarray(cv2.pyrUp(coarser, dstsize=(width, height)), np.float32)
    return confidence * position + (1 - confidence) * continued
