"""Measuring grain."""

import cv2
import numpy as np
import pytest

from stackd.imaging.ground.grain import LEAST_GRAIN, estimate_grain, estimate_grain_map, lit_patches, share_of_detail


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


def whole_map(frame: np.ndarray) -> np.ndarray:
    return estimate_grain_map(frame, lit=lit_patches(frame))


def test_grain_that_differs_from_place_to_place_is_found_in_each():
    grain = np.random.default_rng(4).standard_normal((480, 640))
    frame = np.asarray(0.5 + np.where(np.arange(640) < 320, 0.002, 0.006) * grain, np.float32)

    found = whole_map(frame)

    assert np.allclose(found[:, :12], 0.002, rtol=0.2)
    assert np.allclose(found[:, -12:], 0.006, rtol=0.2)


def test_beside_a_clipped_area_grain_is_what_it_is_elsewhere():
    frame = np.asarray(0.5 + 0.005 * np.random.default_rng(5).standard_normal((480, 640)), np.float32)
    frame[:, 320:] = 1

    assert whole_map(frame).min() > 0.004


def test_an_image_of_black_and_white_has_no_grain():
    frame = np.zeros((64, 96), np.float32)
    frame[:, 48:] = 1

    assert np.all(whole_map(frame) == LEAST_GRAIN)


def test_grain_alone_has_hardly_a_share_of_detail_and_an_edge_is_all_detail():
    frame = np.random.default_rng(6).standard_normal((200, 200)).astype(np.float32)
    frame[:, 100:] += 50

    share = share_of_detail(frame)

    assert share[:, :80].mean() < 0.05
    assert share[:, 99:101].min() > 0.9
