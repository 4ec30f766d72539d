"""The journal keeps what it is told, takes legal steps only, and says plainly when it cannot write."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from stackd.adapters.journal.backup import back_up
from stackd.adapters.journal.report import read_records, read_report
from stackd.adapters.journal.rows import CONTENT_FIELDS
from stackd.adapters.journal.schema import APPLICATION_ID, MIGRATIONS
from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.errors import IllegalTransition, JournalBlocked, OutputBlocked, WrongUse
from stackd.model.content import ContentSignature
from stackd.model.frame import BracketKind, Fingerprint, Frame, FrameMeta
from stackd.model.job import Job, JobState
from stackd.model.stack import Decision, SealReason, Stack, StackKind, stack_id
from stackd.model.verdict import Judgement, Verdict
from stackd.service.ports import (
    Described,
    FolderReport,
    OpenStack,
    Progressed,
    Publication,
    Recollection,
    StagedFile,
    Warned,
    WishKind,
)

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)
WATCH = "/card"

ODD_NAMES = [
    "plain.jpg",
    "b\udcff\udcfe.jpg",
    "line\nbreak.jpg",
    "\u202egpj.exe.jpg",
    "'; DROP TABLE job; --.jpg",
    "é.jpg",
    "e\u0301.jpg",
]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(tmp_path / "journal.sqlite3")
    yield journal
    journal.close()


def frame(path: str, number: int = 0, meta: FrameMeta | None = None) -> Frame:
    return Frame(path=path, fingerprint=Fingerprint(size_bytes=100 + number, mtime_ns=number), meta=meta or FrameMeta())


def stack_of(*frames: Frame) -> Stack:
    return Stack(
        id=stack_id(frames),
        frames=frames,
        kind=StackKind.FOCUS,
        reason=SealReason.GAP,
        confidence=0.9,
        decision=Decision.PROCESS,
        evidence=("the focus moves on",),
        name="käfer\udcff",
    )


def record(journal: SqliteJournal, stack: Stack, state: JobState = JobState.READY, version: int = 1, at: datetime = AT) -> Job:
    return journal.record_sealed(stack, watch=WATCH, recipe_name="default", recipe_hash="r1", state=state, version=version, at=at)


def published(journal: SqliteJournal, job: Job, verdict: Verdict | None = None) -> Publication:
    staged = StagedFile(temporary_path=Path("/out/.stackd-a-1-1-x.tmp"), final_name="k\udcff.tif", sha256="ab" * 32, size_bytes=5)
    publication = Publication(
        job_id=job.id,
        folder=Path("/out"),
        files=((staged, "k\udcff_2.tif"),),
        verdict=verdict,
        warnings=(Warned(code="frame-left-out", sentence="b.jpg was left out."),),
        fingerprints=MappingProxyType({"a.jpg": Fingerprint(size_bytes=100, mtime_ns=0, content_sha256="cd" * 32)}),
    )
    journal.begin_publication(publication, at=LATER)
    return publication


def test_a_stack_comes_back_as_it_was_whatever_bytes_its_names_have(journal: SqliteJournal) -> None:
    meta = FrameMeta(
        captured_at=datetime(2026, 5, 1, 14, 0, 0, 120_000, tzinfo=timezone(timedelta(hours=2))),
        focus_distance_m=float("inf"),
        bracket_kind=BracketKind.FOCUS,
        page_positions_m=(0.0, 1e-6),
        sources=MappingProxyType({"captured_at": "Exif.Photo.DateTimeOriginal"}),
    )
    frames = [frame(name, number, meta) for number, name in enumerate(ODD_NAMES)]
    stack = stack_of(*[replace(one, companion_paths=(f"{one.path}.xmp",)) for one in frames])

    record(journal, stack)

    assert journal.stack(stack.id) == replace(stack, sealed_at=AT)


def test_an_attempt_is_counted_before_the_run_and_a_retry_forgives(journal: SqliteJournal) -> None:
    job = record(journal, stack_of(frame("a.jpg")))

    running = journal.move(job.id, JobState.RUNNING, at=AT)
    crashed = journal.move(job.id, JobState.READY, at=AT, error="killed", crashed=True)
    journal.move(job.id, JobState.RUNNING, at=AT)
    quarantined = journal.move(job.id, JobState.QUARANTINED, at=LATER, crashed=True)
    again = journal.move(job.id, JobState.READY, at=LATER, forgive=True)

    assert (running.attempt, crashed.attempt, crashed.crashes) == (1, 1, 1)
    assert (quarantined.attempt, quarantined.crashes, quarantined.finished_at) == (2, 2, LATER)
    assert (again.attempt, again.crashes, again.finished_at) == (0, 0, None)


def test_a_step_that_the_table_does_not_allow_is_refused_and_changes_nothing(journal: SqliteJournal) -> None:
    job = record(journal, stack_of(frame("a.jpg")))

    with pytest.raises(IllegalTransition, match="cannot become done"):
        journal.move(job.id, JobState.DONE, at=AT)

    assert journal.jobs() == (job,)


def test_a_publication_is_there_before_the_first_rename_and_ends_with_the_composites_path(journal: SqliteJournal) -> None:
    job = record(journal, stack_of(frame("a.jpg")))
    journal.move(job.id, JobState.RUNNING, at=AT)

    publication = published(journal, job)
    done = journal.finish_publication(job.id, at=LATER)

    kept = journal.publication(job.id)
    assert kept is not None
    assert (kept.folder, kept.warnings) == (publication.folder, publication.warnings)
    assert [(file.temporary_path, file.sha256, name) for file, name in kept.files] == [
        (file.temporary_path, file.sha256, name) for file, name in publication.files
    ]
    assert (done.state, done.composite_path) == (JobState.DONE, "/out/k\udcff_2.tif")
    assert journal.recall(WATCH, ["a.jpg"]).taken["a.jpg"].fingerprint.content_sha256 == "cd" * 32


def test_frames_of_superseded_stacks_are_free_and_the_newest_stack_has_a_shared_frame(journal: SqliteJournal) -> None:
    first, second = stack_of(frame("a.jpg"), frame("b.jpg")), stack_of(frame("b.jpg"), frame("c.jpg"))
    third = stack_of(frame("d.jpg"))
    record(journal, first)
    record(journal, second)
    journal.move(record(journal, third).id, JobState.SUPERSEDED, at=AT)

    taken = journal.recall(WATCH, ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "unknown.jpg"]).taken

    assert {path: known.stack_id for path, known in taken.items()} == {
        "a.jpg": first.id,
        "b.jpg": second.id,
        "c.jpg": second.id,
    }


def test_what_is_known_of_files_is_looked_up_in_a_few_questions_however_long_the_history_is(journal: SqliteJournal) -> None:
    for number in range(60):
        record(journal, stack_of(*(frame(f"{number}_{step}.jpg") for step in range(10))))
    journal.move(1, JobState.DISMISSED, at=AT)
    asked: list[str] = []
    journal._db.set_trace_callback(asked.append)

    one = journal.recall(WATCH, ["0_3.jpg"])
    questions = len(asked)
    everything = journal.recall(WATCH, [f"{number}_{step}.jpg" for number in range(60) for step in range(10)])
    questions_about_all = len(asked) - questions
    elsewhere = journal.recall("/elsewhere", ["0_3.jpg"])
    (plan,) = journal._db.execute("EXPLAIN QUERY PLAN SELECT * FROM stack_frame WHERE path IN (?, ?)", (b"a", b"b")).fetchall()

    assert [(job.id, job.state) for job in one.jobs] == [(1, JobState.DISMISSED)]
    assert list(one.taken) == ["0_3.jpg"]
    assert (questions, questions_about_all) == (2, 4)
    assert (len(everything.taken), len(everything.jobs), elsewhere) == (600, 60, Recollection())
    assert "USING INDEX stack_frame_by_path" in plan["detail"]


def test_what_is_written_together_is_kept_together_and_a_step_that_fails_takes_back_only_itself(
    tmp_path: Path, journal: SqliteJournal
) -> None:
    commits: list[str] = []
    half = stack_of(frame("half.jpg"))
    journal._db.set_trace_callback(lambda statement: commits.append(statement) if statement == "COMMIT" else None)

    with journal.together():
        record(journal, stack_of(frame("a.jpg")))
        with pytest.raises(IllegalTransition):
            journal.move(1, JobState.DONE, at=AT)
        with pytest.raises(JournalBlocked):
            # The stack is written before its job is.
            journal.record_sealed(
                half, watch=WATCH, recipe_name="default", recipe_hash=object(), state=JobState.READY, version=1, at=AT
            )
        record(journal, stack_of(frame("b.jpg")))
    with pytest.raises(KeyboardInterrupt), journal.together():  # noqa: PT012
        record(journal, stack_of(frame("c.jpg")))
        raise KeyboardInterrupt

    again = SqliteJournal(tmp_path / "journal.sqlite3")
    assert len(commits) == 1
    assert again.stack(half.id) is None
    assert [(job.id, job.state) for job in again.jobs()] == [(1, JobState.READY), (2, JobState.READY)]


def test_nothing_is_kept_of_what_was_to_be_written_together_when_the_disk_takes_it_back(journal: SqliteJournal) -> None:
    with pytest.raises(JournalBlocked), journal.together():  # noqa: PT012
        record(journal, stack_of(frame("a.jpg")))
        # What SQLite does where the disk is full in the middle.
        journal._db.execute("ROLLBACK")
        with pytest.raises(JournalBlocked):
            record(journal, stack_of(frame("b.jpg")))

    assert journal.jobs() == ()
    assert record(journal, stack_of(frame("c.jpg"))).id == 1


def test_only_what_is_over_for_long_and_not_to_be_kept_is_forgotten_with_all_that_belongs_to_it(journal: SqliteJournal) -> None:
    old = [stack_of(frame(f"{number}.jpg")) for number in range(4)]
    done, kept, ready, again = (record(journal, stack) for stack in old)
    for job in (done, kept, again):
        journal.move(job.id, JobState.RUNNING, at=AT)
        published(journal, job)
        journal.finish_publication(job.id, at=AT)
    record(journal, old[3], at=LATER + timedelta(days=40))
    journal.answer_wish(journal.ask(WishKind.MERGE, old[0].id, at=AT).id, "taken up")
    young = record(journal, stack_of(frame("young.jpg")), at=LATER + timedelta(days=40))

    before = LATER + timedelta(days=30)
    step = journal.forget_history([WATCH], before=before, keep={old[1].id}, after_job=0)
    last = journal.forget_history([WATCH], before=before, keep={old[1].id}, after_job=step[1] or 0)
    elsewhere = journal.forget_history(["/elsewhere"], before=before, keep=(), after_job=0)

    assert (step, last, elsewhere) == ((1, again.id), (0, None), (0, None))
    assert {job.id for job in journal.jobs()} == {kept.id, ready.id, again.id, young.id - 1, young.id}
    assert journal.stack(old[0].id) is None
    assert journal.wishes() == ()
    for table in ("output", "warning", "event"):
        left = journal._db.execute(f"SELECT COUNT(*) FROM {table} WHERE job_id = ?", (done.id,))  # noqa: S608
        assert left.fetchone()[0] == 0
    journal.forget_stacks([old[1].id])
    assert journal.stack(old[1].id) is None


def test_space_that_is_free_goes_back_to_the_disk(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite3")
    with journal.together():
        for number in range(2_000):
            record(journal, stack_of(frame(f"{number}.jpg")))
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]

    journal.forget_stacks([job.stack_id for job in journal.jobs()])

    assert journal._db.execute("PRAGMA page_count").fetchone()[0] < pages / 4


def test_a_backup_is_whole_though_the_service_writes_on_and_replaces_nothing(tmp_path: Path, journal: SqliteJournal) -> None:
    for number in range(50):
        record(journal, stack_of(frame(f"{number}.jpg")))
    target = tmp_path / "copy.sqlite3"

    count = back_up(tmp_path / "journal.sqlite3", target)
    record(journal, stack_of(frame("later.jpg")))
    copy = SqliteJournal(target)

    assert count == len(copy.jobs()) == 50
    copy.close()
    with pytest.raises(WrongUse, match="exists already"):
        back_up(tmp_path / "journal.sqlite3", target)
    with pytest.raises(WrongUse, match="no journal"):
        back_up(tmp_path / "nowhere.sqlite3", tmp_path / "other")
    with pytest.raises(OutputBlocked, match="cannot be written"):
        back_up(tmp_path / "journal.sqlite3", tmp_path / "nowhere" / "copy")
    assert sorted(path.name for path in tmp_path.iterdir() if "copy" in path.name) == ["copy.sqlite3"]


def test_a_decision_made_by_another_process_is_noticed_once(tmp_path: Path, journal: SqliteJournal) -> None:
    command = SqliteJournal(tmp_path / "journal.sqlite3")
    before = journal.changed_elsewhere()
    command.ask(WishKind.MERGE, "abc", at=AT, frames=("x\udcff.jpg",), other_stack_ids=("def",))
    command.close()

    noticed = [journal.changed_elsewhere(), journal.changed_elsewhere()]
    journal.answer_wish(1, "taken up")

    assert (before, noticed) == (False, [True, False])
    (wish,) = journal.wishes()
    assert (wish.kind, wish.frames, wish.other_stack_ids, wish.answer) == (
        WishKind.MERGE,
        ("x\udcff.jpg",),
        ("def",),
        "taken up",
    )


def test_a_description_is_remembered_with_its_content_signature(journal: SqliteJournal) -> None:
    content = ContentSignature(
        thumbnail=np.linspace(0, 1, 48, dtype=np.float32).reshape(6, 8),
        sharpness=np.full((2, 3), -1.5, np.float32),
        detail=np.arange(-6, 6, dtype=np.int8).reshape(3, 4),
        brightness=0.4,
    )
    described = Described(
        watch=WATCH,
        path="b\udcff.jpg",
        fingerprint=Fingerprint(size_bytes=7, mtime_ns=8),
        meta=FrameMeta(iso=100.0),
        content=content,
    )

    journal.remember(described)
    (recalled,) = journal.recall(WATCH, ["b\udcff.jpg"]).described
    kept = journal.contents(WATCH, ["b\udcff.jpg", "other.jpg"])
    journal.forget(WATCH, ["b\udcff.jpg"])

    assert isinstance(recalled, Described)
    assert (recalled.path, recalled.meta, recalled.fingerprint) == (described.path, described.meta, described.fingerprint)
    assert (recalled.content, recalled.content_is_kept) == (None, True)
    assert list(kept) == ["b\udcff.jpg"]
    assert kept["b\udcff.jpg"].brightness == content.brightness
    np.testing.assert_array_equal(kept["b\udcff.jpg"].thumbnail, content.thumbnail)
    np.testing.assert_array_equal(kept["b\udcff.jpg"].sharpness, content.sharpness)
    assert journal.contents(WATCH, ["b\udcff.jpg"]) == {}
    assert tuple(field.name for field in fields(ContentSignature)) == CONTENT_FIELDS
    assert journal.recall(WATCH, ["b\udcff.jpg"]).described == ()


def test_a_description_of_another_stackd_is_read_from_the_file_again(journal: SqliteJournal) -> None:
    journal._db.execute(
        "INSERT INTO described VALUES (?,?,?,?,?,?,?,?,NULL)",
        (WATCH.encode(), b"a.jpg", 1, 1, None, "{}", b'{"unheard_of": 1.0}\n', None),
    )

    assert journal.recall(WATCH, ["a.jpg"]).described == ()


def test_a_stack_is_found_by_the_beginning_of_its_id_without_reading_the_others(tmp_path: Path, journal: SqliteJournal) -> None:
    stacks = [stack_of(frame(f"{number}.jpg")) for number in range(300)]
    for stack in stacks:
        record(journal, stack)
    again = record(journal, stacks[5])
    wanted = stacks[5].id[:5]

    found = read_records(tmp_path / "journal.sqlite3", [wanted, "xyz", stacks[9].id])
    (plan,) = journal._db.execute(
        "EXPLAIN QUERY PLAN SELECT * FROM job WHERE stack_id >= ? AND stack_id < ?", (wanted, f"{wanted}g")
    ).fetchall()

    assert [(one.job.id, one.job.stack_id, one.frames) for one in found] == [
        (6, stacks[5].id, ("5.jpg",)),
        (10, stacks[9].id, ("9.jpg",)),
        (again.id, stacks[5].id, ("5.jpg",)),
    ]
    assert "USING INDEX job_by_stack" in plan["detail"]
    assert read_records(tmp_path / "nowhere", [wanted]) == ()


def test_the_report_shows_folders_jobs_warnings_and_progress(tmp_path: Path, journal: SqliteJournal) -> None:
    job = record(journal, stack_of(frame("a.jpg"), frame("b.jpg")))
    running = record(journal, stack_of(frame("c.jpg")))
    journal.move(job.id, JobState.RUNNING, at=AT)
    published(journal, job)
    journal.finish_publication(job.id, at=LATER)
    journal.move(running.id, JobState.RUNNING, at=AT)
    journal.note_progress(Progressed(job_id=running.id, stage="fuse", done=3, total=9))
    folder = FolderReport(
        watch=WATCH,
        at=AT,
        online=True,
        files=3,
        open_stacks=(OpenStack(frames=("d.jpg",), waits_for="quiet"),),
        set_aside=MappingProxyType({"bad\udcff.jpg": "cut off"}),
    )
    journal.note_folder(folder)

    report = read_report(tmp_path / "journal.sqlite3", job_limit=-1)

    assert report is not None
    assert report.folders == (folder,)
    done, still = report.jobs
    assert (done.frames, done.warnings[0].code, done.outputs) == (("a.jpg", "b.jpg"), "frame-left-out", ("/out/k\udcff_2.tif",))
    assert still.progress == Progressed(job_id=running.id, stage="fuse", done=3, total=9)


def test_a_full_disk_is_told_plainly_and_nothing_that_was_kept_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    journal = SqliteJournal(path)
    kept = record(journal, stack_of(frame("a.jpg")))
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count = {pages}")
    many = stack_of(*[frame(f"{number:04d}.jpg", number) for number in range(2_000)])

    with pytest.raises(JournalBlocked, match="full"):
        record(journal, many)
    journal._db.execute("PRAGMA max_page_count = 1000000")
    after = record(journal, many)

    assert [job.id for job in journal.jobs()] == [kept.id, after.id]
    journal.close()
    reopened = SqliteJournal(path)
    assert len(reopened.jobs()) == 2
    reopened.close()


def test_a_journal_of_a_later_stackd_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    SqliteJournal(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")

    with pytest.raises(JournalBlocked, match="later stackd"):
        SqliteJournal(path)


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with closing(sqlite3.connect(path)) as db:
        db.executescript("CREATE TABLE job (x); PRAGMA user_version = 1;")

    with pytest.raises(JournalBlocked, match="another program"):
        SqliteJournal(path)


def test_a_damaged_journal_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)

    with pytest.raises(JournalBlocked, match="damaged"):
        SqliteJournal(path)


def test_the_service_has_one_name_for_its_temporary_files_for_good(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    first = SqliteJournal(path)
    name = first.owner()
    first.close()
    second = SqliteJournal(path)

    assert second.owner() == name
    second.close()


REVIEW = Verdict(judgement=Judgement.REVIEW, rejection_probability=0.4, reasons=("focus-gap", "motion"))
GAP = Warned(code="focus-gap", sentence="Nothing is sharp between a.jpg and b.jpg.")


def held(journal: SqliteJournal, job: Job) -> Job:
    journal.move(job.id, JobState.RUNNING, at=AT)
    return journal.hold(job.id, REVIEW, [GAP], at=LATER, error="The composite is held for review.", hint="Release it.")


def test_what_was_judged_is_kept_with_the_publication_and_with_the_job(tmp_path: Path, journal: SqliteJournal) -> None:
    job = record(journal, stack_of(frame("a.jpg")))
    journal.move(job.id, JobState.RUNNING, at=AT)
    published(journal, job, REVIEW)

    kept = journal.publication(job.id)
    done = journal.finish_publication(job.id, at=LATER)

    assert kept is not None
    assert kept.verdict == REVIEW
    assert done.verdict == REVIEW
    report = read_report(tmp_path / "journal.sqlite3", job_limit=0)
    assert report is not None
    assert report.counts == {(JobState.DONE, Judgement.REVIEW): 1}


def test_a_held_composite_is_kept_with_its_verdict_its_warnings_and_what_to_do(tmp_path: Path, journal: SqliteJournal) -> None:
    job = held(journal, record(journal, stack_of(frame("a.jpg"))))

    report = read_report(tmp_path / "journal.sqlite3", job_limit=-1)

    assert (job.state, job.verdict, job.error, job.hint) == (
        JobState.HELD,
        REVIEW,
        "The composite is held for review.",
        "Release it.",
    )
    assert report is not None
    assert (report.jobs[0].job, report.jobs[0].warnings) == (job, (GAP,))


def test_only_a_running_stack_can_have_its_composite_held(journal: SqliteJournal) -> None:
    job = record(journal, stack_of(frame("a.jpg")))

    with pytest.raises(IllegalTransition, match="has no composite"):
        journal.hold(job.id, REVIEW, [GAP], at=LATER, error="", hint="")

    assert journal.jobs() == (job,)


def test_a_composite_once_accepted_stays_accepted_and_a_new_run_forgets_the_old_verdict(journal: SqliteJournal) -> None:
    job = held(journal, record(journal, stack_of(frame("a.jpg"))))

    ready = journal.move(job.id, JobState.READY, at=LATER, accept=True)
    running = journal.move(job.id, JobState.RUNNING, at=LATER)
    failed = journal.move(job.id, JobState.FAILED, at=LATER, error="cut off")
    again = journal.move(job.id, JobState.READY, at=LATER, forgive=True)

    assert (ready.accepted, ready.verdict) == (True, REVIEW)
    assert [one.verdict for one in (running, failed, again)] == [None] * 3
    assert again.accepted


def journal_of_version(path: Path, version: int) -> None:
    """Write the journal of an earlier stackd, with one finished stack."""
    with closing(sqlite3.connect(path)) as db:
        for script in MIGRATIONS[:version]:
            db.executescript(script)
        db.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};")
        db.execute("INSERT INTO stack VALUES ('abc', x'2f', 'focus', 'gap', 0.9, 'process', '[]', NULL, NULL, NULL)")
        db.execute(
            "INSERT INTO job (stack_id, watch, recipe_name, recipe_hash, state, version, queued_at, composite_path) "
            "VALUES ('abc', x'2f', 'default', 'r', 'done', 1, '2026-05-01T12:00:00+00:00', x'2f6f')"
        )
        db.commit()


@pytest.mark.parametrize("version", [1, 2])
def test_the_journal_of_an_earlier_stackd_is_brought_up_to_date_with_all_that_is_in_it(tmp_path: Path, version: int) -> None:
    path = tmp_path / "journal.sqlite3"
    journal_of_version(path, version)

    journal = SqliteJournal(path)
    (old,) = journal.jobs()
    new = held(journal, record(journal, stack_of(frame("a.jpg"))))
    journal.close()

    assert (old.state, old.composite_path, old.verdict, old.accepted) == (JobState.DONE, "/o", None, False)
    assert new.verdict == REVIEW


def test_the_journal_of_an_earlier_stackd_is_shown_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    journal_of_version(path, 2)

    report = read_report(path, job_limit=-1)

    assert report is not None
    assert [record.job.verdict for record in report.jobs] == [None]
    assert report.counts == {(JobState.DONE, None): 1}
