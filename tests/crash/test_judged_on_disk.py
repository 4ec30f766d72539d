"""Cut the power while composites that do not pass are published on a real disk: each appears once, whole, where it belongs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stackd.model.job import JobState
from stackd.service.ports import Handling, Placing, WishKind
from tests.crash.test_power_cuts import Fuse, PowerCut
from tests.fakes.house_on_disk import HouseOnDisk

STEM = "beetle_01-beetle_03_3f_depth_from_defocus_review"

CUTS = 36
"""More than a run of one stack makes that is held and released; see `test_power_cuts`, where the same steps are counted."""


def survive(house: HouseOnDisk, act: Callable[[], object]) -> None:
    """Do something; when the power is cut meanwhile, start anew, with power for good."""
    try:
        act()
    except PowerCut:
        house.switch_on()


@pytest.mark.parametrize("handling", Handling)
@pytest.mark.parametrize("cut", range(1, CUTS))
def test_what_does_not_pass_appears_once_and_nothing_is_left_behind(tmp_path: Path, cut: int, handling: Handling) -> None:
    house, fuse = HouseOnDisk(tmp_path, Placing(review=handling)), Fuse(calls=cut)

    survive(house, lambda: house.switch_on(fuse.wrap))
    house.drop_stack("beetle", count=3)
    survive(house, lambda: house.let_pass(40.0))
    house.let_pass(40.0)
    for job in house.jobs(JobState.HELD):
        house.journal.ask(WishKind.RELEASE, job.stack_id, at=house.clock.now_at())
        survive(house, lambda: house.switch_on(Fuse(calls=max(fuse.left, 0)).wrap))
        survive(house, lambda: house.let_pass(40.0))
        house.let_pass(40.0)

    where = "" if handling is Handling.PUBLISH else "review/"
    assert [job.state for job in house.jobs()] == [JobState.DONE]
    assert house.files() == {f"{where}{STEM}.json", f"{where}{STEM}.tif"}
    house.journal.close()
