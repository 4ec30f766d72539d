"""Frames in, one composite out."""

from contextlib import suppress
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from pydantic import TypeAdapter

from stackd.errors import Cancelled, MixedStack
from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.depth.focus_fit import FocusFit
from stackd.imaging.finish import FinishSettings
from stackd.imaging.fuse import Fusion
from stackd.imaging.fuse.average import Average
from stackd.imaging.fuse.depth_from_defocus import DepthFromDefocus, weighing
from stackd.imaging.fuse.depth_map import DepthMapFusion
from stackd.imaging.fuse.pyramid import PyramidFusion
from stackd.imaging.ground.matrices import inverse, transformed
from stackd.imaging.match.settings import MatchSettings
from stackd.imaging.register import RegistrationSettings
from stackd.imaging.register.models import MotionRegistration
from stackd.imaging.register.none import NoRegistration
from stackd.imaging.stacker import Stacked, Stacker
from stackd.rendering.scenes import Move, RenderedStack, SceneSettings, render_stack, tilted_plane

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


@pytest.mark.parametrize(("crop", "said"), [(True, "is cropped to 2"), (False, "fewer frames are fused")])
def test_a_small_common_area_is_told_as_it_is(crop: bool, said: str):  # noqa: FBT001
    """Without cropping the report told of a crop that had not happened."""
    jumped = render_stack(replace(SCENE, shift_px=30.0, seed=3))

    stacked = _stack(jumped, crop=crop)

    (finding,) = stacked.findings
    assert finding.region is not None
    assert said in finding.sentence
    assert ("cropped" in finding.sentence) is crop
    assert f"{finding.region.width_px}×{finding.region.height_px} px" in finding.sentence
    assert finding.region.width_px < 300
    assert stacked.image.shape == (stacked.valid_area.height_px, stacked.valid_area.width_px, 3)


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


def test_a_stack_that_drifts_far_to_one_side_is_as_sharp_there():
    """Frames were taken to be as large as the part that is kept, so none showed its right side, and all were averaged there."""
    drift_px, frames, width_px = 90, 5, 700
    wide = render_stack(replace(SCENE, width_px=width_px + drift_px * (frames - 1), shift_px=0.0, breathing=0.0, flicker=0.0))
    starts = [drift_px * position for position in range(frames)]
    middle = starts[frames // 2]
    drifting = replace(
        wide,
        frames=tuple(frame[:, start : start + width_px] for frame, start in zip(wide.frames, starts, strict=True)),
        truth=wide.truth[:, middle : middle + width_px],
    )

    stacked = _stack(drifting, fuse=DepthFromDefocus())

    third = stacked.image.shape[1] // 3
    truth = _inside(stacked, drifting.truth)
    assert third > drift_px
    assert _psnr(stacked.image[:, -third:], truth[:, -third:]) > _psnr(stacked.image[:, :third], truth[:, :third]) - 3


@cache
def _strip(height_px: int, width_px: int) -> RenderedStack:
    return render_stack(replace(SCENE, height_px=height_px, width_px=width_px, shift_px=2.0, breathing=0.0, frame_count=3))


@pytest.mark.parametrize("model", TypeAdapter(RegistrationSettings).json_schema()["discriminator"]["mapping"])
@pytest.mark.parametrize(("height_px", "width_px"), [(100, 2600), (2600, 100), (20, 400), (16, 4000)])
def test_frames_longer_than_20_to_1_are_laid_over_one_another(height_px: int, width_px: int, model: str):
    """They were halved by their long side until nothing was left of the short one, and ended in a division by zero."""
    strip = _strip(height_px, width_px)
    align = TypeAdapter(RegistrationSettings).validate_python({"model": model})

    stacked = _stack(strip, align=align, fuse=Average())

    assert [report.used for report in stacked.frames] == [True] * 3
    if model != "none":
        found = np.array([report.matrix[:2, 2] for report in stacked.frames if report.matrix is not None])
        assert np.abs(found - [matrix[:2, 2] for matrix in strip.matrices]).max() < 0.5


@pytest.mark.parametrize(("height_px", "width_px"), [(16, 16), (16, 40), (33, 17)])
def test_frames_too_small_to_tell_are_fused_or_refused_in_a_sentence(height_px: int, width_px: int):
    tiny = _strip(height_px, width_px)

    with suppress(MixedStack):
        assert np.isfinite(_stack(tiny, fuse=DepthFromDefocus()).image).all()


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


@pytest.mark.parametrize(("failed", "how_much"), [([1], 0.15), ([2], 0.15), ([2, 3], 0.1), ([4], 0.15)])
def test_frames_that_got_no_light_are_left_out_and_named(failed: list[int], how_much: float):
    sound = render_stack(replace(SCENE, frame_count=7, flicker=0.0))
    frames = tuple((pixels * how_much).astype(pixels.dtype) if i in failed else pixels for i, pixels in enumerate(sound.frames))

    stacked = _stack(replace(sound, frames=frames))

    assert [i for i, report in enumerate(stacked.frames) if not report.used] == failed
    assert all("stops darker than the frames around it" in stacked.frames[i].reason for i in failed)
    truth = _inside(stacked, _on_reference(sound, stacked.reference))
    assert _psnr(stacked.image, truth) > 25


def _on_reference(stack: RenderedStack, position: int) -> np.ndarray:
    height, width = stack.shape
    return cv2.warpPerspective(
        stack.truth, inverse(stack.matrices[position]), (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def test_a_stack_whose_exposure_drifts_keeps_all_its_frames():
    sound = render_stack(replace(SCENE, frame_count=7, flicker=0.0))
    frames = tuple((pixels * 0.85**i).astype(pixels.dtype) for i, pixels in enumerate(sound.frames))

    assert all(report.used for report in _stack(replace(sound, frames=frames)).frames)


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


@pytest.mark.parametrize(
    ("fuse", "deep"),
    [
        (DepthFromDefocus(), range(2)),
        (DepthFromDefocus(), range(2, 5)),
        (DepthMapFusion(), range(1, 5, 2)),
        (PyramidFusion(), range(1, 5, 2)),
        (Average(), range(1, 5, 2)),
    ],
)
def test_frames_of_8_and_16_bit_make_the_composite_that_frames_of_16_bit_make(fuse: Fusion, deep: range):
    """The luminance kept of the frames had the type of the first: one frame of the other type ended the work with a traceback."""
    shallow = render_stack(replace(SCENE, bits=8))
    widened = tuple(frame.astype(np.uint16) * np.uint16(257) for frame in shallow.frames)
    mixed = replace(shallow, frames=tuple(widened[i] if i in deep else frame for i, frame in enumerate(shallow.frames)))

    stacked = _stack(mixed, fuse=fuse)

    expected = _stack(replace(shallow, frames=widened), fuse=fuse)
    assert [report.used for report in stacked.frames] == [True] * 5
    # The only difference is that reduced luminance is rounded to the frame's own bits.
    assert np.abs(stacked.image - expected.image).mean() < 1e-4


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


@pytest.fixture(scope="module")
def with_frames_left_out() -> RenderedStack:
    focus = (0.0, 1, 2, 3, 8, 9, 10, 11, 12)
    return render_stack(
        SceneSettings(
            subject=tilted_plane,
            height_px=400,
            width_px=560,
            frame_count=len(focus),
            focus=focus,
            blur_px=1.6,
            shift_px=2.0,
            full_well_electrons=20_000,
            bits=16,
            seed=32,
        )
    )


def test_frames_are_told_where_they_are_focused(with_frames_left_out: RenderedStack):
    frames = _stack(with_frames_left_out, fuse=DepthFromDefocus()).frames

    error = np.array([frame.focus_position for frame in frames]) - (0.0, 1, 2, 3, 8, 9, 10, 11, 12)
    assert np.abs(error - np.median(error)).max() <= 0.2
    assert max(frame.focus_error or np.inf for frame in frames[2:-2]) <= 0.3
    assert max(frame.sharpness or 0 for frame in frames) == 1


def test_a_stack_with_frames_left_out_is_no_worse_for_knowing_it(
    with_frames_left_out: RenderedStack, monkeypatch: pytest.MonkeyPatch
):
    measured = _stack(with_frames_left_out, fuse=DepthFromDefocus(), with_depth=True)
    even = FocusFit(positions=FocusPositions.even(9), blur_px=None)
    monkeypatch.setattr(weighing, "fit_focus", lambda *_: even)
    assumed = _stack(with_frames_left_out, fuse=DepthFromDefocus(), with_depth=True)

    truth = _inside(measured, with_frames_left_out.truth)
    # In the gap no frame is sharp, and the mean of its two neighbours, taken by mistake, is not worse than one of them.
    assert _psnr(measured.image, truth) > _psnr(assumed.image, truth) - 0.05
    depth = _inside(measured, with_frames_left_out.depth_position)
    assert measured.depth is not None
    assert assumed.depth is not None
    wrong, worse = (np.median(np.abs(stacked.depth.position - depth)) for stacked in (measured, assumed))
    assert wrong < worse
