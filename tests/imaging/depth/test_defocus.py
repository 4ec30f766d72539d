"""Blur as a lens makes it, and measuring how much of it there is."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stackd.imaging.depth.defocus import blurred, estimate_blur_per_frame, predicted
from stackd.imaging.ground.colour import to_display, to_light


def _disc(radius: float) -> NDArray[np.float32]:
    side = np.arange(-40, 41)
    disc = (np.hypot(side[:, None], side) <= radius).astype(np.float32)
    return disc / disc.sum()


def _spread(kernel: NDArray[np.float32]) -> float:
    side = np.arange(kernel.shape[0]) - kernel.shape[0] // 2
    return float((kernel.sum(axis=0) * side**2).sum())


@pytest.mark.parametrize("radius", [1.5, 4.0, 9.0, 20.0])
def test_blur_spreads_a_point_as_a_disc_does(radius: float):
    point = np.zeros((161, 161), np.float32)
    point[80, 80] = 1

    spread = blurred(point, radius)

    assert spread.sum() == pytest.approx(1, abs=1e-4)
    assert _spread(spread) == pytest.approx(_spread(_disc(radius)), rel=0.2)


@pytest.mark.parametrize("radius", [4.5, 6.3, 9.0, 13.7, 20.0])
@pytest.mark.parametrize("shape", [(160, 200), (161, 199)])
def test_blur_at_half_size_is_as_near_to_a_disc_as_blur_at_full_size(radius: float, shape: tuple[int, int]):
    rough = np.random.default_rng(2).uniform(0, 1, shape).astype(np.float32)
    light = to_light(cv2.GaussianBlur(rough, (0, 0), 2.0))
    even = cv2.copyMakeBorder(light, 0, shape[0] % 2, 0, shape[1] % 2, cv2.BORDER_REPLICATE)
    coarse = np.asarray(cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)

    found = predicted(light, coarse, radius)

    assert found.shape == shape
    disc = to_display(np.asarray(cv2.filter2D(light, -1, _disc(radius), borderType=cv2.BORDER_REFLECT_101), np.float32))
    inner = (slice(20, -20), slice(20, -20))
    half, full = (float(np.std((image - disc)[inner])) for image in (found, to_display(blurred(light, radius))))
    assert half < 1.5 * full + 0.02 * float(np.std(to_display(light)))


@pytest.mark.parametrize("radius", [5.0, 6.8, 8.2, 10.0, 14.7])
def test_blur_at_half_size_spreads_a_point_as_far_as_a_disc_does(radius: float):
    light, coarse = np.full((80, 80), 0.5, np.float32), np.full((40, 40), 0.5, np.float32)
    light[40:42, 40:42] += 0.25
    coarse[20, 20] += 0.25

    spread = to_light(predicted(light, coarse, radius)).astype(np.float64) - 0.5

    side = np.arange(80) - 40.5
    assert (spread.sum(axis=0) * side**2).sum() / spread.sum() == pytest.approx(_spread(_disc(radius)), rel=0.1)


def test_blur_leaves_its_input_alone():
    light = np.random.default_rng(1).uniform(0, 1, (64, 64)).astype(np.float32)
    before = light.copy()

    for radius in (0.0, 1.0, 8.0):
        blurred(light, radius)

    np.testing.assert_array_equal(light, before)


def test_light_and_display_are_inverse():
    display = np.linspace(0, 1, 256, dtype=np.float32)[None]

    np.testing.assert_allclose(to_display(to_light(display)), display, atol=1e-6)


def _plane_in_focus_at(depth: float, blur_px: float, positions: list[int]) -> list[NDArray[np.float32]]:
    rough = np.random.default_rng(2).uniform(0, 1, (240, 320)).astype(np.float32)
    sharp = cv2.GaussianBlur(rough, (0, 0), 1.0)
    light = to_light(np.clip((sharp - sharp.mean()) * 2 + 0.5, 0, 1))
    return [
        to_display(cv2.filter2D(light, -1, _soft_disc(blur_px * abs(position - depth)), borderType=cv2.BORDER_REFLECT))
        for position in positions
    ]


def _soft_disc(radius: float) -> NDArray[np.float32]:
    """A disc drawn eight times finer, so that fractions of a pixel count."""
    half = int(np.ceil(radius)) + 1
    fine = (np.arange((2 * half + 1) * 8) + 0.5) / 8 - half - 0.5
    disc = (np.hypot(fine[:, None], fine) <= max(radius, 0.2)).astype(np.float32)
    coarse = disc.reshape(2 * half + 1, 8, 2 * half + 1, 8).mean(axis=(1, 3))
    return coarse / coarse.sum()


@pytest.mark.parametrize("blur_px", [0.5, 0.9, 2.0])
@pytest.mark.parametrize("depth", [3.0, 4.6])
def test_a_known_growth_of_blur_is_recovered(blur_px: float, depth: float):
    positions = [0, 2, 4, 6, 8]

    estimate = estimate_blur_per_frame(_plane_in_focus_at(depth, blur_px, positions), positions)

    # Two boxes leave more of fine texture than a disc as wide as they are. So radii come out about a tenth too large, and the
    # predictions, made with the same boxes, need them so.
    assert estimate == pytest.approx(1.1 * blur_px, rel=0.1)


def test_two_frames_are_enough_to_measure_blur():
    estimate = estimate_blur_per_frame(_plane_in_focus_at(0.0, 2.5, [0, 1]), [0, 1])

    assert estimate == pytest.approx(2.5, rel=0.15)


def test_blur_is_unknown_where_nothing_has_texture():
    flat = np.full((120, 160), 0.4, np.float32)

    assert estimate_blur_per_frame([flat, flat, flat], [0, 1, 2]) is None


def test_blur_is_unknown_from_grain_alone():
    grain = np.random.default_rng(3)
    noisy = [np.asarray(0.4 + 0.01 * grain.standard_normal((120, 160)), np.float32) for _ in range(3)]

    assert estimate_blur_per_frame(noisy, [0, 1, 2]) is None


def test_blur_grows_with_every_small_step_of_the_radius():
    """Steps in which nothing changed made many radii the same, and blur was measured too small."""
    point = np.zeros((65, 65), np.float32)
    point[32, 32] = 1
    offset = np.arange(65) - 32
    radii_px = np.arange(4, 14, 1.0)

    widths = [float((blurred(point, float(radius)).sum(axis=0) * offset**2).sum()) for radius in radii_px]

    assert np.all(np.diff(widths) > 0)
    np.testing.assert_allclose(2 * np.sqrt(widths), radii_px, rtol=0.08)
