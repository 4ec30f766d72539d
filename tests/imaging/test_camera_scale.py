"""Frames as large as a camera's are looked at reduced, to register them and to decide; the composite is none the worse for it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from stackd.imaging import stacker
from stackd.imaging.finish import FinishSettings
from stackd.imaging.fuse import Fusion
from stackd.imaging.fuse.depth_from_defocus import DepthFromDefocus, grid
from stackd.imaging.fuse.depth_map import DepthMapFusion
from stackd.imaging.ground.frames import FrameSource
from stackd.imaging.ground.matrices import corners, rescale_matrix, transformed
from stackd.imaging.lay_over.frames_on_reference import FramesOnReference
from stackd.imaging.match.brightness import Gain, measure_brightness
from stackd.imaging.match.settings import MatchSettings
from stackd.imaging.register.models import MotionRegistration
from stackd.imaging.stacker import Stacked, Stacker
from stackd.model.composite import Rectangle
from stackd.model.pixels import Alpha, Gray, Image, Pixels
from stackd.rendering.scenes import RenderedStack
from tests.imaging.camera_stack import Exposure, photograph, similarity

CAMERA = (3200, 5400)
"""17 megapixels: registered at a quarter of the size, luminance kept at half, decided on at a quarter."""

SMALL, SMALL_REGISTRATION_SIDE_PX, SMALL_DECISION_PX = (1000, 1500), 400, 225_000
"""A twelfth of the pixels, and limits with which they are reduced just as much."""

BRIGHT, DARK = (1.36, 1.30, 1.24), (0.74, 0.77, 0.80)
"""Light of the first and last frame over the reference's: flicker, and a white balance that drifts."""

LEAST_PSNR_DB = 49.0
"""Against the scene as it was painted. Measured: 57.4 dB (small 54.2). With the mistakes below it falls to 43.3 dB or less."""

LARGEST_ERROR_PX = 0.1
"""At the corners, px of the full frame. Measured: 0.014 (small 0.032); 88 where matrices stay those of reduced frames."""

LARGEST_SEAM = 0.4 / 255
"""Difference of brightness over areas wider than 24 px: nobody sees half a level of 255. Measured: 0.08 levels (small 0.13); 3.6
where colours are not matched, 6.4 where brightness is compared beside where frames overlap."""


class WatchedSource:
    """Passes frames on, and remembers how they were asked for."""

    def __init__(self, stack: RenderedStack) -> None:
        self._stack = stack
        self.decoded: list[tuple[int, int]] = []
        """(position, reduction)"""
        self.decoded_gray: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._stack)

    @property
    def shape(self) -> tuple[int, int]:
        return self._stack.shape

    def read(self, position: int, reduction: int = 1) -> Pixels:
        self.decoded.append((position, reduction))
        return self._stack.read(position, reduction)

    def read_gray(self, position: int, reduction: int) -> Gray:
        self.decoded_gray.append((position, reduction))
        return self._stack.read_gray(position, reduction)

    def read_alpha(self, position: int) -> Alpha | None:
        return self._stack.read_alpha(position)


def three_exposures(shape: tuple[int, int], *, x_px: float, y_px: float) -> tuple[Exposure, ...]:
    """Hand-held: frames move by so much to either side, turn and breathe, while the light flickers."""
    first = similarity(shape, x_px=x_px, y_px=-y_px, turn_rad=0.004, scale=1.003)
    last = similarity(shape, x_px=-0.93 * x_px, y_px=1.07 * y_px, turn_rad=-0.003, scale=0.997)
    return Exposure(matrix=first, light=BRIGHT), Exposure(matrix=np.eye(3)), Exposure(matrix=last, light=DARK)


def stacked_of(source: RenderedStack | WatchedSource, *, fuse: Fusion | None = None, crop: bool = True) -> Stacked:
    made = Stacker(
        source,
        align=MotionRegistration(model="similarity"),
        match=MatchSettings(),
        fuse=fuse or DepthFromDefocus(),
        finish=FinishSettings(crop=crop),
        with_depth=False,
    )
    for position in range(len(source)):
        made.add(position)
    return made.finish()


def motion_error_px(stacked: Stacked, stack: RenderedStack) -> float:
    here = corners(stack.shape)
    found = [frame.matrix for frame in stacked.frames if frame.matrix is not None]
    return max(
        float(np.abs(transformed(one, here) - transformed(true, here)).max())
        for one, true in zip(found, stack.matrices, strict=True)
    )


def inside(stacked: Stacked, image: Image) -> Image:
    area = stacked.valid_area
    return image[area.top : area.bottom, area.left : area.right]


def psnr_db(image: Image, truth: Image) -> float:
    return float(-10 * np.log10(cv2.norm(image, truth, cv2.NORM_L2SQR) / image.size))


def seam(image: Image, truth: Image) -> float:
    """The largest difference in brightness of areas, whatever their detail is."""
    coarse = cv2.resize(image, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    coarse -= cv2.resize(truth, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    return float(np.abs(cv2.GaussianBlur(coarse, (0, 0), 3.0)).max())


def is_true_to_the_scene(stacked: Stacked, stack: RenderedStack) -> bool:
    truth = inside(stacked, stack.truth)
    return (
        motion_error_px(stacked, stack) < LARGEST_ERROR_PX
        and psnr_db(stacked.image, truth) > LEAST_PSNR_DB
        and seam(stacked.image, truth) < LARGEST_SEAM
    )


# ------------------------------------------------------- a camera's frames


@pytest.fixture(scope="module")
def camera() -> RenderedStack:
    return photograph(CAMERA, three_exposures(CAMERA, x_px=131.3, y_px=17.6))


@pytest.fixture(scope="module")
def watched(camera: RenderedStack) -> WatchedSource:
    return WatchedSource(camera)


@pytest.fixture(scope="module")
def stacked(watched: WatchedSource) -> Stacked:
    return stacked_of(watched)


def test_motion_found_on_reduced_frames_is_told_in_px_of_the_full_ones(camera: RenderedStack, stacked: Stacked):
    assert motion_error_px(stacked, camera) < LARGEST_ERROR_PX


def test_large_frames_that_move_and_flicker_give_the_scene_itself(camera: RenderedStack, stacked: Stacked):
    assert psnr_db(stacked.image, inside(stacked, camera.truth)) > LEAST_PSNR_DB


def test_flicker_leaves_no_seams_in_a_large_composite(camera: RenderedStack, stacked: Stacked):
    assert seam(stacked.image, inside(stacked, camera.truth)) < LARGEST_SEAM


def test_a_large_frame_is_decoded_once_reduced_and_once_in_full(watched: WatchedSource, stacked: Stacked):
    """Decoding is what large frames cost most: what is decided on is kept from the first time."""
    assert stacked.image.size > 0

    assert sorted(watched.decoded) == [(position, reduction) for position in range(3) for reduction in (1, 2)]
    assert watched.decoded_gray == []


# ------------------------------------------- fewer pixels, reduced as much


@pytest.fixture(scope="module")
def small() -> RenderedStack:
    return photograph(SMALL, three_exposures(SMALL, x_px=117.3, y_px=84.6))


@pytest.fixture
def _reduced_as_a_camera_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacker, "REGISTRATION_SIDE_PX", SMALL_REGISTRATION_SIDE_PX)
    monkeypatch.setattr(grid, "DECISION_PX", SMALL_DECISION_PX)


@pytest.mark.usefixtures("_reduced_as_a_camera_s")
def test_small_frames_reduced_as_much_give_the_scene_itself(small: RenderedStack):
    """Only where this holds does a mistake below prove anything."""
    watched = WatchedSource(small)

    stacked = stacked_of(watched)

    assert sorted(watched.decoded) == [(position, reduction) for position in range(3) for reduction in (1, 2)]
    assert is_true_to_the_scene(stacked, small)


def test_a_method_that_looks_at_smaller_frames_than_registration_does_gets_them_as_small(small: RenderedStack):
    """Depth maps are made at half the size of any frame, here registered in full. Measured: 57.6 dB."""
    watched = WatchedSource(small)

    stacked = stacked_of(watched, fuse=DepthMapFusion())

    assert watched.decoded_gray == []
    assert psnr_db(stacked.image, inside(stacked, small.truth)) > LEAST_PSNR_DB


def test_frames_are_decided_on_at_one_size_however_much_is_cropped(small: RenderedStack, monkeypatch: pytest.MonkeyPatch):
    """What was kept of a camera's frames had another size than what was decided on where the crop took them below a limit: all of
    them were decoded once more, and decisions took four times the time."""
    monkeypatch.setattr(stacker, "REGISTRATION_SIDE_PX", SMALL_REGISTRATION_SIDE_PX)
    monkeypatch.setattr(grid, "DECISION_PX", 350_000)
    watched = WatchedSource(small)

    stacked = stacked_of(watched)

    assert stacked.valid_area.width_px * stacked.valid_area.height_px < 350_000 * 2**2 < SMALL[0] * SMALL[1]
    assert watched.decoded_gray == []


def test_a_turn_about_the_middle_of_reduced_frames_is_one_about_the_middle_of_the_full_ones():
    reduced = similarity((100, 150), x_px=3, turn_rad=0.3, scale=1.1)

    np.testing.assert_allclose(rescale_matrix(reduced, 4), similarity((400, 600), x_px=12, turn_rad=0.3, scale=1.1), atol=1e-9)


@pytest.mark.usefixtures("_reduced_as_a_camera_s")
def test_a_composite_of_reduced_frames_shows_what_cropping_the_whole_would(small: RenderedStack):
    cropped = stacked_of(small)

    whole = stacked_of(small, crop=False)

    assert min(cropped.valid_area.left, cropped.valid_area.top) > stacker.MARGIN_PX + stacker.STEP_PX
    assert psnr_db(cropped.image, inside(cropped, whole.image)) > 50


@pytest.mark.usefixtures("_reduced_as_a_camera_s")
def test_a_residual_is_told_in_px_of_the_full_frames():
    """Bent by 1 px in a wave that no motion of a camera explains: 0.7 px RMS.

    Of these 0.56 px are told, since what fits worst is trusted least; told in px of the reduced frames they were 0.14.
    """
    flat = photograph(SMALL, [Exposure(matrix=np.eye(3)), Exposure(matrix=np.eye(3))])
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in SMALL[::-1]))
    wave = np.cos(x * np.float32(2 * np.pi / SMALL[1]))
    bent = cv2.remap(flat.frames[0], x, y + wave, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)

    stacked = stacked_of(replace(flat, frames=(flat.frames[0], bent)))

    assert [frame.residual_px for frame in stacked.frames] == pytest.approx([0.6, 0.6], rel=0.3)


# ------------------------------------------------------- what must be noticed


def _matrices_stay_those_of_reduced_frames(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stacker, "rescale_matrix", lambda matrix, _reduction: matrix)


def _luminance_is_not_matched(patch: pytest.MonkeyPatch) -> None:
    matched = FramesOnReference.read_gray_native

    def unmatched(self: FramesOnReference, position: int, reduction: int) -> Gray:
        gains, self._gains = self._gains, (Gain(),) * len(self)
        try:
            return matched(self, position, reduction)
        finally:
            self._gains = gains

    patch.setattr(FramesOnReference, "read_gray_native", unmatched)


def _nothing_is_matched(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Stacker, "_wanted", lambda _self, _gain: Gain())


def _colours_are_not_matched(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Stacker, "_wanted", lambda _self, gain: Gain(red=gain.green, green=gain.green, blue=gain.green))


def _brightness_is_compared_in_reduced_px(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(stacker, "measure_brightness", lambda pixels, reduction: measure_brightness(pixels, reduction=reduction // 2))


def _the_window_is_taken_from_the_corner(patch: pytest.MonkeyPatch) -> None:
    begin = FramesOnReference.__init__

    def begin_in_the_corner(self: FramesOnReference, source: FrameSource, *, window: Rectangle, **rest: Any) -> None:
        begin(self, source, window=Rectangle(left=0, top=0, right=window.width_px, bottom=window.height_px), **rest)

    patch.setattr(FramesOnReference, "__init__", begin_in_the_corner)


MISTAKES: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (
    _matrices_stay_those_of_reduced_frames,
    _luminance_is_not_matched,
    _nothing_is_matched,
    _colours_are_not_matched,
    _brightness_is_compared_in_reduced_px,
    _the_window_is_taken_from_the_corner,
)


@pytest.mark.usefixtures("_reduced_as_a_camera_s")
@pytest.mark.parametrize("make_it", MISTAKES, ids=[mistake.__name__.strip("_") for mistake in MISTAKES])
def test_a_mistake_that_unreduced_frames_would_hide_is_noticed(
    small: RenderedStack, monkeypatch: pytest.MonkeyPatch, make_it: Callable[[pytest.MonkeyPatch], None]
):
    make_it(monkeypatch)

    assert not is_true_to_the_scene(stacked_of(small), small)
