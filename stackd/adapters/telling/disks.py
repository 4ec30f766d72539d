"""How much room there is, asked without waiting: a share that hangs must not hang who asks."""

import os
import threading
from pathlib import Path


class DiskGauge:
    """Gives the free bytes of a folder's disk as they were when they were last asked for, and asks anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: dict[Path, int | None] = {}
        self._asking: set[Path] = set()

    def free_bytes(self, folder: Path) -> int | None:
        """Give what is known; None before the first answer, while a disk does not answer, and where there is no folder."""
        with self._lock:
            if folder in self._asking:
                # It had the time from one question to the next, and has not used it.
                self._free[folder] = None
                return None
            self._asking.add(folder)
        # A thread that hangs in a dead share is left behind; there is never more than one for a folder.
        threading.Thread(target=self._ask, args=(folder,), name="disk", daemon=True).start()
        with self._lock:
            return self._free.get(folder)

    def _ask(self, folder: Path) -> None:
        try:
            disk = os.statvfs(folder)
            free: int | None = disk.f_bavail * disk.f_frsize
        except OSError:
            free = None
        with self._lock:
            self._free[folder] = free
            self._asking.discard(folder)
