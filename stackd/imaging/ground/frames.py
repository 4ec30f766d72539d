"""How the imaging core reaches the pixels of a stack without knowing about files.

`FrameSource` hands out frames as they are on disk; `AlignedFrames` lays them over the reference. Methods pull what they need, as
often as they need it, one frame at a time: that keeps memory independent of how many frames there are.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np

from stackd.model.pixels import Alpha, Gray, Image, Mask, Matrix, Pixels

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with (stage, done, total) as work goes on; raises `Cancelled` when the work is to stop."""


def ignore_progress(stage: str, done: int, total: int) -> None:
    """Stand in where nobody watches."""


Step: TypeAlias = Callable[[], None]
"""Called after a frame's work, or as much, by a loop that knows neither its stage nor how long that is."""


def ignore_step() -> None:
    """Stand in where nobody counts."""


class Steps:
    """Counts the steps of one stage and tells `progress` of each, and of its beginning, so that its seconds are its own."""

    def __init__(self, progress: Progress, stage: str, total: int) -> None:
        self._progress, self._stage, self._total = progress, stage, total
        self._done = 0
        progress(stage, 0, total)

    def __call__(self) -> None:
        """Note that one more is done."""
        self._done += 1
        self._progress(self._stage, self._done, self._total)


def evenly_spread(count: int, wanted: int) -> list[int]:
    """Choose so many of `count` frames, or all of them, evenly spread from the first to the last."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(wanted, count))})


class FrameSource(Protocol):
    """Frames of one stack on their own grids, near → far, all of one size, upright."""

    def __len__(self) -> int:
        """Count the frames."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, the same for every frame."""
        ...

    def read(self, position: int, reduction: int = 1) -> Pixels:
        """Decode a frame: RGB uint8 or uint16, display-encoded, shape (ceil(H / reduction), ceil(W / reduction), 3).

        `reduction` is 1, 2, 4 or 8; a reduced pixel is the mean of the pixels it covers. Frames may differ in their integer type.
        """
        ...

    def read_gray(self, position: int, reduction: int) -> Gray:
        """Decode luminance reduced by 1, 2, 4 or 8: float32 (ceil(H / reduction), ceil(W / reduction)), range [0, 1].

        A reduced pixel is the mean of the pixels it covers, so reduced centre x' lies at (x' + 0.5) · reduction − 0.5.
        """
        ...

    def read_alpha(self, position: int) -> Alpha | None:
        """Tell which pixels of a frame are picture, shape (H, W); None where all are.

        What `read` and `read_gray` give for the others is filled in from what lies around them.
        """
        ...


class AlignedFrames(Protocol):
    """Frames of one stack laid over the reference and matched in brightness."""

    def __len__(self) -> int:
        """Count the frames."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the reference grid."""
        ...

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Rows and columns of the frames themselves; the reference grid may be a part of them."""
        ...

    @property
    def matrices(self) -> Sequence[Matrix]:
        """Frame → reference px, one (3, 3) a frame."""
        ...

    def read(self, position: int) -> Image:
        """Aligned, matched RGB float32 (H, W, 3); outside the frame the border is replicated."""
        ...

    def read_native(self, position: int) -> Pixels:
        """The frame as decoded, neither warped nor matched: only to hand it to `warp_tile`, for what a method really uses."""
        ...

    def read_gray_native(self, position: int, reduction: int) -> Gray:
        """Luminance on the frame's own grid, matched in brightness, reduced as `FrameSource.read_gray` says."""
        ...

    def warp_tile(self, native: Pixels, position: int, rows: slice, columns: slice) -> Image:
        """Cut a tile of the reference grid out of `native` (from `read_native`): matched, the same values as in `read`."""
        ...

    def covered(self, position: int) -> Mask:
        """Pixels of the reference grid that lie inside the frame and are picture there, shape (H, W)."""
        ...

    def alpha(self, position: int) -> Alpha | None:
        """How much of each pixel of the reference grid the frame shows, shape (H, W), 0 outside it; None if it has no alpha."""
        ...


class PlaneStore(Protocol):
    """Keeps one plane a frame outside memory (a file in daily use, a list in tests)."""

    def append(self, plane: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> None:
        """Add the next frame's plane; all have one shape and type."""
        ...

    def __len__(self) -> int:
        """Count the planes."""
        ...

    def read(self, index: int, rows: slice) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
        """Read some rows of one plane back."""
        ...


MakePlaneStore: TypeAlias = Callable[[], PlaneStore]
"""Opens an empty store; it vanishes with the last reference to it."""


class PlanesInMemory:
    """A `PlaneStore` that simply remembers, for small images and tests."""

    def __init__(self) -> None:
        self._planes: list[np.ndarray[tuple[int, ...], np.dtype[np.generic]]] = []

    def append(self, plane: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> None:
        """Add the next frame's plane; all have one shape and type."""
        if self._planes and (plane.shape, plane.dtype) != (self._planes[0].shape, self._planes[0].dtype):
            msg = f"plane {len(self._planes)} is {plane.dtype} {plane.shape}, the others are not"
            raise ValueError(msg)
        self._planes.append(plane.copy())

    def __len__(self) -> int:
        return len(self._planes)

    def read(self, index: int, rows: slice) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
        """Read some rows of one plane back."""
        return self._planes[index][rows].copy()
