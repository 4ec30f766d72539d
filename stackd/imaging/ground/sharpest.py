"""The sharpest frame's view of every part of the picture, in tiles that overlap: what is small and flat is whole in one."""

from collections.abc import Iterator
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

SHORTEST_TILE_PX = 512
TILES_ACROSS = 4
"""Tiles along the shorter side, at most: what is a quarter of it or less lies whole in one of those that overlap."""

OVERLAP = 2
"""Tiles lie over one another by one half."""


class SharpestTiles:
    """Keeps, for each tile, the pixels of the frame that is sharpest there. Memory does not grow with the number of frames.

    Frames are compared where they lie, before they are registered: tiles are far larger than what a camera moves.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        side = max(SHORTEST_TILE_PX, 2 * min(shape) // TILES_ACROSS)
        self._areas = [
            (slice(top, top + side), slice(left, left + side))
            for top in _starts(shape[0], side)
            for left in _starts(shape[1], side)
        ]
        self._sharpest: list[NDArray[np.uint8] | None] = [None] * len(self._areas)
        self._detail = [-1.0] * len(self._areas)

    def add(self, gray: NDArray[np.uint8]) -> None:
        """Take in a frame, uint8 (H, W)."""
        edges = cv2.Laplacian(gray, cv2.CV_16S)
        for number, area in enumerate(self._areas):
            detail = cv2.norm(edges[area], cv2.NORM_L2)
            if detail > self._detail[number]:
                self._detail[number] = detail
                self._sharpest[number] = gray[area].copy()

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Give the tiles."""
        return (tile for tile in self._sharpest if tile is not None)


def _starts(length_px: int, side_px: int) -> list[int]:
    last = max(length_px - side_px, 0)
    count = -(-last * OVERLAP // side_px) + 1
    return [round(cast("float", start)) for start in np.linspace(0, last, count)]
