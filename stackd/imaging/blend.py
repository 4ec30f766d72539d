"""Put frames together by a map of positions: every pixel from the frames its depth lies between.

Only tiles in which a frame takes part are warped, so the cost grows with the depth in the picture, not with the number of frames.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.frames import AlignedFrames, Progress, ignore_progress
from stackd.model.pixels import Image, Pixels

TILE_PX = 256
"""Side of a tile: weights and a warped tile stay in the processor's cache, and seldom-used frames touch few tiles. Measured."""
WORKERS = 2
"""Threads that warp tiles: photographers' machines have at least two cores, and memory bandwidth feeds hardly more."""
REACH_SIGMAS = 3.0
"""How far a Gaussian is followed; the neglected rest is 0.3 % and every weight is cut the same way."""


def blend_by_position(
    frames: AlignedFrames, position: NDArray[np.float32], *, feather_px: float, progress: Progress = ignore_progress
) -> Image:
    """Mix each pixel from the two frames its position lies between.

    Weights of neighbouring choices overlap by a Gaussian, so that a change of frame is no visible line. They sum to one
    everywhere, because a Gaussian of weights that sum to one still does.

    Parameters
    ----------
    frames : AlignedFrames
        Read once, in order.
    position : ndarray of float32, shape (H, W)
        0 for the first frame to N − 1 for the last, fractions in between.
    feather_px : float
        Sigma of the Gaussian over the weights; 0 for hard edges.
    progress : Progress
        Told after every frame.

    Returns
    -------
    Image
        Display-encoded float32, shape (H, W, 3), clipped to [0, 1].
    """
    height_px, width_px = frames.shape
    fused = np.zeros((height_px, width_px, 3), np.float32)
    for index in range(len(frames)):
        used = [tile for tile in _tiles(height_px, width_px) if _takes_part(position, index, tile, feather_px)]
        if used:
            native = frames.read_native(index)
            for rows, columns in used:
                weight = _weight(position, index, rows, columns, feather_px)
                _add_weighted(fused[rows, columns], frames.warp_tile(native, index, rows, columns), weight)
        progress("blend", index + 1, len(frames))
    return np.clip(fused, 0, 1, out=fused)


def blend_by_weight(
    frames: AlignedFrames,
    read_weight: Callable[[int], NDArray[np.float32]],
    *,
    reduction: int,
    progress: Progress = ignore_progress,
) -> Image:
    """Average the frames with weights that vary over the image.

    Parameters
    ----------
    frames : AlignedFrames
        Read once, in order, unless a frame has no weight anywhere.
    read_weight : callable
        Weights of the frame at a position, not negative, on the grid reduced by `reduction`; called once for each position, in
        order. They sum to one.
    reduction : int
        Between the grid of the weights and that of the frames.
    progress : Progress
        Told after every frame.

    Returns
    -------
    Image
        Display-encoded float32, shape (H, W, 3), in [0, 1].
    """
    height_px, width_px = frames.shape
    fused = np.zeros((height_px, width_px, 3), np.float32)
    tiles = tuple(_tiles(height_px, width_px))

    def add_tile(tile: tuple[slice, slice], *, weight: NDArray[np.float32], native: Pixels, index: int) -> None:
        part = _enlarged_part(weight, *tile, reduction)
        for inner in _used_box(part):
            rows, columns = (slice(outer.start + i.start, outer.start + i.stop) for outer, i in zip(tile, inner, strict=True))
            _add_weighted(fused[rows, columns], frames.warp_tile(native, index, rows, columns), part[inner])

    with _one_opencv_thread(), ThreadPoolExecutor(WORKERS) as workers:
        # Tiles of one frame share no pixel and frames follow each other, so the sum does not depend on which thread is faster.
        ahead: tuple[NDArray[np.float32], Future[Pixels] | None] | None = None
        for index in range(len(frames)):
            weight, native = ahead or _begin(frames, read_weight, index, workers)
            ahead = _begin(frames, read_weight, index + 1, workers) if index + 1 < len(frames) else None
            if native is not None:
                add = partial(add_tile, weight=weight, native=native.result(), index=index)
                deque(workers.map(add, tiles), maxlen=0)
            progress("blend", index + 1, len(frames))
    return np.clip(fused, 0, 1, out=fused)


def _begin(
    frames: AlignedFrames, read_weight: Callable[[int], NDArray[np.float32]], index: int, workers: ThreadPoolExecutor
) -> tuple[NDArray[np.float32], Future[Pixels] | None]:
    """Read a frame's weight, and let a worker decode the frame if it counts anywhere."""
    weight = read_weight(index)
    return weight, workers.submit(frames.read_native, index) if weight.any() else None


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV from splitting tiles among threads of its own: they are too small to gain by it: measured."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _used_box(weight: NDArray[np.float32]) -> Iterator[tuple[slice, slice]]:
    """Yield the smallest box around all weight, or nothing."""
    x, y, width, height = cv2.boundingRect((weight > 0).view(np.uint8))
    if width:
        yield slice(y, y + height), slice(x, x + width)


def _add_weighted(total: Image, image: Image, weight: NDArray[np.float32]) -> None:
    """Add `image` times `weight` to `total` in place; OpenCV does it in one pass over memory, numpy in three."""
    cv2.accumulateProduct(image, cv2.merge([weight, weight, weight]), total)


def _enlarged_part(plane: NDArray[np.float32], rows: slice, columns: slice, reduction: int) -> NDArray[np.float32]:
    """Enlarge the part of a reduced plane that a tile needs: the same values as when the whole is enlarged."""
    reach = 1  # linear interpolation looks one pixel further
    top, left = max(rows.start // reduction - reach, 0), max(columns.start // reduction - reach, 0)
    part = plane[top : -(-rows.stop // reduction) + reach, left : -(-columns.stop // reduction) + reach]
    if not part.any():
        return np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
    full = cv2.resize(part, None, fx=reduction, fy=reduction, interpolation=cv2.INTER_LINEAR)
    inner_rows = slice(rows.start - top * reduction, rows.stop - top * reduction)
    return np.asarray(full[inner_rows, columns.start - left * reduction : columns.stop - left * reduction], np.float32)


def _tiles(height_px: int, width_px: int) -> Iterator[tuple[slice, slice]]:
    for top in range(0, height_px, TILE_PX):
        for left in range(0, width_px, TILE_PX):
            yield slice(top, min(top + TILE_PX, height_px)), slice(left, min(left + TILE_PX, width_px))


def _takes_part(position: NDArray[np.float32], index: int, tile: tuple[slice, slice], feather_px: float) -> bool:
    near = _widened(position, *tile, _reach_px(feather_px))[0]
    return bool((np.abs(near - index) < 1).any())


def _weight(position: NDArray[np.float32], index: int, rows: slice, columns: slice, feather_px: float) -> NDArray[np.float32]:
    reach_px = _reach_px(feather_px)
    near, inner = _widened(position, rows, columns, reach_px)
    weight = np.maximum(1 - np.abs(near - index), 0).astype(np.float32)
    if feather_px:
        side_px = 2 * reach_px + 1
        weight = cv2.GaussianBlur(weight, (side_px, side_px), feather_px, borderType=cv2.BORDER_REPLICATE).astype(np.float32)
    return np.asarray(weight[inner], np.float32)


def _reach_px(feather_px: float) -> int:
    return int(np.ceil(REACH_SIGMAS * feather_px))


def _widened(
    position: NDArray[np.float32], rows: slice, columns: slice, reach_px: int
) -> tuple[NDArray[np.float32], tuple[slice, slice]]:
    """Cut the tile with a margin of `reach_px` where there is one, and say where the tile lies inside."""
    top, left = max(rows.start - reach_px, 0), max(columns.start - reach_px, 0)
    part = position[top : rows.stop + reach_px, left : columns.stop + reach_px]
    return part, (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
