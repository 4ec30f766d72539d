"""Known blur is undone, without rings and without lifting grain."""

from typing import Literal, TypeAlias

import cv2
import numpy as np
import pytest

from stackd.bench.scenes import hairs, sheets
from stackd.imaging.finish import Deconvolve, finish
from stackd.rendering.scenes import Subject
from tests.imaging.finish.rendered import blurred, luminance, psnr_db, truth

Method: TypeAlias = Literal["richardson_lucy", "unsharp"]
every_method = pytest.mark.parametrize("method", ["richardson_lucy", "unsharp"])


@every_method
@pytest.mark.parametrize("subject", [sheets, hairs])
@pytest.mark.parametrize(("sigma_px", "gain_db"), [(0.8, 2.0), (1.2, 1.5), (2.0, 0.8)])
def test_a_blurred_image_comes_nearer_to_the_truth(method: Method, subject: Subject, sigma_px: float, gain_db: float):
    soft = blurred(truth(subject), sigma_px, grain=0.003)

    sharp = finish(soft, (Deconvolve(method=method),))

    assert psnr_db(sharp, truth(subject)) > psnr_db(soft, truth(subject)) + gain_db


def test_a_sharp_image_stays_as_it_is():
    assert np.array_equal(finish(truth(sheets), (Deconvolve(),)), truth(sheets))


@every_method
@pytest.mark.parametrize("overshoot", [0.0, 0.2])
def test_no_pixel_passes_its_surroundings_by_more_than_the_overshoot(method: Method, overshoot: float):
    soft = np.repeat(luminance(blurred(truth(sheets), 1.2, grain=0.003))[..., np.newaxis], 3, axis=2)
    step = Deconvolve(method=method, sigma_px=1.5, iterations=50, amount=3, overshoot=overshoot)

    sharp = finish(soft, (step,))

    window = np.ones((7, 7), np.uint8)
    darkest, lightest = cv2.erode(soft, window), cv2.dilate(soft, window)
    room = overshoot * (lightest - darkest) + 1e-5
    assert np.all(sharp >= darkest - room)
    assert np.all(sharp <= lightest + room)


@every_method
def test_grain_alone_is_not_lifted(method: Method):
    grain = np.random.default_rng(4).normal(0, 0.01, (200, 200, 1))
    image = np.repeat(0.5 + grain, 3, axis=2).astype(np.float32)

    sharp = finish(image, (Deconvolve(method=method, sigma_px=1.2),))

    assert sharp.std() < 1.1 * image.std()


def test_more_iterations_make_sharper():
    soft = blurred(truth(sheets), 1.2, grain=0.0)

    gains = [psnr_db(finish(soft, (Deconvolve(iterations=count),)), truth(sheets)) for count in (2, 5, 10, 20)]

    assert gains == sorted(gains)


def test_colours_keep_their_differences():
    soft = blurred(truth(sheets), 1.2, grain=0.0) * 0.6 + 0.2

    sharp = finish(soft, (Deconvolve(sigma_px=1.2),))

    assert np.allclose(sharp[..., 2] - sharp[..., 0], soft[..., 2] - soft[..., 0], atol=1e-5)


def test_tiles_do_not_show_where_much_is_undone(monkeypatch: pytest.MonkeyPatch):
    image = np.tile(blurred(truth(sheets), 2.0, grain=0.003), (2, 2, 1))[:560, :700]
    step = Deconvolve(sigma_px=3, iterations=30, overshoot=1)
    whole = finish(image, (step,))

    monkeypatch.setattr("stackd.imaging.ground.tiles.TILE_PX", 256)
    tiled = finish(image, (step,))

    assert np.abs(tiled - whole).max() < 1e-3
