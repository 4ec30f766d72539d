"""A finished stack is known by its pictures, whatever people and programs do to the files afterwards."""

from dataclasses import replace

import pytest

from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.model.job import JobState
from tests.fakes.house import House

A_WHILE_S = 60.0


def stacked(count: int = 4) -> tuple[House, list[str]]:
    house = House()
    paths = house.drop_stack("beetle", count=count)
    house.let_pass(A_WHILE_S)
    return house, paths


def rate(house: House, paths: list[str]) -> None:
    for path in paths:
        house.folder.drop(path, size_bytes=3_000)


def move(house: House, paths: list[str], *, size_bytes: int = 1_000) -> list[str]:
    moved = [f"archive/{path}" for path in paths]
    for path, place in zip(paths, moved, strict=True):
        house.folder.remove(path)
        house.folder.drop(place, size_bytes=size_bytes)
    return moved


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("act", ["rated", "moved", "moved and rated", "copied elsewhere"])
def test_what_is_done_to_frames_after_the_composite_makes_no_second_one(act: str, *, restarted: bool) -> None:
    house, paths = stacked()

    if act == "rated":
        rate(house, paths)
    elif act == "moved":
        move(house, paths)
    elif act == "moved and rated":
        move(house, paths, size_bytes=2_000)
    else:
        for path in paths:
            house.folder.drop(f"backup/{path}")
    if restarted:
        house.start()
    house.let_pass(A_WHILE_S)
    house.start()
    house.let_pass(A_WHILE_S)

    assert [job.state for job in house.jobs()] == [JobState.DONE]


def test_a_late_frame_beside_rated_ones_makes_a_new_version_once() -> None:
    """The stack was sealed with the size its files had before they were rated, and given up at once, again and again."""
    house, paths = stacked()
    rate(house, paths)
    house.let_pass(A_WHILE_S)

    house.folder.drop("beetle_05.jpg")
    house.let_pass(5 * A_WHILE_S)

    assert [(job.state, job.version) for job in house.jobs()] == [(JobState.DONE, 1), (JobState.DONE, 2)]
    stack = house.journal.stack(house.jobs()[-1].stack_id)
    assert stack is not None
    assert len(stack.frames) == 5


def test_a_late_frame_beside_moved_ones_makes_a_new_version() -> None:
    house, paths = stacked()
    move(house, paths)
    house.let_pass(A_WHILE_S)

    house.folder.drop("archive/beetle_05.jpg")
    house.let_pass(A_WHILE_S)

    assert [job.version for job in house.jobs()] == [1, 2]


def test_another_picture_under_a_moved_name_is_a_new_stack() -> None:
    house, paths = stacked()

    move(house, paths, size_bytes=1_777)
    house.let_pass(A_WHILE_S)

    assert [job.version for job in house.jobs()] == [1, 1]


def test_frames_of_a_new_shoot_are_not_hashed_while_they_are_described() -> None:
    """Reading every file whole costs a slow share its time: only what may be known already is asked for its picture."""
    house, _ = stacked()

    house.drop_stack("wasp")
    house.let_pass(A_WHILE_S)

    assert house.describer.hashed == []
    assert len(house.jobs(JobState.DONE)) == 2


def test_each_moved_frame_is_hashed_once() -> None:
    house, paths = stacked()

    moved = move(house, paths)
    house.let_pass(5 * A_WHILE_S)

    assert house.describer.hashed == moved


def test_frames_recorded_before_pictures_were_hashed_are_known_by_their_bytes() -> None:
    """A journal of an earlier version has the hash of the whole file alone."""
    journal = SqliteJournal(None)
    house = House(journal=journal)
    paths = house.drop_stack("beetle")
    house.let_pass(A_WHILE_S)
    journal._db.execute("UPDATE stack_frame SET picture = NULL")
    for path in paths:
        sighting = house.folder.files[path]
        house.folder.files[path] = replace(sighting, fingerprint=replace(sighting.fingerprint, mtime_ns=77))
    house.start()

    house.let_pass(A_WHILE_S)

    assert [job.state for job in house.jobs()] == [JobState.DONE]
