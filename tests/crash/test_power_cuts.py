"""Cut the power after any step that changes something: journal and output folder end up as if it had not happened."""

from collections.abc import Callable

import pytest

from stackd.model.job import JobState
from stackd.model.verdict import Judgement
from stackd.service.ports import Handling, Placing, WishKind
from tests.fakes.house import House
from tests.fakes.workers import judging

CHANGING = frozenset(
    {
        "record_sealed",
        "move",
        "hold",
        "begin_publication",
        "finish_publication",
        "remember",
        "forget",
        "note_folder",
        "note_progress",
        "answer_wish",
        "publish",
        "remove",
        "start",
        "cancel",
        "events",
    }
)
"""Calls of ports after which the world is different."""


class PowerCut(BaseException):
    """Not an `Exception`: nothing in the service may catch it."""


class Fuse:
    """Blows after a given number of changing calls."""

    def __init__(self, calls: int) -> None:
        self.left = calls
        self.blown = False

    def wrap(self, port: object) -> object:
        return Fused(port, self)

    def count(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.blown = True
            raise PowerCut


class Fused:
    """Passes every call on, and counts those that change something."""

    def __init__(self, port: object, fuse: Fuse) -> None:
        self._port = port
        self._fuse = fuse

    def __getattr__(self, name: str) -> object:
        found = getattr(self._port, name)
        if name not in CHANGING:
            return found

        def call(*arguments: object, **named: object) -> object:
            result = found(*arguments, **named)
            if result != ():  # `events` without news changed nothing
                self._fuse.count()
            return result

        return call


def uncut() -> House:
    house = House()
    shoot(house)
    return house


def shoot(house: House) -> None:
    """Two stacks and a late frame, with all the time they need."""
    house.drop_stack("beetle", count=3)
    house.drop_stack("fly", count=4)
    house.let_pass(40.0)
    house.folder.drop("beetle_04.jpg")
    house.let_pass(60.0)


def outcome(house: House) -> tuple[dict[str, str], list[tuple[str, JobState, int]]]:
    jobs = [(job.stack_id, job.state, job.version) for job in house.jobs() if job.state is not JobState.SUPERSEDED]
    return dict(sorted(house.output.files.items())), sorted(jobs)


def count_calls() -> int:
    house = House()
    fuse = Fuse(calls=1_000_000)
    house.start(wrap=fuse.wrap)
    shoot(house)
    return 1_000_000 - fuse.left


CALLS = 70
"""More than an uncut run makes; the test below holds it to that."""


def survive(house: House, act: Callable[[], object]) -> None:
    try:
        act()
    except PowerCut:
        house.start()


def test_the_cuts_below_cover_the_whole_run() -> None:
    assert 40 <= count_calls() < CALLS


@pytest.mark.parametrize("cut", range(1, CALLS))
def test_a_power_cut_after_any_change_still_publishes_everything_once(cut: int) -> None:
    expected = outcome(uncut())
    house = House()
    fuse = Fuse(calls=cut)

    survive(house, lambda: house.start(wrap=fuse.wrap))
    house.drop_stack("beetle", count=3)
    house.drop_stack("fly", count=4)
    survive(house, lambda: house.let_pass(40.0))
    house.let_pass(60.0) if fuse.blown else None
    house.folder.drop("beetle_04.jpg")
    survive(house, lambda: house.let_pass(60.0))
    house.let_pass(60.0)

    assert outcome(house) == expected


@pytest.mark.parametrize("cut", [5, 12, 20, 30])
def test_cuts_that_come_again_at_every_start_still_publish_everything_once(cut: int) -> None:
    house = House()
    house.drop_stack("beetle", count=3)
    for _ in range(12):
        fuse = Fuse(calls=cut)
        survive(house, lambda fuse=fuse: house.start(wrap=fuse.wrap))
        survive(house, lambda: house.let_pass(5.0))

    house.start()
    house.let_pass(60.0)

    assert [job.state for job in house.jobs() if job.state is not JobState.SUPERSEDED] == [JobState.DONE]
    assert len(house.output.files) == 3


JUDGED_CALLS = 40
"""More than an uncut run of one stack makes that is held and released; held to that below."""


def shoot_one_that_does_not_pass(house: House, fuse: Fuse) -> None:
    """One stack for review, with all the time it needs; where it is held, the user releases it."""
    house.workers.judge = judging(Judgement.REVIEW)
    survive(house, lambda: house.start(wrap=fuse.wrap))
    house.drop_stack("beetle", count=3)
    survive(house, lambda: house.let_pass(40.0))
    house.let_pass(40.0)
    for job in house.jobs(JobState.HELD):
        house.journal.ask(WishKind.RELEASE, job.stack_id, at=house.clock.now_at())
    survive(house, lambda: house.start(wrap=fuse.wrap))
    survive(house, lambda: house.let_pass(40.0))
    house.let_pass(40.0)


def test_the_cuts_below_cover_the_run_of_a_composite_that_is_held_and_released() -> None:
    house, fuse = House(), Fuse(calls=1_000_000)
    house.place(Placing(review=Handling.HOLD))

    shoot_one_that_does_not_pass(house, fuse)

    assert 25 <= 1_000_000 - fuse.left < JUDGED_CALLS


@pytest.mark.parametrize("handling", Handling)
@pytest.mark.parametrize("cut", range(1, JUDGED_CALLS))
def test_a_power_cut_after_any_change_publishes_what_does_not_pass_once_and_where_it_belongs(
    cut: int, handling: Handling
) -> None:
    house = House()
    house.place(Placing(review=handling))

    shoot_one_that_does_not_pass(house, Fuse(calls=cut))

    stem = f"{'' if handling is Handling.PUBLISH else 'review/'}beetle_01-beetle_03_3f_review"
    (job,) = house.jobs()
    assert sorted(house.output.files) == [f"{stem}.html", f"{stem}.json", f"{stem}.tif"]
    assert (job.state, job.accepted) == (JobState.DONE, handling is Handling.HOLD)
    assert job.verdict is not None
    assert job.verdict.judgement is Judgement.REVIEW
