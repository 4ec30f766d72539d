"""Grain goes, detail stays."""

from typing import Literal, TypeAlias

import numpy as np
import pytest

from stackd.bench.scenes import sheets, sky
from stackd.imaging.finish import Denoise, finish
from stackd.rendering.scenes import Subject
from tests.imaging.finish.rendered import detail_kept, grainy_composite, luminance, psnr_db, truth

Method: TypeAlias = Literal["nonlocal_means", "total_variation", "wavelet"]
every_method = pytest.mark.parametrize("method", ["nonlocal_means", "total_variation", "wavelet"])


@every_method
@pytest.mark.parametrize(("subject", "gain_db"), [(sheets, 0.7), (sky, 2.5)])
def test_a_grainy_composite_comes_nearer_to_the_truth_and_keeps_its_detail(method: Method, subject: Subject, gain_db: float):
    composite, true = grainy_composite(subject)

    smooth = finish(composite, (Denoise(method=method),))

    assert psnr_db(smooth, true) > psnr_db(composite, true) + gain_db
    assert detail_kept(smooth, true) > detail_kept(composite, true) - 0.01


@every_method
@pytest.mark.parametrize("subject", [sheets, sky])
def test_a_clean_image_is_hardly_changed(method: Method, subject: Subject):
    clean = truth(subject)

    smooth = finish(clean, (Denoise(method=method),))

    assert psnr_db(smooth, clean) > 50
    assert detail_kept(smooth, clean) > 0.99


@every_method
def test_nothing_wanted_is_nothing_done(method: Method):
    composite, _ = grainy_composite(sky)

    smooth = finish(composite, (Denoise(method=method, strength=0, colour_strength=0),))

    assert np.allclose(smooth, composite, atol=1e-5)


@every_method
def test_colour_alone_can_be_smoothed(method: Method):
    composite, true = grainy_composite(sky)

    smooth = finish(composite, (Denoise(method=method, strength=0),))

    assert np.allclose(luminance(smooth), luminance(composite), atol=2e-3)
    assert psnr_db(smooth, true) > psnr_db(composite, true) + 1


@every_method
def test_more_strength_takes_more_grain(method: Method):
    composite, _ = grainy_composite(sky)

    left = [finish(composite, (Denoise(method=method, strength=strength),)) for strength in (0.5, 1, 2)]

    changes = [float(np.abs(image - composite).mean()) for image in left]
    assert changes[0] < changes[1] < changes[2]


def test_where_frames_were_averaged_no_more_is_smoothed_than_there_is_grain():
    """Fine texture weaker than the grain elsewhere is lost if one figure for grain stands for the whole image."""
    random = np.random.default_rng(8)
    row, column = np.indices((400, 640))
    texture = np.where((column > 320) & (row > 150) & (row < 250), 0.004 * np.where((row + column) // 2 % 2, 1, -1), 0)
    grain = np.where(column < 320, 0.012, 0.0008)
    image = 0.5 + texture[..., np.newaxis] + grain[..., np.newaxis] * random.standard_normal((400, 640, 3))

    smooth = finish(image.astype(np.float32), (Denoise(),))

    kept = ((luminance(smooth) - 0.5) * texture)[:, 420:620]
    assert kept.sum() > 0.9 * (texture[:, 420:620] ** 2).sum()
    assert smooth[:, 50:270].std() < 0.5 * 0.012
