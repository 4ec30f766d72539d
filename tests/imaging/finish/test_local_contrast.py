"""Contrast rises area by area; brightness, hue and grain stay."""

from colorsys import rgb_to_hsv

import cv2
import numpy as np
import pytest

from stackd.bench.scenes import hairs, sheets, sky
from stackd.imaging.finish import LocalContrast, finish
from stackd.rendering.scenes import Subject
from tests.imaging.finish.rendered import luminance, truth


def local_contrast(image: np.ndarray) -> float:
    plane = luminance(image)
    mean = cv2.blur(plane, (31, 31))
    return float(np.sqrt(np.maximum(cv2.blur(plane * plane, (31, 31)) - mean * mean, 0)).mean())


@pytest.mark.parametrize("subject", [sheets, hairs])
def test_contrast_within_areas_rises_with_the_amount(subject: Subject):
    image = truth(subject)

    contrasts = [local_contrast(finish(image, (LocalContrast(amount=amount),))) for amount in (0, 0.3, 0.6, 1)]

    assert contrasts[0] == pytest.approx(local_contrast(image))
    assert contrasts == sorted(contrasts)
    assert contrasts[-1] > 1.15 * contrasts[0]


@pytest.mark.parametrize("subject", [sheets, hairs, sky])
def test_nothing_is_clipped_and_overall_brightness_stays(subject: Subject):
    image = truth(subject)

    finished = finish(image, (LocalContrast(amount=1),))

    assert finished[image < 1 - 1e-4].max() < 1
    assert finished[image > 1e-4].min() > 0
    assert finished.mean() == pytest.approx(image.mean(), abs=0.02)


def test_hues_stay():
    image = truth(sheets)

    finished = finish(image, (LocalContrast(amount=1),))

    for row, column in np.random.default_rng(1).integers(0, 320, (200, 2)):
        before, after = rgb_to_hsv(*image[row, column]), rgb_to_hsv(*finished[row, column])
        assert after[0] == pytest.approx(before[0], abs=1e-3)
        assert after[1] == pytest.approx(before[1], abs=1e-3)


def test_grain_of_an_even_area_is_not_raised():
    image = truth(sky).copy()
    image += np.random.default_rng(2).normal(0, 0.004, (*image.shape[:2], 1)).astype(np.float32)
    image = np.clip(image, 0, 1)
    even = cv2.GaussianBlur(np.abs(luminance(truth(sky)) - cv2.blur(luminance(truth(sky)), (31, 31))), (0, 0), 8) < 0.004

    finished = finish(image, (LocalContrast(amount=1),))

    fine = [plane - cv2.GaussianBlur(plane, (0, 0), 2) for plane in (luminance(image), luminance(finished))]
    assert np.count_nonzero(even) > 10_000
    assert fine[1][even].std() < 1.3 * fine[0][even].std()


def test_a_large_image_is_treated_like_a_small_one():
    """Tone curves come from a reduced image; enlarging the picture must not change what is done to it."""
    small = truth(sheets)
    large = cv2.resize(small, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC).clip(0, 1)

    finished = cv2.resize(finish(large, (LocalContrast(),)), small.shape[1::-1], interpolation=cv2.INTER_AREA)

    assert np.abs(finished - finish(small, (LocalContrast(),))).mean() < 0.01
