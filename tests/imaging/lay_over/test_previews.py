"""Previews lie where the composite lies, whatever is cropped, and are never too many or too large."""

import cv2
import numpy as np
import pytest

from stackd.imaging.ground.blocks import reduced
from stackd.imaging.ground.frames import PlanesInMemory
from stackd.imaging.lay_over.previews import MOST_PREVIEWS, PIXELS_OF_ALL, SIDE_PX, KeptPreviews
from stackd.imaging.lay_over.warp import warp
from stackd.model.composite import Rectangle
from tests import make_frames


def kept(shape: tuple[int, int], *, frames: int = 3, reduction: int = 1) -> KeptPreviews:
    return KeptPreviews(PlanesInMemory, shape=shape, frames=frames, reduction=reduction)


def smooth(height: int, width: int) -> np.ndarray:
    return cv2.GaussianBlur(make_frames.textured(height, width), (0, 0), 12)


@pytest.mark.parametrize("reduction", [1, 2, 4])
def test_a_preview_shows_what_the_composite_shows(reduction: int):
    frame = smooth(601, 803)
    matrix = np.array([[1.02, 0.01, -14.0], [-0.01, 1.02, 9.0], [0, 0, 1]])
    area = Rectangle(left=30, top=21, right=761, bottom=570)
    previews = kept((601, 803), reduction=reduction)
    previews.note(0, reduced(frame, reduction))

    preview = previews.preview(0, matrix, area)

    truth = warp(frame, matrix, (601, 803))[area.top : area.bottom, area.left : area.right]
    assert preview is not None
    assert preview.is_laid_over
    enlarged = cv2.resize(preview.pixels, (area.width_px, area.height_px), interpolation=cv2.INTER_LINEAR)
    inside = (slice(8, -8), slice(8, -8))
    assert np.abs(enlarged[inside].astype(float) - truth[inside]).mean() < 0.7
    # Half a small pixel aside would be seen.
    aside = np.roll(truth, reduction, axis=1)
    assert (
        np.abs(enlarged[inside].astype(float) - aside[inside]).mean()
        > np.abs(enlarged[inside] - truth[inside].astype(float)).mean()
    )


def test_a_frame_that_was_left_out_is_shown_as_it_was_shot():
    frame = make_frames.textured(60, 90)
    previews = kept((60, 90))
    previews.note(1, frame)

    preview = previews.preview(1, None, Rectangle(left=5, top=5, right=80, bottom=50))

    assert preview is not None
    assert not preview.is_laid_over
    assert np.array_equal(preview.pixels, frame)


def test_frames_of_8_and_16_bit_become_previews_alike():
    frame = make_frames.textured(60, 90)
    area = Rectangle(left=0, top=0, right=90, bottom=60)
    previews = kept((60, 90))
    previews.note(0, frame)
    previews.note(1, frame.astype(np.uint16) * 257)

    shallow, deep = (previews.preview(position, np.eye(3), area) for position in (0, 1))

    assert shallow is not None
    assert deep is not None
    assert np.array_equal(shallow.pixels, deep.pixels)


@pytest.mark.parametrize("frames", [2, 10, 60, 1000])
def test_previews_are_never_too_many_or_too_large(frames: int):
    shape, reduction = (1000, 1500), 4
    previews = kept((shape[0] * reduction, shape[1] * reduction), frames=frames, reduction=reduction)
    pixels = np.zeros((*shape, 3), np.uint8)
    for position in range(frames):
        previews.note(position, pixels)

    found = [previews.preview(position, None, Rectangle(left=0, top=0, right=1, bottom=1)) for position in range(frames)]

    sides = [preview.pixels.shape[:2] for preview in found if preview is not None]
    assert len(sides) == min(frames, MOST_PREVIEWS)
    assert found[0] is not None
    assert found[-1] is not None
    assert max(map(max, sides)) <= SIDE_PX
    assert sum(height * width for height, width in sides) <= PIXELS_OF_ALL


@pytest.mark.parametrize("shape", [(16, 16), (17, 4001), (9001, 33)])
def test_strips_have_previews_too(shape: tuple[int, int]):
    previews = kept(shape, frames=1)
    previews.note(0, np.full((*shape, 3), 99, np.uint8))

    preview = previews.preview(0, np.eye(3), Rectangle(left=0, top=0, right=shape[1], bottom=shape[0]))

    assert preview is not None
    assert preview.pixels.size
    assert np.abs(preview.pixels.astype(int) - 99).max() <= 1


def test_where_a_frame_shows_nothing_its_preview_is_black():
    previews = kept((40, 60), frames=1)
    previews.note(0, np.full((40, 60, 3), 200, np.uint8))
    ten_px_right = np.array([[1, 0, 10], [0, 1, 0], [0, 0, 1.0]])

    preview = previews.preview(0, ten_px_right, Rectangle(left=0, top=0, right=60, bottom=40))

    assert preview is not None
    assert not preview.pixels[:, :10].any()
    assert (preview.pixels[:, 10:] == 200).all()
