"""Luminance of decoded pixels, whole or reduced."""

from typing import TypeAlias, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.model.pixels import Gray, Pixels

Luma: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""Luminance in the integer type of the pixels it was made from, shape (H, W)."""

STORED = TypeVar("STORED", bound=NDArray[np.uint8] | NDArray[np.uint16])


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


def reduced(stored: STORED, reduction: int) -> STORED:
    """Average `reduction` × `reduction` px blocks, rounded; blocks at the right and lower edge may cover fewer pixels.

    Parameters
    ----------
    stored : ndarray of uint8 or uint16, shape (H, W) or (H, W, 3)
    reduction : int
        1, 2, 4 or 8.

    Returns
    -------
    ndarray of the type of `stored`, shape (ceil(H / reduction), ceil(W / reduction)) or that with 3 channels
    """
    if reduction == 1:
        return stored
    height, width = stored.shape[:2]
    rows, columns = height // reduction, width // reduction
    small = np.empty((-(-height // reduction), -(-width // reduction), *stored.shape[2:]), stored.dtype)
    if rows and columns:
        small[:rows, :columns] = _averaged(stored[: rows * reduction, : columns * reduction], reduction)
    if small.shape[1] > columns:
        _average_into(small[:, columns:], stored[:, columns * reduction :], reduction)
    if small.shape[0] > rows:
        _average_into(small[rows:], stored[rows * reduction :], reduction)
    return cast("STORED", small)


def _averaged(stored: STORED, reduction: int) -> STORED:
    """Mean of blocks that cover `stored` exactly; halving twice is several times as fast as quartering once."""
    height, width = stored.shape[:2]
    halved = cast("STORED", cv2.resize(stored, (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return halved if reduction == 2 else _averaged(halved, reduction // 2)  # noqa: PLR2004


def _average_into(small: STORED, stored: STORED, reduction: int) -> None:
    for row in range(small.shape[0]):
        for column in range(small.shape[1]):
            block = stored[row * reduction : (row + 1) * reduction, column * reduction : (column + 1) * reduction]
            small[row, column] = np.rint(block.mean(axis=(0, 1)))
