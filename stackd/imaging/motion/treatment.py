"""What is done about motion: frames displaced by depth, or kept back where they show another moment."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stackd.imaging.ground.frames import AlignedFrames
from stackd.imaging.motion.moments import Moments, View
from stackd.imaging.motion.parallax import Parallax, displaced
from stackd.model.pixels import Alpha, Gray, Image, Mask, Matrix, Pixels

KERNEL_REACH_PX = 4
"""What a cubic kernel looks at around a pixel, and a margin against rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Treatment:
    """How frames are seen; nothing of it where nothing moved."""

    parallax: Parallax | None = None
    moments: Moments | None = None

    def seen(self, view: View, position: int) -> tuple[View, Mask | None]:
        """Show a frame, on the grid of the decisions, as it takes part, and mark where it must not."""
        if self.parallax is not None:
            displacement = self.parallax.displacement(position)
            view = View(
                gray=displaced(view.gray, displacement),
                fine_detail=displaced(view.fine_detail, displacement, cv2.INTER_LINEAR),
            )
        if self.moments is None:
            return view, None
        kept_back = self.moments.kept_back(position, view.gray)
        return View(gray=view.gray, fine_detail=np.where(kept_back, np.float32(0), view.fine_detail)), kept_back


class DisplacedFrames:
    """An `AlignedFrames` whose frames are displaced by depth.

    Parameters
    ----------
    frames : AlignedFrames
        As they were aligned.
    parallax : Parallax
        On the grid of the decisions.
    reduction : int
        Px of the frames that one of that grid spans.
    """

    def __init__(self, frames: AlignedFrames, parallax: Parallax, *, reduction: int) -> None:
        self._frames = frames
        self._parallax = parallax
        self._reduction = reduction

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the reference grid."""
        return self._frames.shape

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of the frames themselves."""
        return self._frames.frame_shape

    @property
    def matrices(self) -> Sequence[Matrix]:
        """Frame → reference px, one (3, 3) a frame, before it is displaced."""
        return self._frames.matrices

    def read(self, position: int) -> Image:
        """Aligned, displaced, matched RGB float32 (H, W, 3)."""
        height, width = self.shape
        return self.warp_tile(self.read_native(position), position, slice(0, height), slice(0, width))

    def read_native(self, position: int) -> Pixels:
        """The frame as decoded."""
        return self._frames.read_native(position)

    def read_gray_native(self, position: int, reduction: int) -> Gray:
        """Luminance on the frame's own grid, matched in brightness, not displaced."""
        return self._frames.read_gray_native(position, reduction)

    def warp_tile(self, native: Pixels, position: int, rows: slice, columns: slice) -> Image:
        """Cut a tile of the reference grid out of `native`, displaced by the depth there."""
        displacement = self._displacement(position, rows, columns)
        reach = int(np.ceil(np.abs(displacement).max())) + KERNEL_REACH_PX
        height, width = self.shape
        wide_rows = slice(max(rows.start - reach, 0), min(rows.stop + reach, height))
        wide_columns = slice(max(columns.start - reach, 0), min(columns.stop + reach, width))
        wide = self._frames.warp_tile(native, position, wide_rows, wide_columns)
        x = displacement[..., 0] + np.arange(columns.start, columns.stop, dtype=np.float32) - wide_columns.start
        y = displacement[..., 1] + np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - wide_rows.start
        tile = np.asarray(cv2.remap(wide, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32)
        return np.clip(tile, 0, 1, out=tile)

    def covered(self, position: int) -> Mask:
        """Pixels of the reference grid that lie inside the frame before it is displaced."""
        return self._frames.covered(position)

    def alpha(self, position: int) -> Alpha | None:
        """How much of each pixel of the reference grid the frame shows before it is displaced; None if it has no alpha."""
        return self._frames.alpha(position)

    def _displacement(self, position: int, rows: slice, columns: slice) -> Image:
        """For a tile, full-size px, shape (h, w, 2)."""
        reduction = np.float32(self._reduction)
        depth = self._parallax.depth
        x = (np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(0.5)) / reduction - np.float32(0.5)
        y = (np.arange(rows.start, rows.stop, dtype=np.float32) + np.float32(0.5)) / reduction - np.float32(0.5)
        across, down = (np.ascontiguousarray(places) for places in np.broadcast_arrays(x, y[:, None]))
        near = cv2.remap(depth, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        shift, growth = self._parallax.coefficients[position]
        return np.asarray((shift + (near - position)[..., None] * growth) * reduction, np.float32)
