"""The loop tells how it is: looks that were finished, jobs that run, steps that were taken; and telling never ends it."""

import logging
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from stackd.model.job import JobState
from stackd.model.verdict import Judgement
from stackd.service.ports import Event, Health, Telling, WishKind
from tests.fakes.house import House
from tests.fakes.workers import judging


def test_the_age_of_the_last_finished_look_grows_while_a_look_hangs() -> None:
    house = House()
    house.let_pass(31.0)
    before = house.teller.told[-1].watches[0]
    house.folder.hangs = True
    house.let_pass(300.0)
    after = house.teller.told[-1].watches[0]

    assert before.online
    assert before.looked_s is not None
    assert before.looked_s < before.late_s
    assert not after.online
    assert "does not answer" in after.trouble
    assert after.looked_s is not None
    assert after.looked_s > after.late_s
    assert after.looking_s is not None
    assert after.looking_s > 200.0


def test_facts_are_told_every_quarter_of_a_minute_and_carry_their_time() -> None:
    house = House()
    house.let_pass(60.0)

    times = [health.written_s for health in house.teller.told]

    assert [after - before for before, after in pairwise(times)] == [15.0] * 4


def test_running_and_waiting_stacks_and_counts_are_told() -> None:
    house = House()
    house.workers.hold = True
    house.drop_stack("a")
    house.drop_stack("b")
    house.let_pass(60.0)
    busy = house.teller.told[-1]
    house.workers.hold = False

    assert len(busy.running) == 1
    assert busy.running[0].seconds > 0
    assert busy.waiting == {"running": 1, "ready": 1}
    assert busy.moves["running"] == 1
    assert house.teller.noticed >= 3


def test_published_composites_are_counted_by_what_was_judged() -> None:
    house = House()
    house.drop_stack("a")
    house.let_pass(60.0)
    health = house.teller.told[-1]

    assert health.moves["done"] == 1
    assert sum(health.published.values()) == 1
    assert health.waiting == {}


def test_a_teller_that_fails_ends_nothing() -> None:
    house = House()

    class Broken:
        def __getattr__(self, name: str) -> object:
            return getattr(house.teller, name)

        def tell(self, health: Health, outputs: tuple[Path, ...]) -> None:
            del health, outputs
            raise OSError(28, "full")

    daemon = house.start()
    daemon._world = replace(daemon._world, teller=Broken())  # type: ignore[arg-type]
    house.drop_stack("a")
    house.let_pass(60.0)

    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_a_reload_takes_over_whom_to_tell_and_a_stop_ends_it() -> None:
    house = House()
    daemon = house.start()
    telling = Telling(command=("mail",), on=frozenset({Event.HELD}))
    house.next_settings = replace(house.settings, telling=telling)

    daemon.reload()
    daemon.stop()

    assert house.teller.followed == [Telling(), telling]
    assert house.teller.closed == 1


def test_releasing_a_composite_that_is_there_is_noted_and_makes_nothing_anew(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.workers.judge = judging(Judgement.REVIEW)
    house.drop_stack("a")
    house.let_pass(60.0)
    (job,) = house.jobs()

    house.journal.ask(WishKind.RELEASE, job.stack_id, at=house.clock.now_at())
    house.start()
    house.let_pass(60.0)

    assert [one.id for one in house.jobs()] == [job.id]
    assert house.jobs()[0].state is JobState.DONE
    assert [wish.answer for wish in house.journal.wishes()] == ["noted: its composite was looked at"]
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
