"""A journal whose bytes changed on the disk is told to be damaged, without a traceback; what can be read again is let go."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from stackd.adapters.journal.report import read_records, read_report
from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.errors import JournalBlocked, JournalUnusable
from stackd.model.content import ContentSignature
from stackd.model.frame import Fingerprint, Frame, FrameMeta
from stackd.model.job import JobState
from stackd.model.stack import Decision, SealReason, Stack, StackKind, stack_id
from stackd.model.verdict import Judgement, Verdict
from stackd.service.ports import (
    Described,
    FolderReport,
    LeftAlone,
    OpenStack,
    Progressed,
    Publication,
    StagedFile,
    Warned,
    WishKind,
)

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
WATCH = "/card"
META = FrameMeta(captured_at=AT, lens="90 mm", page_positions_m=(0.0, 1e-6), sources=MappingProxyType({"lens": "Exif"}))
PATHS = tuple(f"{name}{one}.jpg" for name in ("a", "b", "c") for one in ("", 0, 1, 2))
FINGERPRINT = Fingerprint(size_bytes=100, mtime_ns=5, content_sha256="ab" * 32)


SIGNATURE = ContentSignature(
    thumbnail=np.zeros((2, 3), np.float32),
    sharpness=np.ones((1, 2), np.float32),
    brightness=0.5,
    detail=np.zeros((4, 4), np.int8),
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal at rest, with something in every table."""
    path = tmp_path_factory.mktemp("sound") / "journal.sqlite3"
    journal = SqliteJournal(path)
    for name in ("a", "b", "c"):
        frames = tuple(Frame(path=f"{name}{one}.jpg", fingerprint=FINGERPRINT, meta=META) for one in range(3))
        stack = Stack(
            id=stack_id(frames),
            frames=frames,
            kind=StackKind.FOCUS,
            reason=SealReason.GAP,
            confidence=0.9,
            decision=Decision.PROCESS,
            evidence=("the focus moves on",),
            name="käfer",
        )
        job = journal.record_sealed(
            stack, watch=WATCH, recipe_name="default", recipe_hash="r1", state=JobState.READY, version=1, at=AT
        )
        journal.move(job.id, JobState.RUNNING, at=AT)
        journal.note_progress(Progressed(job_id=job.id, stage="fuse", done=1, total=2))
        if name == "a":
            staged = StagedFile(temporary_path=Path("/out/.stackd-x.tmp"), final_name="k.tif", sha256="ab" * 32, size_bytes=5)
            verdict = Verdict(judgement=Judgement.REVIEW, rejection_probability=0.5, reasons=("motion",))
            files = ((staged, "k.tif"),)
            warned = (Warned(code="x", sentence="b.jpg was left out."),)
            journal.begin_publication(
                Publication(job_id=job.id, folder=Path("/out"), files=files, verdict=verdict, warnings=warned), at=AT
            )
        journal.ask(WishKind.SPLIT, stack.id, at=AT, frames=("a1.jpg",))
        journal.remember(Described(watch=WATCH, path=f"{name}.jpg", fingerprint=FINGERPRINT, meta=META, content=SIGNATURE))
    report = FolderReport(watch=WATCH, at=AT, online=True, open_stacks=(OpenStack(frames=("x",), waits_for="more"),))
    journal.note_folder(
        replace(
            report, set_aside=MappingProxyType({"x": "y"}), left_alone=(LeftAlone(kind="burst", count=2, first="1", last="2"),)
        )
    )
    journal.owner()
    journal.close()
    return path


def read_everything(path: Path) -> None:
    journal = SqliteJournal(path)
    try:
        journal.owner()
        for job in journal.jobs():
            journal.stack(job.stack_id)
            journal.publication(job.id)
        journal.wishes()
        known = journal.recall(WATCH, PATHS)
        journal.contents(WATCH, PATHS)
        journal.alike([one for one in known.described if isinstance(one, Described)])
    finally:
        journal.close()


def test_whatever_bytes_change_it_is_told_in_a_sentence(sound: Path, tmp_path: Path) -> None:
    whole = sound.read_bytes()
    told: list[JournalBlocked] = []
    for seed in range(300):
        chance = np.random.default_rng(seed)
        content = bytearray(whole)
        for _ in range(chance.integers(1, 5)):
            content[chance.integers(100, len(content))] = chance.integers(256)
        path = tmp_path / f"{seed}.sqlite3"
        path.write_bytes(content)
        for read in (
            partial(read_report, path, job_limit=-1),
            partial(read_records, path, ["", "0"]),
            partial(read_everything, path),
        ):
            try:
                read()
            except JournalBlocked as error:
                told.append(error)

    sentences = ("is damaged", "was written by a later stackd", "is a database of another program")
    assert len(told) > 10
    assert all(isinstance(error, JournalUnusable) for error in told)
    assert all(any(sentence in error.message for sentence in sentences) for error in told)


@pytest.mark.parametrize(
    ("change", "table"),
    [
        ("UPDATE job SET state = 'dune'", "job"),
        ("UPDATE job SET attempt = 'x'", "job"),
        ("UPDATE job SET queued_at = 'yesterday'", "job"),
        ("UPDATE stack_frame SET meta = '{'", "stack_frame"),
        ("UPDATE stack SET confidence = 'x'", "stack"),
        ("UPDATE wish SET kind = 'hope'", "wish"),
        ("UPDATE output SET folder = 7", "output"),
    ],
)
def test_a_row_that_says_nonsense_is_told_with_its_table(sound: Path, tmp_path: Path, change: str, table: str) -> None:
    path = Path(shutil.copy(sound, tmp_path / "journal.sqlite3"))
    with closing(sqlite3.connect(path)) as db:
        db.execute(change)
        db.commit()

    with pytest.raises(JournalUnusable, match=f"is damaged: its table {table} cannot be read"):
        read_everything(path)


def test_rows_that_can_be_made_again_are_let_go(sound: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(sound, tmp_path / "journal.sqlite3"))
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE described SET meta = '{' WHERE path = CAST('a.jpg' AS BLOB)")
        db.execute("UPDATE described SET signature = x'00' WHERE path = CAST('b.jpg' AS BLOB)")
        db.execute("UPDATE folder SET open_stacks = '7'")
        db.commit()

    report = read_report(path, job_limit=-1)
    journal = SqliteJournal(path)
    known = [described.path for described in journal.recall(WATCH, PATHS).described]
    left = [row["path"] for row in journal._db.execute("SELECT path FROM described")]
    journal.close()

    assert report is not None
    assert (len(report.jobs), report.folders) == (3, ())
    assert known == ["c.jpg"]
    assert left == [b"c.jpg"]


def test_what_a_frame_looks_like_is_let_go_where_it_was_cut_off(sound: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(sound, tmp_path / "journal.sqlite3"))
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "UPDATE described SET signature = substr(signature, 1, length(signature) - 9) WHERE path = CAST('b.jpg' AS BLOB)"
        )
        db.execute("""UPDATE described SET meta = '{"width_px":"x","height_px":3}' WHERE path = CAST('a.jpg' AS BLOB)""")
        db.commit()

    journal = SqliteJournal(path)
    known = [described.path for described in journal.recall(WATCH, PATHS).described]
    contents = journal.contents(WATCH, PATHS)
    again = [described.path for described in journal.recall(WATCH, PATHS).described]
    journal.close()

    assert known == ["b.jpg", "c.jpg"]
    assert list(contents) == ["c.jpg"]
    assert again == ["c.jpg"]


def test_a_damaged_state_is_met_though_nobody_asks_for_it(sound: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(sound, tmp_path / "journal.sqlite3"))
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE job SET state = 'dune' WHERE id = 1")
        db.commit()

    with pytest.raises(JournalUnusable, match="is damaged: its table job cannot be read"):
        SqliteJournal(path)
