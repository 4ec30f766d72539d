"""A journal that cannot be used yet is waited for; one that never will be is told at once."""

from collections.abc import Callable

import pytest

from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.errors import JournalBlocked, JournalUnusable
from stackd.model.job import JobState
from stackd.service.plan.jobs import BLOCKED_FIRST_S, BLOCKED_MOST_S
from stackd.service.run.daemon import Daemon
from stackd.service.run.start import begin
from tests.fakes.clock import CrankingWaker
from tests.fakes.house import House


def begun(house: House, try_to_begin: Callable[[], Daemon]) -> Daemon | None:
    waker = CrankingWaker(house.clock)
    return begin(try_to_begin, clock=house.clock, waker=waker, signals=house.signals, manager=house.manager)


def refusing_to_move(port: object) -> object:
    """Let a journal note nothing of jobs; leave other ports alone."""

    class Refusing:
        def __getattr__(self, name: str) -> object:
            return getattr(port, name)

        def move(self, *_: object, **__: object) -> None:
            raise JournalBlocked("The disk is full.")

    return Refusing() if isinstance(port, SqliteJournal) else port


class LockedFor:
    """A journal that another program holds for so many tries."""

    def __init__(self, house: House, tries: int) -> None:
        self.house = house
        self.tries = tries
        self.tried_s: list[float] = []

    def __call__(self) -> Daemon:
        self.tried_s.append(self.house.clock.now_s())
        if len(self.tried_s) <= self.tries:
            raise JournalBlocked("The journal is locked by another program.")
        return self.house.start()


def test_the_start_waits_until_the_journal_is_let_go() -> None:
    house = House()
    attempt = LockedFor(house, tries=12)

    daemon = begun(house, attempt)

    distances = [after - before for before, after in zip(attempt.tried_s, attempt.tried_s[1:], strict=False)]
    assert daemon is house.daemon
    assert distances[0] == pytest.approx(BLOCKED_FIRST_S, abs=0.1)
    assert distances[-1] == pytest.approx(BLOCKED_MOST_S, abs=0.1)
    assert "Waiting to start: The journal is locked by another program." in house.manager.told
    assert house.manager.told.count("starting 30") > sum(distances) / 2


def test_a_stop_is_heard_while_the_start_waits() -> None:
    house = House()
    attempt = LockedFor(house, tries=100)

    class StoppingWaker(CrankingWaker):
        def wait(self, timeout_s: float) -> None:
            super().wait(timeout_s)
            house.signals.stop = house.clock.now_s() > 1_100.0

    waker = StoppingWaker(house.clock)
    daemon = begin(attempt, clock=house.clock, waker=waker, signals=house.signals, manager=house.manager)

    assert daemon is None
    assert house.clock.now_s() < 1_102.0


def test_a_damaged_journal_is_not_waited_for() -> None:
    house = House()

    def damaged() -> Daemon:
        raise JournalUnusable("The journal is damaged.")

    with pytest.raises(JournalUnusable):
        begun(house, damaged)

    assert house.manager.told == []


def test_a_job_that_was_running_is_never_left_without_a_worker_when_the_journal_refuses_its_recovery() -> None:
    house = House()
    house.workers.hold = True
    house.drop_stack("beetle")
    house.let_pass(30.0)
    house.workers.hold = False

    with pytest.raises(JournalBlocked, match="full"):
        house.start(wrap=refusing_to_move)
    house.start()
    house.let_pass(30.0)

    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_a_part_that_fails_to_end_keeps_no_other_from_it(caplog: pytest.LogCaptureFixture) -> None:
    """A clock that jumped 400 days back made the wait for a worker fail, and the stop end in a traceback."""
    house = House()
    house.workers.hold = True
    house.drop_stack("beetle")
    house.let_pass(30.0)
    daemon = house.daemon
    assert daemon is not None

    def fail() -> None:
        raise OSError("Invalid argument")

    house.describer.close = house.workers.close = fail  # type: ignore[method-assign]
    daemon.stop()

    assert all(inbox.closed for inbox in house.inboxes)
    assert [record.message for record in caplog.records if "stop.failed" in record.message] == [
        "stop.failed part='describer'",
        "stop.failed part='workers'",
    ]
