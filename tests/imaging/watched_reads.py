"""A source and stores that tell of every read, for tests of progress."""

from collections.abc import Callable

import numpy as np

from stackd.imaging.ground.frames import PlanesInMemory
from stackd.model.pixels import Alpha, Gray, Pixels
from stackd.rendering.scenes import RenderedStack

Heard = Callable[[str], None]
"""Called with "frame" or "plane" when one is read."""


class WatchedSource:
    """A `FrameSource` over a rendered stack."""

    def __init__(self, stack: RenderedStack, heard: Heard) -> None:
        self._stack = stack
        self._heard = heard

    def __len__(self) -> int:
        return len(self._stack)

    @property
    def shape(self) -> tuple[int, int]:
        return self._stack.shape

    def read(self, position: int, reduction: int = 1) -> Pixels:
        self._heard("frame")
        return self._stack.read(position, reduction)

    def read_gray(self, position: int, reduction: int) -> Gray:
        self._heard("frame")
        return self._stack.read_gray(position, reduction)

    def read_alpha(self, position: int) -> Alpha | None:
        return self._stack.read_alpha(position)


class WatchedPlanes(PlanesInMemory):
    """A `PlaneStore` in memory."""

    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self._heard = heard

    def read(self, index: int, rows: slice) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
        self._heard("plane")
        return super().read(index, rows)
