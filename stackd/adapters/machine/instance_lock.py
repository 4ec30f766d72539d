"""One stackd for one state folder, and one for one watched folder: a lock that the system lets go of however the holder ends."""

import errno
import fcntl
import hashlib
import os
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from stackd.errors import AlreadyRunning, JournalBlocked, JournalUnusable
from stackd.model.names import shown

LOCK_NAME: Final = "stackd.lock"
"""In the state folder; holds the number of the process that has it, for people."""

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the system answers where waiting for room helps."""

LOCK_MODE: Final = 0o644
"""Whoever may enter the folder may also see who holds it."""

PLACE_DIGITS: Final = 32
"""Hexadecimal digits in the name of a lock outside the folder it stands for."""

_SET_RANGE: Final = getattr(fcntl, "F_OFD_SETLK", fcntl.F_SETLK)
_ASK_RANGE: Final = getattr(fcntl, "F_OFD_GETLK", fcntl.F_GETLK)
"""Locks that can be asked about without being taken (fcntl(2)); those of Linux belong to the open file and not to the process."""

_RANGE: Final = "qqihh" if sys.platform == "darwin" else "hhqqi0q"
"""`struct flock`: on macOS start, length, process, kind, whence; on Linux kind, whence, start, length, process."""


class InstanceLock:
    """Holds the state folder until `close` or the end of the process.

    Raises
    ------
    AlreadyRunning
        If another stackd has it.
    JournalBlocked
        If its disk is full.
    JournalUnusable
        If the state folder cannot be made or written.
    """

    def __init__(self, state_folder: Path) -> None:
        try:
            state_folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._descriptor = os.open(state_folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, LOCK_MODE)
        except OSError as error:
            told = f"The state folder {shown(state_folder)} cannot be used: {error.strerror}."
            if error.errno in FULL:
                raise JournalBlocked(told, hint="Make room; the service goes on by itself.") from error
            raise JournalUnusable(
                told, hint="Make it writable for the user that runs stackd, or name another one ([state] folder)."
            ) from error
        if not _lock(self._descriptor):
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise AlreadyRunning(
                f"Another stackd (process {holder or 'unknown'}) already uses the state folder {state_folder}.",
                hint="Stop it first, or give this one a state folder of its own ([state] folder).",
            )
        _set_range(self._descriptor)
        # For people only: on a full disk the number is missing, and the lock holds.
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


def holder(state_folder: Path) -> int | None:
    """Give the number of the process that holds a state folder, 0 when it has left none; None when nobody holds it.

    The lock is asked about and never taken, not even for a moment: whoever looks must not keep a service from starting.
    """
    try:
        descriptor = os.open(state_folder / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if not _is_range_held(descriptor):
            return None
        number = os.read(descriptor, 32).strip()
        return int(number) if number.isdigit() else 0
    except OSError:
        return None
    finally:
        os.close(descriptor)


class FolderLock:
    """Holds a watched folder, so that two services with different state folders do not stack its frames twice.

    No file is put into it. A folder on the disk that stackd lives on is locked itself. On any other disk the lock would keep that
    from being unmounted as long as stackd runs, a card in its reader for days: there a file in `beside` is locked, which stands
    for the folder's path. A folder that is away is held from the next `hold` on; where locks are not offered it is not held.

    Parameters
    ----------
    folder : Path
        The watched folder.
    beside : Path
        Where every stackd of this user looks for locks; made when it is missing.

    Raises
    ------
    AlreadyRunning
        If another stackd watches it.
    """

    def __init__(self, folder: Path, *, beside: Path) -> None:
        self._folder = folder
        self._beside = beside
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
        if not self._is_on_our_disk(descriptor):
            os.close(descriptor)
            try:
                descriptor = self._open_beside()
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

    def _is_on_our_disk(self, descriptor: int) -> bool:
        """Tell whether the folder's disk is in use as long as the system or our own files are."""
        device = os.fstat(descriptor).st_dev
        for path in (Path(self._folder.anchor or "/"), self._beside, *self._beside.parents):
            with suppress(OSError):
                if path.stat().st_dev == device:
                    return True
        return False

    def _open_beside(self) -> int:
        self._beside.mkdir(parents=True, exist_ok=True, mode=0o750)
        name = hashlib.sha256(os.fsencode(os.path.realpath(self._folder))).hexdigest()[:PLACE_DIGITS]
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(self._beside / f"{name}.lock", flags, LOCK_MODE)

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _packed(kind: int) -> bytes:
    """Describe a lock on a whole file."""
    fields = (0, 0, 0, kind, os.SEEK_SET) if sys.platform == "darwin" else (kind, os.SEEK_SET, 0, 0, 0)
    return struct.pack(_RANGE, *fields)


def _set_range(descriptor: int) -> None:
    with suppress(OSError):
        fcntl.fcntl(descriptor, _SET_RANGE, _packed(fcntl.F_WRLCK))


def _is_range_held(descriptor: int) -> bool:
    found = struct.unpack(_RANGE, fcntl.fcntl(descriptor, _ASK_RANGE, _packed(fcntl.F_RDLCK)))
    kind: int = found[3] if sys.platform == "darwin" else found[0]
    return kind != fcntl.F_UNLCK


def _lock(descriptor: int) -> bool:
    """Take the lock; False when somebody else has it, True also where locks are not offered."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True
