"""The depth that is handed out is that of what is seen, and says where it is only a guess."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stackd.imaging.depth import surface
from stackd.imaging.depth.defocus import blurred
from stackd.imaging.depth.surface import Texture, enlarged, visible_surface
from stackd.imaging.fuse.depth_from_defocus import DepthFromDefocus, fuse_by_depth_from_defocus
from stackd.imaging.ground.colour import to_display, to_light
from stackd.model.composite import DepthMap
from stackd.model.pixels import Image
from tests.imaging.array_frames import ArrayFrames

Plane = NDArray[np.float32]

SHAPE = (120, 160)
LAST = 6


def _texture(seed: int, shape: tuple[int, int] = SHAPE) -> Plane:
    """Fine texture of full resolution: the depth's grid is half as fine."""
    rough = np.random.default_rng(seed).standard_normal((2 * shape[0], 2 * shape[1])).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(rough, (0, 0), 0.8), np.float32)


def _seen(gray: Plane) -> Texture:
    colours = np.repeat(np.clip(gray, 0, 1)[..., np.newaxis], 3, axis=2)
    return Texture.of(np.ascontiguousarray(colours, np.float32), reduction=2, grain_detail=0)


def _measured(position: Plane, sure: Plane | float = 1.0) -> DepthMap:
    confidence = np.broadcast_to(np.float32(sure), position.shape).astype(np.float32)
    return DepthMap(position=position.astype(np.float32), confidence=confidence, frame_count=LAST + 1)


def _half_smooth_wall() -> Plane:
    """A gray wall, textured in its left half."""
    wall = 0.5 + 0.1 * _texture(1)
    wall[:, SHAPE[1] :] = 0.5
    return np.asarray(wall, np.float32)


def _hair() -> NDArray[np.bool_]:
    """A line 2 px wide, on the grid of the depth."""
    line = np.zeros(SHAPE, np.uint8)
    cv2.line(line, (90, 10), (150, 110), 1, 2)
    return line > 0


def _around(mask: NDArray[np.bool_], radius_px: int) -> NDArray[np.bool_]:
    side = 2 * radius_px + 1
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0)


def test_a_smooth_wall_beside_a_hair_lies_where_its_texture_elsewhere_is():
    """Beside a hair the composite comes from the hair's frame, and the depth once followed."""
    hair = _hair()
    gray = _half_smooth_wall()
    gray[np.kron(hair, np.ones((2, 2), bool))] = 0.05
    measured = np.where(_around(hair, 8), 1, 5).astype(np.float32)

    found = visible_surface(_measured(measured, sure=1.0), _seen(gray)).position

    beside = _around(hair, 8) & ~_around(hair, 2)
    assert np.median(np.abs(found[beside] - 5)) < 0.5
    assert np.median(np.abs(found[hair] - 1)) < 0.1


def test_a_smooth_surface_takes_the_depth_of_its_outline_not_of_what_lies_around():
    gray = 0.6 + 0.1 * _texture(2)
    gray[80:160, 120:220] = 0.2
    measured = np.full(SHAPE, 5, np.float32)
    measured[36:84, 56:114] = 1  # within the blur of the outline
    measured[46:74, 66:104] = np.random.default_rng(3).uniform(0, LAST, (28, 38))  # where nothing decides

    depth = visible_surface(_measured(measured, sure=0), _seen(gray))

    inside = depth.position[44:76, 64:106]
    assert np.percentile(np.abs(inside - 1), 90) < 0.5
    assert np.median(depth.position[:30]) == pytest.approx(5)


def test_a_textured_slope_keeps_its_depth_between_the_frames():
    slope = np.tile(np.linspace(0.6, LAST - 0.6, SHAPE[1], dtype=np.float32), (SHAPE[0], 1))

    depth = visible_surface(_measured(slope), _seen(0.5 + 0.1 * _texture(4)))

    assert np.percentile(np.abs(depth.position - slope), 95) < 0.1
    assert np.percentile(depth.confidence, 10) > 0.9


def test_the_top_of_a_textured_hill_is_not_torn():
    """It lies before most of its surroundings, like a hair, and was once half replaced by their depth."""
    rows, columns = np.indices(SHAPE)
    hill = np.hypot(rows - SHAPE[0] / 2, columns - SHAPE[1] / 2).astype(np.float32) / 4
    measured = DepthMap(position=hill, confidence=np.ones_like(hill), frame_count=26)
    spotted = 0.5 + 0.1 * _texture(10) * (_texture(11) > 0)

    found = visible_surface(measured, _seen(spotted.astype(np.float32))).position

    assert np.percentile(np.abs(found - hill), 95) < 0.5


def test_depth_is_unsure_where_it_is_only_continued():
    depth = visible_surface(_measured(np.full(SHAPE, 2, np.float32), sure=0), _seen(_half_smooth_wall()))

    assert depth.confidence[:, :70].min() > 0.5
    assert depth.confidence[:, 90:].max() < 0.01
    assert np.abs(depth.position - 2).max() < 0.1


def test_single_pixels_at_another_depth_are_taken_for_mistakes():
    rng = np.random.default_rng(5)
    measured = np.where(rng.uniform(size=SHAPE) < 0.03, rng.uniform(0, LAST, SHAPE), 3).astype(np.float32)

    found = visible_surface(_measured(measured), _seen(0.5 + 0.1 * _texture(6))).position

    assert np.abs(found - 3).max() < 0.5


@pytest.mark.parametrize("frame_count", [1, 2, 9])
def test_nothing_to_go_by_gives_a_depth_inside_the_stack_that_claims_nothing(frame_count: int):
    position = np.full((7, 9), (frame_count - 1) / 2, np.float32)
    measured = DepthMap(position=position, confidence=np.zeros_like(position), frame_count=frame_count)

    depth = visible_surface(measured, _seen(np.full((14, 18), 0.4, np.float32)))

    assert np.isfinite(depth.position).all()
    assert depth.position.min() >= 0
    assert depth.position.max() <= frame_count - 1
    assert depth.confidence.max() == 0


def test_texture_measured_in_strips_is_the_texture_of_the_whole(monkeypatch: pytest.MonkeyPatch):
    composite = np.random.default_rng(7).uniform(size=(203, 51, 3)).astype(np.float32)
    whole = Texture.of(composite, reduction=4, grain_detail=1e-5)

    monkeypatch.setattr(surface, "STRIP_PX", 8)
    strips = Texture.of(composite, reduction=4, grain_detail=1e-5)

    np.testing.assert_allclose(strips.detail, whole.detail, rtol=1e-4)
    np.testing.assert_array_equal(strips.colours, whole.colours)


def test_faint_frames_that_were_brightened_have_the_texture_of_bright_ones():
    composite = np.random.default_rng(8).uniform(size=(40, 60, 3)).astype(np.float32)

    bright = Texture.of(composite, reduction=2, grain_detail=1e-4)
    faint = Texture.of(composite / 64, reduction=2, grain_detail=1e-4, brightness=64)

    np.testing.assert_allclose(faint.detail, bright.detail, rtol=1e-3)
    assert np.abs(faint.colours.astype(int) - bright.colours).max() <= 1


@pytest.mark.parametrize("reduction", [2, 4])
def test_enlarging_puts_nothing_between_two_surfaces(reduction: int):
    position = np.full((20, 30), 1, np.float32)
    position[:, 15:] = 5
    shape = (20 * reduction - 1, 30 * reduction - 1)

    found = enlarged(_measured(position), reduction=reduction, shape=shape).position

    assert found.shape == shape
    assert set(np.unique(found)) == {1, 5}


@pytest.mark.parametrize("reduction", [2, 4])
def test_enlarging_leaves_no_steps_in_a_slope(reduction: int):
    slope = np.tile(np.linspace(0, LAST, 40, dtype=np.float32), (12, 1))

    found = enlarged(_measured(slope), reduction=reduction, shape=(12 * reduction, 40 * reduction)).position

    inside = np.diff(found[:, reduction:-reduction], axis=1)
    np.testing.assert_allclose(inside, LAST / 39 / reduction, rtol=1e-3)


def _hair_before_a_wall(*, count: int) -> tuple[list[Image], NDArray[np.bool_]]:
    """A bright hair in focus in the first frame, a textured wall in focus in the last; and where the hair is."""
    blur_px = 10 / (count - 1)
    wall = to_light(np.clip(0.3 + 0.05 * _texture(9), 0, 1).astype(np.float32))
    hair = np.zeros(wall.shape, np.float32)
    cv2.line(hair, (40, 30), (280, 200), 1.0, 4, cv2.LINE_AA)
    images = []
    for focus in range(count):
        cover = blurred(hair, blur_px * focus)
        display = to_display((1 - cover) * blurred(wall, blur_px * (count - 1 - focus)) + cover * 0.8)
        grain = 0.002 * np.random.default_rng(focus).standard_normal((*display.shape, 3))
        images.append(np.asarray(np.clip(display[..., np.newaxis] + grain, 0, 1), np.float32))
    return images, hair > 0.5  # more hair than wall


@pytest.mark.parametrize("count", [2, 6])
def test_the_wall_right_beside_a_hair_has_the_wall_s_depth(count: int):
    images, hair = _hair_before_a_wall(count=count)

    depth = fuse_by_depth_from_defocus(ArrayFrames(images), DepthFromDefocus()).depth

    assert depth is not None
    beside = _around(hair, 12) & ~_around(hair, 4)
    assert np.mean(depth.position[beside] > count - 1.5) > 0.9
    assert np.median(depth.position[hair]) < 0.5


def test_what_is_called_sure_is_right_within_half_a_frame():
    images, hair = _hair_before_a_wall(count=6)
    truth = np.where(hair, 0, 5)

    depth = fuse_by_depth_from_defocus(ArrayFrames(images), DepthFromDefocus()).depth

    assert depth is not None
    sure = (depth.confidence > 0.5) & ~(_around(hair, 2) & ~hair)  # on the very outline both depths are right
    assert sure.mean() > 0.5
    assert np.percentile(np.abs(depth.position - truth)[sure], 90) < 0.5
