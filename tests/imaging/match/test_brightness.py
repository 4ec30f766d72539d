"""Brightness and white balance are matched in linear light, whatever focus does."""

import cv2
import numpy as np
import pytest

from stackd.imaging.ground.colour import encode_srgb
from stackd.imaging.match.brightness import (
    Gain,
    compose_gains,
    estimate_gain,
    match_brightness,
    measure_brightness,
)

SHAPE = (240, 360)


def scene(seed: int = 0) -> np.ndarray:
    """Linear light with coarse and fine structure, float64 (H, W, 3)."""
    random = np.random.default_rng(seed)
    coarse = cv2.GaussianBlur(random.standard_normal(SHAPE), (0, 0), 25)
    fine = cv2.GaussianBlur(random.standard_normal(SHAPE), (0, 0), 1.5)
    light = np.clip(0.25 + 0.08 * coarse / coarse.std() + 0.04 * fine / fine.std(), 0.02, 0.8)
    return light[..., None] * np.array([1.0, 0.8, 0.6])


def exposed(light: np.ndarray, gain: tuple[float, float, float] = (1, 1, 1), dtype: type = np.uint16) -> np.ndarray:
    top = np.iinfo(dtype).max
    return np.rint(encode_srgb(np.clip(light * gain, 0, 1)) * top).astype(dtype)


@pytest.mark.parametrize("gain", [(1.0, 1.0, 1.0), (1.03, 1.03, 1.03), (0.8, 1.0, 1.25), (0.5, 0.5, 0.5)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_known_gain_is_found_between_differently_focused_frames(gain: tuple[float, float, float], dtype: type):
    light = scene()
    defocused = cv2.GaussianBlur(light, (0, 0), 3)

    found = estimate_gain(
        measure_brightness(exposed(light, dtype=dtype)), measure_brightness(exposed(defocused, gain, dtype)), np.eye(3)
    )

    assert not found.reason
    np.testing.assert_allclose(found.channels, 1 / np.array(gain), rtol=0.004)


def test_the_motion_of_the_frame_is_taken_into_account():
    light = scene()
    matrix = np.array([[1.0, 0, 24], [0, 1, -18], [0, 0, 1]])
    shifted = cv2.warpPerspective(light, matrix, SHAPE[::-1], flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR)

    found = estimate_gain(measure_brightness(exposed(light)), measure_brightness(exposed(shifted, (0.9, 0.9, 0.9))), matrix)

    np.testing.assert_allclose(found.channels, 1 / 0.9, rtol=0.01)


def test_clipped_highlights_have_no_say():
    light = scene()
    light[:120] *= 6

    found = estimate_gain(measure_brightness(exposed(light)), measure_brightness(exposed(light, (1.2, 1.2, 1.2))), np.eye(3))

    np.testing.assert_allclose(found.channels, 1 / 1.2, rtol=0.004)


def test_something_that_changed_in_part_of_the_frame_is_outvoted():
    light = scene()
    changed = light.copy()
    changed[:80, :200] *= 0.4

    found = estimate_gain(measure_brightness(exposed(light)), measure_brightness(exposed(changed)), np.eye(3))

    np.testing.assert_allclose(found.channels, 1, rtol=0.006)


def test_black_frames_keep_their_brightness_and_say_why():
    black = np.zeros((*SHAPE, 3), np.uint8)

    found = estimate_gain(measure_brightness(black), measure_brightness(black), np.eye(3))

    assert found.is_one
    assert "brightness is kept" in found.reason


def test_another_exposure_is_not_called_flicker():
    light = scene() * 0.9

    found = estimate_gain(measure_brightness(exposed(light)), measure_brightness(exposed(light / 8)), np.eye(3))

    assert found.is_one
    assert "another exposure" in found.reason


def test_composed_gains_undo_the_flicker_of_every_frame():
    exposures = np.array([1.0, 1.04, 0.97, 1.02, 0.99])
    links = [
        (i, j, Gain(red=exposures[i] / exposures[j], green=exposures[i] / exposures[j], blue=exposures[i] / exposures[j]))
        for j in range(5)
        for i in range(max(0, j - 2), j)
    ]

    gains = compose_gains(links, 5, reference=2)

    np.testing.assert_allclose([gain.green for gain in gains], exposures[2] / exposures, rtol=1e-6)


def test_long_links_keep_the_brightness_of_a_long_stack_from_drifting():
    random, light = np.random.default_rng(1), scene()
    exposures = random.uniform(0.97, 1.03, 40)
    brightness = {
        i: measure_brightness(exposed(cv2.GaussianBlur(light, (0, 0), 0.5 + 0.1 * abs(i - 20)), (e, e, e), np.uint8))
        for i, e in enumerate(exposures)
    }

    gains = match_brightness(brightness, [np.eye(3)] * 40, reference=20)

    np.testing.assert_allclose([gain.green for gain in gains], exposures[20] / exposures, rtol=0.003)


def test_frames_left_out_do_not_break_the_match():
    light = scene()
    brightness = {i: measure_brightness(exposed(light, (e, e, e))) for i, e in ((0, 1.0), (2, 1.1), (3, 0.9))}

    gains = match_brightness(brightness, [np.eye(3), None, np.eye(3), np.eye(3)], reference=0)

    np.testing.assert_allclose([gains[2].red, gains[3].red], [1 / 1.1, 1 / 0.9], rtol=0.003)
    assert gains[1].is_one


def test_a_steady_stack_is_not_touched_at_all():
    links = [(i, i + 1, Gain(red=1.0004, green=0.9997, blue=1.0002)) for i in range(4)]

    assert all(gain.is_one for gain in compose_gains(links, 5, reference=2))


def test_a_frame_that_could_not_be_compared_keeps_its_brightness():
    links = [(0, 1, Gain(red=1.1, green=1.1, blue=1.1)), (1, 2, Gain(reason="Too dark."))]

    gains = compose_gains(links, 3, reference=0)

    assert gains[1].green == pytest.approx(1.1)
    assert gains[2].is_one
    assert gains[2].reason
