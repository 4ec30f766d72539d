"""Write an output file under a temporary name in its own folder, hashed and synced, so that making it visible is one rename.

Anything that goes wrong on the way removes the temporary file and tells why in plain words.
"""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from stackd.errors import OutputBlocked
from stackd.model.names import shown
from stackd.service.ports import StagedFile

TEMPORARY_PREFIX: Final = ".stackd-"
"""Begins every temporary name: the dot makes other programs that watch the folder pass it over."""
TEMPORARY_SUFFIX: Final = ".tmp"

NEW_FILE_MODE: Final = 0o666
"""Less what the umask takes away, as for any file a program makes."""

WRITE_BYTES: Final = 8 << 20
"""Bytes handed to the system at once: hashing and writing take turns while the piece is still in the cache's reach."""

REASONS: Final[Mapping[int, tuple[str, str]]] = MappingProxyType(
    {
        errno.ENOSPC: ("the disk is full", "Make room; stackd goes on by itself."),
        errno.EDQUOT: ("the disk quota is used up", "Make room; stackd goes on by itself."),
        errno.EROFS: ("the disk is read-only", "Make it writable; stackd goes on by itself."),
        errno.EACCES: ("writing there is not allowed", "Give stackd permission to write there."),
        errno.EPERM: (
            "the system forbids writing there",
            "On macOS allow it under Privacy & Security → Full Disk Access; elsewhere check the folder's owner.",
        ),
        errno.ENOENT: ("the folder is missing", "Create it, or mount the disk it lies on."),
        errno.ENOTDIR: ("it is no folder", "Choose another output folder."),
        errno.EFBIG: ("the file is too large for this disk or limit", "Use a disk with a modern file system."),
        errno.EIO: ("the disk reports an error", "Check the disk; what was written cannot be trusted and is made again."),
    }
)
"""What stands in the way of writing, and what to do, by the system's error number."""


def blocked(folder: Path, error: OSError) -> OutputBlocked:
    """Say why a folder cannot be written."""
    why, hint = REASONS.get(error.errno or 0, (error.strerror or "the system refuses", "Check the output folder."))
    refusal = OutputBlocked(f"{shown(folder)} cannot be written: {why}.", hint=hint)
    refusal.folder = folder
    return refusal


def inside(folder: Path, subfolder: str) -> Path:
    """Make the folder of that name inside `folder` where it is missing, durably; gives `folder` itself where there is no name.

    Raises
    ------
    OutputBlocked
        If it cannot be made, or something else has its name.
    """
    if not subfolder:
        return folder
    path = not_a_link(folder / subfolder)
    try:
        path.mkdir()
        sync_folder(folder)
    except FileExistsError as error:
        if not path.is_dir():
            raise blocked(path, OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))) from error
    except OSError as error:
        raise blocked(folder, error) from error
    return path


def not_a_link(path: Path) -> Path:
    """Give the path back, unless it is a link: by one, composites could get among frames.

    Raises
    ------
    OutputBlocked
        If it is one.
    """
    if path.is_symlink():
        refusal = OutputBlocked(
            f"{shown(path)} is a link, and stackd does not follow it.", hint="Remove it; stackd makes the folder itself."
        )
        refusal.folder = path
        raise refusal
    return path


def not_moved(folder: Path) -> Path:
    """Give a folder back whose path was free of links when the service began, unless it leads elsewhere now.

    Raises
    ------
    OutputBlocked
        If a link took the place of the folder, or of one above it: nobody chose where that leads.
    """
    if os.path.realpath(folder) != os.fspath(folder):
        refusal = OutputBlocked(
            f"{shown(folder)} leads elsewhere now: a link took its place, or that of a folder above it.",
            hint="Put the folder back, or start stackd again if the new place is meant.",
        )
        refusal.folder = folder
        raise refusal
    return folder


def sync_folder(folder: Path) -> None:
    """Make sure that what was made or renamed in a folder is there after a power cut.

    Raises
    ------
    OSError
        If the disk fails.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync folders; there is nothing better to do on them.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


class StagingFile:
    """A file being written from front to back; every byte is hashed on its way."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def write(self, content: bytes | memoryview) -> None:
        """Append bytes."""
        rest = memoryview(content).cast("B")
        while rest:
            written = os.write(self._descriptor, rest[:WRITE_BYTES])
            self._digest.update(rest[:written])
            self.size_bytes += written
            rest = rest[written:]

    def sha256(self) -> str:
        """Hash of all that was written."""
        return self._digest.hexdigest()


class Staging:
    """The files of one composite on their way: all of them are kept, or none.

    Use as a context: leaving it by an error removes every temporary file written so far.
    """

    def __init__(self, folder: Path, *, temporary_prefix: str) -> None:
        self._folder = folder
        self._prefix = temporary_prefix
        self._staged: list[StagedFile] = []

    @property
    def staged(self) -> tuple[StagedFile, ...]:
        """What is complete and synced so far, in the order it was written."""
        return tuple(self._staged)

    @contextmanager
    def file(self, final_name: str) -> Iterator[StagingFile]:
        """Open the next file; when the block ends well it is synced and joins `staged`.

        Raises
        ------
        OutputBlocked
            If the folder cannot be written.
        """
        path = self._folder / f"{self._prefix}{secrets.token_hex(4)}{TEMPORARY_SUFFIX}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, NEW_FILE_MODE)
        except OSError as error:
            raise blocked(self._folder, error) from error
        try:
            try:
                file = StagingFile(descriptor)
                yield file
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            _remove(path)
            raise blocked(self._folder, error) from error
        except BaseException:
            _remove(path)
            raise
        self._staged.append(
            StagedFile(temporary_path=path, final_name=final_name, sha256=file.sha256(), size_bytes=file.size_bytes)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for staged in self._staged:
                _remove(staged.temporary_path)


def _remove(path: Path) -> None:
    # A folder that cannot be written may not let go of files either; they are found and removed at the next start.
    with suppress(OSError):
        path.unlink()
