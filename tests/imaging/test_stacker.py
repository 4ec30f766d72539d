"""Frames in, one composite out."""

from dataclasses import replace

import numpy as np
import pytest

from stackd.errors import Cancelled, MixedStack
from stackd.imaging.finish import FinishSettings
from stackd.imaging.fuse import Fusion
from stackd.imaging.fuse.average import Average
from stackd.imaging.fuse.depth_from_defocus import DepthFromDefocus
from stackd.imaging.fuse.pyramid import PyramidFusion
from stackd.imaging.match import MatchSettings
from stackd.imaging.motion import inverse, transformed
from stackd.imaging.register import RegistrationSettings
from stackd.imaging.register.models import MotionRegistration
from stackd.imaging.register.none import NoRegistration
from stackd.imaging.scenes import Move, RenderedStack, SceneSettings, render_stack, tilted_plane
from stackd.imaging.stacker import Stacked, Stacker

SCENE = SceneSettings(
    subject=tilted_plane, height_px=200, width_px=300, frame_count=5, shift_px=3.0, breathing=0.002, flicker=0.03, bits=16
)


def _stack(
    source: RenderedStack,
    *,
    align: RegistrationSettings | None = None,
    crop: bool = True,
    match: bool = True,
    fuse: Fusion | None = None,
    with_depth: bool = True,
) -> Stacked:
    stacker = Stacker(
        source,
        align=align or MotionRegistration(),
        match=MatchSettings(brightness=match, white_balance=match),
        fuse=fuse or PyramidFusion(),
        finish=FinishSettings(crop=crop),
        with_depth=with_depth,
    )
    for position in range(len(source)):
        stacker.add(position)
    return stacker.finish()


def _psnr(image: np.ndarray, truth: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((image - truth) ** 2)))


def _inside(stacked: Stacked, truth: np.ndarray) -> np.ndarray:
    area = stacked.valid_area
    return truth[area.top : area.bottom, area.left : area.right]


@pytest.fixture(scope="module")
def shaken() -> RenderedStack:
    return render_stack(SCENE)


@pytest.fixture(scope="module")
def stacked(shaken: RenderedStack) -> Stacked:
    return _stack(shaken)


def test_a_shaken_flickering_stack_becomes_sharp(shaken: RenderedStack, stacked: Stacked):
    truth = _inside(stacked, shaken.truth)
    mean = np.mean([frame / 65535 for frame in shaken.frames], axis=0)
    assert _psnr(stacked.image, truth) > _psnr(_inside(stacked, mean), truth) + 6


def test_registration_finds_the_true_motion(shaken: RenderedStack, stacked: Stacked):
    corners = np.array([[0, 0, 1], [299, 0, 1], [0, 199, 1], [299, 199, 1]], float).T
    errors = [
        np.hypot(*((report.matrix - true) @ corners)[:2])
        for report, true in zip(stacked.frames, shaken.matrices, strict=True)
        if report.matrix is not None
    ]
    assert len(errors) == 5
    assert np.sqrt(np.mean(np.square(errors))) < 0.25


def test_the_composite_is_cropped_to_what_every_frame_covers(stacked: Stacked):
    area = stacked.valid_area
    assert stacked.image.shape == (area.height_px, area.width_px, 3)
    assert area.width_px < 300


def test_without_cropping_the_composite_is_as_large_as_the_frames(shaken: RenderedStack):
    stacked = _stack(shaken, crop=False)

    assert stacked.image.shape == (200, 300, 3)


@pytest.mark.parametrize("fuse", [DepthFromDefocus(), PyramidFusion()])
def test_a_composite_shows_what_cropping_the_whole_would(shaken: RenderedStack, fuse: Fusion):
    """Only what is kept is fused, with a margin: at its border the composite must not differ from one of the whole frames."""
    cropped = _stack(shaken, fuse=fuse)

    whole = _stack(shaken, fuse=fuse, crop=False)

    difference = np.abs(cropped.image - _inside(cropped, whole.image))
    assert difference.mean() < 2e-3
    assert difference[:4].mean() < 5e-3


@pytest.mark.parametrize(("height_px", "width_px"), [(16, 400), (17, 33), (131, 67)])
def test_frames_of_any_shape_can_be_fused(height_px: int, width_px: int):
    small = render_stack(replace(SCENE, height_px=height_px, width_px=width_px, shift_px=0.0, breathing=0.0, frame_count=3))

    stacked = _stack(small, align=NoRegistration(), fuse=DepthFromDefocus())

    assert stacked.image.shape == (height_px, width_px, 3)
    assert np.isfinite(stacked.image).all()


def test_without_alignment_every_matrix_is_the_identity(shaken: RenderedStack):
    stacked = _stack(shaken, align=NoRegistration())

    assert all(np.array_equal(report.matrix, np.eye(3)) for report in stacked.frames if report.matrix is not None)


def test_flicker_is_evened_out():
    flickering = render_stack(replace(SCENE, flicker=0.1))
    steady = render_stack(replace(SCENE, flicker=0.0))

    expected = _stack(steady, fuse=Average()).image.mean()

    unmatched = _stack(flickering, fuse=Average(), match=False).image.mean()
    matched = _stack(flickering, fuse=Average()).image.mean()
    assert abs(matched - expected) < abs(unmatched - expected) / 4


def test_a_foreign_frame_is_left_out_and_named(shaken: RenderedStack):
    foreign = render_stack(replace(SCENE, seed=99)).frames[2]
    mixed = replace(shaken, frames=(*shaken.frames[:2], foreign, *shaken.frames[3:]))

    stacked = _stack(mixed)

    assert [report.used for report in stacked.frames] == [True, True, False, True, True]
    assert stacked.frames[2].reason


def test_frames_that_have_nothing_in_common_are_refused():
    strangers = tuple(render_stack(replace(SCENE, seed=seed)).frames[2] for seed in (1, 2, 3))
    source = replace(render_stack(replace(SCENE, frame_count=3)), frames=strangers)

    with pytest.raises(MixedStack, match="fit together"):
        _stack(source)


def test_frames_must_be_added_in_order(shaken: RenderedStack):
    stacker = Stacker(shaken, align=MotionRegistration(), match=MatchSettings(), fuse=PyramidFusion(), finish=FinishSettings())

    with pytest.raises(ValueError, match="frame 0 was due"):
        stacker.add(1)


def test_work_stops_when_progress_says_so(shaken: RenderedStack):
    def stop(stage: str, done: int, total: int) -> None:
        raise Cancelled(f"stopped in {stage} at {done} of {total}")

    stacker = Stacker(
        shaken,
        align=MotionRegistration(),
        match=MatchSettings(),
        fuse=PyramidFusion(),
        finish=FinishSettings(),
        progress=stop,
    )

    with pytest.raises(Cancelled):
        stacker.add(0)


def test_the_same_frames_give_the_same_pixels(shaken: RenderedStack, stacked: Stacked):
    np.testing.assert_array_equal(_stack(shaken).image, stacked.image)


def test_the_composite_is_the_same_whether_or_not_the_depth_map_is_wanted(shaken: RenderedStack):
    with_depth = _stack(shaken, fuse=DepthFromDefocus())
    without = _stack(shaken, fuse=DepthFromDefocus(), with_depth=False)

    assert with_depth.depth is not None
    assert without.depth is None
    np.testing.assert_array_equal(with_depth.image, without.image)


ODD_ONES = {
    "aside by a quarter": Move(shift_px=(75, 10)),
    "turned by 30°": Move(turn_rad=0.52),
    "upright": Move(turn_rad=np.pi / 2),
    "zoomed in twofold": Move(scale=0.5),
}


@pytest.mark.parametrize("odd", ODD_ONES.values(), ids=ODD_ONES)
def test_a_frame_taken_from_elsewhere_is_laid_over_the_others(odd: Move):
    source = render_stack(replace(SCENE, moves=((1, odd),)))

    stacked = _stack(source)

    assert all(frame.used for frame in stacked.frames)
    assert _largest_error_px(stacked, source) < 0.1


def test_a_stack_from_a_hand_that_turns_is_laid_together():
    random = np.random.default_rng(4)
    turns = random.uniform(-1.5, 1.5, 5)
    moves = tuple((i, Move(shift_px=tuple(random.uniform(-40, 40, 2)), turn_rad=turns[i])) for i in (0, 1, 3, 4))
    source = render_stack(replace(SCENE, moves=moves))

    stacked = _stack(source)

    assert all(frame.used for frame in stacked.frames)
    assert _largest_error_px(stacked, source) < 0.1


def _largest_error_px(stacked: Stacked, source: RenderedStack) -> float:
    """Over the area kept, px: how far off the matrices lay what lies there."""
    area = stacked.valid_area
    there = np.array([[x, y] for x in (area.left, area.right - 1) for y in (area.top, area.bottom - 1)], np.float64)
    truths = [inverse(source.matrices[stacked.reference]) @ matrix for matrix in source.matrices]
    return max(
        float(np.abs(transformed(frame.matrix @ inverse(true), there) - there).max())
        for frame, true in zip(stacked.frames, truths, strict=True)
    )
