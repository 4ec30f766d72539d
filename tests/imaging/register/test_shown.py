"""What of a frame is no picture is neither compared nor taken for noise."""

import numpy as np
import pytest

from stackd.imaging.register.engine.coarse_to_fine import _compare, refine
from stackd.imaging.register.engine.prepared_frame import prepare
from tests import make_frames


def half(height: int, width: int) -> np.ndarray:
    shown = np.zeros((height, width), np.bool_)
    shown[:, : width // 2] = True
    return shown


def gray(seed: int) -> np.ndarray:
    """Detail in the left half, other detail in the right one."""
    rng = np.random.default_rng(7)
    left = rng.random((200, 150)).astype(np.float32)
    right = np.random.default_rng(seed).random((200, 150)).astype(np.float32)
    return np.hstack([left, right])


def test_details_are_chosen_where_there_is_picture():
    prepared = prepare(gray(1), half(200, 300))

    for level in prepared.levels:
        assert level.points.size
        assert level.points[0].max() * level.reduction < 150


def test_what_is_no_picture_in_the_other_frame_is_not_compared():
    reference, moving = prepare(gray(1)), prepare(gray(1), half(200, 300))
    level, other = reference.levels[-1], moving.levels[-1]
    assert other.shown is not None
    assert not other.shown[:, 150:].any()
    assert level.shown is None
    compared = _compare(level, other, np.eye(3))
    assert compared is not None
    assert not compared[1][level.points[0] > 148].any()
    assert compared[1][level.points[0] < 140].mean() > 0.9

    found = refine(prepare(gray(1), half(200, 300)), prepare(gray(2), half(200, 300)), np.eye(3), parameters=2)

    assert found is not None
    assert found.agreement > 0.95
    assert np.abs(found.sampling - np.eye(3)).max() < 0.05


def test_noise_is_measured_where_there_is_picture():
    """Filled in, more than half of a frame is smooth: weak texture then stood out like strong texture."""
    noisy = make_frames.textured(200, 300)[..., 1].astype(np.float32) / 510
    noisy += 0.05 * np.random.default_rng(5).standard_normal((200, 300)).astype(np.float32)
    shown = np.zeros((200, 300), np.bool_)
    shown[60:140, 80:220] = True
    filled = np.where(shown, noisy, np.float32(0.5))

    whole, part = prepare(noisy).levels[-1], prepare(filled, shown).levels[-1]

    inner = np.s_[80:120, 100:200]
    assert part.structure[inner].std() == pytest.approx(whole.structure[inner].std(), rel=0.1)
