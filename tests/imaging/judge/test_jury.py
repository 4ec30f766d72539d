"""What the jury says of stacks to which something is known to have been done."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from stackd.bench.findings.trials import Trial, rendered
from stackd.config.settings import Recipe
from stackd.imaging.compose.fused import FusionMethod
from stackd.imaging.fuse.depth_from_defocus import DepthFromDefocus
from stackd.imaging.fuse.pyramid import PyramidFusion
from stackd.imaging.stacker import Stacked, Stacker
from stackd.model.composite import Noticed
from stackd.rendering.faults import FAULTS
from stackd.rendering.scenes import RenderedStack, SceneSettings, render_stack, tilted_plane

SEED = 5


def _stacked(stack: RenderedStack, fuse: FusionMethod | None = None) -> Stacked:
    """Fuse a stack; by pyramids, which take a third of the time, unless another method is asked for: the jury sees the same."""
    recipe = Recipe()
    stacker = Stacker(
        stack, align=recipe.align, match=recipe.match, fuse=fuse or PyramidFusion(), finish=recipe.finish, with_depth=False
    )
    for position in range(len(stack)):
        stacker.add(position)
    return stacker.finish()


@cache
def _judged(fault: str | None, strength: float = 0.0, subject: str = "plane") -> Stacked:
    return _stacked(_with(fault, strength, subject=subject))


def _with(fault: str | None, strength: float = 0.0, *, subject: str = "plane", seed: int = SEED) -> RenderedStack:
    return rendered(Trial(seed=seed, subject=subject, fault=fault, strength=strength))[0].stack


def _codes(noticed: Sequence[Noticed]) -> set[str]:
    return {one.code for one in noticed}


@pytest.mark.parametrize("subject", ["plane", "sheets", "hairs", "sky", "flower", "rail"])
def test_nothing_is_said_of_a_good_stack(subject: str) -> None:
    stacked = _judged(None, subject=subject)
    assert _codes(stacked.findings) == set()
    assert stacked.verdict.judgement == "pass"


@pytest.mark.parametrize(
    ("fault", "strength"),
    [
        ("near end", 5),
        ("far end", 5),
        ("shaken", 5),
        ("shaken", 8),
        ("brightness", 0.6),
        ("white balance", 0.2),
        ("clipping", 20),
        ("hot pixels", 60),
    ],
)
def test_a_fault_is_noticed(fault: str, strength: float) -> None:
    assert FAULTS[fault].findings & _codes(_judged(fault, strength).findings)


def test_the_shaken_frame_is_named() -> None:
    sound, smeared = _with(None).frames, _with("shaken", 8).frames
    (victim,) = (place for place, frame in enumerate(sound) if not np.allclose(frame, smeared[place], atol=2))
    shaken = [one for one in _judged("shaken", 8).findings if one.code == "frame-shaken"]
    assert [one.positions for one in shaken] == [(victim,)]


def test_an_early_end_is_shown_where_the_subject_goes_on() -> None:
    """The plane is nearest at the bottom: without its first frames the bottom is in focus nowhere."""
    (found,) = (one for one in _judged("near end", 5).findings if one.code == "near-end-early")
    assert found.region is not None
    assert found.region.top > 150
    assert "at the bottom" in found.sentence
    assert found.positions == (0,)


def test_a_cut_off_end_says_where_to_go_on() -> None:
    (near,) = (one for one in _judged("near end", 5).findings if one.code == "near-end-early")
    (far,) = (one for one in _judged("far end", 5).findings if one.code == "far-end-early")
    assert "nearer" in near.sentence
    assert "farther" in far.sentence


def test_a_gap_is_told_of_between_the_frames_beside_it() -> None:
    """Where frames are focused is measured by fusion from defocus; other methods take one frame for one step."""
    gap = _with("gap", 4)
    whole = _with(None).frames
    first = next(place for place, frame in enumerate(gap.frames) if not np.array_equal(frame, whole[place]))
    found = [one for one in _stacked(gap, DepthFromDefocus()).findings if one.code == "focus-gap"]
    assert [one.positions for one in found] == [(first - 1, first)]
    assert found[0].region is not None


def test_steps_far_too_large_are_told_of_once() -> None:
    scene = SceneSettings(subject=tilted_plane, height_px=320, width_px=480, frame_count=6, blur_px=6, seed=SEED)
    gaps = [one for one in _stacked(render_stack(scene)).findings if one.code == "focus-gap"]
    assert len(gaps) == 1
    assert "steps are too large" in gaps[0].sentence


def test_steps_needlessly_small_are_told_of() -> None:
    scene = SceneSettings(subject=tilted_plane, height_px=320, width_px=480, frame_count=40, blur_px=0.25, seed=SEED)
    assert "steps-needlessly-small" in _codes(_stacked(render_stack(scene), DepthFromDefocus()).findings)


def test_frames_at_camera_scale_are_judged_too() -> None:
    """Judging looks at reduced frames: what it says must not depend on how many pixels a camera has."""
    scene = SceneSettings(
        subject=tilted_plane, height_px=1500, width_px=2400, frame_count=6, blur_px=2.5, shift_px=4, breathing=0.001, seed=SEED
    )
    stack = render_stack(scene)
    assert _codes(_stacked(stack, DepthFromDefocus()).findings) == set()
    frames = [frame.copy() for frame in stack.frames]
    random = np.random.default_rng(SEED)
    rows, columns = random.integers(20, 1480, 80), random.integers(20, 2380, 80)
    for frame in frames:
        frame[rows, columns] = 250
    spoilt = RenderedStack(
        frames=tuple(frames),
        truth=stack.truth,
        depth_position=stack.depth_position,
        matrices=stack.matrices,
        gains=stack.gains,
        reference=stack.reference,
    )
    assert _codes(_stacked(spoilt, DepthFromDefocus()).findings) == {"hot-pixels"}
