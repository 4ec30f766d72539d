"""`stackd bench service`: the real daemon under a small load."""

from pathlib import Path

import pytest

from stackd.bench.commands.service import service
from stackd.bench.serving.measures import long_history, many_at_once, one_among_many
from stackd.errors import WrongUse


def nobody_watches(stage: str, done: int, total: int) -> None:
    del stage, done, total


def test_stacks_dropped_at_once_are_sealed_published_and_the_daemon_stopped(tmp_path: Path) -> None:
    found = many_at_once(tmp_path, stacks=2, jobs=1, publish=True, progress=nobody_watches)

    values = {one.what.partition(": ")[2]: one.value for one in found}
    assert len(list((tmp_path / "out").glob("**/*.tif"))) >= 2
    assert values["published"] > 0
    assert values["daemon until then"] > 0
    assert values["peak of the daemon"] > 20
    assert values["stopped after"] > 0


def test_one_frame_among_old_ones_is_described_and_nothing_is_stacked_again(tmp_path: Path) -> None:
    found = one_among_many(tmp_path, frames=40, rest_s=1.0, progress=nobody_watches)

    values = {one.what.partition(": ")[2]: one.value for one in found}
    assert list((tmp_path / "out").iterdir()) == []
    assert "one new frame" in values


def test_a_decision_is_taken_up_however_long_the_history_is(tmp_path: Path) -> None:
    found = long_history(tmp_path, frames=200, progress=nobody_watches)

    values = {one.what.partition(": ")[2]: one.value for one in found}
    assert values["a decision (stackd retry)"] > 0
    assert values["memory at rest"] > 20


def test_what_is_not_measured_is_named() -> None:
    with pytest.raises(WrongUse, match="everything is not measured"):
        service(only=["everything"])
