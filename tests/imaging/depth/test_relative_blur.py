"""By how much each frame is more blurred than the sharpest one."""

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.depth.relative_blur import PatchesOfTexture
from stackd.imaging.ground.colour import to_display
from stackd.imaging.ground.frames import PlanesInMemory

SHAPE = (144, 192)


def _light() -> NDArray[np.float32]:
    rough = np.random.default_rng(5).uniform(0, 1, SHAPE).astype(np.float32)
    return np.asarray(0.15 + 0.7 * cv2.GaussianBlur(rough, (0, 0), 0.8), np.float32)


def _through_a_disc(light: NDArray[np.float32], radius_px: float) -> NDArray[np.float32]:
    if radius_px == 0:
        return light
    axis = np.arange(-30, 31, dtype=np.float32)
    disc = np.clip(radius_px + 0.5 - np.hypot(axis, axis[:, None]), 0, 1)
    return np.asarray(cv2.filter2D(light, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT), np.float32)


def _seen(radii_px: list[float], *, grain: float) -> PatchesOfTexture:
    texture = PatchesOfTexture(PlanesInMemory())
    for seed, radius_px in enumerate(radii_px):
        noise = grain * np.random.default_rng(seed).standard_normal(SHAPE)
        texture.add(np.asarray(to_display(_through_a_disc(_light(), radius_px)) + noise, np.float32))
    return texture


def test_known_radii_are_found_in_grain():
    radii_px = [0.0, 1.5, 3.0, 5.0, 8.0]

    found = _seen(radii_px, grain=0.004).measure()

    assert len(found.sharpest) >= 4
    assert (found.sharpest == 0).all()
    radii = np.sqrt(np.median(found.squared_px[:, 1:], axis=0))
    assert np.allclose(radii, radii_px[1:], rtol=0.06)
    assert found.counts[:, 1:].mean() > 0.9
    assert not found.counts[:, 0].any()


def test_brightness_is_no_blur():
    texture = PatchesOfTexture(PlanesInMemory())
    for lift in (0.0, 0.05):
        for radius_px in (0.0, 3.0):
            texture.add(np.asarray(to_display(_through_a_disc(_light(), radius_px)) + np.float32(lift), np.float32))

    found = texture.measure()

    assert np.allclose(np.median(found.squared_px[:, 3] - found.squared_px[:, 1]), 0, atol=0.2)


def test_another_picture_is_no_blur_of_this_one():
    texture = _seen([0.0, 2.0], grain=0.002)
    other = np.random.default_rng(9).uniform(0.3, 0.7, SHAPE).astype(np.float32)
    texture.add(np.asarray(cv2.GaussianBlur(other, (0, 0), 3.0), np.float32))

    assert texture.measure().counts[:, 2].mean() < 0.2


def test_sharpness_falls_with_blur():
    sharpness = _seen([4.0, 0.0, 1.5, 8.0], grain=0.002).sharpness()

    assert sharpness[1] == 1
    assert sharpness[3] < sharpness[0] < sharpness[2] < 1


def test_where_nothing_is_to_be_seen_nothing_is_measured():
    texture = PatchesOfTexture(PlanesInMemory())
    for shape in [(10, 12)] * 3:
        texture.add(np.full(shape, 0.4, np.float32))

    assert texture.measure().squared_px.shape == (0, 3)
    assert texture.sharpness() == (1, 1, 1)
