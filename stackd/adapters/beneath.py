"""Open what lies in a folder, and nothing that a link leads to: step by step through descriptors (openat, `O_NOFOLLOW`).

Between the look at a folder and the use of a file, somebody may have put a link in the place of the file or of a folder above it.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

_root: Path | None = None


def keep_within(folder: Path | None) -> None:
    """Follow no link below this folder from now on, in this process; None lifts it.

    For processes that serve a watched folder. What a user names on the command line may be a link: it was chosen.
    """
    global _root  # noqa: PLW0603  (one folder for a process: its threads open frames too)
    _root = folder


def open_frame(path: Path | str, flags: int = os.O_RDONLY) -> int:
    """Open a frame. A FIFO is not waited for; no link is followed below the folder of `keep_within`.

    Raises
    ------
    OSError
        If it cannot be opened; ELOOP or ENOTDIR where a link is in the way.
    """
    flags |= os.O_NONBLOCK | os.O_CLOEXEC
    if _root is None or not Path(path).is_relative_to(_root):
        return os.open(path, flags)
    return open_beneath(_root, Path(path).relative_to(_root), flags)


def open_beneath(root: Path, path: PurePath, flags: int = os.O_RDONLY) -> int:
    """Open a file below a folder without following links.

    Parameters
    ----------
    root : Path
        The folder; links that lead to it are followed.
    path : PurePath
        Relative to `root`, without `..`.

    Raises
    ------
    OSError
        As `open_frame`.
    """
    with _folder_of(root, path) as folder:
        return os.open(path.name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)


def stat_beneath(root: Path, path: PurePath) -> os.stat_result:
    """Look at a file below a folder without following links; a link is looked at itself.

    Raises
    ------
    OSError
        As `open_frame`.
    """
    with _folder_of(root, path) as folder:
        return os.stat(path.name, dir_fd=folder, follow_symlinks=False)


def stat_frame(path: Path) -> os.stat_result:
    """Look at a frame as `open_frame` opens it.

    Raises
    ------
    OSError
        As `open_frame`.
    """
    if _root is None or not path.is_relative_to(_root):
        return path.stat()
    return stat_beneath(_root, path.relative_to(_root))


@contextmanager
def _folder_of(root: Path, path: PurePath) -> Iterator[int]:
    if ".." in path.parts:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    folder = os.open(root, flags)
    try:
        for part in path.parts[:-1]:
            inner = os.open(part, flags | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)
