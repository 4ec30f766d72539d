"""The journal's tables, and how an older journal is brought up to date."""

import sqlite3
from collections.abc import Callable
from typing import Final

APPLICATION_ID: Final = 0x73746B64
"""Marks the file as a stackd journal ("stkd"), so that no other database is taken for one."""

MIGRATIONS: Final[tuple[str, ...]] = (
    """
    CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

    CREATE TABLE stack (
        id TEXT PRIMARY KEY,
        watch BLOB NOT NULL,
        kind TEXT NOT NULL,
        reason TEXT NOT NULL,
        confidence REAL NOT NULL,
        decision TEXT NOT NULL,
        evidence TEXT NOT NULL,           -- JSON list of sentences
        sealed_at TEXT,
        name BLOB,
        recipe TEXT
    ) WITHOUT ROWID;

    CREATE TABLE stack_frame (
        stack_id TEXT NOT NULL REFERENCES stack (id),
        position INTEGER NOT NULL,        -- near -> far, from 0
        path BLOB NOT NULL,               -- relative to the watch; exact bytes
        page INTEGER,
        size_bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        content_sha256 TEXT,
        meta TEXT NOT NULL,               -- JSON
        companions TEXT NOT NULL,         -- JSON list
        PRIMARY KEY (stack_id, position)
    ) WITHOUT ROWID;

    CREATE TABLE job (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        stack_id TEXT NOT NULL REFERENCES stack (id),
        watch BLOB NOT NULL,
        recipe_name TEXT NOT NULL,
        recipe_hash TEXT NOT NULL,
        state TEXT NOT NULL,
        attempt INTEGER NOT NULL DEFAULT 0,
        crashes INTEGER NOT NULL DEFAULT 0,
        version INTEGER NOT NULL,
        queued_at TEXT NOT NULL,
        started_at TEXT,
        finished_at TEXT,
        error TEXT,
        hint TEXT,
        composite_path BLOB,
        seconds TEXT,                     -- JSON: stage -> seconds
        peak_rss_bytes INTEGER,
        stage TEXT,                       -- where a running job is
        stage_done INTEGER,
        stage_total INTEGER
    );
    CREATE INDEX job_by_stack ON job (stack_id);
    CREATE INDEX job_by_state ON job (state);

    CREATE TABLE output (
        job_id INTEGER NOT NULL REFERENCES job (id),
        position INTEGER NOT NULL,        -- order of becoming visible, composite last
        folder BLOB NOT NULL,
        temporary_path BLOB NOT NULL,
        final_name BLOB NOT NULL,
        sha256 TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        PRIMARY KEY (job_id, position)
    ) WITHOUT ROWID;

    CREATE TABLE warning (
        job_id INTEGER NOT NULL REFERENCES job (id),
        position INTEGER NOT NULL,
        code TEXT NOT NULL,
        sentence TEXT NOT NULL,
        PRIMARY KEY (job_id, position)
    ) WITHOUT ROWID;

    CREATE TABLE event (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        job_id INTEGER NOT NULL REFERENCES job (id),
        at TEXT NOT NULL,
        state TEXT NOT NULL,
        error TEXT
    );

    CREATE TABLE wish (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        stack_id TEXT NOT NULL,
        asked_at TEXT NOT NULL,
        frames TEXT NOT NULL,             -- JSON list
        other_stack_ids TEXT NOT NULL,    -- JSON list
        answer TEXT
    );

    CREATE TABLE described (
        watch BLOB NOT NULL,
        path BLOB NOT NULL,
        size_bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        content_sha256 TEXT,
        meta TEXT,                        -- JSON; NULL for a file that cannot be read
        signature BLOB,
        reason TEXT,
        PRIMARY KEY (watch, path)
    ) WITHOUT ROWID;

    CREATE TABLE folder (
        watch BLOB PRIMARY KEY,
        at TEXT NOT NULL,
        online INTEGER NOT NULL,
        trouble TEXT NOT NULL,
        files INTEGER NOT NULL,
        settling INTEGER NOT NULL,
        open_stacks TEXT NOT NULL,        -- JSON list of {frames, waits_for}
        set_aside TEXT NOT NULL,          -- JSON: path -> reason
        passed_over TEXT NOT NULL,        -- JSON: path -> reason
        passed_over_count INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE folder ADD COLUMN left_alone TEXT NOT NULL DEFAULT '[]';  -- JSON list of {kind, count, first, last}
    """,
    """
    ALTER TABLE job ADD COLUMN judgement TEXT;                            -- NULL before anything was judged
    ALTER TABLE job ADD COLUMN rejection_probability REAL;
    ALTER TABLE job ADD COLUMN reasons TEXT;                              -- JSON list of codes of findings
    ALTER TABLE job ADD COLUMN accepted INTEGER NOT NULL DEFAULT 0;       -- the user wants it whatever is judged
    """,
    """
    ALTER TABLE stack_frame ADD COLUMN picture TEXT;                      -- hash of the picture alone, with its scheme; or NULL
    ALTER TABLE described ADD COLUMN picture TEXT;
    """,
    """
    CREATE INDEX stack_frame_by_path ON stack_frame (path);               -- frames that appear in a folder are looked up
    CREATE INDEX event_by_job ON event (job_id);                          -- forgotten with their jobs
    ALTER TABLE stack_frame ADD COLUMN stem TEXT;                         -- by these three a frame is found again
    ALTER TABLE stack_frame ADD COLUMN moment TEXT;                       -- that was renamed, moved or saved anew
    ALTER TABLE stack_frame ADD COLUMN size_px TEXT;
    UPDATE stack_frame SET stem = trait('stem', path, meta), moment = trait('moment', path, meta),
        size_px = trait('size', path, meta);
    CREATE INDEX stack_frame_by_stem ON stack_frame (stem, size_px);
    CREATE INDEX stack_frame_by_moment ON stack_frame (moment);
    CREATE INDEX stack_frame_by_size ON stack_frame (size_px) WHERE content_sha256 IS NOT NULL;
    CREATE INDEX stack_frame_by_content ON stack_frame (content_sha256);
    CREATE INDEX stack_frame_by_picture ON stack_frame (picture);
    """,
)
"""One script a version; version n is reached by running script n. Only ever append: journals of every version are out there."""


class NewerJournal(Exception):
    """The journal was written by a later stackd; `version` is the one found."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class ForeignDatabase(Exception):
    """The file is a database, but no journal of stackd."""


def migrate(connection: sqlite3.Connection, *, trait: Callable[[str, bytes, str], str | None]) -> None:
    """Bring the journal to the newest version; each step is one transaction.

    `trait` tells, for older rows, what a frame is found again by: "stem", "moment" or "size", its path and its metadata as JSON.

    Raises
    ------
    NewerJournal
        If a later stackd has already gone further.
    ForeignDatabase
        If the file belongs to another program.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if version > 0 and application != APPLICATION_ID:
        raise ForeignDatabase
    if version > len(MIGRATIONS):
        raise NewerJournal(version)
    connection.create_function("trait", 3, trait, deterministic=True)
    for number in range(version + 1, len(MIGRATIONS) + 1):
        # `executescript` commits what is open before it starts, hence the transaction inside the script.
        connection.executescript(
            f"BEGIN IMMEDIATE; {MIGRATIONS[number - 1]}; "
            f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number}; COMMIT;"
        )
