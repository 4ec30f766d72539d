"""What depth from defocus gets right that sharpness alone does not."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stackd.imaging.compose.fused import Means
from stackd.imaging.depth.defocus import blurred
from stackd.imaging.fuse.depth_from_defocus import DepthFromDefocus, fuse_by_depth_from_defocus
from stackd.imaging.fuse.depth_map import DepthMapFusion, fuse_by_depth_map
from stackd.imaging.ground.colour import to_display, to_light
from stackd.imaging.ground.frames import PlanesInMemory
from stackd.model.pixels import Image
from tests.imaging.array_frames import ArrayFrames

SHAPE = (160, 200)
BLUR_PX = 2.0
"""Growth of the blur radius per frame in these scenes."""


def _texture(seed: int, low: float, high: float) -> NDArray[np.float32]:
    rough = cv2.GaussianBlur(np.random.default_rng(seed).uniform(0, 1, SHAPE).astype(np.float32), (0, 0), 1.2)
    stretched = (rough - rough.mean()) / rough.std() / 4 + 0.5
    return np.asarray(low + (high - low) * np.clip(stretched, 0, 1), np.float32)


def _defocused(light: NDArray[np.float32], steps: float) -> NDArray[np.float32]:
    return blurred(light, BLUR_PX * abs(steps))


def _rgb(light: NDArray[np.float32], *, grain: float = 0.0, seed: int = 0) -> Image:
    display = to_display(np.minimum(light, 1))
    noise = grain * np.random.default_rng(seed).standard_normal((*display.shape, 3))
    return np.asarray(np.clip(display[..., None] + noise, 0, 1), np.float32)


def _hair_before_a_wall() -> tuple[list[Image], NDArray[np.float32]]:
    """A dark hair in focus in frame 0 before a textured wall in focus in frame 4; the truth is display-encoded."""
    wall = to_light(_texture(1, 0.3, 0.8))
    hair = np.zeros(SHAPE, np.float32)
    cv2.line(hair, (20, 30), (180, 130), 1.0, 3, cv2.LINE_AA)
    frames = []
    for focus in range(5):
        cover = _defocused(hair, focus)
        frames.append(_rgb((1 - cover) * _defocused(wall, focus - 4) + cover * 0.01))
    return frames, to_display((1 - hair) * wall + hair * 0.01)


def _glint_before_a_wall() -> tuple[list[Image], NDArray[np.float32]]:
    """A glint far above white, in focus in frame 0, before a wall in focus in frame 3."""
    wall = to_light(_texture(2, 0.2, 0.5))
    glint = np.zeros(SHAPE, np.float32)
    glint[80, 100] = 400
    frames = [_rgb(_defocused(wall, focus - 3) + _defocused(glint, focus)) for focus in range(5)]
    return frames, to_display(wall)


def _discs_beyond_the_stack() -> list[Image]:
    """Points of light far behind the last frame's focus: discs in every frame, smallest in the last."""
    points = np.zeros(SHAPE, np.float32)
    for row, column in ((40, 50), (90, 120), (120, 60), (50, 160)):
        points[row, column] = 1
    rows, columns = np.indices(SHAPE)
    frames = []
    for focus in range(6):
        radius_px = 8 + 3 * (5 - focus)
        disc = (np.hypot(rows - SHAPE[0] // 2, columns - SHAPE[1] // 2) < radius_px).astype(np.float32)
        light = 0.01 + 30 * cv2.filter2D(points, -1, disc / disc.sum())
        frames.append(_rgb(cv2.GaussianBlur(light, (0, 0), 0.7), grain=0.002, seed=focus))
    return frames


def _leaf_before_a_meadow(strength: float) -> tuple[list[Image], NDArray[np.float32]]:
    """A leaf in focus in frame 1 before lights far beyond the last frame; the truth shows them as that does, unveiled."""
    shape, last = (200, 280), 7
    meadow = np.full(shape, 0.02, np.float32)
    for row, column in ((30, 128), (80, 132), (130, 134), (40, 210), (100, 170), (150, 230), (60, 150), (110, 255)):
        meadow[row : row + 5, column : column + 5] = strength
    rough = cv2.GaussianBlur(np.random.default_rng(3).uniform(0, 1, shape).astype(np.float32), (0, 0), 1.2)
    leaf = to_light(np.clip(0.45 + 1.4 * (rough - 0.5), 0.05, 0.9).astype(np.float32))
    cover = np.zeros(shape, np.float32)
    cover[:, :100] = 1
    frames = []
    for focus in range(last + 1):
        light = (1 - _defocused(cover, focus - 1)) * _defocused(meadow, focus - 12) + _defocused(leaf * cover, focus - 1)
        frames.append(_rgb(light, grain=0.003, seed=focus))
    return frames, to_display(np.minimum((1 - cover) * _defocused(meadow, last - 12) + leaf * cover, 1))


def _sheet_before_a_wall() -> tuple[list[Image], NDArray[np.float32]]:
    """A bright sheet in focus in frame 0, left of column 90, far before a dark wall in focus in frame 7."""
    wall, sheet = to_light(_texture(1, 0.2, 0.6)), to_light(_texture(2, 0.7, 0.95))
    cover = np.zeros(SHAPE, np.float32)
    cover[:, :90] = 1
    frames = [
        _rgb(
            (1 - _defocused(cover, focus)) * _defocused(wall, focus - 7) + _defocused(sheet * cover, focus),
            grain=0.003,
            seed=focus,
        )
        for focus in range(8)
    ]
    return frames, to_display((1 - cover) * wall + cover * sheet)


def _glint_through_a_lens_that_draws_rings() -> list[Image]:
    """A glint in focus in frame 0, and only there; out of focus it is a ring instead of a disc."""
    wall = to_light(_texture(2, 0.35, 0.65))
    rows, columns = np.indices((121, 121))
    from_centre = np.hypot(rows - 60, columns - 60)
    glint = np.zeros(SHAPE, np.float32)
    glint[20:141, 40:161] = 1.5 * np.exp(-(from_centre**2) / 2 / 3**2)
    frames = [_rgb(wall + glint)]
    for focus in range(1, 6):
        radius_px = 1.5 * BLUR_PX * focus
        ring = ((from_centre < radius_px + 0.5) & (from_centre >= 0.8 * radius_px)).astype(np.float32)
        frames.append(_rgb(blurred(wall, radius_px) + cv2.filter2D(glint, -1, ring / ring.sum())))
    return frames


def _error(image: Image, truth: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    return float(np.sqrt(np.mean(np.square(image[where] - truth[where][:, None]))))


@pytest.mark.parametrize("exposure", [1.0, 0.5])
def test_a_hair_before_a_wall_stays_whole_and_leaves_the_wall_sharp(exposure: float):
    """At half the exposure the wall was once taken for a background never in focus, as both ends of the stack show detail."""
    images, truth = _hair_before_a_wall()
    images, truth = [image * np.float32(exposure) for image in images], truth * np.float32(exposure)
    everywhere = np.ones(SHAPE, bool)

    fused = fuse_by_depth_from_defocus(ArrayFrames(images), DepthFromDefocus())

    assert _error(fused.image, truth, everywhere) < 0.035 * exposure
    hair = truth < 0.15 * exposure
    assert np.median(fused.image[hair]) < 0.15 * exposure


def test_a_bokeh_disc_is_not_taken_for_detail():
    images, truth = _glint_before_a_wall()
    rows, columns = np.indices(SHAPE)
    distance = np.hypot(rows - 80, columns - 100)
    around = (distance > 5) & (distance < 14)

    by_defocus = fuse_by_depth_from_defocus(ArrayFrames(images), DepthFromDefocus())
    by_sharpness = fuse_by_depth_map(ArrayFrames(images), DepthMapFusion())

    assert _error(by_defocus.image, truth, around) < _error(by_sharpness.image, truth, around) / 2


def test_a_glint_has_no_hole_when_the_lens_draws_rings():
    """No disc explains rings: in the middle of the glint a frame far out of focus once seemed to fit better."""
    images = _glint_through_a_lens_that_draws_rings()
    rows, columns = np.indices(SHAPE)
    glint = np.hypot(rows - 80, columns - 100) < 8

    fused = fuse_by_depth_from_defocus(ArrayFrames(images), DepthFromDefocus(blur_px_per_frame=1.5 * BLUR_PX))

    assert np.abs(fused.image - images[0])[glint].max() < 0.02


def test_a_background_never_in_focus_is_taken_from_the_frame_in_which_it_is_least_blurred():
    images = _discs_beyond_the_stack()
    everywhere = np.ones(SHAPE, bool)

    fused = fuse_by_depth_from_defocus(ArrayFrames(images), DepthFromDefocus())

    assert _error(fused.image, images[-1].mean(axis=2), everywhere) < 0.015


@pytest.mark.parametrize("strength", [2, 6])
def test_discs_of_a_background_beyond_the_stack_come_from_the_frame_with_the_smallest(strength: float):
    """Bright ones were once excepted: errors of 0.014 and 0.053."""
    images, truth = _leaf_before_a_meadow(strength)
    meadow = np.broadcast_to(np.arange(truth.shape[1]) >= 130, truth.shape)

    fused = fuse_by_depth_from_defocus(ArrayFrames(images), DepthFromDefocus(blur_px_per_frame=BLUR_PX))

    assert _error(fused.image, truth, meadow) < 0.006


def test_a_leaf_casts_no_veil_on_a_background_beyond_the_stack():
    """The error is 0.080 in the last frame, and was 0.010 when that was taken up to the leaf where nothing told otherwise."""
    images, truth = _leaf_before_a_meadow(2)
    columns = np.arange(truth.shape[1])
    beside = np.broadcast_to((columns >= 103) & (columns < 112), truth.shape)

    fused = fuse_by_depth_from_defocus(ArrayFrames(images), DepthFromDefocus(blur_px_per_frame=BLUR_PX))

    assert _error(fused.image, truth, beside) < 0.0085


def test_the_wall_beside_a_sheet_keeps_its_texture():
    """The error is 0.076 when fine detail comes from the same frame as all else."""
    images, truth = _sheet_before_a_wall()
    columns = np.arange(SHAPE[1])
    beside = np.broadcast_to((columns >= 90) & (columns < 104), SHAPE)

    fused = fuse_by_depth_from_defocus(ArrayFrames(images), DepthFromDefocus())

    assert _error(fused.image, truth, beside) < 0.073


def test_grain_goes_down_where_nothing_decides():
    light = np.full(SHAPE, 0.2, np.float32)
    images = [_rgb(light, grain=0.01, seed=seed) for seed in range(8)]

    fused = fuse_by_depth_from_defocus(ArrayFrames(images), DepthFromDefocus())

    assert fused.image.std() < 0.6 * images[0].std()


def test_a_tilted_plane_gives_its_depth():
    depth = np.linspace(0, 6, SHAPE[1], dtype=np.float32)
    wall = to_light(_texture(3, 0.2, 0.8))
    images = []
    for focus in range(7):
        columns = [_defocused(wall, focus - place)[:, i] for i, place in enumerate(np.round(depth * 4) / 4)]
        images.append(_rgb(np.stack(columns, axis=1)))

    found = fuse_by_depth_from_defocus(ArrayFrames(images), DepthFromDefocus()).depth

    assert found is not None
    assert np.median(np.abs(found.position - depth)) < 0.15
    assert np.median(found.confidence) > 0.8


def test_faint_frames_are_decided_as_well_as_bright_ones():
    """16-bit fluorescence of a hundredth of the range was averaged, because its detail was below the least tolerance."""
    images, truth = _hair_before_a_wall()
    faint = [np.asarray(image / 100, np.float32) for image in images]
    everywhere = np.ones(SHAPE, bool)

    fused = fuse_by_depth_from_defocus(ArrayFrames(faint), DepthFromDefocus())

    assert _error(fused.image * 100, truth, everywhere) < 0.035


def test_what_a_frame_does_not_show_comes_from_the_others():
    images, _ = _hair_before_a_wall()
    shifted = np.array([[1, 0, 24], [0, 1, 0], [0, 0, 1.0]])
    white_border = np.ones_like(images[2])
    white_border[:, :-24] = images[2][:, 24:]  # laid over by the shift, it shows the same scene
    white_border[:, :1] = 1  # what is replicated into the strip it does not show
    matrices = [np.eye(3), np.eye(3), shifted, np.eye(3), np.eye(3)]

    fused = fuse_by_depth_from_defocus(ArrayFrames([*images[:2], white_border, *images[3:]], matrices), DepthFromDefocus())

    assert fused.image[:, :20].max() < 0.95


@pytest.mark.parametrize("count", [3, 12])
def test_planes_of_every_frame_go_to_stores(count: int):
    images, _ = _hair_before_a_wall()
    stores: list[PlanesInMemory] = []

    def make_store() -> PlanesInMemory:
        stores.append(PlanesInMemory())
        return stores[-1]

    fuse_by_depth_from_defocus(
        ArrayFrames([images[i % 5] for i in range(count)]), DepthFromDefocus(motion=False), means=Means(make_store=make_store)
    )

    # None of pairs of neighbours: with `motion = false` nobody looks for motion.
    assert [len(store) for store in stores] == [count] * 4


def test_each_frame_is_decoded_in_full_at_most_once():
    images, _ = _hair_before_a_wall()
    frames = ArrayFrames(images)

    fuse_by_depth_from_defocus(frames, DepthFromDefocus())

    assert len(frames.reads) == len(set(frames.reads))


def test_a_given_blur_is_taken_instead_of_a_measured_one():
    images, truth = _hair_before_a_wall()
    everywhere = np.ones(SHAPE, bool)

    right = fuse_by_depth_from_defocus(ArrayFrames(images), DepthFromDefocus(blur_px_per_frame=BLUR_PX))
    wrong = fuse_by_depth_from_defocus(ArrayFrames(images), DepthFromDefocus(blur_px_per_frame=BLUR_PX / 8))

    assert _error(right.image, truth, everywhere) < _error(wrong.image, truth, everywhere)
