"""What `stackd status` reads from the journal, without writing to it."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from stackd.adapters.journal import rows
from stackd.adapters.journal.dealt_with import not_dealt_with
from stackd.adapters.journal.trouble import PRIMARY_CODE, DamagedRow, any_bytes, row_of, told_plainly
from stackd.errors import JournalBlocked
from stackd.model.job import NEED_A_HAND, Job, JobState
from stackd.model.names import shown
from stackd.model.verdict import Judgement
from stackd.service.once.report import JobRecord, JournalReport

R = TypeVar("R")


def read_report(path: Path, *, job_limit: int) -> JournalReport | None:
    """Read what `stackd status` shows, without writing; None when there is no journal yet.

    `job_limit` newest jobs are read and as many of the newest that need a person, oldest first; all when it is −1.
    """
    return _asked(path, partial(_report, job_limit=job_limit))


def read_records(path: Path, beginnings: Sequence[str]) -> tuple[JobRecord, ...]:
    """Read all jobs, oldest first, of the stacks whose ids begin with one of these; a lookup, however long the history is."""
    return _asked(path, partial(_records, beginnings=beginnings)) or ()


def _asked(path: Path, ask: Callable[[sqlite3.Connection], R]) -> R | None:
    """Ask the journal something, without any right to write to it; None where there is none yet."""
    if not _is_there(path):
        return None
    # A journal at rest has no write-ahead log beside it: as `immutable` it is read without making one, and without any right to.
    at_rest = not _log_of(path).exists()
    try:
        return _read(path, "immutable=1" if at_rest else "mode=ro", ask)
    except JournalBlocked as error:
        if at_rest or not _is_refused(error):
            raise
    # The service was killed, and its log can be taken in only by who may write: in a copy of our own, everybody may.
    with tempfile.TemporaryDirectory(prefix="stackd-status-") as folder:
        copy = Path(folder) / path.name
        try:
            shutil.copyfile(path, copy)
            with suppress(FileNotFoundError):
                shutil.copyfile(_log_of(path), _log_of(copy))
        except OSError as error:
            raise _not_readable(path, error) from error
        return _read(copy, "mode=rw", ask, told_as=path)


def _read(path: Path, mode: str, ask: Callable[[sqlite3.Connection], R], told_as: Path | None = None) -> R | None:
    source = f"{path.resolve().as_uri()}?{'mode=ro&' if mode.startswith('immutable') else ''}{mode}"
    with told_plainly(told_as or path), closing(sqlite3.connect(source, uri=True, timeout=1.0)) as db:
        db.row_factory, db.text_factory = sqlite3.Row, any_bytes
        return None if db.execute("PRAGMA user_version").fetchone()[0] == 0 else ask(db)


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _not_readable(path, error) from error
    return True


def _is_refused(error: JournalBlocked) -> bool:
    code = getattr(error.__cause__, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & PRIMARY_CODE
    return code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


def _not_readable(path: Path, error: OSError) -> JournalBlocked:
    return JournalBlocked(
        f"The journal {shown(path)} cannot be read: {error.strerror}.", hint="Ask as the user that stackd runs as."
    )


def _report(db: sqlite3.Connection, *, job_limit: int) -> JournalReport:
    folders = tuple(rows.readable(rows.folder_from_row, db.execute("SELECT * FROM folder ORDER BY watch")))
    counts = _counts(db)
    wishes = tuple(rows.wish_from_row(row) for row in db.execute("SELECT * FROM wish ORDER BY id"))
    to_see = not_dealt_with(_not_passed(db), wishes)
    return JournalReport(
        folders=folders,
        jobs=tuple(_record(db, row) for row in _found(db, job_limit, to_see)),
        counts=counts,
        wishes=wishes,
        to_see=MappingProxyType({job.id: job.verdict.judgement for job in to_see if job.verdict is not None}),
    )


def _found(db: sqlite3.Connection, job_limit: int, to_see: tuple[Job, ...]) -> list[sqlite3.Row]:
    """Find the newest jobs, and of all others those that wait for somebody: what is old is not for that reason in order."""
    found = db.execute("SELECT * FROM job ORDER BY id DESC LIMIT ?", (job_limit,)).fetchall()
    if job_limit >= 0:
        marks = ",".join("?" * len(NEED_A_HAND))
        found += db.execute(
            f"SELECT * FROM job WHERE state IN ({marks}) ORDER BY id DESC LIMIT ?",  # noqa: S608 (marks only)
            (*NEED_A_HAND, job_limit),
        ).fetchall()
        for job in to_see[-job_limit:] if job_limit else ():
            found += db.execute("SELECT * FROM job WHERE id = ?", (job.id,)).fetchall()
    by_id = {row["id"]: row for row in found}
    return [by_id[job_id] for job_id in sorted(by_id)]


@row_of("job")
def _not_passed(db: sqlite3.Connection) -> tuple[Job, ...]:
    """Find published jobs whose composite does not pass, oldest first."""
    if "judgement" not in {row["name"] for row in db.execute("PRAGMA table_info(job)")}:
        return ()
    found = db.execute(
        "SELECT * FROM job WHERE state = ? AND judgement IN (?, ?) ORDER BY id",
        (JobState.DONE, Judgement.REVIEW, Judgement.REJECT),
    ).fetchall()
    return tuple(rows.job_from_row(row) for row in found)


def _records(db: sqlite3.Connection, *, beginnings: Sequence[str]) -> tuple[JobRecord, ...]:
    found: dict[int, sqlite3.Row] = {}
    for beginning in beginnings:
        # Ids are hexadecimal digits: whatever begins so lies before the same with a letter beyond them.
        span = (beginning, f"{beginning}g")
        found |= {row["id"]: row for row in db.execute("SELECT * FROM job WHERE stack_id >= ? AND stack_id < ?", span)}
    return tuple(_record(db, found[job_id]) for job_id in sorted(found))


@row_of("job")
def _counts(db: sqlite3.Connection) -> Mapping[tuple[JobState, Judgement | None], int]:
    columns = {row["name"] for row in db.execute("PRAGMA table_info(job)")}
    judgement = "judgement" if "judgement" in columns else "NULL"
    found = db.execute(f"SELECT state, {judgement} AS judgement, COUNT(*) AS jobs FROM job GROUP BY 1, 2")  # noqa: S608 (our own)
    return MappingProxyType(
        {
            (JobState(row["state"]), None if row["judgement"] is None else Judgement(row["judgement"])): row["jobs"]
            for row in found.fetchall()
        }
    )


@row_of("job")
def _record(db: sqlite3.Connection, row: sqlite3.Row) -> JobRecord:
    job = rows.job_from_row(row)
    stack = db.execute("SELECT * FROM stack WHERE id = ?", (job.stack_id,)).fetchone()
    if stack is None:
        raise DamagedRow("stack")
    frames = db.execute("SELECT path FROM stack_frame WHERE stack_id = ? ORDER BY position", (job.stack_id,)).fetchall()
    warned = db.execute("SELECT * FROM warning WHERE job_id = ? ORDER BY position", (job.id,)).fetchall()
    outputs = db.execute("SELECT folder, final_name FROM output WHERE job_id = ? ORDER BY position", (job.id,)).fetchall()
    kept = rows.stack_from_rows(stack, ())
    return JobRecord(
        job=job,
        frames=tuple(rows.to_name(frame["path"]) for frame in frames),
        confidence=kept.confidence,
        evidence=kept.evidence,
        warnings=tuple(rows.warning_from_row(one) for one in warned),
        outputs=tuple(str(Path(rows.to_name(one["folder"])) / rows.to_name(one["final_name"])) for one in outputs)
        if job.state is JobState.DONE
        else (),
        progress=rows.progress_from_row(row),
    )
