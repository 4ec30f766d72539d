"""Frames laid over the reference and matched in brightness, made on demand from frames as they are on disk."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging import warp as warping
from stackd.imaging.frames import FrameSource
from stackd.imaging.photometric import Gain, decode_srgb, encode_srgb
from stackd.model.pixels import Gray, Image, Mask, Matrix, Pixels

BAND_ROWS = 512
"""Rows warped at once when a whole frame is wanted: temporaries stay small beside the frame itself."""

KERNEL_REACH_PX = 4
"""A cubic kernel looks 2 px to each side; the rest is margin against rounding."""

ENCODING_EXPONENT = 1 / 2.2
"""sRGB is close to this power law, which is exact enough to scale luminance by a gain near one."""


class FramesOnReference:
    """An `AlignedFrames` over a source: decodes, matches and warps what is asked for, and remembers nothing.

    Parameters
    ----------
    source : FrameSource
        All frames of the stack.
    positions : sequence of int
        Frames of the source that take part, near → far.
    matrices : sequence of ndarray of float64, shape (3, 3)
        Frame → reference px, one a position.
    gains : sequence of Gain
        Brightness match, one a position.
    """

    def __init__(
        self, source: FrameSource, *, positions: Sequence[int], matrices: Sequence[Matrix], gains: Sequence[Gain]
    ) -> None:
        self._source = source
        self._positions = tuple(positions)
        self._matrices = tuple(matrices)
        self._gains = tuple(gains)

    def __len__(self) -> int:
        return len(self._positions)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the reference grid."""
        return self._source.shape

    @property
    def matrices(self) -> Sequence[Matrix]:
        """Frame → reference px, one (3, 3) a frame."""
        return self._matrices

    def read(self, position: int) -> Image:
        """Aligned, matched RGB float32 (H, W, 3); outside the frame the border is replicated."""
        native = self.read_native(position)
        height, width = self.shape
        aligned = np.empty((height, width, 3), np.float32)
        for top in range(0, height, BAND_ROWS):
            rows = slice(top, min(top + BAND_ROWS, height))
            aligned[rows] = self.warp_tile(native, position, rows, slice(0, width))
        return aligned

    def read_native(self, position: int) -> Pixels:
        """The frame as decoded, for `warp_tile`."""
        return self._source.read(self._positions[position])

    def read_gray_native(self, position: int, reduction: int) -> Gray:
        """Luminance on the frame's own grid, matched in brightness, reduced as `FrameSource.read_gray` says."""
        gray = self._source.read_gray(self._positions[position], reduction)
        gain = self._gains[position]
        if gain.is_one:
            return gray
        return np.asarray(gray * np.float32(np.mean(gain.channels) ** ENCODING_EXPONENT), np.float32)

    def warp_tile(self, native: Pixels, position: int, rows: slice, columns: slice) -> Image:
        """Cut a tile of the reference grid out of `native`: float32, matched in brightness, cubic interpolation."""
        table = _float_table(self._gains[position].channels, native.dtype.name)
        matrix = self._matrices[position]
        if np.array_equal(matrix, np.eye(3)):
            return _look_up(native[rows, columns], table)
        part, left, top = _needed(native, matrix, rows, columns)
        to_part = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
        to_tile = np.array([[1, 0, -columns.start], [0, 1, -rows.start], [0, 0, 1]], np.float64)
        tile_shape = (rows.stop - rows.start, columns.stop - columns.start)
        warped = warping.warp(_look_up(part, table), to_tile @ matrix @ np.linalg.inv(to_part), tile_shape)
        # A cubic kernel overshoots beside hard edges; no frame is brighter than white.
        return np.clip(warped, 0, 1, out=warped)

    def covered(self, position: int) -> Mask:
        """Pixels of the reference grid that lie inside the frame, shape (H, W)."""
        return warping.covered(self._matrices[position], self.shape, self.shape)


def _needed(native: Pixels, matrix: Matrix, rows: slice, columns: slice) -> tuple[Pixels, int, int]:
    """Cut out what a tile is made from, and say at which column and row of the frame it begins.

    A tile that lies wholly outside gets the nearest border pixels, so that replication gives the same values as from the whole.
    """
    right, bottom = columns.stop - 1, rows.stop - 1
    outline = np.array([[columns.start, rows.start, 1], [right, rows.start, 1], [right, bottom, 1], [columns.start, bottom, 1]])
    placed = outline @ np.linalg.inv(matrix).T
    points = placed[:, :2] / placed[:, 2:]
    height, width = native.shape[:2]
    low = np.floor(points.min(axis=0)).astype(int) - KERNEL_REACH_PX
    high = np.ceil(points.max(axis=0)).astype(int) + KERNEL_REACH_PX + 1
    left, top = (int(np.clip(value, 0, side - 1)) for value, side in zip(low, (width, height), strict=True))
    stop_x = int(np.clip(high[0], left + 1, width))
    stop_y = int(np.clip(high[1], top + 1, height))
    return native[top:stop_y, left:stop_x], left, top


def _look_up(pixels: Pixels, table: NDArray[np.float32]) -> Image:
    """Turn integer pixels into matched float32 ones."""
    if pixels.dtype == np.uint8:
        return np.asarray(cv2.LUT(pixels, table[None]), np.float32)
    matched = np.empty(pixels.shape, np.float32)
    for channel in range(3):
        np.take(table[:, channel], pixels[..., channel], out=matched[..., channel])
    return matched


@lru_cache(maxsize=512)
def _float_table(channels: tuple[float, float, float], dtype: str) -> NDArray[np.float32]:
    """What every integer value becomes: display-encoded float32 [0, 1], shape (256 or 65536, 3)."""
    values = np.linspace(0, 1, int(np.iinfo(dtype).max) + 1)
    linear = decode_srgb(values)
    columns = [values if gain == 1 else encode_srgb(np.clip(linear * gain, 0, 1)) for gain in channels]
    return np.stack(columns, axis=1).astype(np.float32)
