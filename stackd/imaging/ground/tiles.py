"""Work on an image tile by tile, so that what a step needs beside the image and its result does not grow with the image.

Every tile is cut with a margin; what a step makes of the margin is thrown away. If the margin is as wide as the step looks, no
tile shows: the result is that of the whole image at once.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.model.pixels import Image

TILE_PX = 512
"""Side of a tile without its margin. With margins of 32 px a quarter more pixels are worked on than there are; at 256 px it were
more than half, and at 1024 px two tiles in work would take as much memory as a third of a 24-megapixel image."""

WORKERS = 2
"""Tiles in work at once. The kernels used release the interpreter; two tiles keep within the memory that fusion takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePlace:
    """Where a tile lies in its image, margin included: px of its upper left corner, negative in the margin, and its size."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TileWork:
    """What is to be done to every tile of an image.

    Made after a look at the whole image, so that all tiles are treated alike.
    """

    run: Callable[[Image, TilePlace], Image]
    """Makes of a tile (display-encoded RGB, margin included, never modified) one of the same shape."""
    margin_px: int = 0
    """How far around a pixel `run` looks; at most half of `TILE_PX`, and a multiple of 8 where it works on reduced grids."""
    why_nothing: str = ""
    """A sentence that says why the image stays as it is, where it does."""


def nothing_to_do(why: str) -> TileWork:
    """Leave an image as it is, and say why."""
    return TileWork(run=lambda tile, _: tile, why_nothing=why)


def run_on_tiles(image: Image, work: TileWork, *, out: Image | None = None, progress: Callable[[], None] | None = None) -> Image:
    """Do a piece of work to every tile of an image.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
        Not modified, unless it is `out`.
    work : TileWork
        What to do.
    out : ndarray of float32, shape (H, W, 3), optional
        Where the result goes; may be the image itself.
    progress : callable, optional
        Called after every tile; may raise to stop the work.

    Returns
    -------
    ndarray of float32, shape (H, W, 3)
        `out`, or a new image. Beyond its borders the image counts as mirrored.
    """
    result = np.empty_like(image) if out is None else out
    margin_px = work.margin_px
    above = image[:0]

    def make(band: Image, rows: slice, columns: slice) -> None:
        tile, place = _tile(band, rows, columns, margin_px=margin_px)
        inside = tuple(slice(margin_px, margin_px + span.stop - span.start) for span in (rows, columns))
        result[rows, columns] = work.run(tile, place)[inside]

    with one_opencv_thread(), ThreadPoolExecutor(WORKERS) as workers:
        for rows in spans(image.shape[0]):
            # A copy, because the rows below need it unchanged when the result is written over the image.
            band = _band(image, rows, above, margin_px=margin_px)
            above = band[rows.stop - rows.start : rows.stop - rows.start + margin_px].copy()
            tiles = [workers.submit(partial(make, band, rows, columns)) for columns in spans(image.shape[1])]
            try:
                for tile in tiles:
                    tile.result()
                    if progress is not None:
                        progress()
            finally:
                # Whoever stops the work does not wait for the rest of the row.
                for tile in tiles:
                    tile.cancel()
    return result


def count_tiles(shape: tuple[int, ...]) -> int:
    """Count the tiles of an image of that shape."""
    return len(spans(shape[0])) * len(spans(shape[1]))


def spans(side_px: int) -> Sequence[slice]:
    """Cut a side into tiles; a last one of less than half the size joins the one before, so that margins find what to mirror."""
    starts = list(range(0, side_px, TILE_PX))
    if len(starts) > 1 and side_px - starts[-1] < TILE_PX // 2:
        starts.pop()
    return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], side_px], strict=True)]


def enlarged(coarse: NDArray[np.float32], place: TilePlace, *, cell_px: float) -> NDArray[np.float32]:
    """Look up a map of coarse cells at every pixel of a tile, linearly between the middles of cells.

    Parameters
    ----------
    coarse : ndarray of float32, shape (rows, columns)
        One value a cell.
    place : TilePlace
        The tile.
    cell_px : float
        Side of a cell in px of the image.

    Returns
    -------
    ndarray of float32, shape (place.height, place.width)
        The same at a pixel whichever tile it is asked for in; beyond the outermost middles the map goes on as it is there.
    """
    row, row_share = _between(place.top, place.height, cell_px, coarse.shape[0])
    column, column_share = _between(place.left, place.width, cell_px, coarse.shape[1])
    lines = coarse[row] * (1 - row_share)[:, None] + coarse[np.minimum(row + 1, coarse.shape[0] - 1)] * row_share[:, None]
    return np.asarray(
        lines[:, column] * (1 - column_share) + lines[:, np.minimum(column + 1, coarse.shape[1] - 1)] * column_share, np.float32
    )


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV from splitting tiles among threads of its own: they are too small to gain by it (measured).

    It holds for the whole process: two of these must not overlap in time.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _between(start: int, count: int, cell_px: float, cells: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each pixel the cell whose middle lies before it, and how far on it is to the next middle."""
    place = np.clip((np.arange(start, start + count) + 0.5) / cell_px - 0.5, 0, cells - 1)
    before = np.floor(place).astype(np.intp)
    return before, (place - before).astype(np.float32)


def _band(image: Image, rows: slice, above: Image, *, margin_px: int) -> Image:
    """Copy rows with the margin above and below; `above` holds the rows of the margin that were written over since."""
    below = image[rows.start : rows.stop + margin_px]
    upper = margin_px - len(above)
    lower = rows.stop + margin_px - min(rows.stop + margin_px, image.shape[0])
    band = np.concatenate([above, below]) if len(above) else below
    return np.asarray(cv2.copyMakeBorder(band, upper, lower, 0, 0, cv2.BORDER_REFLECT_101), np.float32)


def _tile(band: Image, rows: slice, columns: slice, *, margin_px: int) -> tuple[Image, TilePlace]:
    left, right = columns.start - margin_px, columns.stop + margin_px
    width = band.shape[1]
    inside = band[:, max(left, 0) : min(right, width)]
    tile = cv2.copyMakeBorder(inside, 0, 0, max(-left, 0), max(right - width, 0), cv2.BORDER_REFLECT_101)
    return np.asarray(tile, np.float32), TilePlace(
        top=rows.start - margin_px, left=left, height=tile.shape[0], width=tile.shape[1]
    )
