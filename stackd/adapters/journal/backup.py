"""A copy of the journal that is whole, made while the service goes on."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from stackd.adapters.journal.trouble import told_plainly
from stackd.errors import OutputBlocked, WrongUse
from stackd.model.names import shown

PAGES_AT_ONCE: Final = 1_000
"""Copied between two chances for the service to write: four megabytes, some milliseconds."""

PAUSE_S: Final = 0.01


def back_up(journal: Path, target: Path) -> int:
    """Copy the journal by SQLite's own backup; gives how many stacks are in the copy.

    The copy gets its name once it is whole and safe on disk, and never replaces anything.

    Raises
    ------
    WrongUse
        If there is no journal, or `target` exists.
    OutputBlocked
        If the copy cannot be written.
    JournalBlocked
        If the journal cannot be read.
    """
    if not journal.exists():
        raise WrongUse(f"There is no journal {shown(journal)} yet.", hint="Name the configuration of the service with --config.")
    if target.exists():
        raise WrongUse(f"{shown(target)} exists already.", hint="Name a file that does not exist, for example with today's date.")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.touch(exist_ok=False)
        with told_plainly(journal), closing(sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)) as source:
            _copy(source, part)
        with closing(sqlite3.connect(part)) as copy:
            (stacks,) = copy.execute("SELECT COUNT(*) FROM stack").fetchone()
        _sync(part)
        os.link(part, target)
        _sync(target.parent)
    except OSError as error:
        raise OutputBlocked(f"{shown(target)} cannot be written: {error.strerror}.", hint="Name another folder.") from error
    finally:
        with suppress(OSError):
            part.unlink()
    return int(stacks)


def _copy(source: sqlite3.Connection, part: Path) -> None:
    with closing(sqlite3.connect(part)) as copy:
        source.backup(copy, pages=PAGES_AT_ONCE, sleep=PAUSE_S)
        # One file without a log beside it, as small as can be.
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.execute("PRAGMA auto_vacuum = INCREMENTAL")
        copy.execute("VACUUM")
        (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
