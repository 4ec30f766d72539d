"""Pictures of the same subject are laid over one another, however large, cropped or bright they are."""

import cv2
import numpy as np
import pytest

from stackd.bench.quality.placing import REGISTERED_SIDE_PX, place_on, tone_between


def texture(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, 1, (height, width)).astype(np.float32)
    coarse = cv2.GaussianBlur(noise, (0, 0), 2) + 3 * cv2.GaussianBlur(noise, (0, 0), 8)
    return np.clip(0.5 + 0.15 * coarse / coarse.std(), 0, 1).astype(np.float32)


def test_a_crop_of_a_picture_too_large_to_register_whole_is_placed_exactly():
    whole = texture(400, REGISTERED_SIDE_PX + 301)

    found = place_on(whole[23:390, 41:], whole, np.ones(whole.shape, bool))

    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, [[1, 0, 41], [0, 1, 23], [0, 0, 1]], atol=0.02)


def test_gain_and_offset_of_each_channel_are_found():
    image = np.dstack([texture(120, 160)] * 3)
    gains, offsets = np.float32([0.9, 1.0, 1.1]), np.float32([0.03, 0.0, -0.02])

    tone = tone_between(image, image * gains + offsets, np.ones(image.shape[:2], bool))

    np.testing.assert_allclose(tone.gains, gains, atol=0.01)
    np.testing.assert_allclose(tone.offsets, offsets, atol=0.01)
    np.testing.assert_allclose(tone.applied(image), np.clip(image * gains + offsets, 0, 1), atol=0.01)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_black_and_white_pictures_keep_their_tone(value: float):
    flat = np.full((40, 40, 3), value, np.float32)

    tone = tone_between(flat, flat, np.ones((40, 40), bool))

    assert tone.gains == (1.0, 1.0, 1.0)
    assert tone.offsets == (0.0, 0.0, 0.0)
