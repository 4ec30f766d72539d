"""The PlaneStore of daily use: planes in a file that has no name, so nothing is left behind however the work ends.

Plain reads and writes rather than a memory map: mapped pages would count as the process's memory and defeat its limit.
"""

import os
import tempfile
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stackd.adapters.output.staging import blocked


def scratch_folder() -> Path:
    """Find a folder for large unnamed files: on a disk, since the usual temporary folder is memory on many Linux systems.

    TMPDIR is obeyed where it is set.
    """
    lasting = Path("/var/tmp")  # noqa: S108  the files in it have no name that anyone could guess
    if "TMPDIR" not in os.environ and os.access(lasting, os.W_OK):
        return lasting
    return Path(tempfile.gettempdir())


class PlaneFile:
    """Keeps one plane a frame in an unnamed file in `folder`.

    Raises
    ------
    OutputBlocked
        If the folder cannot hold the planes; its message says why.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            # Buffering would only copy planes once more.
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  lives as long as the store
        except OSError as error:
            raise blocked(folder, error) from error
        self._shape: tuple[int, ...] = ()
        self._dtype: np.dtype[np.generic] = np.dtype(np.uint8)
        self._count = 0

    def append(self, plane: NDArray[np.generic]) -> None:
        """Add the next frame's plane; all have one shape and type."""
        if self._count and (plane.shape, plane.dtype) != (self._shape, self._dtype):
            msg = f"plane {self._count} is {plane.dtype} {plane.shape}, the others {self._dtype} {self._shape}"
            raise ValueError(msg)
        self._shape, self._dtype = plane.shape, plane.dtype
        rest = np.ascontiguousarray(plane).reshape(-1).view(np.uint8).data
        where = self._count * len(rest)
        try:
            while rest:
                written = os.pwrite(self._file.fileno(), rest, where)
                rest, where = rest[written:], where + written
        except OSError as error:
            raise blocked(self._folder, error) from error
        self._count += 1

    def __len__(self) -> int:
        return self._count

    def read(self, index: int, rows: slice) -> NDArray[np.generic]:
        """Read some rows of one plane back, as a new array."""
        if not 0 <= index < self._count:
            msg = f"there is no plane {index} among {self._count}"
            raise IndexError(msg)
        start, stop, step = rows.indices(self._shape[0])
        if step != 1:
            msg = "rows are read one after the other"
            raise ValueError(msg)
        row_bytes = prod(self._shape[1:]) * self._dtype.itemsize
        block = np.empty((max(stop - start, 0), *self._shape[1:]), self._dtype)
        where = (index * self._shape[0] + start) * row_bytes
        rest = block.reshape(-1).view(np.uint8).data
        while rest:
            got = os.preadv(self._file.fileno(), [rest], where)
            if not got:
                msg = f"plane {index} ends before row {stop}"
                raise OSError(msg)
            rest, where = rest[got:], where + got
        return block
