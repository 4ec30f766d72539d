"""Luminance of decoded pixels, whole or reduced."""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.model.pixels import Gray, Pixels


def reduce_to_gray(pixels: Pixels, reduction: int) -> Gray:
    """Average the luminance of `reduction` × `reduction` px blocks; blocks at the right and lower edge may cover fewer pixels.

    Returns
    -------
    ndarray of float32, shape (ceil(H / reduction), ceil(W / reduction))
        Range [0, 1]; the luminance JPEG stores (ITU-R BT.601 weights).
    """
    gray = cast("NDArray[np.uint8] | NDArray[np.uint16]", cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    scale = np.float32(1 / np.iinfo(pixels.dtype).max)
    if reduction == 1:
        return np.multiply(gray, scale, dtype=np.float32)
    height, width = gray.shape
    rows, columns = height // reduction, width // reduction
    reduced = np.empty((-(-height // reduction), -(-width // reduction)), np.float32)
    if rows and columns:
        whole = gray[: rows * reduction, : columns * reduction]
        reduced[:rows, :columns] = _averaged(whole, reduction)
    if reduced.shape[1] > columns:
        _average_into(reduced[:, columns:], gray[:, columns * reduction :], reduction)
    if reduced.shape[0] > rows:
        _average_into(reduced[rows:], gray[rows * reduction :], reduction)
    return np.multiply(reduced, scale, out=reduced)


def _averaged(gray: NDArray[np.uint8] | NDArray[np.uint16], reduction: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Mean of blocks that cover `gray` exactly; halving twice is several times as fast as quartering once."""
    height, width = gray.shape
    halved = cast(
        "NDArray[np.uint8] | NDArray[np.uint16]",
        cv2.resize(gray, (width // 2, height // 2), interpolation=cv2.INTER_AREA),
    )
    return halved if reduction == 2 else _averaged(halved, reduction // 2)  # noqa: PLR2004


def _average_into(reduced: Gray, gray: NDArray[np.uint8] | NDArray[np.uint16], reduction: int) -> None:
    for row in range(reduced.shape[0]):
        for column in range(reduced.shape[1]):
            block = gray[row * reduction : (row + 1) * reduction, column * reduction : (column + 1) * reduction]
            reduced[row, column] = block.mean()
