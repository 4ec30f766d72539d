"""Whoever watches hears of about every frame's work, and can stop it there."""

from functools import cache
from itertools import pairwise

import pytest
from pydantic import TypeAdapter

from stackd.cli.terminal import STAGE_SENTENCES
from stackd.errors import Cancelled
from stackd.imaging.finish import FinishSettings
from stackd.imaging.fuse import Fusion
from stackd.imaging.ground.frames import Progress, ignore_progress
from stackd.imaging.match.settings import MatchSettings
from stackd.imaging.register.models import MotionRegistration
from stackd.imaging.stacker import Stacker
from stackd.rendering.scenes import RenderedStack, SceneSettings, render_stack, tilted_plane
from tests.imaging.watched_reads import Heard, WatchedPlanes, WatchedSource

FRAMES = 8
METHODS = list(TypeAdapter(Fusion).json_schema()["discriminator"]["mapping"])
MOST_AT_ONCE = 6
"""Frames and planes: one frame is worked on, one is read ahead, and the weight of each is made of two planes."""


@cache
def _stack() -> RenderedStack:
    return render_stack(
        SceneSettings(subject=tilted_plane, height_px=96, width_px=144, frame_count=FRAMES, shift_px=2.0, breathing=0.001)
    )


def _work(method: str, *, heard: Heard, progress: Progress = ignore_progress) -> None:
    stacker = Stacker(
        WatchedSource(_stack(), heard),
        align=MotionRegistration(model="similarity"),
        match=MatchSettings(),
        fuse=TypeAdapter(Fusion).validate_python({"method": method}),
        finish=FinishSettings(),
        make_store=lambda: WatchedPlanes(heard),
        progress=progress,
    )
    for position in range(FRAMES):
        stacker.add(position)
    stacker.finish()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("share", [0.1, 0.3, 0.45, 0.6, 0.9])
def test_work_that_is_to_stop_reads_no_more_than_a_frame_and_the_next(method: str, share: float):
    """Between the last frame aligned and the first measured, and before blending, a third of the work could not be stopped."""
    reads: list[str] = []
    _work(method, heard=reads.append)
    allowed = int(share * len(reads))
    reads.clear()

    def stop(stage: str, done: int, total: int) -> None:
        if len(reads) > allowed:
            raise Cancelled(f"stopped in {stage} at {done} of {total}")

    with pytest.raises(Cancelled):
        _work(method, heard=reads.append, progress=stop)

    assert len(reads) - allowed <= MOST_AT_ONCE


@pytest.mark.parametrize("method", METHODS)
def test_every_frame_and_plane_that_is_read_is_told_of(method: str):
    events: list[str] = []

    _work(method, heard=events.append, progress=lambda stage, done, total: events.append(f"{stage} {done}/{total}"))

    told = [index for index, event in enumerate(events) if event not in {"frame", "plane"}]
    assert max(later - earlier for earlier, later in pairwise(told)) - 1 <= MOST_AT_ONCE


@pytest.mark.parametrize("method", METHODS)
def test_every_stage_begins_at_nothing_and_ends_complete(method: str):
    told: dict[str, list[tuple[int, int]]] = {}

    _work(method, heard=[].append, progress=lambda stage, done, total: told.setdefault(stage, []).append((done, total)))

    for stage, steps in told.items():
        (total,) = {total for _, total in steps}
        assert [done for done, _ in steps] == list(range(total + 1)), stage
    assert {"register", "place", "match", "finish"} <= told.keys() <= STAGE_SENTENCES.keys()
