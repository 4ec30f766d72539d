"""Blending: frames put together by weights, as a value that gives the image, or the layers it is made of.

Only tiles in which a frame takes part are warped, so the cost grows with the depth in the picture, not with the number of frames.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.compose.boxes import Box, enlarged_part, inside, reduced_box, tiles, used_boxes, with_margin
from stackd.imaging.compose.gaps import Gaps
from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.frames import AlignedFrames, Progress, Steps, ignore_progress
from stackd.imaging.ground.tiles import one_opencv_thread
from stackd.model.pixels import Image, Mask, Pixels

WORKERS = 2
"""Threads that warp tiles: photographers' machines have at least two cores, and memory bandwidth feeds hardly more."""
REACH_SIGMAS = 3.0
"""How far a Gaussian is followed; the neglected rest is 0.3 % and every weight is cut the same way."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """How much of one frame a composite shows.

    `position` is that of the frame among those aligned; `weight` is float32 (H, W) on the reference grid, 0 to 1, and sums to one
    over all frames.
    """

    position: int
    weight: NDArray[np.float32]


class Blending(Protocol):
    """Frames with the weights they go into the composite with."""

    def image(self, *, progress: Progress = ignore_progress) -> Image:
        """Put the frames together: display-encoded float32, shape (H, W, 3), in [0, 1]. `progress` is told after every frame."""
        ...

    def layers(self) -> Iterator[Layer]:
        """Yield every frame's weight at full size, one at a time. Frames are not decoded."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameWeight:
    """How much of a frame goes into the composite, on the grid reduced for decisions."""

    whole: NDArray[np.float32]
    """Of the frame as it is: not negative; over all frames these sum to one."""
    detail: NDArray[np.float32] | None = None
    """Added to that for fine detail; over all frames these sum to zero."""

    @property
    def total(self) -> NDArray[np.float32]:
        """Of the frame's fine detail."""
        return self.whole if self.detail is None else self.whole + self.detail


class Weights(Protocol):
    """Weights of all frames, on a reduced grid."""

    def weight(self, position: int) -> FrameWeight:
        """Weight of a frame; the same whenever it is asked for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlendingByPosition:
    """Each pixel from the two frames its position lies between.

    Weights of neighbouring choices overlap by a Gaussian, so that a change of frame is no visible line. They sum to one
    everywhere, because a Gaussian of weights that sum to one still does.
    """

    frames: AlignedFrames
    position: NDArray[np.float32]
    """Shape (H, W): 0 for the first frame to N − 1 for the last, fractions in between."""
    feather_px: float
    """Sigma of the Gaussian over the weights; 0 for hard edges."""

    def image(self, *, progress: Progress = ignore_progress) -> Image:
        """Put the frames together; each is read once, in order, if it takes part."""
        frames = self.frames
        height_px, width_px = frames.shape
        fused = np.zeros((height_px, width_px, 3), np.float32)
        gaps = Gaps(frames)
        step = Steps(progress, "blend", len(frames))
        for index in range(len(frames)):
            used = [tile for tile in tiles(height_px, width_px) if _takes_part(self.position, index, tile, self.feather_px)]
            if used:
                native = frames.read_native(index)
                covered = gaps.coverage.take_part(index)
                for rows, columns in used:
                    weight = _weight(self.position, index, rows, columns, self.feather_px)
                    if covered is not None:
                        weight = gaps.cut(weight, weight, covered, (rows, columns))
                    _add_weighted(fused[rows, columns], frames.warp_tile(native, index, rows, columns), weight)
            step()
        gaps.fill(fused)
        return np.clip(fused, 0, 1, out=fused)

    def layers(self) -> Iterator[Layer]:
        """Yield every frame's weight at full size."""
        whole = (slice(0, self.frames.shape[0]), slice(0, self.frames.shape[1]))
        return _layers(self.frames, lambda index: (weight := _weight(self.position, index, *whole, self.feather_px), weight))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlendingByWeight:
    """An average of the frames with weights that vary over the image."""

    frames: AlignedFrames
    weights: Weights
    reduction: int
    """Between the grid of the weights and that of the frames."""

    def image(self, *, progress: Progress = ignore_progress) -> Image:
        """Put the frames together; each is read once, in order, unless it has no weight anywhere."""
        frames, reduction = self.frames, self.reduction
        height_px, width_px = frames.shape
        fused = np.zeros((height_px, width_px, 3), np.float32)
        step = Steps(progress, "blend", len(frames))
        # What is too coarse to be detail is taken away again where a frame's detail counts more or less than the frame. It needs
        # no more pixels than the reduced grid has.
        coarse = np.zeros((-(-height_px // reduction), -(-width_px // reduction), 3), np.float32)
        gaps = Gaps(frames)

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
                weight = enlarged_part(weights, *box, reduction)
                if covered is not None and not covered[box].all():
                    weight = gaps.cut(weight, enlarged_part(whole, *box, reduction), covered, box)
                small = reduced_box(box, reduction)
                if detail is None or not detail[small].any():
                    cv2.accumulateProduct(frames.warp_tile(native, index, *box), weight, fused[box])
                    continue
                wide_small, wide = with_margin(small, reduction, (height_px, width_px))
                pixels = frames.warp_tile(native, index, *wide)
                cv2.accumulateProduct(pixels[inside(box, wide)], weight, fused[box])
                _add_weighted(coarse[small], _without_detail(pixels, reduction)[inside(small, wide_small)], detail[small])

        def take_coarse_away(tile: Box) -> None:
            rows, columns = reduced_box(tile, reduction)
            if coarse[max(rows.start - 1, 0) : rows.stop + 1, max(columns.start - 1, 0) : columns.stop + 1].any():
                cv2.subtract(fused[tile], enlarged_part(coarse, *tile, reduction), dst=fused[tile])

        with one_opencv_thread(), ThreadPoolExecutor(WORKERS) as workers:
            # Boxes of one frame share no pixel and frames follow each other: the sum does not depend on which thread is faster.
            ahead: tuple[FrameWeight, Future[Pixels] | None] | None = None
            for index in range(len(frames)):
                weight, native = ahead or _begin(frames, self.weights, index, workers)
                ahead = _begin(frames, self.weights, index + 1, workers) if index + 1 < len(frames) else None
                if native is not None:
                    detail = weight.detail
                    used = weight.whole > 0 if detail is None else (weight.whole > 0) | (detail != 0)
                    weights = np.asarray(cv2.merge([weight.total] * 3), np.float32)
                    task = partial(
                        add,
                        weights=weights,
                        whole=weight.whole,
                        detail=detail,
                        native=native.result(),
                        index=index,
                        covered=gaps.coverage.take_part(index),
                    )
                    deque(workers.map(task, used_boxes(used, frames.shape, reduction)), maxlen=0)
                    del task, native  # before the frame after next is decoded: two frames at once are enough
                step()
            if coarse.any():
                deque(workers.map(take_coarse_away, tiles(height_px, width_px)), maxlen=0)
        gaps.fill(fused)
        return np.clip(fused, 0, 1, out=fused)

    def layers(self) -> Iterator[Layer]:
        """Yield every frame's weight at full size: that of its fine detail, where coarse and fine come from different frames."""

        def enlarged(plane: NDArray[np.float32]) -> NDArray[np.float32]:
            return enlarged_part(plane, slice(0, self.frames.shape[0]), slice(0, self.frames.shape[1]), self.reduction)

        def weights_of(index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            weight = self.weights.weight(index)
            return enlarged(weight.total), enlarged(weight.whole)

        return _layers(self.frames, weights_of)


def _layers(
    frames: AlignedFrames, weights_of: Callable[[int], tuple[NDArray[np.float32], NDArray[np.float32]]]
) -> Iterator[Layer]:
    """Yield weights that sum to one although frames may show nothing in places; `weights_of` gives total and whole weight."""
    gaps = Gaps(frames)
    everything = (slice(0, frames.shape[0]), slice(0, frames.shape[1]))

    def cut(into: Gaps, index: int) -> NDArray[np.float32]:
        total, whole = weights_of(index)
        covered = into.coverage.take_part(index)
        return total.copy() if covered is None else into.cut(total, whole, covered, everything)

    for index in range(len(frames)):
        cut(gaps, index)
    for index in range(len(frames)):
        weight = cut(Gaps(frames), index)
        gaps.made_up(weight, index)
        yield Layer(position=index, weight=weight)


def _begin(
    frames: AlignedFrames, weights: Weights, index: int, workers: ThreadPoolExecutor
) -> tuple[FrameWeight, Future[Pixels] | None]:
    """Read a frame's weight, and let a worker decode the frame if it counts anywhere."""
    weight = weights.weight(index)
    counts = weight.detail is not None or weight.whole.any()
    return weight, workers.submit(frames.read_native, index) if counts else None


def _without_detail(image: Image, reduction: int) -> Image:
    """Reduce an image and smooth it a little: together about a Gaussian of one reduced pixel, at a fraction of the time."""
    return np.asarray(cv2.blur(block_means(image, reduction, edge=Edge.REPEATED), (3, 3)), np.float32)


def _add_weighted(total: Image, image: Image, weight: NDArray[np.float32]) -> None:
    """Add `image` times `weight` to `total` in place; OpenCV does it in one pass over memory, numpy in three."""
    cv2.accumulateProduct(image, cv2.merge([weight, weight, weight]), total)


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
