"""Keep developed frames on disk for a second read: developing a RAW frame takes seconds, reading it back a tenth of one."""

import os
import tempfile
from pathlib import Path
from threading import Lock

import numpy as np

from stackd.model.pixels import Pixels


class FrameSpool:
    """Frames of one shape and type in an unnamed file. A cache: when the disk is full it simply keeps nothing more."""

    def __init__(self, folder: Path, *, shape: tuple[int, int, int]) -> None:
        self._folder = folder
        self._shape = shape
        self._frame_bytes = int(np.prod(shape)) * np.dtype(np.uint16).itemsize
        self._lock = Lock()
        self._kept: set[int] = set()
        self._descriptor: int | None = None

    def __contains__(self, position: int) -> bool:
        return position in self._kept

    def keep(self, position: int, pixels: Pixels) -> None:
        """Remember a developed frame, if there is room."""
        if pixels.shape != self._shape or pixels.dtype != np.uint16:
            msg = f"frame {position} is {pixels.dtype} {pixels.shape}, the spool is for uint16 {self._shape}"
            raise ValueError(msg)
        try:
            descriptor = self._opened()
            rest = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8).data
            where = position * self._frame_bytes
            while rest:
                written = os.pwrite(descriptor, rest, where)
                rest, where = rest[written:], where + written
        except OSError:
            return
        self._kept.add(position)

    def take(self, position: int) -> Pixels | None:
        """Read a frame back, as a new array; None when it was not kept."""
        if position not in self._kept:
            return None
        pixels = np.empty(self._shape, np.uint16)
        rest = pixels.reshape(-1).view(np.uint8).data
        where = position * self._frame_bytes
        try:
            while rest:
                got = os.preadv(self._opened(), [rest], where)
                if not got:
                    return None
                rest, where = rest[got:], where + got
        except OSError:
            return None
        return pixels

    def close(self) -> None:
        """Give the disk space back."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
            self._kept.clear()

    def __del__(self) -> None:
        self.close()

    def _opened(self) -> int:
        with self._lock:
            if self._descriptor is None:
                descriptor, name = tempfile.mkstemp(dir=self._folder, prefix="stackd-spool-")
                Path(name).unlink()
                self._descriptor = descriptor
            return self._descriptor
