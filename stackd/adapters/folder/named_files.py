"""One look at the folders and files that a person named on the command line."""

import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from stackd.adapters.folder.scan import FolderScan
from stackd.errors import WrongUse
from stackd.model.frame import Fingerprint
from stackd.model.names import shown
from stackd.service.ports import FileSighting, Look


def look_at(paths: Sequence[Path]) -> tuple[Path, Look]:
    """Look at everything that was named, with subfolders.

    Returns
    -------
    (Path, Look)
        The folder that names are relative to (the one that was named, or what all paths have in common), and what is there.

    Raises
    ------
    WrongUse
        If a path does not exist or cannot be looked at.
    """
    wanted = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100  links stay as they were named
    for named, path in zip(paths, wanted, strict=True):
        if not path.exists():
            raise WrongUse(f"{shown(named)} is not there.", hint="Name a folder, or some frames.")
    folders = [path if path.is_dir() else path.parent for path in wanted]
    base = Path(os.path.commonpath(folders))
    files: dict[str, FileSighting] = {}
    passed_over: dict[str, str] = {}
    for path in wanted:
        prefix = "" if path == base else f"{path.relative_to(base).as_posix()}"
        if path.is_dir():
            look = FolderScan(path).look().look
            if not look.online:
                raise WrongUse(f"{shown(path)} cannot be looked at.", hint="Check its permissions.")
            inside = f"{prefix}/" if prefix else ""
            files |= {f"{inside}{file.path}": replace(file, path=f"{inside}{file.path}") for file in look.files}
            passed_over |= {f"{inside}{name}": reason for name, reason in look.passed_over.items()}
        else:
            _take_file(path, prefix, files, passed_over)
    return base, Look(online=True, files=tuple(files.values()), passed_over=MappingProxyType(passed_over))


def _take_file(path: Path, name: str, files: dict[str, FileSighting], passed_over: dict[str, str]) -> None:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        passed_over[name] = "it is no file"
        return
    files[name] = FileSighting(
        path=name,
        fingerprint=Fingerprint(size_bytes=status.st_size, mtime_ns=status.st_mtime_ns),
        inode=status.st_ino,
        changed_ns=status.st_ctime_ns,
    )
