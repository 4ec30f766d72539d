"""Luminance of decoded pixels, whole or reduced."""

from typing import TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.blocks import reduced
from stackd.model.pixels import Gray, Pixels

Luma: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""Luminance in the integer type of the pixels it was made from, shape (H, W)."""


def luma(pixels: Pixels) -> Luma:
    """Weigh red, green and blue to the luminance JPEG stores (ITU-R BT.601)."""
    return cast("Luma", cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))


def as_gray(stored: Luma) -> Gray:
    """Bring luminance to float32, range [0, 1]."""
    return np.multiply(stored, np.float32(1 / np.iinfo(stored.dtype).max), dtype=np.float32)


def reduce_to_gray(pixels: Pixels, reduction: int) -> Gray:
    """Average the luminance of `reduction` × `reduction` px blocks; blocks at the right and lower edge may cover fewer pixels.

    Returns
    -------
    ndarray of float32, shape (ceil(H / reduction), ceil(W / reduction))
        Range [0, 1].
    """
    return as_gray(reduced(luma(pixels), reduction))
