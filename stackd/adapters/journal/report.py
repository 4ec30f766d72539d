"""What `stackd status` reads from the journal, without writing to it."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType

from stackd.adapters.journal import rows
from stackd.adapters.journal.trouble import told_plainly
from stackd.model.job import JobState
from stackd.model.verdict import Judgement
from stackd.service.once.report import JobRecord, JournalReport


def read_report(path: Path, *, job_limit: int) -> JournalReport | None:
    """Read what `stackd status` shows, without writing; None when there is no journal yet.

    `job_limit` newest jobs are read, oldest first; all when it is −1.
    """
    with _opened(path) as db:
        if db is None:
            return None
        folders = tuple(rows.folder_from_row(row) for row in db.execute("SELECT * FROM folder ORDER BY watch"))
        found = db.execute("SELECT * FROM job ORDER BY id DESC LIMIT ?", (job_limit,)).fetchall()
        jobs = tuple(_record(db, row) for row in reversed(found))
        counts = _counts(db)
        wishes = tuple(rows.wish_from_row(row) for row in db.execute("SELECT * FROM wish ORDER BY id"))
    return JournalReport(folders=folders, jobs=jobs, counts=counts, wishes=wishes)


def read_records(path: Path, beginnings: Sequence[str]) -> tuple[JobRecord, ...]:
    """Read all jobs, oldest first, of the stacks whose ids begin with one of these; a lookup, however long the history is."""
    found: dict[int, sqlite3.Row] = {}
    with _opened(path) as db:
        if db is None:
            return ()
        for beginning in beginnings:
            # Ids are hexadecimal digits: whatever begins so lies before the same with a letter beyond them.
            span = (beginning, f"{beginning}g")
            found |= {row["id"]: row for row in db.execute("SELECT * FROM job WHERE stack_id >= ? AND stack_id < ?", span)}
        return tuple(_record(db, found[job_id]) for job_id in sorted(found))


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Open the journal without any right to write; none where there is none yet."""
    if not path.exists():
        yield None
        return
    # A journal at rest has no write-ahead log beside it: as `immutable` it is read without making one, and without any right to.
    at_rest = not path.with_name(f"{path.name}-wal").exists()
    source = f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if at_rest else ''}"
    with told_plainly(path), closing(sqlite3.connect(source, uri=True, timeout=1.0)) as db:
        db.row_factory = sqlite3.Row
        yield None if db.execute("PRAGMA user_version").fetchone()[0] == 0 else db


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


def _record(db: sqlite3.Connection, row: sqlite3.Row) -> JobRecord:
    job = rows.job_from_row(row)
    stack = db.execute("SELECT * FROM stack WHERE id = ?", (job.stack_id,)).fetchone()
    frames = db.execute("SELECT path FROM stack_frame WHERE stack_id = ? ORDER BY position", (job.stack_id,)).fetchall()
    warned = db.execute("SELECT * FROM warning WHERE job_id = ? ORDER BY position", (job.id,)).fetchall()
    outputs = db.execute("SELECT folder, final_name FROM output WHERE job_id = ? ORDER BY position", (job.id,)).fetchall()
    return JobRecord(
        job=job,
        frames=tuple(rows.to_name(frame["path"]) for frame in frames),
        confidence=stack["confidence"],
        evidence=rows.stack_from_rows(stack, ()).evidence,
        warnings=tuple(rows.warning_from_row(one) for one in warned),
        outputs=tuple(str(Path(rows.to_name(one["folder"])) / rows.to_name(one["final_name"])) for one in outputs)
        if job.state is JobState.DONE
        else (),
        progress=rows.progress_from_row(row),
    )
