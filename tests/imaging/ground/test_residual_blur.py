"""Blur is measured in the image itself."""

from functools import cache

import cv2
import numpy as np
import pytest

from stackd.bench.scenes import hairs, sheets, sky
from stackd.imaging.ground.colour import decode_srgb, encode_srgb
from stackd.imaging.ground.residual_blur import estimate_blur
from stackd.rendering.scenes import SceneSettings, Subject, render_stack


@cache
def truth(subject: Subject) -> np.ndarray:
    return render_stack(SceneSettings(subject=subject, height_px=320, width_px=480, frame_count=1)).truth


def blurred_by(image: np.ndarray, sigma_px: float, *, grain: float = 0.003) -> np.ndarray:
    """Luminance, blurred in linear light, with grain."""
    light = cv2.GaussianBlur(decode_srgb(image).astype(np.float32), (0, 0), sigma_px) if sigma_px else decode_srgb(image)
    noise = np.random.default_rng(3).normal(0, grain, image.shape)
    return cv2.cvtColor((encode_srgb(light) + noise).astype(np.float32), cv2.COLOR_RGB2GRAY)


@pytest.mark.parametrize("subject", [sheets, hairs])
@pytest.mark.parametrize(("sigma_px", "tolerance"), [(0.8, 0.15), (1.2, 0.1), (2.0, 0.1)])
def test_known_blur_is_found(subject: Subject, sigma_px: float, tolerance: float):
    """The smallest comes out larger than what was put on, since the pixels' own blur adds to it."""
    assert estimate_blur(blurred_by(truth(subject), sigma_px)) == pytest.approx(sigma_px, rel=tolerance)


@pytest.mark.parametrize("subject", [sheets, hairs])
def test_a_sharp_image_has_no_more_blur_than_its_pixels(subject: Subject):
    assert estimate_blur(blurred_by(truth(subject), 0)) < 0.6


def test_grain_is_not_taken_for_sharp_edges():
    grainy = blurred_by(truth(sky), 1.2, grain=0.01)

    assert estimate_blur(grainy) == pytest.approx(1.2, rel=0.15)


@pytest.mark.parametrize("shape", [(16, 16), (300, 300)])
def test_where_there_are_no_edges_there_is_nothing_to_measure(shape: tuple[int, int]):
    assert estimate_blur(np.full(shape, 0.5, np.float32)) == 0
