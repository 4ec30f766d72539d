"""Boxes: parts of the full grid in which a frame takes part, and where they lie on the grid reduced for decisions."""

from collections.abc import Iterator
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.model.pixels import Mask

TILE_PX = 256
"""Side of a tile: weights and a warped tile stay in the processor's cache, and seldom-used frames touch few tiles. Measured."""
CELL_PX, LONGEST_RUN = 64, 8
"""Where weights are given on a reduced grid: side of the cells that are warped or left out, and how many side by side at once.
Smaller cells warp less for nothing but cost more calls; more at once leave the processor's cache. Measured."""

Box: TypeAlias = tuple[slice, slice]
"""Rows and columns."""


def tiles(height_px: int, width_px: int) -> Iterator[Box]:
    """Cut a grid into tiles, row by row."""
    for top in range(0, height_px, TILE_PX):
        for left in range(0, width_px, TILE_PX):
            yield slice(top, min(top + TILE_PX, height_px)), slice(left, min(left + TILE_PX, width_px))


def used_boxes(used: Mask, shape: tuple[int, int], reduction: int) -> list[list[Box]]:
    """Find boxes of the full grid that hold all that is used, none overlapping another: a list for each row of cells."""
    cell = CELL_PX // reduction
    # Enlarging spreads a weight to its neighbours.
    around = np.asarray(cv2.dilate(used.view(np.uint8), np.ones((3, 3), np.uint8)), np.uint8)
    starts = [np.arange(0, side, cell) for side in around.shape]
    cells = np.maximum.reduceat(np.maximum.reduceat(around, starts[0], axis=0), starts[1], axis=1)
    return [
        [
            _box(around[row * cell : (row + 1) * cell, first * cell : last * cell], row * cell, first * cell, shape, reduction)
            for first, last in _runs(cells[row])
        ]
        for row in np.flatnonzero(cells.any(axis=1)).tolist()
    ]


def cells_of(box: Box) -> Iterator[tuple[tuple[int, int], Box, Box]]:
    """Yield the top left corners of the cells that a box touches, and where in the box and in the cell both meet."""
    rows, columns = box
    for top in range(rows.start // CELL_PX * CELL_PX, rows.stop, CELL_PX):
        for left in range(columns.start // CELL_PX * CELL_PX, columns.stop, CELL_PX):
            meet = (
                slice(max(top, rows.start), min(top + CELL_PX, rows.stop)),
                slice(max(left, columns.start), min(left + CELL_PX, columns.stop)),
            )
            yield (top, left), inside(meet, box), inside(meet, (slice(top, None), slice(left, None)))


def reduced_box(part: Box, reduction: int) -> Box:
    """Say which pixels of the reduced grid a part touches."""
    rows, columns = (slice(side.start // reduction, -(-side.stop // reduction)) for side in part)
    return rows, columns


def with_margin(small: Box, reduction: int, shape: tuple[int, int]) -> tuple[Box, Box]:
    """Widen a part of the reduced grid by the pixel that smoothing on it looks at; say where it lies on both grids."""
    rows, columns = (
        slice(max(side.start - 1, 0), min(side.stop + 1, -(-length // reduction)))
        for side, length in zip(small, shape, strict=True)
    )
    wide_rows, wide_columns = (
        slice(side.start * reduction, min(side.stop * reduction, length))
        for side, length in zip((rows, columns), shape, strict=True)
    )
    return (rows, columns), (wide_rows, wide_columns)


def inside(part: Box, wide: Box) -> Box:
    """Say where a part lies in a wider one."""
    rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, wide, strict=True))
    return rows, columns


def enlarged_part(plane: NDArray[np.float32], rows: slice, columns: slice, reduction: int) -> NDArray[np.float32]:
    """Enlarge the part of a reduced image that a box needs: the same values as when the whole is enlarged."""
    reach = 1  # linear interpolation looks one pixel further
    top, left = max(rows.start // reduction - reach, 0), max(columns.start // reduction - reach, 0)
    part = plane[top : -(-rows.stop // reduction) + reach, left : -(-columns.stop // reduction) + reach]
    full = cv2.resize(part, None, fx=reduction, fy=reduction, interpolation=cv2.INTER_LINEAR)
    inner_rows = slice(rows.start - top * reduction, rows.stop - top * reduction)
    return np.asarray(full[inner_rows, columns.start - left * reduction : columns.stop - left * reduction], np.float32)


def _runs(used: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """Yield start and end of used cells in a row, no more than `LONGEST_RUN` at once."""
    steps = np.flatnonzero(np.diff(used, prepend=0, append=0)).tolist()
    for start, stop in zip(steps[::2], steps[1::2], strict=True):
        for first in range(start, stop, LONGEST_RUN):
            yield first, min(first + LONGEST_RUN, stop)


def _box(used: NDArray[np.uint8], top: int, left: int, shape: tuple[int, int], reduction: int) -> Box:
    """Shrink cells to what is used of them, and express it on the full grid."""
    x, y, width, height = cv2.boundingRect(used)
    rows, columns = (
        slice(start * reduction, min((start + length) * reduction, side))
        for start, length, side in ((top + y, height, shape[0]), (left + x, width, shape[1]))
    )
    return rows, columns
