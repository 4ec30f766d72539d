"""What SQLite says, as sentences with a way out."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stackd.adapters.journal.schema import ForeignDatabase, NewerJournal
from stackd.errors import JournalBlocked


@contextmanager
def told_plainly(path: Path | None) -> Iterator[None]:
    """Turn what SQLite says into a sentence with a way out."""
    place = "in memory" if path is None else str(path)
    try:
        yield
    except NewerJournal as error:
        raise JournalBlocked(
            f"The journal {place} was written by a later stackd (layout {error.version}).",
            hint="Install that version again, or start with another state folder.",
        ) from error
    except ForeignDatabase as error:
        raise JournalBlocked(
            f"{place} is a database of another program.", hint="Give stackd a state folder of its own ([state] folder)."
        ) from error
    except sqlite3.OperationalError as error:
        raise JournalBlocked(
            f"The journal {place} cannot be read or written: {error}.",
            hint="Check free space and permissions of the state folder; stackd goes on by itself.",
        ) from error
    except sqlite3.DatabaseError as error:
        raise JournalBlocked(
            f"The journal {place} is damaged: {error}.",
            hint="Move it out of the state folder; frames still in the watched folders are then stacked again.",
        ) from error
