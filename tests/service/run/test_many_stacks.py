"""A whole day's shoot in one folder: every stack comes out once, and work grows with what arrives, not with its square.

Counts, not seconds: they are the same on every machine. A change that lowers one on purpose lowers its bound here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from stackd.intake.grouping import parts
from stackd.intake.grouping.candidates import Grouping
from stackd.model.frame import Frame
from stackd.model.job import JobState
from stackd.service.plan import sealing
from stackd.service.run import daemon
from tests.fakes.house import House

FRAMES = 10
"""In each stack."""

STACKS_AT_ONCE = 100
"""A card copied in one go."""

STACKS_IN_TURN = 10
"""Frames that come one by one, as from a tethered camera: each is sorted with those of its part of the folder."""

LONG_STACKS_IN_TURN = 60


@dataclass
class Counts:
    """What the service did."""

    sorts: int = 0
    frames_sorted: int = 0
    commits: int = 0


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def counts(house: House, monkeypatch: pytest.MonkeyPatch) -> Counts:
    counts = Counts()
    group = parts.group

    def counted(frames: Iterable[Frame], *arguments: object, **named: object) -> Grouping:
        frames = tuple(frames)
        counts.sorts += 1
        counts.frames_sorted += len(frames)
        grouping: Grouping = group(frames, *arguments, **named)
        return grouping

    def count_commit(statement: str) -> None:
        counts.commits += statement == "COMMIT"

    monkeypatch.setattr(parts, "group", counted)
    house.journal._db.set_trace_callback(count_commit)
    return counts


def assert_each_came_out_once(house: House, stacks: int) -> None:
    assert [(job.state, job.version) for job in house.jobs()] == [(JobState.DONE, 1)] * stacks
    assert len({job.stack_id for job in house.jobs()}) == stacks
    assert [len(request.stack.frames) for request in house.workers.started] == [FRAMES] * stacks
    assert len([name for name in house.output.visible() if name.endswith(".tif")]) == stacks
    assert house.output.temporary() == []


def looks(house: House) -> int:
    return sum(inbox.looks for inbox in house.inboxes)


def test_a_card_of_many_stacks_copied_at_once_comes_out_stack_by_stack(house: House, counts: Counts) -> None:
    """Measured: 7 looks, each frame described and sorted once, 409 commits."""
    for number in range(STACKS_AT_ONCE):
        house.drop_stack(f"s{number:03d}", count=FRAMES)

    house.let_pass(120.0)

    assert_each_came_out_once(house, STACKS_AT_ONCE)
    assert len(house.describer.asked) == STACKS_AT_ONCE * FRAMES
    assert looks(house) <= 9
    assert counts.frames_sorted == STACKS_AT_ONCE * FRAMES
    assert counts.commits <= 4 * STACKS_AT_ONCE + 20


def test_frames_that_come_one_by_one_are_looked_at_sorted_and_noted_no_more_than_once_each(house: House, counts: Counts) -> None:
    """Measured: 106 looks, 100 sorts of 5,050 frames, 247 commits."""
    frames = STACKS_IN_TURN * FRAMES
    for number in range(STACKS_IN_TURN):
        for name in (f"s{number:03d}_{step:02d}.jpg" for step in range(1, FRAMES + 1)):
            house.folder.drop(name)
            house.let_pass(0.5)

    house.let_pass(60.0)

    assert_each_came_out_once(house, STACKS_IN_TURN)
    assert len(house.describer.asked) == frames
    assert looks(house) <= 1.1 * frames
    assert counts.sorts <= frames
    assert counts.frames_sorted <= frames * (frames + 1) / 2
    assert counts.commits <= 3 * frames + 6 * STACKS_IN_TURN + 10


def test_frames_that_come_one_by_one_for_long_are_sorted_with_a_part_of_the_others(house: House, counts: Counts) -> None:
    """Measured: 46,000 frames sorted for 600 that came, where all of them together would have been 180,000."""
    for number in range(LONG_STACKS_IN_TURN):
        for name in (f"s{number:03d}_{step:02d}.jpg" for step in range(1, FRAMES + 1)):
            house.folder.drop(name)
            house.let_pass(0.5)

    house.let_pass(240.0)

    assert_each_came_out_once(house, LONG_STACKS_IN_TURN)
    frames = LONG_STACKS_IN_TURN * FRAMES
    assert counts.sorts <= frames
    assert counts.frames_sorted < frames * (frames + 1) / 6


def test_a_turn_that_ends_early_goes_on_in_the_next_and_a_stop_in_between_loses_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "LONGEST_TURN_S", -1.0)
    for number in range(3):
        house.drop_stack(f"s{number:03d}", count=FRAMES)
    house.workers.hold = True
    while not house.jobs(JobState.RUNNING):
        house.let_pass(0.5)

    # The worker was started, and the turn ended before the service knew it.
    assert house.daemon is not None
    known = [ticket.job.state for ticket in house.daemon.state.tickets.values()]
    monkeypatch.setattr(house.journal, "close", lambda: None)
    house.daemon.stop()
    stopped = [(job.state, job.attempt) for job in house.jobs()]
    house.workers.hold = False
    house.start()
    house.let_pass(120.0)

    assert JobState.RUNNING not in known
    assert set(stopped) == {(JobState.READY, 0)}
    assert_each_came_out_once(house, 3)


def test_a_folder_of_finished_stacks_costs_one_look_a_rescan_and_nothing_else(house: House, counts: Counts) -> None:
    for number in range(STACKS_IN_TURN):
        house.drop_stack(f"s{number:03d}", count=FRAMES)
    house.let_pass(60.0)
    before = looks(house), counts.sorts, counts.commits, len(house.describer.asked)

    house.let_pass(300.0, step_s=1.0)

    after = looks(house), counts.sorts, counts.commits, len(house.describer.asked)
    assert [now - then for now, then in zip(after, before, strict=True)] == [10, 0, 0, 0]


def test_a_stack_that_the_journal_has_is_not_weighed_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    weighed: list[str] = []
    parents = sealing._parents

    def counted(*arguments: object) -> object:
        weighed.append(arguments[3].id)  # type: ignore[attr-defined]
        return parents(*arguments)  # type: ignore[arg-type]

    for number in range(STACKS_IN_TURN):
        house.drop_stack(f"s{number:03d}", count=FRAMES)
    house.let_pass(60.0)
    monkeypatch.setattr(sealing, "_parents", counted)

    house.let_pass(60.0)
    at_rest = len(weighed)
    house.folder.drop("wasp_01.jpg")
    house.let_pass(60.0)

    assert at_rest == 0
    assert len(weighed) <= STACKS_IN_TURN


def test_starting_again_on_a_folder_of_finished_stacks_describes_and_seals_nothing(house: House, counts: Counts) -> None:
    for number in range(STACKS_IN_TURN):
        house.drop_stack(f"s{number:03d}", count=FRAMES)
    house.let_pass(60.0)
    commits = counts.commits

    house.start()
    house.let_pass(60.0)

    assert house.describer.asked == []
    assert house.workers.started == []
    assert counts.commits - commits <= 5
