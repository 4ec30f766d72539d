"""Draw crops of several composites side by side, a row a place, under a small picture that shows where the places are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.bench.look.worst_places import Place
from stackd.model.pixels import Mask, Pixels
from stackd.rendering.lettering import INK, LINE_HEIGHT_PX, PAPER, folded, write_line

MARGIN_PX = 8
EDGE_PX = 3

OVERVIEW_PX = (420, 300)
"""Width and height at most."""

LEGEND_PX = 520
"""Width at least of what is written beside the overview."""

MARK = (230, 60, 20)
EMPTY = (210, 210, 210)

SMALL_PX = 1200
"""Pictures whose longer side is shorter are shown at 200 %, or their pixels could not be told apart on most screens (guess)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The square that is shown of a place, on the grid of the picture that composites were compared with."""

    left_px: int
    top_px: int
    side_px: int

    @property
    def middle_px(self) -> tuple[float, float]:
        """Its centre (x, y), pixel centres at integers."""
        half = (self.side_px - 1) / 2
        return self.left_px + half, self.top_px + half


def zoom_for(shape: tuple[int, int]) -> int:
    """Choose by how much crops are enlarged."""
    return 2 if max(shape) < SMALL_PX else 1


def window_around(place: Place, valid: Mask, *, side_px: int) -> Window:
    """Lay the square around a place, moved inwards where it would reach beyond what may be compared, which holds the place."""
    left_px, top_px = (
        max(int(inside[0]), min(middle - side_px // 2, int(inside[-1]) + 1 - side_px))
        for middle, inside in (
            (place.x_px, np.flatnonzero(valid.any(axis=0))),
            (place.y_px, np.flatnonzero(valid.any(axis=1))),
        )
    )
    return Window(left_px=left_px, top_px=top_px, side_px=side_px)


def look_sheet(
    overview: NDArray[np.uint8],
    windows: Sequence[Window],
    shape: tuple[int, int],
    *,
    labels: Sequence[str],
    columns: Mapping[str, Sequence[NDArray[np.uint8] | None]],
    legend: Sequence[str],
    tile_px: int,
) -> NDArray[np.uint8]:
    """Draw the sheet: RGB uint8.

    Parameters
    ----------
    overview : ndarray of uint8, shape (h, w, 3)
        The whole picture, of any size.
    windows : sequence of Window
        One a place, on a grid of `shape` rows and columns.
    labels : sequence of str
        What is written over each row.
    columns : mapping of str to sequence
        By program, a crop a place; None where there is none.
    legend : sequence of str
        Written beside the overview, each on lines of its own.
    tile_px : int
        Side of a tile; crops are enlarged to it without smoothing.
    """
    strip_px = len(columns) * (tile_px + EDGE_PX)
    header = _header(overview, windows, shape, legend, width_px=max(strip_px, OVERVIEW_PX[0] + MARGIN_PX + LEGEND_PX))
    row_px = LINE_HEIGHT_PX + tile_px + MARGIN_PX
    sheet = np.full(
        (header.shape[0] + LINE_HEIGHT_PX + len(labels) * row_px + 3 * MARGIN_PX, header.shape[1] + 2 * MARGIN_PX, 3),
        PAPER,
        np.uint8,
    )
    _paste(sheet, header, left_px=MARGIN_PX, top_px=MARGIN_PX)
    top_px = 2 * MARGIN_PX + header.shape[0]
    for column, (program, crops) in enumerate(columns.items()):
        left_px = MARGIN_PX + column * (tile_px + EDGE_PX)
        write_line(sheet, program, left_px=left_px, top_px=top_px)
        for row, crop in enumerate(crops):
            tile_top_px = top_px + 2 * LINE_HEIGHT_PX + row * row_px
            _paste(sheet, _tile(crop, tile_px), left_px=left_px, top_px=tile_top_px)
    for row, label in enumerate(labels):
        write_line(sheet, label, left_px=MARGIN_PX, top_px=top_px + LINE_HEIGHT_PX + row * row_px)
    return sheet


def cut(pixels: Pixels, window: Window, developed: Callable[[Pixels], NDArray[np.uint8]]) -> NDArray[np.uint8] | None:
    """Cut a square out of a picture and develop it for showing; what reaches beyond the picture is paper, None if all does."""
    top_px, left_px = max(window.top_px, 0), max(window.left_px, 0)
    found = pixels[top_px : max(window.top_px + window.side_px, 0), left_px : max(window.left_px + window.side_px, 0)]
    if not found.size:
        return None
    crop = np.full((window.side_px, window.side_px, 3), PAPER, np.uint8)
    _paste(crop, developed(found), left_px=left_px - window.left_px, top_px=top_px - window.top_px)
    return crop


def _header(
    overview: NDArray[np.uint8], windows: Sequence[Window], shape: tuple[int, int], legend: Sequence[str], *, width_px: int
) -> NDArray[np.uint8]:
    lines = [line for text in legend for line in folded(text, width_px - OVERVIEW_PX[0] - MARGIN_PX)]
    scale = min(OVERVIEW_PX[0] / shape[1], OVERVIEW_PX[1] / shape[0])
    size = (max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale)))
    small = np.asarray(cv2.resize(overview, size, interpolation=cv2.INTER_AREA), np.uint8)
    for number, window in enumerate(windows, start=1):
        left_px, top_px, side_px = (round(length * scale) for length in (window.left_px, window.top_px, window.side_px))
        cv2.rectangle(small, (left_px, top_px), (left_px + side_px - 1, top_px + side_px - 1), MARK, 1)
        write_line(small, str(number), left_px=left_px + EDGE_PX, top_px=top_px - EDGE_PX, colour=MARK)
    header = np.full((max(size[1], LINE_HEIGHT_PX * len(lines)), width_px, 3), PAPER, np.uint8)
    _paste(header, small, left_px=0, top_px=0)
    for number, line in enumerate(lines):
        write_line(header, line, left_px=size[0] + MARGIN_PX, top_px=number * LINE_HEIGHT_PX, colour=INK)
    return header


def _tile(crop: NDArray[np.uint8] | None, tile_px: int) -> NDArray[np.uint8]:
    if crop is None:
        return np.full((tile_px, tile_px, 3), EMPTY, np.uint8)
    return np.asarray(cv2.resize(crop, (tile_px, tile_px), interpolation=cv2.INTER_NEAREST), np.uint8)


def _paste(onto: NDArray[np.uint8], picture: NDArray[np.uint8], *, left_px: int, top_px: int) -> None:
    height, width = picture.shape[:2]
    onto[top_px : top_px + height, left_px : left_px + width] = picture[: onto.shape[0] - top_px, : onto.shape[1] - left_px]
