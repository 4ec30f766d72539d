"""Promises every fusion method keeps, and what sets each apart."""

import cv2
import numpy as np
import pytest
from pydantic import TypeAdapter

from stackd.imaging.compose.fused import Means
from stackd.imaging.fuse import Fusion
from stackd.imaging.fuse.average import Average
from stackd.model.pixels import Image, Matrix, Pixels
from tests.imaging.array_frames import ArrayFrames

HALF_STEP_16_BIT = 1 / 65535
BEYOND_EDGES = {"pyramid": 0.01}
"""Mean error allowed beyond the edge of frames: a pyramid's coarse detail reaches across it. Half a step of 16 bits elsewhere."""


def _every_method() -> list[Fusion]:
    names = TypeAdapter(Fusion).json_schema()["discriminator"]["mapping"]
    return [TypeAdapter(Fusion).validate_python({"method": name}) for name in names]


METHODS = _every_method()
SHARPENING = [settings for settings in METHODS if not isinstance(settings, Average)]


def _name(settings: Fusion) -> str:
    return settings.method


def _texture(seed: int, shape: tuple[int, int] = (96, 128)) -> Image:
    rough = np.random.default_rng(seed).uniform(0.1, 0.9, (*shape, 3)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(rough, (0, 0), 0.8), np.float32)


def _two_planes(texture: Image) -> tuple[list[Image], Image]:
    """Two frames of a scene whose left half is near and whose right half is far."""
    blurred = np.asarray(cv2.GaussianBlur(texture, (0, 0), 3), np.float32)
    middle = texture.shape[1] // 2
    near, far = blurred.copy(), blurred.copy()
    near[:, :middle] = texture[:, :middle]
    far[:, middle:] = texture[:, middle:]
    return [near, far], texture


@pytest.mark.parametrize("settings", METHODS, ids=_name)
@pytest.mark.parametrize("shape", [(96, 128), (97, 131), (33, 21)])
def test_identical_frames_fuse_to_that_frame(settings: Fusion, shape: tuple[int, int]):
    frame = _texture(1, shape)

    fused = settings.fuse(ArrayFrames([frame] * 3), Means())

    assert fused.image.shape == frame.shape
    np.testing.assert_allclose(fused.image, frame, atol=2 * HALF_STEP_16_BIT)


@pytest.mark.parametrize("settings", METHODS, ids=_name)
def test_a_single_frame_fuses_to_itself(settings: Fusion):
    frame = _texture(2)

    fused = settings.fuse(ArrayFrames([frame]), Means())

    np.testing.assert_allclose(fused.image, frame, atol=2 * HALF_STEP_16_BIT)


@pytest.mark.parametrize("settings", METHODS, ids=_name)
def test_frames_are_not_modified(settings: Fusion):
    images, _ = _two_planes(_texture(3))
    frames = ArrayFrames(images)
    before = [frames.read_native(position).copy() for position in range(len(frames))]

    settings.fuse(frames, Means())

    for position, native in enumerate(before):
        np.testing.assert_array_equal(frames.read_native(position), native)


@pytest.mark.parametrize("settings", METHODS, ids=_name)
def test_a_composite_is_finite_and_in_range(settings: Fusion):
    images, _ = _two_planes(_texture(4))
    images = [np.clip((image - 0.5) * 4 + 0.5, 0, 1) for image in images]

    fused = settings.fuse(ArrayFrames(images), Means())

    assert fused.image.dtype == np.float32
    assert np.isfinite(fused.image).all()
    assert fused.image.min() >= 0
    assert fused.image.max() <= 1


class _WildFrames(ArrayFrames):
    """Frames that are black and white in turn where they show nothing."""

    def warp_tile(self, native: Pixels, position: int, rows: slice, columns: slice) -> Image:
        tile = super().warp_tile(native, position, rows, columns).copy()
        y, x = np.mgrid[rows, columns]
        hidden = ~self.covered(position)[rows, columns]
        tile[hidden] = ((x + y) % 2)[hidden][:, None]
        return tile


def _moved(picture: Image, dx: int, dy: int) -> tuple[Image, Matrix]:
    """A frame of the picture that was moved, and saw other things beyond its edges."""
    height, width = picture.shape[:2]
    frame = _texture(60 + abs(dx) + abs(dy), (height, width))
    y, x = np.mgrid[:height, :width]
    shared = (y + dy >= 0) & (y + dy < height) & (x + dx >= 0) & (x + dx < width)
    frame[shared] = picture[(y + dy)[shared], (x + dx)[shared]]
    return frame, np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]])


@pytest.mark.parametrize("kind", [ArrayFrames, _WildFrames])
@pytest.mark.parametrize("settings", METHODS, ids=_name)
@pytest.mark.parametrize(
    "moves",
    [
        [(20, 5), (0, 0), (0, 0)],
        [(0, 0), (0, 0), (-17, -9)],
        [(20, 0), (0, 0), (-20, 0)],
        [(12, 0), (6, 3), (0, 0), (-6, -3), (-12, 0)],
    ],
)
def test_a_frame_takes_no_part_where_it_shows_nothing(settings: Fusion, moves: list[tuple[int, int]], kind: type[ArrayFrames]):
    """All methods but one took the repeated border of frames that had moved for what was there: streaks, with crop = false."""
    picture = _texture(10)
    images, matrices = zip(*(_moved(picture, dx, dy) for dx, dy in moves), strict=True)
    frames = kind(images, matrices)

    fused = settings.fuse(frames, Means())

    hidden = ~np.logical_and.reduce([frames.covered(position) for position in range(len(frames))])
    error = np.abs(fused.image - picture)[hidden]
    assert error.mean() < BEYOND_EDGES.get(settings.method, HALF_STEP_16_BIT)


@pytest.mark.parametrize("settings", METHODS, ids=_name)
def test_where_no_frame_shows_anything_something_is_still_made_of_them(settings: Fusion):
    picture = _texture(11)
    frame, matrix = _moved(picture, 12, 7)

    fused = settings.fuse(ArrayFrames([frame] * 3, [matrix] * 3), Means())

    assert np.isfinite(fused.image).all()
    np.testing.assert_allclose(fused.image[7:, 12:], picture[7:, 12:], atol=0.02)


@pytest.mark.parametrize("settings", METHODS, ids=_name)
def test_black_frames_fuse_to_black(settings: Fusion):
    black = np.zeros((40, 56, 3), np.float32)

    fused = settings.fuse(ArrayFrames([black, black]), Means())

    assert fused.image.max() <= HALF_STEP_16_BIT


@pytest.mark.parametrize("settings", SHARPENING, ids=_name)
def test_two_planes_come_out_sharper_than_their_average(settings: Fusion):
    images, truth = _two_planes(_texture(5))
    frames = ArrayFrames(images)

    error = np.square(settings.fuse(frames, Means()).image - truth).mean()

    assert error < np.square(Average().fuse(frames, Means()).image - truth).mean() / 4


@pytest.mark.parametrize("settings", METHODS, ids=_name)
def test_the_same_frames_give_the_same_composite_however_many_threads(settings: Fusion):
    images, _ = _two_planes(_texture(6))
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        one = settings.fuse(ArrayFrames(images), Means()).image
        cv2.setNumThreads(2)
        two = settings.fuse(ArrayFrames(images), Means()).image
    finally:
        cv2.setNumThreads(threads)

    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("settings", SHARPENING, ids=_name)
def test_a_depth_map_finds_both_planes(settings: Fusion):
    images, _ = _two_planes(_texture(7))

    depth = settings.fuse(ArrayFrames(images), Means()).depth

    if depth is None:
        pytest.skip(f"{settings.method} decides no depth")
    assert np.median(depth.position[:, :48]) < 0.5
    assert np.median(depth.position[:, 80:]) > 0.5
    assert depth.confidence.min() >= 0
    assert depth.confidence.max() <= 1


def test_averaging_lowers_grain_with_the_root_of_the_frame_count():
    grain = np.random.default_rng(8)
    images = [np.asarray(0.5 + 0.05 * grain.standard_normal((64, 64, 3)), np.float32) for _ in range(16)]

    fused = Average().fuse(ArrayFrames(images), Means())

    assert fused.image.std() == pytest.approx(images[0].std() / 4, rel=0.05)
