"""Steps of stacks that somebody wants to be told of, read from the journal by number: a crash loses none of them.

Every step is a row of the journal, written with the step itself. Whoever tells keeps the number of the last one told.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stackd.adapters.journal import rows
from stackd.adapters.journal.trouble import any_bytes, told_plainly
from stackd.model.job import Job, JobState
from stackd.model.verdict import Judgement
from stackd.service.ports import Event

AT_ONCE: Final = 100
"""Steps read at a time."""

_EVENTS: Final = {
    JobState.HELD: Event.HELD,
    JobState.FAILED: Event.FAILED,
    JobState.QUARANTINED: Event.FAILED,
    JobState.BLOCKED: Event.BLOCKED,
}

_PASSING: Final = (JobState.READY, JobState.RUNNING, JobState.PUBLISHING)
"""States that a blocked stack goes through when it is tried again: being blocked once more is no news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A step that a user may want to be told of."""

    number: int
    event: Event | None
    """None for a step that needs nobody, or that another one has overtaken."""
    job: Job
    evidence: tuple[str, ...] = ()


class EventLog:
    """Reads the journal beside the service, which it never keeps waiting.

    Every method raises `JournalBlocked` where the journal cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def newest(self) -> int:
        """Give the number of the last step; 0 in a new journal."""
        with told_plainly(self._path), closing(self._open()) as db:
            return int(db.execute("SELECT COALESCE(MAX(id), 0) FROM event").fetchone()[0])

    def after(self, number: int) -> tuple[Happened, ...]:
        """Give the next steps after that number, oldest first."""
        marks = ",".join("?" * len(_TOLD))
        with told_plainly(self._path), closing(self._open()) as db:
            found = db.execute(
                f"SELECT id, job_id, state FROM event WHERE id > ? AND state IN ({marks}) ORDER BY id LIMIT ?",  # noqa: S608 (marks only)
                (number, *_TOLD, AT_ONCE),
            ).fetchall()
            return tuple(_happened(db, row) for row in found)

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)
        db.row_factory, db.text_factory = sqlite3.Row, any_bytes
        return db


_TOLD: Final = (*_EVENTS, JobState.DONE)


def _happened(db: sqlite3.Connection, row: sqlite3.Row) -> Happened:
    number, state = rows.whole(row["id"]), JobState(row["state"])
    job = rows.job_from_row(db.execute("SELECT * FROM job WHERE id = ?", (row["job_id"],)).fetchone())
    event = _EVENTS.get(state)
    if state is JobState.DONE and job.verdict is not None and job.verdict.judgement is not Judgement.PASS:
        event = Event.REVIEW
    if job.state is not state or (state is JobState.BLOCKED and _was_blocked(db, job.id, number)):
        event = None
    stack = db.execute("SELECT * FROM stack WHERE id = ?", (job.stack_id,)).fetchone()
    evidence = () if stack is None or state is not JobState.HELD else rows.stack_from_rows(stack, ()).evidence
    return Happened(number=number, event=event, job=job, evidence=evidence)


def _was_blocked(db: sqlite3.Connection, job_id: int, number: int) -> bool:
    before = db.execute(
        "SELECT state FROM event WHERE job_id = ? AND id < ? AND state NOT IN (?,?,?) ORDER BY id DESC LIMIT 1",
        (job_id, number, *_PASSING),
    ).fetchone()
    return before is not None and before["state"] == JobState.BLOCKED
