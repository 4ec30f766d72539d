"""Years of history: what is remembered is looked up, and forgotten where the user wants it."""

from dataclasses import replace
from datetime import timedelta

from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.model.frame import Fingerprint, Frame
from stackd.model.job import JobState
from stackd.model.stack import Decision, SealReason, Stack, StackKind, stack_id
from tests.fakes.clock import START_AT
from tests.fakes.house import WATCH, House, bracket_frame

DAY_S = 86_400.0


def write_history(journal: SqliteJournal, stacks: int) -> None:
    """Let stacks have been dismissed long ago whose frames are gone."""
    with journal.together():
        for number in range(stacks):
            frames = tuple(
                Frame(path=path, fingerprint=Fingerprint(size_bytes=1, mtime_ns=number), meta=bracket_frame(path))
                for path in (f"old{number}_{step:02d}.jpg" for step in range(4))
            )
            stack = Stack(
                id=stack_id(frames),
                frames=frames,
                kind=StackKind.FOCUS,
                reason=SealReason.GAP,
                confidence=0.9,
                decision=Decision.PROCESS,
                evidence=(),
            )
            at = START_AT - timedelta(days=400)
            job = journal.record_sealed(
                stack, watch=WATCH, recipe_name="default", recipe_hash="r1", state=JobState.READY, version=1, at=at
            )
            journal.move(job.id, JobState.DISMISSED, at=at)


def test_what_is_kept_in_memory_and_asked_of_the_journal_does_not_grow_with_the_history() -> None:
    house = House()
    write_history(house.journal, 500)
    asked: list[str] = []
    house.journal._db.set_trace_callback(asked.append)

    daemon = house.start()
    at_start = len(asked)
    house.drop_stack("fly")
    house.let_pass(40.0)

    assert at_start < 10
    assert len(asked) < 200
    # Frames of one moment are looked at too: they may be the same exposure.
    assert len(daemon.state.finished) < 20
    assert len(daemon.state.taken_of(WATCH).frames) < 40


def test_frames_that_are_cleared_away_are_let_go_of_and_known_again_when_they_come_back() -> None:
    house = House()
    house.drop_stack("fly")
    house.let_pass(40.0)
    cleared = dict(house.folder.files)
    for path in cleared:
        house.folder.remove(path)
    house.let_pass(40.0)
    assert house.daemon is not None
    remembered = (dict(house.daemon.state.finished), dict(house.daemon.state.taken_of(WATCH).frames))

    house.folder.files.update(cleared)
    house.let_pass(60.0)

    assert remembered == ({}, {})
    assert [(job.state, job.version) for job in house.jobs()] == [(JobState.DONE, 1)]


def test_nothing_is_forgotten_unless_the_user_says_so() -> None:
    house = House()
    write_history(house.journal, 3)

    house.let_pass(30.0)

    assert len(house.jobs()) == 3


def test_what_is_over_for_long_is_forgotten_step_by_step_but_never_while_its_frames_lie_there() -> None:
    house = House()
    house.settings = replace(house.settings, keep_days=30.0)
    write_history(house.journal, 450)
    house.drop_stack("fly")
    house.let_pass(40.0)
    first_round = [job.state for job in house.jobs()]

    house.clock.set_time_of_day(START_AT + timedelta(days=100))
    house.clock.pass_s(DAY_S)
    house.let_pass(40.0)
    while_it_lies_there = [job.state for job in house.jobs()]
    for path in list(house.folder.files):
        house.folder.remove(path)
    house.let_pass(40.0)
    house.clock.pass_s(DAY_S)
    house.let_pass(40.0)

    assert first_round == while_it_lies_there == [JobState.DONE]
    assert house.jobs() == []


def test_nothing_is_forgotten_of_a_folder_that_is_away() -> None:
    house = House()
    house.settings = replace(house.settings, keep_days=30.0)
    write_history(house.journal, 3)
    house.folder.online = False

    house.let_pass(60.0)
    while_away = len(house.jobs())
    house.folder.online = True
    house.let_pass(60.0)

    assert (while_away, len(house.jobs())) == (3, 0)
