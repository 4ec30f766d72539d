"""Put frames together by a map of positions: every pixel from the frames its depth lies between.

Only tiles in which a frame takes part are warped, so the cost grows with the depth in the picture, not with the number of frames.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.compose.coverage import Coverage
from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.frames import AlignedFrames, Progress, Steps, ignore_progress
from stackd.imaging.ground.tiles import one_opencv_thread
from stackd.model.pixels import Image, Mask, Pixels

TILE_PX = 256
"""Side of a tile: weights and a warped tile stay in the processor's cache, and seldom-used frames touch few tiles. Measured."""
CELL_PX, LONGEST_RUN = 64, 8
"""Where weights are given on a reduced grid: side of the cells that are warped or left out, and how many side by side at once.
Smaller cells warp less for nothing but cost more calls; more at once leave the processor's cache. Measured."""
LEAST_SHARE = 0.01
"""Of the weights: where frames that show something have less, they are no measure of what belongs there (guess)."""
WORKERS = 2
"""Threads that warp tiles: photographers' machines have at least two cores, and memory bandwidth feeds hardly more."""
REACH_SIGMAS = 3.0
"""How far a Gaussian is followed; the neglected rest is 0.3 % and every weight is cut the same way."""

Box: TypeAlias = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameWeight:
    """How much of a frame goes into the composite, on the grid reduced for decisions."""

    whole: NDArray[np.float32]
    """Of the frame as it is: not negative; over all frames these sum to one."""
    detail: NDArray[np.float32] | None = None
    """Added to that for fine detail; over all frames these sum to zero."""


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
    gaps = _Gaps(frames)
    step = Steps(progress, "blend", len(frames))
    for index in range(len(frames)):
        used = [tile for tile in _tiles(height_px, width_px) if _takes_part(position, index, tile, feather_px)]
        if used:
            native = frames.read_native(index)
            covered = gaps.coverage.take_part(index)
            for rows, columns in used:
                weight = _weight(position, index, rows, columns, feather_px)
                if covered is not None:
                    weight = gaps.cut(weight, weight, covered, (rows, columns))
                _add_weighted(fused[rows, columns], frames.warp_tile(native, index, rows, columns), weight)
        step()
    gaps.fill(fused)
    return np.clip(fused, 0, 1, out=fused)


def blend_by_weight(
    frames: AlignedFrames,
    read_weight: Callable[[int], FrameWeight],
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
        Weight of the frame at a position, on the grid reduced by `reduction`; called once for each position, in order.
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
    step = Steps(progress, "blend", len(frames))
    # What is too coarse to be detail is taken away again where a frame's detail counts more or less than the frame. It needs no
    # more pixels than the reduced grid has.
    coarse = np.zeros((-(-height_px // reduction), -(-width_px // reduction), 3), np.float32)
    gaps = _Gaps(frames)

    def add(
        boxes: Sequence[Box],
        *,
        weights: Image,
        whole: NDArray[np.float32],
        detail: NDArray[np.float32] | None,
        native: Pixels,
        index: int,
        covered: Mask | None,
    ) -> None:
        for box in boxes:
            weight = _enlarged_part(weights, *box, reduction)
            if covered is not None and not covered[box].all():
                weight = gaps.cut(weight, _enlarged_part(whole, *box, reduction), covered, box)
            small = _reduced(box, reduction)
            if detail is None or not detail[small].any():
                cv2.accumulateProduct(frames.warp_tile(native, index, *box), weight, fused[box])
                continue
            wide_small, wide = _with_margin(small, reduction, (height_px, width_px))
            pixels = frames.warp_tile(native, index, *wide)
            cv2.accumulateProduct(pixels[_inside(box, wide)], weight, fused[box])
            _add_weighted(coarse[small], _without_detail(pixels, reduction)[_inside(small, wide_small)], detail[small])

    def take_coarse_away(tile: Box) -> None:
        rows, columns = _reduced(tile, reduction)
        if coarse[max(rows.start - 1, 0) : rows.stop + 1, max(columns.start - 1, 0) : columns.stop + 1].any():
            cv2.subtract(fused[tile], _enlarged_part(coarse, *tile, reduction), dst=fused[tile])

    with one_opencv_thread(), ThreadPoolExecutor(WORKERS) as workers:
        # Boxes of one frame share no pixel and frames follow each other, so the sum does not depend on which thread is faster.
        ahead: tuple[FrameWeight, Future[Pixels] | None] | None = None
        for index in range(len(frames)):
            weight, native = ahead or _begin(frames, read_weight, index, workers)
            ahead = _begin(frames, read_weight, index + 1, workers) if index + 1 < len(frames) else None
            if native is not None:
                detail = weight.detail
                total = weight.whole if detail is None else weight.whole + detail
                used = weight.whole > 0 if detail is None else (weight.whole > 0) | (detail != 0)
                weights = np.asarray(cv2.merge([total] * 3), np.float32)
                task = partial(
                    add,
                    weights=weights,
                    whole=weight.whole,
                    detail=detail,
                    native=native.result(),
                    index=index,
                    covered=gaps.coverage.take_part(index),
                )
                deque(workers.map(task, _used_boxes(used, frames.shape, reduction)), maxlen=0)
                del task, native  # before the frame after next is decoded: two frames at once are enough
            step()
        if coarse.any():
            deque(workers.map(take_coarse_away, _tiles(height_px, width_px)), maxlen=0)
    gaps.fill(fused)
    return np.clip(fused, 0, 1, out=fused)


class _Gaps:
    """Weights of frames where these show nothing: what is lost there is made up for by the frames that do.

    Parameters
    ----------
    frames : AlignedFrames
        All frames of the stack.
    """

    def __init__(self, frames: AlignedFrames) -> None:
        self._frames = frames
        self.coverage = Coverage(frames)
        self._lost: dict[tuple[int, int], NDArray[np.float32]] = {}  # by the top left corner of a cell; kept where there is any

    def cut(self, weight: Image, whole: NDArray[np.float32], covered: Mask, box: Box) -> Image:
        """Take a frame's weight away where it shows nothing, and remember how much of its `whole` weight that was."""
        lost = np.where(covered[box], np.float32(0), whole)
        for cell, in_box, in_cell in _cells(box):
            if lost[in_box].any():
                self._lost.setdefault(cell, np.zeros((CELL_PX, CELL_PX), np.float32))[in_cell] += lost[in_box]
        return np.asarray(cv2.copyTo(weight, covered[box].view(np.uint8)), np.float32)

    def fill(self, fused: Image) -> None:
        """Bring the sum of weights back to one where some was lost; where hardly any is left, show a frame near the middle."""
        empty: list[tuple[Box, Mask]] = []
        for (top, left), lost in self._lost.items():
            box = slice(top, min(top + CELL_PX, fused.shape[0])), slice(left, min(left + CELL_PX, fused.shape[1]))
            share = 1 - lost[: box[0].stop - top, : box[1].stop - left]
            fused[box] /= np.maximum(share, LEAST_SHARE)[..., None]
            if (share < LEAST_SHARE).any():
                empty.append((box, share < LEAST_SHARE))
        for position in self.coverage.from_the_middle():
            if not empty:
                return
            native, covered = self._frames.read_native(position), self._frames.covered(position)
            for box, missing in empty:
                found = missing & covered[box]
                np.copyto(fused[box], self._frames.warp_tile(native, position, *box), where=found[..., None])
            empty = [(box, missing & ~covered[box]) for box, missing in empty if not covered[box][missing].all()]


def _begin(
    frames: AlignedFrames, read_weight: Callable[[int], FrameWeight], index: int, workers: ThreadPoolExecutor
) -> tuple[FrameWeight, Future[Pixels] | None]:
    """Read a frame's weight, and let a worker decode the frame if it counts anywhere."""
    weight = read_weight(index)
    counts = weight.detail is not None or weight.whole.any()
    return weight, workers.submit(frames.read_native, index) if counts else None


def _used_boxes(used: NDArray[np.bool_], shape: tuple[int, int], reduction: int) -> list[list[Box]]:
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


def _cells(box: Box) -> Iterator[tuple[tuple[int, int], Box, Box]]:
    """Yield the top left corners of the cells that a box touches, and where in the box and in the cell both meet."""
    rows, columns = box
    for top in range(rows.start // CELL_PX * CELL_PX, rows.stop, CELL_PX):
        for left in range(columns.start // CELL_PX * CELL_PX, columns.stop, CELL_PX):
            meet = (
                slice(max(top, rows.start), min(top + CELL_PX, rows.stop)),
                slice(max(left, columns.start), min(left + CELL_PX, columns.stop)),
            )
            yield (top, left), _inside(meet, box), _inside(meet, (slice(top, None), slice(left, None)))


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


def _reduced(part: Box, reduction: int) -> Box:
    """Say which pixels of the reduced grid a part touches."""
    rows, columns = (slice(side.start // reduction, -(-side.stop // reduction)) for side in part)
    return rows, columns


def _with_margin(small: Box, reduction: int, shape: tuple[int, int]) -> tuple[Box, Box]:
    """Widen a part of the reduced grid by the pixel that `_without_detail` looks at; say where it lies on both grids."""
    rows, columns = (
        slice(max(side.start - 1, 0), min(side.stop + 1, -(-length // reduction)))
        for side, length in zip(small, shape, strict=True)
    )
    wide_rows, wide_columns = (
        slice(side.start * reduction, min(side.stop * reduction, length))
        for side, length in zip((rows, columns), shape, strict=True)
    )
    return (rows, columns), (wide_rows, wide_columns)


def _inside(part: Box, wide: Box) -> Box:
    """Say where a part lies in a wider one."""
    rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, wide, strict=True))
    return rows, columns


def _without_detail(image: Image, reduction: int) -> Image:
    """Reduce an image and smooth it a little: together about a Gaussian of one reduced pixel, at a fraction of the time."""
    return np.asarray(cv2.blur(block_means(image, reduction, edge=Edge.REPEATED), (3, 3)), np.float32)


def _add_weighted(total: Image, image: Image, weight: NDArray[np.float32]) -> None:
    """Add `image` times `weight` to `total` in place; OpenCV does it in one pass over memory, numpy in three."""
    cv2.accumulateProduct(image, cv2.merge([weight, weight, weight]), total)


def _enlarged_part(plane: Image, rows: slice, columns: slice, reduction: int) -> Image:
    """Enlarge the part of a reduced image that a box needs: the same values as when the whole is enlarged."""
    reach = 1  # linear interpolation looks one pixel further
    top, left = max(rows.start // reduction - reach, 0), max(columns.start // reduction - reach, 0)
    part = plane[top : -(-rows.stop // reduction) + reach, left : -(-columns.stop // reduction) + reach]
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
