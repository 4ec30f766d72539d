"""The journal in SQLite: every method one transaction, durable when it returns (WAL, `synchronous=FULL`)."""

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from stackd.adapters.journal import rows
from stackd.adapters.journal.schema import migrate
from stackd.adapters.journal.trouble import DamagedRow, any_bytes, told_plainly
from stackd.errors import IllegalTransition, JournalBlocked
from stackd.model.job import Job, JobState, is_legal
from stackd.model.names import shown
from stackd.model.stack import Stack
from stackd.model.verdict import Verdict
from stackd.service.ports import (
    Described,
    FolderReport,
    NotDescribed,
    Progressed,
    Publication,
    StagedFile,
    TakenFrame,
    Warned,
    Wish,
    WishKind,
)

JOURNAL_NAME: Final = "journal.sqlite3"
"""The journal's file in the state folder."""

BUSY_MS: Final = 5_000
"""How long a write waits for another process: the command line holds the journal for milliseconds, a backup for seconds."""

OWNER_BYTES: Final = 3
"""Random bytes in the name of this journal's service: two services sharing an output folder collide once in 16 million."""

TRIED_BYTES: Final = 4_096
"""Random bytes written to see whether the journal can be written: as many as a page, so that they never fit into what is left."""

RECALL_LIMIT: Final = 200_000
"""Descriptions given back at start; more files than this in one watched folder are simply described again."""


class SqliteJournal:
    """A `Journal` in one SQLite file, or in memory for tests.

    Raises
    ------
    JournalBlocked
        If the file cannot be opened, is damaged, or was written by a later stackd; every method raises it when the disk is full,
        cannot be written, or the journal is locked for longer than five seconds.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None
        with told_plainly(path):
            self._db = sqlite3.connect(":memory:" if path is None else path, isolation_level=None, timeout=BUSY_MS / 1000)
        try:
            with told_plainly(path):
                self._prepare()
        except JournalBlocked:
            self._db.close()
            raise
        self._identity = None if path is None else _identity(path)
        self._seen_version = self._data_version()

    def _prepare(self) -> None:
        self._db.row_factory, self._db.text_factory = sqlite3.Row, any_bytes
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        verdict = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        migrate(self._db)

    # ------------------------------------------------------- stacks and jobs

    def record_sealed(
        self, stack: Stack, *, watch: str, recipe_name: str, recipe_hash: str, state: JobState, version: int, at: datetime
    ) -> Job:
        """Remember a sealed stack and its new job."""
        with self._transaction() as db:
            known = db.execute("SELECT 1 FROM stack WHERE id = ?", (stack.id,)).fetchone()
            if known is None:
                _insert_stack(db, stack, watch=watch, at=at)
            job_id = db.execute(
                "INSERT INTO job (stack_id, watch, recipe_name, recipe_hash, state, version, queued_at) VALUES (?,?,?,?,?,?,?)",
                (stack.id, rows.to_bytes(watch), recipe_name, recipe_hash, state, version, rows.to_text(at)),
            ).lastrowid
            if job_id is None:
                raise sqlite3.DatabaseError("no job number was given")
            _note_event(db, job_id, state, at, None)
            return _job(db, job_id)

    def move(
        self,
        job_id: int,
        state: JobState,
        *,
        at: datetime,
        error: str | None = None,
        hint: str | None = None,
        crashed: bool = False,
        forgive: bool = False,
        accept: bool = False,
        recipe_hash: str | None = None,
    ) -> Job:
        """Step a job along a legal transition; RUNNING counts the attempt up, and what was judged before no longer holds."""
        with self._transaction() as db:
            job = _job(db, job_id)
            _require_legal(job, state)
            begins = state is JobState.RUNNING
            ends = state in _ENDS
            db.execute(
                "UPDATE job SET state = ?, error = ?, hint = ?, attempt = ?, crashes = ?, "
                "started_at = CASE WHEN ? THEN ? ELSE started_at END, finished_at = CASE WHEN ? THEN ? ELSE NULL END, "
                "recipe_hash = COALESCE(?, recipe_hash), accepted = MAX(accepted, ?), "
                "judgement = CASE WHEN ? THEN NULL ELSE judgement END, "
                "stage = NULL, stage_done = NULL, stage_total = NULL WHERE id = ?",
                (
                    state,
                    rows.to_words(error),
                    rows.to_words(hint),
                    0 if forgive else job.attempt + begins,
                    0 if forgive else job.crashes + crashed,
                    begins,
                    rows.to_text(at),
                    ends,
                    rows.to_text(at),
                    recipe_hash,
                    accept,
                    begins,
                    job_id,
                ),
            )
            _note_event(db, job_id, state, at, error)
            return _job(db, job_id)

    def hold(self, job_id: int, verdict: Verdict, warnings: Iterable[Warned], *, at: datetime, error: str, hint: str) -> Job:
        """Step from RUNNING to HELD with what was judged of the composite."""
        with self._transaction() as db:
            job = _job(db, job_id)
            if job.state is not JobState.RUNNING:
                # A stack that waits can be held too, but then there is no composite that could have been judged.
                raise IllegalTransition(f"Job {job_id} is {job.state}, so it has no composite that could be held.")
            _replace_warnings(db, job_id, warnings)
            db.execute(
                "UPDATE job SET state = ?, error = ?, hint = ?, judgement = ?, rejection_probability = ?, reasons = ?, "
                "stage = NULL, stage_done = NULL, stage_total = NULL WHERE id = ?",
                (JobState.HELD, rows.to_words(error), rows.to_words(hint), *rows.verdict_to_columns(verdict), job_id),
            )
            _note_event(db, job_id, JobState.HELD, at, error)
            return _job(db, job_id)

    def begin_publication(self, publication: Publication, *, at: datetime) -> Job:
        """Step to PUBLISHING, with names and hashes; once more with other names when one was taken meanwhile."""
        with self._transaction() as db:
            job = _job(db, publication.job_id)
            if job.state is not JobState.PUBLISHING:
                _require_legal(job, JobState.PUBLISHING)
            db.execute("DELETE FROM output WHERE job_id = ?", (job.id,))
            db.executemany(
                "INSERT INTO output VALUES (?,?,?,?,?,?,?)",
                [
                    (
                        job.id,
                        position,
                        rows.to_bytes(str(publication.folder)),
                        rows.to_bytes(str(staged.temporary_path)),
                        rows.to_bytes(name),
                        staged.sha256,
                        staged.size_bytes,
                    )
                    for position, (staged, name) in enumerate(publication.files)
                ],
            )
            _replace_warnings(db, job.id, publication.warnings)
            db.executemany(
                "UPDATE stack_frame SET content_sha256 = ?, picture = ? WHERE stack_id = ? AND path = ?",
                [
                    (fingerprint.content_sha256, fingerprint.picture, job.stack_id, rows.to_bytes(path))
                    for path, fingerprint in publication.fingerprints.items()
                ],
            )
            db.execute(
                "UPDATE job SET state = ?, seconds = ?, peak_rss_bytes = ?, "
                "judgement = ?, rejection_probability = ?, reasons = ? WHERE id = ?",
                (
                    JobState.PUBLISHING,
                    rows.to_json(dict(publication.seconds)),
                    publication.peak_rss_bytes,
                    *rows.verdict_to_columns(publication.verdict),
                    job.id,
                ),
            )
            _note_event(db, job.id, JobState.PUBLISHING, at, None)
            return _job(db, job.id)

    def finish_publication(self, job_id: int, *, at: datetime) -> Job:
        """Step to DONE; the composite is the last file of the publication."""
        with self._transaction() as db:
            _require_legal(_job(db, job_id), JobState.DONE)
            last = db.execute(
                "SELECT folder, final_name FROM output WHERE job_id = ? ORDER BY position DESC LIMIT 1", (job_id,)
            ).fetchone()
            composite = rows.folder_of_output(last) / rows.to_name(last["final_name"])
            db.execute(
                "UPDATE job SET state = ?, finished_at = ?, composite_path = ?, error = NULL, hint = NULL, "
                "stage = NULL, stage_done = NULL, stage_total = NULL WHERE id = ?",
                (JobState.DONE, rows.to_text(at), rows.to_bytes(str(composite)), job_id),
            )
            _note_event(db, job_id, JobState.DONE, at, None)
            return _job(db, job_id)

    def publication(self, job_id: int) -> Publication | None:
        """What was about to become visible when the job stepped to PUBLISHING."""
        with self._reading() as db:
            found = db.execute("SELECT * FROM output WHERE job_id = ? ORDER BY position", (job_id,)).fetchall()
            if not found:
                return None
            warned = db.execute("SELECT * FROM warning WHERE job_id = ? ORDER BY position", (job_id,)).fetchall()
            return Publication(
                job_id=job_id,
                folder=rows.folder_of_output(found[0]),
                files=tuple(rows.output_from_row(row) for row in found),
                verdict=_job(db, job_id).verdict,
                warnings=tuple(rows.warning_from_row(row) for row in warned),
            )

    def left_publications(self) -> tuple[Publication, ...]:
        """What was to become visible of jobs that are neither done nor publishing: some of it may be.

        Names that a publication of another job has are left out: the file there is that one's.
        """
        with self._reading() as db:
            # By the states that are meant, not by those that are not: of done jobs there are years, an index knows the others.
            found = db.execute(
                f"SELECT o.* FROM job j JOIN output o ON o.job_id = j.id WHERE j.state IN ({','.join('?' * len(_NOT_VISIBLE))}) "  # noqa: S608 (marks only)
                "AND NOT EXISTS (SELECT 1 FROM output p JOIN job k ON k.id = p.job_id WHERE k.state IN (?, ?) "
                "AND p.folder = o.folder AND p.final_name = o.final_name) ORDER BY o.job_id, o.position",
                (*_NOT_VISIBLE, JobState.DONE, JobState.PUBLISHING),
            ).fetchall()
            files: dict[tuple[int, Path], list[tuple[StagedFile, str]]] = {}
            for row in found:
                files.setdefault((rows.whole(row["job_id"]), rows.folder_of_output(row)), []).append(rows.output_from_row(row))
        return tuple(Publication(job_id=job_id, folder=folder, files=tuple(each)) for (job_id, folder), each in files.items())

    def forget_publication(self, job_id: int) -> None:
        """Note that nothing of a job that is not done is visible."""
        with self._transaction() as db:
            db.execute("DELETE FROM output WHERE job_id = ?", (job_id,))

    def jobs(self, states: Iterable[JobState] | None = None) -> tuple[Job, ...]:
        """Jobs in these states, oldest first; all when none are named."""
        wanted = () if states is None else tuple(states)
        # Without a condition: a damaged state must be met, not passed over.
        condition = "" if states is None else f"WHERE state IN ({','.join('?' * len(wanted))})"
        with self._reading() as db:
            found = db.execute(f"SELECT * FROM job {condition} ORDER BY id", wanted).fetchall()  # noqa: S608 (marks only)
            return tuple(rows.job_from_row(row) for row in found)

    def stack(self, stack_id: str) -> Stack | None:
        """A recorded stack with its frames."""
        with self._reading() as db:
            row = db.execute("SELECT * FROM stack WHERE id = ?", (stack_id,)).fetchone()
            if row is None:
                return None
            frames = db.execute("SELECT * FROM stack_frame WHERE stack_id = ? ORDER BY position", (stack_id,)).fetchall()
            return rows.stack_from_rows(row, tuple(rows.frame_from_row(frame) for frame in frames))

    def taken_frames(self, watch: str) -> Mapping[str, TakenFrame]:
        """Frames that belong to recorded stacks of this watch, those of superseded stacks excepted; the newest stack wins."""
        with self._reading() as db:
            found = db.execute(
                "SELECT path, size_bytes, mtime_ns, content_sha256, picture, meta, companions, f.stack_id FROM stack_frame f "
                "JOIN (SELECT stack_id, MAX(id) AS newest FROM job WHERE watch = ? AND state <> ? GROUP BY stack_id) j "
                "ON j.stack_id = f.stack_id ORDER BY j.newest",
                (rows.to_bytes(watch), JobState.SUPERSEDED),
            ).fetchall()
            return MappingProxyType(dict(rows.taken_from_row(row) for row in found))

    # --------------------------------------------------------------- wishes

    def ask(
        self,
        kind: WishKind,
        stack_id: str,
        *,
        at: datetime,
        frames: tuple[str, ...] = (),
        other_stack_ids: tuple[str, ...] = (),
    ) -> Wish:
        """Keep what the user decided."""
        with self._transaction() as db:
            wish_id = db.execute(
                "INSERT INTO wish (kind, stack_id, asked_at, frames, other_stack_ids) VALUES (?,?,?,?,?)",
                (kind, stack_id, rows.to_text(at), rows.to_json(frames), rows.to_json(other_stack_ids)),
            ).lastrowid
            return rows.wish_from_row(db.execute("SELECT * FROM wish WHERE id = ?", (wish_id,)).fetchone())

    def wishes(self) -> tuple[Wish, ...]:
        """Every decision, oldest first."""
        with self._reading() as db:
            return tuple(rows.wish_from_row(row) for row in db.execute("SELECT * FROM wish ORDER BY id").fetchall())

    def answer_wish(self, wish_id: int, answer: str) -> None:
        """Note what became of a decision."""
        with self._transaction() as db:
            db.execute("UPDATE wish SET answer = ? WHERE id = ?", (rows.to_words(answer), wish_id))

    def changed_elsewhere(self) -> bool:
        """Whether another process wrote to the journal since the last call."""
        with self._reading():
            version = self._data_version()
        changed, self._seen_version = version != self._seen_version, version
        return changed

    # --------------------------------------------------------- descriptions

    def remember(self, described: Described | NotDescribed) -> None:
        """Keep what a file said of itself, so that a restart need not read it again."""
        meta, signature, reason = (
            (
                rows.meta_to_json(described.meta),
                None if described.content is None else rows.content_to_bytes(described.content),
                None,
            )
            if isinstance(described, Described)
            else (None, None, rows.to_words(described.reason))
        )
        fingerprint = described.fingerprint
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO described VALUES (?,?,?,?,?,?,?,?,?)",
                (
                    rows.to_bytes(described.watch),
                    rows.to_bytes(described.path),
                    fingerprint.size_bytes,
                    fingerprint.mtime_ns,
                    fingerprint.content_sha256,
                    meta,
                    signature,
                    reason,
                    fingerprint.picture,
                ),
            )

    def recall(self, watch: str) -> tuple[Described | NotDescribed, ...]:
        """What was remembered of the files of this watch."""
        with self._reading() as db:
            found = db.execute("SELECT * FROM described WHERE watch = ? LIMIT ?", (rows.to_bytes(watch), RECALL_LIMIT))
            kept = found.fetchall()
        known = []
        damaged = []
        for row in kept:
            try:
                known.append(rows.described_from_row(row))
            except DamagedRow:
                damaged.append((row["watch"], row["path"]))
        if damaged:
            # What a file said of itself can be read again.
            with self._transaction() as db:
                db.executemany("DELETE FROM described WHERE watch IS ? AND path IS ?", damaged)
        return tuple(described for described in known if described is not None)

    def forget(self, watch: str, paths: Iterable[str]) -> None:
        """Drop what was remembered of files that are gone."""
        with self._transaction() as db:
            db.executemany(
                "DELETE FROM described WHERE watch = ? AND path = ?",
                [(rows.to_bytes(watch), rows.to_bytes(path)) for path in paths],
            )

    # --------------------------------------------------------------- status

    def owner(self) -> str:
        """Name this journal's service in temporary file names: a few letters, drawn once."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO about VALUES ('owner', ?)", (secrets.token_hex(OWNER_BYTES),))
            return rows.owner_from_row(db.execute("SELECT value FROM about WHERE key = 'owner'").fetchone())

    def try_writing(self) -> None:
        """Write something that does not matter, but fails where anything else would."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO about VALUES ('tried', ?)", (secrets.token_hex(TRIED_BYTES),))

    def note_folder(self, report: FolderReport) -> None:
        """Replace what `stackd status` shows of a folder."""
        stacks = [{"frames": list(one.frames), "waits_for": one.waits_for} for one in report.open_stacks]
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO folder VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (
                    rows.to_bytes(report.watch),
                    rows.to_text(report.at),
                    report.online,
                    rows.to_words(report.trouble),
                    report.files,
                    report.settling,
                    rows.to_json(stacks),
                    rows.to_json(dict(report.set_aside)),
                    rows.to_json(dict(report.passed_over)),
                    report.passed_over_count,
                    rows.to_json([asdict(each) for each in report.left_alone]),
                ),
            )

    def note_progress(self, progress: Progressed) -> None:
        """Replace what `stackd status` shows of a running job."""
        with self._transaction() as db:
            db.execute(
                "UPDATE job SET stage = ?, stage_done = ?, stage_total = ? WHERE id = ?",
                (rows.to_words(progress.stage), progress.done, progress.total, progress.job_id),
            )

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # -------------------------------------------------------------- private

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with told_plainly(self._path):
            self._require_place()
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with told_plainly(self._path):
            self._require_place()
            yield self._db

    def _require_place(self) -> None:
        """Make sure that the open file is the one that has the name: what is written into a deleted file is nowhere.

        Raises
        ------
        JournalBlocked
            If it is not.
        """
        if self._path is not None and self._identity is not None and _identity(self._path) != self._identity:
            raise JournalBlocked(
                f"The journal {shown(self._path)} was deleted, moved or replaced while stackd uses it.",
                hint="Put the state folder back as it was, or start stackd again: it then begins a new journal.",
            )

    def _data_version(self) -> int:
        version: int = self._db.execute("PRAGMA data_version").fetchone()[0]
        return version


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


_ENDS: Final = frozenset(
    {JobState.DONE, JobState.FAILED, JobState.QUARANTINED, JobState.SUPERSEDED, JobState.DISMISSED, JobState.BLOCKED}
)
"""States in which nothing runs on; `finished_at` tells since when."""


_NOT_VISIBLE: Final = tuple(state for state in JobState if state not in (JobState.DONE, JobState.PUBLISHING))
"""States of a job of which nothing should be visible."""


def _insert_stack(db: sqlite3.Connection, stack: Stack, *, watch: str, at: datetime) -> None:
    db.execute("INSERT INTO stack VALUES (?,?,?,?,?,?,?,?,?,?)", rows.stack_to_row(stack, watch=watch, at=at))
    db.executemany(
        "INSERT INTO stack_frame VALUES (?,?,?,?,?,?,?,?,?,?)",
        [rows.frame_to_row(stack.id, position, frame) for position, frame in enumerate(stack.frames)],
    )


def _replace_warnings(db: sqlite3.Connection, job_id: int, warnings: Iterable[Warned]) -> None:
    db.execute("DELETE FROM warning WHERE job_id = ?", (job_id,))
    db.executemany(
        "INSERT INTO warning VALUES (?,?,?,?)",
        [(job_id, position, warned.code, rows.to_words(warned.sentence)) for position, warned in enumerate(warnings)],
    )


def _job(db: sqlite3.Connection, job_id: int) -> Job:
    row = db.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise IllegalTransition(f"There is no job {job_id} in the journal.")
    return rows.job_from_row(row)


def _require_legal(job: Job, state: JobState) -> None:
    if not is_legal(job.state, state):
        raise IllegalTransition(f"Job {job.id} is {job.state} and cannot become {state}.")


def _note_event(db: sqlite3.Connection, job_id: int, state: JobState, at: datetime, error: str | None) -> None:
    db.execute(
        "INSERT INTO event (job_id, at, state, error) VALUES (?,?,?,?)", (job_id, rows.to_text(at), state, rows.to_words(error))
    )
