"""The Publisher port: make finished files visible in one step that never replaces anything."""

import ctypes
import errno
import hashlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from stackd.adapters.output.staging import TEMPORARY_PREFIX, TEMPORARY_SUFFIX, blocked, not_a_link, not_moved, sync_folder
from stackd.errors import NameTaken, OutputBlocked
from stackd.model.names import shown
from stackd.service.ports import StagedFile

MAX_NAME_BYTES: Final = 255
"""What every file system in daily use allows for one name."""

MAX_NUMBER: Final = 9999
"""Highest number tried behind a stem; whoever has more composites of one name has another problem."""

RENAME_NOREPLACE: Final = 1
"""Linux renameat2 flag (linux/fs.h)."""
RENAME_EXCL: Final = 4
"""macOS renamex_np flag (sys/stdio.h)."""
AT_FDCWD: Final = -100

NOT_OFFERED: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK})
"""Answers of file systems that do not know a way of renaming (exFAT, older network shares): the next way is tried."""

HASH_CHUNK_BYTES: Final = 1 << 20


class FolderPublisher:
    """Publishes into ordinary folders, local or on a network share.

    Parameters
    ----------
    settled : bool
        Whether paths of folders were freed of links before and must stay so, as those of a service that runs for long; see
        `staging.not_moved`.
    """

    def __init__(self, *, settled: bool = False) -> None:
        self._settled = settled

    def choose_names(self, folder: Path, staged: Sequence[StagedFile]) -> tuple[str, ...]:
        """Find free final names that share one stem: the wanted ones, else all with `_2`, `_3` … behind the stem.

        The composite, which comes last, gives the stem. Stems are shortened where a name would exceed 255 bytes.

        Raises
        ------
        OutputBlocked
            If the folder cannot be read.
        """
        self._require_unmoved(folder)
        stem = Path(staged[-1].final_name).stem
        tails = [file.final_name.removeprefix(stem) for file in staged]
        room = MAX_NAME_BYTES - max(len(os.fsencode(tail)) for tail in tails)
        for number in range(1, MAX_NUMBER + 1):
            mark = f"_{number}" if number > 1 else ""
            names = tuple(_shortened(stem, room - len(mark)) + mark + tail for tail in tails)
            if not any(self._exists(folder, name) for name in names):
                return names
        raise OutputBlocked(
            f"{shown(folder)} already holds {MAX_NUMBER} files named {shown(stem)}.", hint="Move old composites elsewhere."
        )

    def publish(self, folder: Path, staged: StagedFile, name: str) -> None:
        """Rename to `name` without replacing, then sync the folder.

        Raises
        ------
        NameTaken
            If `name` exists with other content. A file of the same content counts as published.
        OutputBlocked
            If the folder cannot be written now, or the staged file is gone.
        """
        self._require_unmoved(folder)
        final = folder / name
        try:
            _rename_without_replacing(staged.temporary_path, final)
        except FileExistsError as error:
            if not _holds(final, staged):
                raise NameTaken(f"{shown(name)} already lies in {shown(folder)}.", hint="Another name is chosen.") from error
            with suppress(FileNotFoundError):
                staged.temporary_path.unlink()
        except FileNotFoundError as error:
            if not _holds(final, staged):
                gone = "the finished file has disappeared from it" if folder.is_dir() else "the folder is missing"
                raise OutputBlocked(f"{shown(folder)} cannot be written: {gone}.", hint="It is made again.") from error
        except OSError as error:
            raise blocked(folder, error) from error
        try:
            sync_folder(folder)
        except OSError as error:
            # Nobody may see what a power cut could still take away: the work is done again from the frames.
            with suppress(OSError):
                final.unlink()
            raise blocked(folder, error) from error

    def withdraw(self, folder: Path, staged: StagedFile, name: str) -> None:
        """Give a published file its temporary name back; one that is gone or was changed since stays as it is.

        Raises
        ------
        OutputBlocked
            If the folder cannot be written now, or is away: what lies in it is not gone.
        """
        self._require_unmoved(folder)
        if not folder.is_dir():
            raise blocked(folder, OSError(errno.ENOENT, os.strerror(errno.ENOENT)))
        final = folder / name
        if not _holds(final, staged):
            return
        try:
            try:
                _rename_without_replacing(final, staged.temporary_path)
            except FileExistsError:
                # Published by a link, and the power failed before the temporary name was gone.
                final.unlink()
            sync_folder(folder)
        except OSError as error:
            raise blocked(folder, error) from error

    def replace(self, folder: Path, staged: StagedFile, name: str) -> None:
        """Rename to `name` in place of what is there, then sync the folder. Only for what the user asked to make again.

        Raises
        ------
        OutputBlocked
            If the folder cannot be written now.
        """
        try:
            staged.temporary_path.replace(folder / name)
            sync_folder(folder)
        except OSError as error:
            raise blocked(folder, error) from error

    def try_folder(self, folder: Path, *, subfolder: str = "", needed_bytes: int, temporary_prefix: str) -> None:
        """See whether the folder, or the one inside it where that is there, can be written and has room; leaves nothing behind.

        Raises
        ------
        OutputBlocked
            If it cannot be written now, or has less than `needed_bytes` free.
        """
        self._require_unmoved(folder)
        if subfolder and os.path.lexists(folder / subfolder):
            folder = not_a_link(folder / subfolder)
        attempt = folder / f"{temporary_prefix}try{TEMPORARY_SUFFIX}"
        try:
            os.close(os.open(attempt, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            attempt.unlink()
            room = os.statvfs(folder)
        except OSError as error:
            raise blocked(folder, error) from error
        if room.f_bavail * room.f_frsize < needed_bytes:
            raise blocked(folder, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    def remains(self, folder: Path) -> tuple[Path, ...]:
        """List temporary files of ours in `folder`; none where it cannot be read."""
        try:
            with os.scandir(folder) as entries:
                return tuple(
                    sorted(
                        folder / entry.name
                        for entry in entries
                        if is_temporary(entry.name) and entry.is_file(follow_symlinks=False)
                    )
                )
        except OSError:
            return ()

    def remove(self, path: Path) -> None:
        """Remove a temporary file of ours; one already gone is as good as removed.

        Raises
        ------
        ValueError
            If the name is not one of ours.
        OutputBlocked
            If the folder cannot be written.
        """
        if not is_temporary(path.name):
            msg = f"{shown(path)} is no temporary file of stackd"
            raise ValueError(msg)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise blocked(path.parent, error) from error

    def _require_unmoved(self, folder: Path) -> None:
        if self._settled:
            not_moved(folder)

    def _exists(self, folder: Path, name: str) -> bool:
        try:
            (folder / name).lstat()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise blocked(folder, error) from error
        return True


def is_temporary(name: str) -> bool:
    """Whether a file name is one that `staging` gives."""
    return name.startswith(TEMPORARY_PREFIX) and name.endswith(TEMPORARY_SUFFIX)


def _shortened(stem: str, room_bytes: int) -> str:
    encoded = os.fsencode(stem)
    if len(encoded) <= room_bytes:
        return stem
    # Cut between characters; the last one may have been cut in two.
    return encoded[:room_bytes].decode("utf-8", "ignore").rstrip()


def _holds(path: Path, staged: StagedFile) -> bool:
    """Whether a regular file with exactly the staged content lies at `path`."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size != staged.size_bytes:
            return False
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(HASH_CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return False
    return digest.hexdigest() == staged.sha256


def _rename_without_replacing(old: Path, new: Path) -> None:
    """Rename in one step where the file system can, and never onto an existing file.

    Raises
    ------
    FileExistsError
        If `new` exists.
    OSError
        If no way of renaming works.
    """
    for way in (_rename_exclusively, _link_and_unlink):
        try:
            way(old, new)
        except OSError as error:
            if error.errno not in NOT_OFFERED:
                raise
        else:
            return
    _reserve_and_rename(old, new)


def _rename_exclusively(old: Path, new: Path) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    old_name, new_name = os.fsencode(old), os.fsencode(new)
    ctypes.set_errno(0)
    try:
        if sys.platform == "darwin":
            failed = library.renamex_np(old_name, new_name, RENAME_EXCL)
        else:
            failed = library.renameat2(AT_FDCWD, old_name, AT_FDCWD, new_name, RENAME_NOREPLACE)
    except AttributeError as error:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from error
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fspath(old), None, os.fspath(new))


def _link_and_unlink(old: Path, new: Path) -> None:
    os.link(old, new, follow_symlinks=False)
    # A power cut here leaves two names for one file; the temporary one is swept at the next start.
    old.unlink()


def _reserve_and_rename(old: Path, new: Path) -> None:
    # Where nothing else is offered an empty file holds the name for a moment; another program could see it, none can lose by it.
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC))
    try:
        old.replace(new)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise
