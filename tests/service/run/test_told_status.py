"""The service manager is told what goes on, once for every change of it."""

from itertools import pairwise
from pathlib import Path

from stackd.adapters.journal.sqlite_journal import SqliteJournal
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
