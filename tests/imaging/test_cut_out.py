"""Stacks whose frames are transparent in places: cut out of their background, or laid over each other by another program."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from stackd.imaging.finish import FinishSettings
from stackd.imaging.fuse import Fusion
from stackd.imaging.fuse.average import Average
from stackd.imaging.fuse.depth_from_defocus import DepthFromDefocus
from stackd.imaging.fuse.depth_map import DepthMapFusion
from stackd.imaging.fuse.pyramid import PyramidFusion
from stackd.imaging.lay_over.transparency import OPAQUE, filled
from stackd.imaging.match.settings import MatchSettings
from stackd.imaging.register.models import MotionRegistration
from stackd.imaging.register.none import NoRegistration
from stackd.imaging.stacker import Stacked, Stacker
from stackd.model.pixels import Alpha, Gray, Pixels
from stackd.rendering.scenes import RenderedStack, SceneSettings, render_stack, tilted_plane

SCENE = SceneSettings(
    subject=tilted_plane, height_px=240, width_px=360, frame_count=5, shift_px=3.0, breathing=0.002, flicker=0.0, bits=16
)


@dataclass(frozen=True)
class CutOut:
    """A `FrameSource` over a rendered stack whose frames have alpha, with other colours hidden under it in every frame."""

    stack: RenderedStack
    alphas: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.stack)

    @property
    def shape(self) -> tuple[int, int]:
        return self.stack.shape

    def read(self, position: int, reduction: int = 1) -> Pixels:
        assert reduction == 1
        pixels = self.stack.read(position).copy()
        pixels[self.alphas[position] == 0] = 65535 * (position % 2)
        return filled(pixels, self.alphas[position])

    def read_gray(self, position: int, reduction: int) -> Gray:
        assert reduction == 1
        return np.asarray(cv2.cvtColor(self.read(position), cv2.COLOR_RGB2GRAY), np.float32) / np.float32(65535)

    def read_alpha(self, position: int) -> Alpha | None:
        return self.alphas[position]


@pytest.fixture(scope="module")
def stack() -> RenderedStack:
    return render_stack(SCENE)


def ellipse() -> np.ndarray:
    alpha = np.zeros((240, 360), np.uint8)
    cv2.ellipse(alpha, (180, 120), (130, 90), 0, 0, 360, OPAQUE, -1)
    return alpha


def border(px: int) -> np.ndarray:
    alpha = np.zeros((240, 360), np.uint8)
    alpha[px : 240 - px, px : 360 - px] = OPAQUE
    return alpha


def fused(source: CutOut | RenderedStack, fuse: Fusion, *, align: bool = True, crop: bool = True) -> Stacked:
    stacker = Stacker(
        source,
        align=MotionRegistration() if align else NoRegistration(),
        match=MatchSettings(),
        fuse=fuse,
        finish=FinishSettings(crop=crop),
    )
    for position in range(len(source)):
        stacker.add(position)
    return stacker.finish()


METHODS = [Average(), DepthFromDefocus(), DepthMapFusion(), PyramidFusion()]


@pytest.mark.parametrize("fuse", METHODS, ids=lambda fuse: fuse.method)
def test_a_specimen_cut_out_comes_out_as_it_does_with_its_background(stack: RenderedStack, fuse: Fusion):
    whole = fused(stack, fuse)

    cut = fused(CutOut(stack, (ellipse(),) * 5), fuse)

    assert all(frame.used for frame in cut.frames)
    assert cut.alpha is not None
    area, of_whole = cut.valid_area, whole.valid_area
    assert abs(area.left - of_whole.left) <= 2
    assert abs(area.bottom - of_whole.bottom) <= 2
    expected = ellipse()[area.top : area.bottom, area.left : area.right]
    assert (cut.alpha == OPAQUE).mean() == pytest.approx((expected == OPAQUE).mean(), abs=0.04)
    deep = cv2.erode(expected, np.ones((15, 15), np.uint8)) == OPAQUE
    truth = stack.truth[area.top : area.bottom, area.left : area.right]
    beside = whole.image[area.top - of_whole.top :, area.left - of_whole.left :][: area.height_px, : area.width_px]
    if beside.shape == cut.image.shape:
        error, usual = (float(np.sqrt(np.mean((image - truth)[deep] ** 2))) for image in (cut.image, beside))
        assert error < 1.15 * usual + 0.002


def test_registration_is_as_exact_as_with_the_background(stack: RenderedStack):
    cut = fused(CutOut(stack, (ellipse(),) * 5), Average())

    inner = np.array([[100, 80], [260, 80], [100, 160], [260, 160]], np.float64)
    for frame, true in zip(cut.frames, stack.matrices, strict=True):
        assert frame.matrix is not None
        wanted = np.linalg.inv(stack.matrices[cut.reference]) @ true
        found, right = (cv2.perspectiveTransform(inner[None], matrix)[0] for matrix in (frame.matrix, wanted))
        assert np.abs(found - right).max() < 0.3


def test_nothing_is_said_of_highlights_that_are_no_picture(stack: RenderedStack):
    cut = fused(CutOut(stack, (ellipse(),) * 5), PyramidFusion())

    codes = {finding.code for finding in cut.findings}
    assert "transparent" in codes
    assert not codes & {"clipped", "subject-moved", "motion-unresolved", "moment-taken", "small-valid-area"}


@pytest.mark.parametrize("fuse", METHODS, ids=lambda fuse: fuse.method)
def test_borders_of_frames_laid_over_before_are_cut_off(stack: RenderedStack, fuse: Fusion):
    alphas = tuple(border(px) for px in (0, 3, 6, 9, 12))

    made = fused(CutOut(stack, alphas), fuse)

    assert made.alpha is None
    area = made.valid_area
    assert area.left >= 12 - 6
    truth = stack.truth[area.top : area.bottom, area.left : area.right]
    error = np.sqrt(np.square(made.image - truth).mean(axis=2))
    rim = np.concatenate([error[:12].ravel(), error[-12:].ravel(), error[:, :12].ravel(), error[:, -12:].ravel()])
    assert rim.mean() < 1.5 * error[20:-20, 20:-20].mean() + 0.01


def test_uncropped_each_place_comes_from_frames_that_show_it(stack: RenderedStack):
    alphas = tuple(border(px) for px in (0, 6, 12, 18, 24))

    made = fused(CutOut(stack, alphas), Average(), align=False, crop=False)

    assert made.alpha is None
    assert np.allclose(made.image[2], stack.frames[0][2] / 65535, atol=1e-4)


def test_half_transparent_pixels_count_only_where_no_frame_is_opaque(stack: RenderedStack):
    soft = border(20)
    soft[10:20] = 128
    alphas = (border(10), soft, soft, soft, soft)

    made = fused(CutOut(stack, alphas), Average(), align=False, crop=False)

    assert np.allclose(made.image[15, 50:300], stack.frames[0][15, 50:300] / 65535, atol=1e-4)
    assert made.alpha is not None
    assert (made.alpha[15, 20:340] == OPAQUE).all()
    only_soft = fused(CutOut(stack, (soft,) * 5), Average(), align=False, crop=False)
    assert only_soft.alpha is not None
    assert (only_soft.alpha[15] == 128)[20:340].all()


def test_frames_wholly_opaque_give_what_frames_without_alpha_give(stack: RenderedStack):
    full = CutOut(stack, (np.full((240, 360), OPAQUE, np.uint8),) * 5)

    assert np.array_equal(fused(full, PyramidFusion()).image, fused(stack, PyramidFusion()).image)
