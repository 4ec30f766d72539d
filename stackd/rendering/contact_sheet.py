"""Lay stacks out as rows of thumbnails, so that a grouping can be checked at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.model.pixels import Pixels
from stackd.rendering.lettering import INK, LINE_HEIGHT_PX, PAPER, line_width_px, write_line

ROW_HEIGHT_PX = 96
MARGIN_PX = 8
MAX_THUMBNAILS = 14
"""Thumbnails in a row; a longer stack shows evenly chosen frames, first and last among them."""

HELD = (190, 110, 0)
EDGE_PX = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SheetRow:
    """One stack on the sheet."""

    label: str
    thumbnails: Sequence[Pixels | None]
    """RGB uint8, in the order to be shown; None where a picture cannot be read."""
    is_held: bool = False


def chosen(count: int) -> list[int]:
    """Choose which of `count` frames a row shows."""
    if count <= MAX_THUMBNAILS:
        return list(range(count))
    return [round(index * (count - 1) / (MAX_THUMBNAILS - 1)) for index in range(MAX_THUMBNAILS)]


def contact_sheet(rows: Sequence[SheetRow]) -> NDArray[np.uint8]:
    """Draw the sheet: RGB uint8, as wide as its longest row."""
    drawn = [_draw_row(row) for row in rows]
    if not drawn:
        return np.full((2 * MARGIN_PX, 2 * MARGIN_PX, 3), PAPER, np.uint8)
    width = max(row.shape[1] for row in drawn) + 2 * MARGIN_PX
    height = sum(row.shape[0] + MARGIN_PX for row in drawn) + MARGIN_PX
    sheet = np.full((height, width, 3), PAPER, np.uint8)
    top = MARGIN_PX
    for row in drawn:
        sheet[top : top + row.shape[0], MARGIN_PX : MARGIN_PX + row.shape[1]] = row
        top += row.shape[0] + MARGIN_PX
    return sheet


def _draw_row(row: SheetRow) -> NDArray[np.uint8]:
    tiles = [_tile(thumbnail) for thumbnail in row.thumbnails]
    width = max(sum(tile.shape[1] + EDGE_PX for tile in tiles), line_width_px(row.label) + EDGE_PX)
    drawn = np.full((LINE_HEIGHT_PX + ROW_HEIGHT_PX, width, 3), PAPER, np.uint8)
    write_line(drawn, row.label, colour=HELD if row.is_held else INK)
    left = 0
    for tile in tiles:
        drawn[LINE_HEIGHT_PX:, left : left + tile.shape[1]] = tile
        left += tile.shape[1] + EDGE_PX
    return drawn


def _tile(thumbnail: Pixels | None) -> NDArray[np.uint8]:
    if thumbnail is None or thumbnail.size == 0:
        return np.full((ROW_HEIGHT_PX, ROW_HEIGHT_PX, 3), 210, np.uint8)
    height, width = thumbnail.shape[:2]
    size = (max(round(width * ROW_HEIGHT_PX / height), 1), ROW_HEIGHT_PX)
    way = cv2.INTER_AREA if height > ROW_HEIGHT_PX else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(thumbnail, size, interpolation=way), dtype=np.uint8)
