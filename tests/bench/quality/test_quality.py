"""The numbers that judge composites mean what they say."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from stackd.bench.noticing import walker
from stackd.bench.quality.quality import Quality, judge, judge_depth, place
from stackd.bench.quality.truth import Truth, near_jumps, nearest_frames, registration_error_px, truth_of
from stackd.bench.scenes import sheets, sky, suite
from stackd.imaging.ground.frames import AlignedFrames
from stackd.imaging.lay_over.frames_on_reference import FramesOnReference
from stackd.imaging.match.brightness import Gain
from stackd.rendering.scenes import RenderedStack, SceneSettings, render_stack, tilted_plane

BLUR_PX = 2.0


@pytest.fixture(scope="module")
def rendered() -> RenderedStack:
    scene = SceneSettings(
        subject=sky,
        height_px=200,
        width_px=300,
        frame_count=3,
        blur_px=BLUR_PX,
        shift_px=2,
        flicker=0.1,
        full_well_electrons=5_000,
    )
    return render_stack(scene)


@pytest.fixture(scope="module")
def truth(rendered: RenderedStack) -> Truth:
    return truth_of(rendered, blur_px=BLUR_PX)


def judged(image: np.ndarray, truth: Truth, where: np.ndarray | None = None) -> Quality:
    quality = judge(image.astype(np.float32), truth, np.eye(3) if where is None else where)
    assert isinstance(quality, Quality), quality
    return quality


def shift(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], float)


def test_the_truth_itself_is_perfect(truth: Truth):
    perfect = judged(truth.image, truth)

    assert perfect.psnr_db > 90
    assert perfect.noise_ratio < 0.1
    assert perfect.sharp_kept == pytest.approx(1, abs=1e-3)
    assert perfect.sharp_excess == pytest.approx(0, abs=1e-3)


def test_psnr_is_that_of_the_error_added(truth: Truth):
    error = np.random.default_rng(0).normal(0, 0.01, truth.image.shape)
    clipping = (truth.image < 0.05) | (truth.image > 0.95)

    assert judged(truth.image + np.where(clipping, 0, error), truth).psnr_db == pytest.approx(40, abs=0.6)


def test_brightness_and_tint_cost_nothing(truth: Truth):
    assert judged(truth.image * np.float32([0.9, 0.95, 0.85]) + 0.02, truth).psnr_db > 50


def test_blur_loses_detail_and_sharpening_adds_it(truth: Truth):
    blurred = cv2.GaussianBlur(truth.image, (0, 0), 1.5)
    sharpened = np.clip(2 * truth.image - blurred, 0, 1)

    assert judged(blurred, truth).sharp_kept < 0.5
    assert judged(blurred, truth).sharp_excess < 0.01
    assert judged(sharpened, truth).sharp_excess > 0.2


def test_a_frame_has_the_noise_of_a_frame(rendered: RenderedStack, truth: Truth):
    frame = rendered.frames[rendered.reference] / 255

    assert judged(frame, truth).noise_ratio == pytest.approx(1, abs=0.03)
    assert judged((frame + truth.image) / 2, truth).noise_ratio == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("x", "y"), [(7, 3), (7.4, 3.3)])
def test_a_crop_costs_nothing_when_its_place_is_known(truth: Truth, x: float, y: float):
    wanted = shift(x, y)
    cropped = cv2.warpAffine(truth.image, wanted[:2], (270, 180), flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP)

    assert judged(cropped, truth, wanted).psnr_db > (90 if x == 7 else 38)
    assert judged(cropped, truth, wanted @ shift(1, 0)).psnr_db < 30


def test_the_place_of_a_crop_is_found(truth: Truth):
    cropped = truth.image[9:, 14:]

    found = place(cropped, truth)

    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, shift(14, 9), atol=0.02)


def test_another_picture_has_no_place(truth: Truth):
    other = render_stack(SceneSettings(subject=tilted_plane, height_px=200, width_px=300, frame_count=1, seed=9)).truth

    assert not isinstance(place(other, truth), np.ndarray)


def test_halos_are_looked_for_within_the_blur_of_a_jump():
    depth = np.zeros((40, 100), np.float32)
    depth[:, 50:] = 3.0

    near = near_jumps(depth, blur_px=2.0)

    columns = np.flatnonzero(near[20])
    assert columns[0] in range(41, 45)
    assert columns[-1] in range(55, 59)
    assert not near_jumps(np.linspace(0, 9, 100, dtype=np.float32)[None].repeat(40, 0), blur_px=2.0).any()


def test_an_error_at_an_edge_shows_in_the_halo_alone():
    stack = render_stack(SceneSettings(subject=sheets, height_px=200, width_px=300, frame_count=5, blur_px=BLUR_PX))
    truth = truth_of(stack, blur_px=BLUR_PX)
    spoilt = np.where(truth.halo[..., None], cv2.GaussianBlur(truth.image, (0, 0), 2), truth.image)

    quality = judged(spoilt, truth)

    assert 0.02 < truth.halo.mean() < 0.5
    assert quality.halo_psnr_db < quality.psnr_db - 3


def test_what_moves_is_judged_by_the_one_moment_it_shows_best():
    stack = render_stack(SceneSettings(subject=walker, height_px=120, width_px=180, frame_count=4))
    truth = truth_of(stack, blur_px=BLUR_PX)
    first, last = stack.moments[0], stack.moments[-1]
    sides = np.hstack([first[:, :90], last[:, 90:]])

    whole, each_its_own, mixed = (judged(image, truth) for image in (first, sides, (first + last) / 2))

    assert min(whole.moving_psnr_db, each_its_own.moving_psnr_db) > 75
    assert min(whole.psnr_db, each_its_own.psnr_db) > 75
    assert mixed.moving_psnr_db < 25
    assert mixed.psnr_db < 40


def test_where_nothing_moves_nothing_is_said_of_it(truth: Truth):
    assert np.isnan(judged(truth.image, truth).moving_psnr_db)


def test_a_depth_map_is_judged_in_frames(truth: Truth):
    near_far = judge_depth(truth.depth_position + np.float32(0.25), truth, np.eye(3))
    reversed_ = judge_depth(2 - truth.depth_position, truth, np.eye(3))

    assert near_far.depth_spearman == pytest.approx(1)
    assert near_far.depth_median_error_frames == pytest.approx(0.25, abs=1e-5)
    assert reversed_.depth_spearman == pytest.approx(-1)


def test_a_registration_is_judged_at_the_corners_whatever_the_reference(truth: Truth):
    to_first = [np.linalg.inv(truth.matrices[0]) @ matrix for matrix in truth.matrices]
    off = [to_first[0], shift(0.3, 0.4) @ to_first[1], None]

    assert registration_error_px(to_first, truth, reference=0) == pytest.approx(0, abs=1e-9)
    assert registration_error_px(off, truth, reference=0) == pytest.approx(0.5)


def test_the_best_choice_of_frames_beats_every_frame(rendered: RenderedStack, truth: Truth):
    gains = [Gain(red=1 / red, green=1 / green, blue=1 / blue) for red, green, blue in truth.gains]
    frames: AlignedFrames = FramesOnReference(rendered, positions=range(3), matrices=truth.matrices, gains=gains)

    best = judged(nearest_frames(frames, truth), truth)

    assert best.psnr_db > max(judged(frames.read(i), truth).psnr_db for i in range(3)) + 1


def test_the_suite_shows_every_scene_at_least_three_times_each_time_another():
    scenes = suite()
    names = [scene.name for scene in scenes]

    assert len(set(names)) == len(names)
    assert {name.split("-")[0] for name in names} >= {"plane", "sheets", "hairs", "sky", "rail"}
    assert all(sum(name.startswith(kind.split("-")[0]) for name in names) >= 3 for kind in names)
    assert {scene.scene.bits for scene in scenes} == {8, 16}
    one, other = (render_stack(replace(scenes[i].scene, height_px=40, width_px=60, frame_count=2)) for i in (0, 6))
    assert not np.array_equal(one.truth, other.truth)
