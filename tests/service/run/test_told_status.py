"""The service manager is told what goes on, once for every change of it."""

from itertools import pairwise
from pathlib import Path

import pytest

from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.model.job import JobState
from tests.fakes.house import House


def sentences(house: House) -> list[str]:
    return [told for told in house.manager.told if told not in ("ready", "reloading", "stopping", "alive")]


def test_the_manager_is_told_how_many_stacks_are_in_which_state() -> None:
    house = House()
    house.workers.hold = True
    house.drop_stack("beetle")
    house.drop_stack("fly")
    house.let_pass(30.0)
    while_working = sentences(house)[-1]

    house.workers.hold = False
    house.let_pass(30.0)

    assert "1 ready, 1 running" in while_working
    assert sentences(house)[0] == sentences(house)[-1]
    assert sentences(house)[-1].startswith("Watching 1 folder")


def test_the_manager_is_told_of_a_folder_that_is_away_until_it_is_back() -> None:
    house = House()
    house.let_pass(5.0)

    house.folder.online = False
    house.let_pass(60.0)
    while_away = sentences(house)[-1]
    house.folder.online = True
    house.let_pass(30.0)

    assert "The folder is not there." in while_away
    assert "not there" not in sentences(house)[-1]


def test_the_manager_is_told_that_the_journal_cannot_be_written(tmp_path: Path) -> None:
    house = House(journal=SqliteJournal(tmp_path / "journal.sqlite3"))
    house.let_pass(1.0)
    house.journal._db.execute("PRAGMA query_only = ON")
    house.drop_stack("beetle")

    house.let_pass(30.0)

    assert house.daemon is not None
    assert sentences(house)[-1] == house.daemon.state.journal_trouble != ""


def test_nothing_is_told_twice_in_a_row() -> None:
    house = House()
    house.drop_stack("beetle")
    house.let_pass(60.0)
    house.let_pass(600.0, step_s=5.0)

    told = sentences(house)

    assert 2 <= len(told) <= 10
    assert all(before != after for before, after in pairwise(told))


def test_a_look_that_does_not_finish_is_told_within_a_minute_and_the_heartbeat_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.let_pass(5.0)

    house.folder.hangs = True
    house.folder.woken = True
    house.let_pass(60.0)
    told, beats = sentences(house)[-1], house.manager.told.count("alive")
    report = house.journal._db.execute("SELECT online, trouble FROM folder").fetchone()
    house.let_pass(60.0)

    assert "does not answer" in told
    assert (report["online"], "does not answer" in report["trouble"]) == (0, True)
    assert house.manager.told.count("alive") > beats
    assert [record.message for record in caplog.records if "folder." in record.message] == [
        f"folder.away watch=card reason={'The watched folder /card does not answer; is its disk or share all right?'!r}"
    ]


def test_looks_that_fail_keep_a_growing_distance_and_one_that_does_not_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    house = House()
    house.let_pass(5.0)
    house.folder.fails = True
    house.folder.woken = True
    before = house.inboxes[-1].looks

    house.let_pass(1_200.0)
    looks = house.inboxes[-1].looks - before
    told = sentences(house)[-1]
    house.folder.fails = False
    house.drop_stack("beetle")
    house.let_pass(400.0)

    assert 5 <= looks <= 11
    assert "could not be looked at" in told
    assert [job.state for job in house.jobs()] == [JobState.DONE]
    assert "folder.back watch=card" in [record.message for record in caplog.records]
