"""Things that move: noticed, shown at one moment, and never seen in still scenes."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stackd.imaging.depth.defocus import blurred
from stackd.imaging.fuse.depth_from_defocus import DepthFromDefocus, fuse_by_depth_from_defocus
from stackd.imaging.ground.colour import to_display, to_light
from stackd.imaging.motion.found import noticed
from stackd.imaging.motion.parallax import displaced, estimate_displacement
from stackd.model.composite import MotionKind, Rectangle
from stackd.model.pixels import Image
from tests.imaging.array_frames import ArrayFrames

SHAPE = (240, 320)
BLUR_PX = 2.0
FRAMES = 6
CARD_FOCUS = 3


def _texture(seed: int, dark: float, bright: float) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    values = sum(
        cv2.resize(
            random.standard_normal((SHAPE[0] // k + 2, SHAPE[1] // k + 2)).astype(np.float32),
            SHAPE[::-1],
            interpolation=cv2.INTER_CUBIC,
        )
        for k in (6, 12, 24)
    )
    return np.clip((dark + bright) / 2 + (bright - dark) / 5 * np.asarray(values), 0.02, 0.85).astype(np.float32)


def _stack(step_px: float) -> tuple[list[Image], list[Image]]:
    """A card in focus in frame 3 walks by before a wall in focus in the last: the frames, and every moment all in focus."""
    wall, card = to_light(_texture(1, 0.1, 0.4)), to_light(_texture(2, 0.45, 0.85))
    cover = np.zeros(SHAPE, np.float32)
    cover[80:170, 120:210] = 1
    random = np.random.default_rng(3)
    frames, moments = [], []
    for focus in range(FRAMES):
        shift = np.array([[1, 0, step_px * (focus - CARD_FOCUS)], [0, 1, 0]], np.float64)
        there, seen = (cv2.warpAffine(plane, shift, SHAPE[::-1], borderMode=cv2.BORDER_REPLICATE) for plane in (cover, card))
        radius, wall_radius = BLUR_PX * abs(focus - CARD_FOCUS), BLUR_PX * (FRAMES - 1 - focus)
        soft = blurred(there, radius)
        light = (1 - soft) * blurred(wall, wall_radius) + blurred(seen * there, radius)
        frames.append(_rgb(light, random))
        moments.append(_rgb((1 - there) * wall + seen * there))
    return frames, moments


def _rgb(light: NDArray[np.float32], random: np.random.Generator | None = None) -> Image:
    gray = to_display(np.asarray(light, np.float32))
    if random is not None:
        gray = gray + 0.003 * random.standard_normal(gray.shape).astype(np.float32)
    return np.repeat(np.clip(gray, 0, 1)[..., None], 3, axis=2).astype(np.float32)


def _psnr_db(one: Image, other: Image, where: tuple[slice, slice]) -> float:
    return float(-10 * np.log10(np.mean(np.square(one[where] - other[where]))))


WAY = (slice(70, 180), slice(60, 270))


@pytest.mark.parametrize("step_px", [7.0, 14.0])
def test_what_walks_by_is_shown_at_one_moment(step_px: float):
    frames, moments = _stack(step_px)

    plain = fuse_by_depth_from_defocus(ArrayFrames(frames), DepthFromDefocus(motion=False))
    fused = fuse_by_depth_from_defocus(ArrayFrames(frames), DepthFromDefocus())

    before, after = (max(_psnr_db(found.image, moment, WAY) for moment in moments) for found in (plain, fused))
    assert after > 26
    assert after > before + 3
    assert fused.motion is not None
    assert {region.moment for region in fused.motion.regions} == {CARD_FOCUS}
    area = fused.motion.regions[0].area
    assert area.left < 165 < area.right
    assert area.top < 125 < area.bottom
    assert fused.motion.moved_share > 0.02


def test_a_still_stack_is_fused_as_if_nobody_looked_for_motion():
    frames, _ = _stack(0.0)

    plain = fuse_by_depth_from_defocus(ArrayFrames(frames), DepthFromDefocus(motion=False))
    fused = fuse_by_depth_from_defocus(ArrayFrames(frames), DepthFromDefocus())

    assert fused.motion is not None
    assert not fused.motion.regions
    assert fused.motion.moved_share == 0
    assert np.array_equal(plain.image, fused.image)


def test_a_shift_that_grows_with_depth_is_recovered_through_blur():
    near = _texture(4, 0.2, 0.8)
    depth = np.broadcast_to(np.linspace(0, 4, SHAPE[1], dtype=np.float32), SHAPE)
    field = np.zeros((*SHAPE, 2), np.float32)
    field[..., 0] = 1.5 + 0.8 * (depth - 2)
    field[..., 1] = -1.0
    reference = to_display(blurred(to_light(displaced(near, field)), 4.0))

    found = estimate_displacement(near, reference, depth, position=2, apart_px=4.0)

    assert np.abs(found - np.array([[1.5, -1.0], [0.8, 0.0]])).max() < 0.15


def test_photographers_are_told_where_and_in_which_frame():
    frames, _ = _stack(14.0)
    found = fuse_by_depth_from_defocus(ArrayFrames(frames), DepthFromDefocus()).motion
    window = Rectangle(left=100, top=50, right=100 + SHAPE[1], bottom=50 + SHAPE[0])

    assert found is not None
    told = list(noticed(found, range(10, 10 + FRAMES), window=window, shown=window))

    assert [entry.code for entry in told] == ["moment-taken"] * len(found.regions)
    assert all(region.kind is MotionKind.MOVED for region in found.regions)
    assert told[0].positions == (10 + CARD_FOCUS,)
    assert told[0].region is not None
    assert told[0].region.left >= 100
