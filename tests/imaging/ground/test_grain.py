"""Measuring grain."""

import cv2
import numpy as np
import pytest

from stackd.imaging.ground.grain import estimate_grain


@pytest.mark.parametrize("sigma", [0.001, 0.004, 0.02])
def test_known_grain_is_found(sigma: float):
    grain = np.random.default_rng(1)
    frames = [np.asarray(0.5 + sigma * grain.standard_normal((200, 300)), np.float32) for _ in range(3)]

    assert estimate_grain(frames) == pytest.approx(sigma, rel=0.15)


def test_detail_in_half_the_frame_is_not_taken_for_grain():
    noise = np.random.default_rng(2)
    frame = np.asarray(0.5 + 0.003 * noise.standard_normal((200, 300)), np.float32)
    frame[:, 150:] += cv2.GaussianBlur(noise.uniform(-1, 1, (200, 150)).astype(np.float32), (0, 0), 1)

    assert estimate_grain([frame]) == pytest.approx(0.003, rel=0.2)


def test_clipped_frames_have_no_grain():
    assert estimate_grain([np.ones((64, 64), np.float32), np.zeros((64, 64), np.float32)]) == 0
