"""How many stacks are worked on at the same time."""

from dataclasses import replace

import pytest

from stackd.model.job import JobState
from tests.fakes.house import House

NEEDED_BYTES = 200e6 + 120.0 * 600 * 400
"""By one stack of the house's frames."""


@pytest.mark.parametrize(
    ("memory_bytes", "at_once"), [(0.0, 1), (1.9 * NEEDED_BYTES, 1), (2.0 * NEEDED_BYTES, 2), (float("inf"), 3)]
)
def test_as_many_stacks_are_worked_on_as_the_memory_is_enough_for_and_always_one(memory_bytes: float, at_once: int) -> None:
    house = House(jobs_at_once=3)
    house.settings = replace(house.settings, memory_bytes=memory_bytes)
    house.workers.hold = True
    for name in ("beetle", "fly", "moss", "wasp"):
        house.drop_stack(name)

    house.let_pass(40.0)

    assert len(house.jobs(JobState.RUNNING)) == at_once
    house.workers.hold = False
    house.let_pass(40.0)
    assert len(house.jobs(JobState.DONE)) == 4
