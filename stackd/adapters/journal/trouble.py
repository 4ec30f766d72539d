"""What SQLite says, and what rows say that were damaged, as sentences with a way out."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from stackd.adapters.journal.schema import ForeignDatabase, NewerJournal
from stackd.errors import JournalBlocked, JournalUnusable
from stackd.model.names import shown

P = ParamSpec("P")
R = TypeVar("R")

PRIMARY_CODE: Final = 0xFF
"""SQLite's extended codes keep the primary one in the lowest byte (sqlite.org/rescode.html)."""

LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

NOT_NOW: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_PROTOCOL,
    }
)
"""Codes that tell of the disk and the system; all other ones tell of what is in the file."""

MOVE_IT: Final = (
    "Move it out of the state folder, or put a backup in its place; frames still in the watched folders are then stacked again."
)


class DamagedRow(Exception):
    """A row does not say what stackd writes into it: bytes of it changed on the disk, which SQLite cannot tell."""

    def __init__(self, table: str) -> None:
        super().__init__(table)
        self.table = table


def row_of(table: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function that reads a row raise `DamagedRow` when it stumbles over what is in it."""

    def decorate(read: Callable[P, R]) -> Callable[P, R]:
        @wraps(read)
        def reading(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return read(*args, **kwargs)
            except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
                raise DamagedRow(table) from error

        return reading

    return decorate


@contextmanager
def told_plainly(path: Path | None) -> Iterator[None]:
    """Turn what SQLite says into a sentence with a way out."""
    place = "in memory" if path is None else shown(path)
    try:
        yield
    except NewerJournal as error:
        raise JournalUnusable(
            f"The journal {place} was written by a later stackd (layout {error.version}).",
            hint="Install that version again, or start with another state folder.",
        ) from error
    except ForeignDatabase as error:
        raise JournalUnusable(
            f"{place} is a database of another program.", hint="Give stackd a state folder of its own ([state] folder)."
        ) from error
    except DamagedRow as error:
        raise JournalUnusable(f"The journal {place} is damaged: its table {error.table} cannot be read.", hint=MOVE_IT) from error
    except (UnicodeDecodeError, IndexError) as error:
        # So sqlite3 takes a table or column whose very name was damaged.
        raise JournalUnusable(f"The journal {place} is damaged: its tables are not as they should be.", hint=MOVE_IT) from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & PRIMARY_CODE
        if code in LOCKED:
            raise JournalBlocked(
                f"The journal {place} is locked by another program.",
                hint="A backup perhaps: wait until it is done. The service goes on by itself, a command is to be given again.",
            ) from error
        if code in NOT_NOW:
            raise JournalBlocked(
                f"The journal {place} cannot be read or written: {error}.",
                hint="Check free space and permissions of the state folder. The service goes on by itself.",
            ) from error
        raise JournalUnusable(f"The journal {place} is damaged: {error}.", hint=MOVE_IT) from error


def any_bytes(stored: bytes) -> str:
    """Read a text column, whatever its bytes (`Connection.text_factory`): damage is noticed where its meaning is read."""
    return stored.decode("utf-8", "backslashreplace")
