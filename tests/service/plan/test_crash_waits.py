"""A stack that brought its worker down is not thrown at the next one at once."""

from stackd.model.job import JobState
from stackd.service.plan.fold import next_wake_s
from stackd.service.plan.jobs import CRASH_WAIT_S
from stackd.service.ports import Crashed, StackingRequest
from tests.fakes.house import House


def crashing(house: House) -> list[float]:
    """Let every work crash; gives the times at which works ended, filled as time passes."""
    ended_s: list[float] = []

    def crash(request: StackingRequest) -> Crashed:
        ended_s.append(house.clock.now_s())
        return Crashed(job_id=request.job_id, reason="killed")

    house.workers.behave = crash
    return ended_s


def test_every_crash_doubles_the_wait_before_the_next_attempt() -> None:
    house = House()
    ended_s = crashing(house)
    house.drop_stack("beetle")

    house.let_pass(120.0)

    first_s, second_s, third_s = ended_s
    assert CRASH_WAIT_S * 2 <= second_s - first_s < CRASH_WAIT_S * 4
    assert CRASH_WAIT_S * 4 <= third_s - second_s < CRASH_WAIT_S * 8


def test_the_loop_sleeps_while_a_stack_waits_after_a_crash() -> None:
    house = House()
    ended_s = crashing(house)
    house.drop_stack("beetle")
    for _ in range(60):
        if not ended_s:
            house.let_pass(0.5)
    assert house.daemon is not None

    wake_s = next_wake_s(house.daemon.state, house.settings)

    assert [job.state for job in house.jobs()] == [JobState.READY]
    assert house.clock.now_s() < wake_s <= ended_s[0] + CRASH_WAIT_S * 2
