"""Frames are compared in linear light, where a defocused edge stays where it is."""

import cv2
import numpy as np
import pytest

from stackd.imaging.ground.colour import encode_srgb
from stackd.imaging.ground.matrices import corners, transformed
from stackd.imaging.register import register
from stackd.imaging.register.engine.prepared_frame import prepare
from stackd.imaging.register.models import MotionRegistration

SHAPE = (320, 480)

DARKEST, BRIGHTEST = 0.02, 0.8
"""Linear light of the shingles: display values 0.15 to 0.9."""

LARGEST_ERROR_PX = 0.4
"""At the corners, for a blur of 4 px. Measured in linear light: 0.18 px; in display values the edges, whose dark sides all lie on
one side, pull the frame along by 0.72 px."""


def shingles(seed: int) -> np.ndarray:
    """Rows of scales lit from the left, as on the wing of a butterfly: each ends in a bright edge over its neighbour's shadow."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    wander = cv2.GaussianBlur(random.standard_normal(SHAPE).astype(np.float32), (0, 0), 12)
    row = (y / 32).astype(int)
    along = np.mod(x / 32 + random.uniform(0, 1, row.max() + 1)[row] + 0.25 * wander / wander.std(), 1)
    return np.asarray(DARKEST + (BRIGHTEST - DARKEST) * (1 - along) ** 2, np.float32)


def seen_through_a_disc(light: np.ndarray, radius_px: float) -> np.ndarray:
    """What a lens out of focus makes of linear light, display-encoded."""
    reach = np.arange(-np.ceil(radius_px + 0.5), np.ceil(radius_px + 0.5) + 1, dtype=np.float32)
    disc = np.clip(radius_px + 0.5 - np.hypot(reach, reach[:, None]), 0, 1)
    blurred = cv2.filter2D(light, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)
    return np.asarray(encode_srgb(blurred), np.float32)


@pytest.mark.parametrize("seed", [0, 1])
def test_edges_that_all_face_one_way_do_not_pull_a_defocused_frame_along(seed: int):
    light = shingles(seed)

    found = register(
        prepare(seen_through_a_disc(light, 0.7)), prepare(seen_through_a_disc(light, 4.0)), MotionRegistration(model="similarity")
    )

    assert found
    off = transformed(found.matrix, corners(SHAPE)) - corners(SHAPE)
    assert np.sqrt((off**2).sum(axis=1).mean()) < LARGEST_ERROR_PX
