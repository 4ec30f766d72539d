"""One look that misses a frame proves nothing: programs save by delete and rename, and shares lose sight of files at times."""

from stackd.model.job import JobState
from stackd.service.ports import FileSighting
from tests.fakes.house import House

A_WHILE_S = 60.0


def at_work() -> House:
    """A stack of five frames that is being worked on."""
    house = House()
    house.workers.hold = True
    house.drop_stack("beetle", count=5)
    house.let_pass(30.0)
    assert [job.state for job in house.jobs()] == [JobState.RUNNING]
    return house


def miss(house: House, path: str, *, looks: int = 1) -> None:
    """Let looks go by without a file, then put it back just as it was."""
    hidden: FileSighting = house.folder.files[path]
    house.folder.remove(path)
    before = house.inboxes[-1].looks
    for _ in range(100):
        if house.inboxes[-1].looks < before + looks:
            house.let_pass(0.1, step_s=0.1)
    assert house.inboxes[-1].looks == before + looks
    house.folder.files[path] = hidden
    house.folder.woken = True


def finish(house: House) -> None:
    house.workers.hold = False
    house.let_pass(A_WHILE_S)


def test_a_frame_that_one_look_missed_was_not_removed() -> None:
    house = at_work()

    miss(house, "beetle_03.jpg")
    finish(house)

    assert [(job.state, job.version) for job in house.jobs()] == [(JobState.DONE, 1)]
    assert [len(request.stack.frames) for request in house.workers.started] == [5]
    assert house.workers.cancelled == []


def test_a_frame_that_looks_miss_now_and_then_was_not_removed() -> None:
    house = at_work()

    for _ in range(4):
        miss(house, "beetle_03.jpg")
        house.let_pass(3.0)
    finish(house)

    assert [(job.state, job.version) for job in house.jobs()] == [(JobState.DONE, 1)]
    assert len(house.workers.started) == 1


def test_work_on_a_frame_that_stays_away_is_ended_within_seconds_though_nothing_else_happens() -> None:
    """The next look would be half a minute later; the reason to look again is the frame itself."""
    house = at_work()
    assert house.settings.watched[0].rescan_s >= 30

    house.folder.remove("beetle_05.jpg")
    house.let_pass(4.0)

    (given_up, *_) = house.jobs()
    assert given_up.state is JobState.SUPERSEDED
    assert given_up.error == "beetle_05.jpg was removed before the composite was finished."
    assert house.workers.cancelled == [given_up.id]


def test_an_open_stack_waits_anew_for_a_frame_that_comes_back() -> None:
    house = House()
    house.drop_stack("beetle", count=5)
    house.let_pass(5.0)

    miss(house, "beetle_03.jpg")
    house.let_pass(A_WHILE_S)

    assert [(job.state, job.version) for job in house.jobs()] == [(JobState.DONE, 1)]
    assert [len(request.stack.frames) for request in house.workers.started] == [5]
