"""Files that stackd writes into folders of the system, and knows again: one that somebody edited is never overwritten or removed.

The last line of each holds a checksum of what is above it. No list is kept of what was written: it could be lost, or be of
another user.
"""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from stackd.errors import StackdError
from stackd.model.names import shown

MARK: Final = "Written by `stackd service install`; checksum "
CHECKSUM_DIGITS: Final = 16
"""Hexadecimal digits: it tells an edit, and guards against nothing else."""

KEPT_ENDING: Final = ".before-stackd"
"""Added to the name of a file that --force took the place of; no service manager reads a file of such a name."""

MODE: Final = 0o644
"""Everybody may read what services there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """A file for the system, by its path there."""

    path: Path
    text: str


class Standing(StrEnum):
    """How a planned file stands to what lies in its place."""

    MISSING = "missing"
    SAME = "same"
    OURS = "ours"
    """Written by stackd, and nobody edited it since."""
    EDITED = "edited"
    """Edited, or never written by stackd."""


def standing(path: Path, text: str | None = None) -> Standing:
    """Look at what lies at `path`; `text` is what should lie there, without its last line."""
    try:
        if path.is_symlink():
            return Standing.EDITED
        found = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return Standing.MISSING
    except OSError as error:
        raise _refused(path, error, "read") from error
    if text is not None and found == _stamped(path, text).encode():
        return Standing.SAME
    body, _, last = found.rstrip(b"\n").rpartition(b"\n")
    return Standing.OURS if last == _stamp(path, body + b"\n").encode() else Standing.EDITED


def write_files(planned: Sequence[PlannedFile], *, root: Path, force: bool, rehearse: bool) -> tuple[str, ...]:
    """Write them below `root`, all or none: nothing is written when one of them would overwrite what somebody edited.

    Parameters
    ----------
    planned : sequence of PlannedFile
    root : Path
        What counts as / .
    force : bool
        Overwrite edited files too; they are kept beside, under a name ending with `KEPT_ENDING`.
    rehearse : bool
        Write nothing, and say what would be written.

    Returns
    -------
    tuple of str
        A sentence a file.

    Raises
    ------
    StackdError
        If a file was edited, or cannot be written.
    """
    stands = {file: standing(below(root, file.path), file.text) for file in planned}
    edited = [shown(below(root, file.path)) for file, found in stands.items() if found is Standing.EDITED]
    if edited and not force:
        raise StackdError(
            f"{', '.join(edited)} was edited, or not written by stackd. Nothing was changed.",
            hint="Put lines of your own in another file of the folder stackd.service.d, or overwrite it with --force:"
            f" it is then kept, under its name with {KEPT_ENDING} added.",
        )
    told = []
    for file, found in stands.items():
        path = below(root, file.path)
        if found is Standing.SAME:
            told.append(f"{shown(path)} is as it should be.")
            continue
        kept = path.with_name(path.name + KEPT_ENDING)
        if found is Standing.EDITED:
            told.append(f"{'Would keep' if rehearse else 'Kept'} what was there as {shown(kept)}.")
        told.append(f"{'Would write' if rehearse else 'Wrote'} {shown(path)}")
        if rehearse:
            continue
        try:
            if found is Standing.EDITED:
                path.rename(kept)
            _write(path, _stamped(path, file.text))
        except OSError as error:
            raise _refused(path, error, "written") from error
    return tuple(told)


def remove_files(paths: Sequence[Path], *, root: Path, rehearse: bool) -> tuple[str, ...]:
    """Take back what `write_files` wrote and nobody edited since, and folders that are then empty.

    Returns
    -------
    tuple of str
        A sentence a file that was there.

    Raises
    ------
    StackdError
        If a file cannot be read or removed.
    """
    told = []
    for planned in paths:
        path = below(root, planned)
        match standing(path):
            case Standing.MISSING:
                continue
            case Standing.EDITED:
                told.append(f"Left {shown(path)}: it was edited, or not written by stackd.")
                continue
        told.append(f"{'Would remove' if rehearse else 'Removed'} {shown(path)}")
        if rehearse:
            continue
        try:
            path.unlink()
        except OSError as error:
            raise _refused(path, error, "removed") from error
        if path.parent.name.endswith(".service.d"):
            # It stays where somebody has lines of their own in it.
            with suppress(OSError):
                path.parent.rmdir()
    return tuple(told)


def below(root: Path, path: Path) -> Path:
    """Find where a path of the system lies when `root` counts as / ."""
    return root / path.relative_to(path.anchor)


def _write(path: Path, text: str) -> None:
    """Write a file so that a service manager never reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".stackd-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), MODE)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _stamped(path: Path, text: str) -> str:
    return f"{text}{_stamp(path, text.encode())}\n"


def _stamp(path: Path, body: bytes) -> str:
    line = MARK + hashlib.sha256(body).hexdigest()[:CHECKSUM_DIGITS]
    return f"<!-- {line} -->" if path.suffix == ".plist" else f"# {line}"


def _refused(path: Path, error: OSError, done: str) -> StackdError:
    if isinstance(error, PermissionError):
        return StackdError(
            f"{shown(path)} cannot be {done}: you have no permission.",
            hint="A service for everybody is the administrator's business: put sudo before the command."
            " A service of your own needs no --system.",
        )
    return StackdError(f"{shown(path)} cannot be {done}: {error.strerror}.")
