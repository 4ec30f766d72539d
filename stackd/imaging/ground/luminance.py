"""Luminance of decoded pixels, whole or reduced."""

from collections.abc import Sequence
from typing import TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.blocks import reduced
from stackd.model.pixels import Gray, Pixels

Luma: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""Luminance in the integer type of the pixels it was made from, shape (H, W)."""

WHITE_PERCENTILE, FAINT_WHITE, BRIGHTENED_WHITE = 99.9, 0.1, 0.5
"""Fluorescence in 16 bits may fill a hundredth of the range: frames whose white is below a tenth of it are judged as if it were
half. Chosen so that no photograph is touched; the composite keeps its brightness."""


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


def brightening(grays: Sequence[Gray]) -> float:
    """Tell how many times brighter faint frames must be for tolerances meant for photographs to suit them; 1 for photographs.

    Parameters
    ----------
    grays : sequence of ndarray of float32, shape (H, W)
        Some frames of a stack, range [0, 1].
    """
    white = max(float(np.percentile(gray[::4, ::4], WHITE_PERCENTILE)) for gray in grays)
    return BRIGHTENED_WHITE / white if 0 < white < FAINT_WHITE else 1.0
