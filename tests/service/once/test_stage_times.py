"""Seconds are booked to the stage they were spent in."""

import pytest

from stackd.imaging.finish import FinishSettings
from stackd.imaging.fuse.depth_from_defocus import DepthFromDefocus
from stackd.imaging.ground.frames import ignore_progress
from stackd.imaging.match.settings import MatchSettings
from stackd.imaging.register.models import MotionRegistration
from stackd.imaging.stacker import Stacker
from stackd.rendering.scenes import SceneSettings, render_stack, tilted_plane
from stackd.service.once.stack import StageTimes
from tests.fakes.clock import HandCrankedClock
from tests.imaging.watched_reads import WatchedPlanes, WatchedSource

FRAMES, WITNESSES = 12, 8
SECONDS = {"frame": 1.0, "plane": 0.01}


def test_what_is_done_between_aligning_and_measuring_is_not_booked_as_aligning():
    """Witnesses are read, and blur and grain measured, after the last frame was aligned: that, a third of all, was "register"."""
    clock = HandCrankedClock()
    began_s = clock.now_s()
    stages = StageTimes(clock, ignore_progress)

    def pass_by(what: str) -> None:
        clock.pass_s(SECONDS[what])

    stack = render_stack(SceneSettings(subject=tilted_plane, height_px=120, width_px=180, frame_count=FRAMES, shift_px=2.0))
    stacker = Stacker(
        WatchedSource(stack, pass_by),
        align=MotionRegistration(model="similarity"),
        match=MatchSettings(),
        fuse=DepthFromDefocus(witnesses=WITNESSES),
        finish=FinishSettings(),
        make_store=lambda: WatchedPlanes(pass_by),
        progress=stages,
    )
    for position in range(FRAMES):
        stacker.add(position)

    stacker.finish()

    seconds = stages.so_far()
    assert sum(seconds.values()) == pytest.approx(clock.now_s() - began_s)
    assert seconds["register"] == pytest.approx(FRAMES * SECONDS["frame"])
    assert seconds["place"] == seconds["match"] == 0
    # Every frame is looked at once to measure where it is focused, and none is decoded again for that.
    assert 0.99 * FRAMES * SECONDS["plane"] <= seconds["prepare"] < SECONDS["frame"]
    assert seconds["focus"] > FRAMES * SECONDS["plane"]
    assert (FRAMES - WITNESSES) * SECONDS["plane"] <= seconds["measure"] < SECONDS["frame"]
    assert seconds["decide"] > FRAMES * SECONDS["plane"]
    assert seconds["blend"] > 1
    stages_told = ["register", "place", "match", "prepare", "focus", "measure", "decide", "blend", "depth", "finish", "judge"]
    assert list(seconds) == stages_told
