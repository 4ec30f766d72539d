"""One stackd for one state folder, and one for one watched folder: a lock that the system lets go of however the holder ends."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Final

from stackd.errors import AlreadyRunning, JournalBlocked

LOCK_NAME: Final = "stackd.lock"
"""In the state folder; holds the number of the process that has it, for people."""


class InstanceLock:
    """Holds the state folder until `close` or the end of the process.

    Raises
    ------
    AlreadyRunning
        If another stackd has it.
    JournalBlocked
        If the state folder cannot be made or written.
    """

    def __init__(self, state_folder: Path) -> None:
        try:
            state_folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._descriptor = os.open(state_folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        except OSError as error:
            raise JournalBlocked(
                f"The state folder {state_folder} cannot be used: {error.strerror}.",
                hint="Make it writable for the user that runs stackd, or name another one ([state] folder).",
            ) from error
        if not _lock(self._descriptor):
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise AlreadyRunning(
                f"Another stackd (process {holder or 'unknown'}) already uses the state folder {state_folder}.",
                hint="Stop it first, or give this one a state folder of its own ([state] folder).",
            )
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


def holder(state_folder: Path) -> int | None:
    """Give the number of the process that holds a state folder; None when nobody does."""
    try:
        descriptor = os.open(state_folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        number = os.read(descriptor, 32).strip()
        return int(number) if number.isdigit() else 0
    finally:
        os.close(descriptor)
    return None


class FolderLock:
    """Holds a watched folder, so that two services with different state folders do not stack its frames twice.

    The folder itself is locked; no file is put into it. Where that is not offered (some network shares) the folder is not held.
    A folder that is away is held from the next `hold` on.

    Raises
    ------
    AlreadyRunning
        If another stackd watches it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None
        if not self.hold():
            raise AlreadyRunning(
                f"Another stackd already watches {folder}.", hint="Stop it first, or let this one watch another folder."
            )

    def hold(self) -> bool:
        """Hold the folder that has the name now: it may have been deleted and made again, or be another disk.

        Returns
        -------
        bool
            False when another stackd watches it; what was held before stays held.
        """
        try:
            descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return True
        if self._descriptor is not None and os.path.sameopenfile(self._descriptor, descriptor):
            os.close(descriptor)
            return True
        if not _lock(descriptor):
            os.close(descriptor)
            return False
        self.close()
        self._descriptor = descriptor
        return True

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int) -> bool:
    """Take the lock; False when somebody else has it, True also where locks are not offered."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True
