"""One complete look at a folder: regular files only, links never followed, depth and number bounded.

Every step goes through the descriptor of the folder above (`dir_fd`, `O_NOFOLLOW`), so that nobody can swap a folder for a link
between the look and the use.
"""

import errno
import hashlib
import os
import stat
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from stackd.adapters.beneath import open_beneath, stat_beneath
from stackd.intake.arrival.admit import MAX_DEPTH, RAW_SUFFIXES, RENDERED_SUFFIXES, admit
from stackd.model.frame import Fingerprint
from stackd.model.names import shown
from stackd.service.ports import FileSighting, Look

MOST_ENTRIES: Final = 200_000
"""Entries looked at in one folder tree: one look stays near a second; a tree that is larger is no drop folder (a guess)."""

QUIET_LOOKS: Final = 2
"""Looks without a writer after which a file that has not changed is no longer tested for one."""

KINDS: Final = (
    (stat.S_ISLNK, "it is a link, and links are not followed"),
    (stat.S_ISFIFO, "it is a pipe, not a file"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
    (stat.S_ISCHR, "it is a device, not a file"),
    (stat.S_ISBLK, "it is a device, not a file"),
)


@dataclass(slots=True)
class _Seen:
    """What a look remembers of a file for the next one."""

    sighting: FileSighting
    quiet_looks: int


@dataclass(slots=True)
class _Found:
    files: list[FileSighting] = field(default_factory=list)
    passed_over: dict[str, str] = field(default_factory=dict)
    entries: int = 0
    folders: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """A look, and what the watcher needs besides."""

    look: Look
    root: tuple[int, int] | None
    """Device and inode of the folder; none when it is away."""
    folders: int = 0


class FolderScan:
    """Looks at a folder again and again; remembers what it needs to test only files that change for writers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, _Seen] = {}
        self._device: int | None = None
        self._had_files = False
        self._closely: Collection[str] | None = None

    def look(self, closely: Collection[str] | None = None) -> Scanned:
        """Look at the whole tree. What lies in it never makes this fail.

        Parameters
        ----------
        closely : collection of str, optional
            Files to look at one by one; all when it is left out. A file that is not among them, was quiet in several looks and
            still stands for the same inode is told as it was: listing a folder costs a twentieth of asking for every file in it.
        """
        self._closely = closely
        try:
            root = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            return _away(self._folder, error)
        try:
            status = os.fstat(root)
            found = _Found()
            self._walk(root, "", 0, found)
        except OSError as error:
            # A part of the tree did not answer: nothing may be concluded from what is absent.
            return _away(self._folder, error)
        finally:
            os.close(root)
        if not found.files and self._had_files and self._device not in (None, status.st_dev):
            # An empty folder on another file system: the share or card that was mounted here is gone.
            return Scanned(
                look=Look(online=False, trouble=f"{shown(self._folder)} is empty and no longer the same disk: is it mounted?"),
                root=None,
            )
        self._device, self._had_files = status.st_dev, bool(found.files)
        if len(self._seen) != len(found.files):
            paths = {file.path for file in found.files}
            self._seen = {path: seen for path, seen in self._seen.items() if path in paths}
        look = Look(
            online=True,
            files=tuple(found.files),
            passed_over=MappingProxyType(found.passed_over),
            trouble=found.trouble,
        )
        return Scanned(look=look, root=(status.st_dev, status.st_ino), folders=found.folders)

    def first_changed(self, fingerprints: Mapping[str, Fingerprint]) -> str | None:
        """Say what became of the first file that is not what it was.

        Raises
        ------
        OSError
            If the folder does not tell, as a share that fails: then nothing is known of the file.
        """
        for path, fingerprint in fingerprints.items():
            try:
                status = stat_beneath(self._folder, PurePosixPath(path))
                same = stat.S_ISREG(status.st_mode) and self._is_same(path, status, fingerprint)
            except (FileNotFoundError, NotADirectoryError):
                return f"{shown(path)} was removed before the composite was published."
            if not same:
                return f"{shown(path)} was changed before the composite was published."
        return None

    def _is_same(self, path: str, status: os.stat_result, fingerprint: Fingerprint) -> bool:
        """Tell whether a file is the one with the fingerprint; its content decides where it is known and the file was touched."""
        now = Fingerprint(
            size_bytes=status.st_size, mtime_ns=status.st_mtime_ns, changed_ns=status.st_ctime_ns, inode=status.st_ino
        )
        if now.size_bytes != fingerprint.size_bytes or now.mtime_ns != fingerprint.mtime_ns:
            return False
        if fingerprint.content_sha256 is None or now.is_untouched_since(fingerprint):
            return True
        try:
            with os.fdopen(open_beneath(self._folder, PurePosixPath(path)), "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == fingerprint.content_sha256
        except OSError as error:
            if error.errno == errno.ELOOP:
                return False
            raise

    def _walk(self, descriptor: int, folder: str, depth: int, found: _Found) -> None:
        found.folders += 1
        with os.scandir(descriptor) as entries:
            names = sorted((entry.name, entry.inode()) for entry in entries)
        for name, inode in names:
            if found.entries >= MOST_ENTRIES:
                found.trouble = (
                    f"{shown(self._folder)} holds more than {MOST_ENTRIES} files and folders; only these were looked at."
                    " Move old frames elsewhere."
                )
                return
            found.entries += 1
            path = f"{folder}{name}"
            known = self._seen.get(path)
            if (
                known is not None
                and self._closely is not None
                and known.quiet_looks >= QUIET_LOOKS
                and known.sighting.inode == inode
                and path not in self._closely
            ):
                found.files.append(known.sighting)
                continue
            try:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:
                continue
            except PermissionError:
                found.passed_over[path] = "it may not be looked at; check its permissions"
                continue
            if stat.S_ISDIR(status.st_mode):
                self._enter(descriptor, name, path, depth, found)
            elif stat.S_ISREG(status.st_mode):
                found.files.append(self._sighting(descriptor, name, path, status))
            else:
                found.passed_over[path] = next((reason for is_kind, reason in KINDS if is_kind(status.st_mode)), "it is no file")

    def _enter(self, descriptor: int, name: str, path: str, depth: int, found: _Found) -> None:
        inside = admit(f"{path}/frame.tif")
        if inside.reason or depth >= MAX_DEPTH:
            found.passed_over[path] = inside.reason or f"it lies more than {MAX_DEPTH} folders deep"
            return
        try:
            child = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return
            if error.errno in (errno.EACCES, errno.EPERM):
                found.passed_over[path] = "it may not be looked into; check its permissions"
                return
            raise
        try:
            self._walk(child, f"{path}/", depth + 1, found)
        finally:
            os.close(child)

    def _sighting(self, descriptor: int, name: str, path: str, status: os.stat_result) -> FileSighting:
        now = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        seen = self._seen.get(path)
        if seen is not None and _identity(seen.sighting) != now:
            seen = None
        quiet_looks = 0 if seen is None else seen.quiet_looks
        being_written = False
        if quiet_looks < QUIET_LOOKS:
            being_written = path.lower().endswith(_PICTURES) and is_being_written(name, descriptor)
            quiet_looks = 0 if being_written else quiet_looks + 1
        if seen is not None and seen.sighting.being_written == being_written:
            # The same value: whoever goes through all files sees at a glance that nothing changed.
            seen.quiet_looks = quiet_looks
            return seen.sighting
        sighting = FileSighting(
            path=path,
            fingerprint=Fingerprint(size_bytes=status.st_size, mtime_ns=status.st_mtime_ns),
            inode=status.st_ino,
            changed_ns=status.st_ctime_ns,
            being_written=being_written,
        )
        self._seen[path] = _Seen(sighting, quiet_looks)
        return sighting


def _identity(sighting: FileSighting) -> tuple[int, int, int, int]:
    fingerprint = sighting.fingerprint
    return fingerprint.size_bytes, fingerprint.mtime_ns, sighting.changed_ns, sighting.inode


def is_being_written(name: str, folder: int) -> bool:
    """Ask the system whether any local process has a file open for writing (Linux: a read lease is then refused).

    False proves nothing: the file may belong to somebody else, the writer may sit on another machine, or the system cannot tell.
    """
    if sys.platform != "linux":
        return False
    import fcntl
    import signal

    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError:
        return False
    try:
        # A writer who comes in the moment we hold the lease makes the system signal us. The usual signal (SIGIO) would end the
        # process, this one is ignored.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    else:
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False
    finally:
        os.close(descriptor)


_PICTURES = tuple(RAW_SUFFIXES | RENDERED_SUFFIXES)


def _away(folder: Path, error: OSError) -> Scanned:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            reason = f"The watched folder {shown(folder)} is not there."
        case errno.EACCES | errno.EPERM:
            grant = " In System Settings, give stackd's Python Full Disk Access." if sys.platform == "darwin" else ""
            reason = f"The watched folder {shown(folder)} may not be read: check its permissions.{grant}"
        case _:
            reason = f"The watched folder {shown(folder)} does not answer: {error.strerror}."
    return Scanned(look=Look(online=False, trouble=reason), root=None)
