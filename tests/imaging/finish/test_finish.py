"""Finishing steps change what they promise and nothing else."""

import numpy as np
import pytest
from pydantic import ValidationError

from stackd.imaging.finish import FinishingStep, FinishSettings, Levels, Sharpen, finish


def edge_image() -> np.ndarray:
    image = np.full((40, 60, 3), (0.3, 0.4, 0.5), np.float32)
    image[:, 30:] = (0.5, 0.6, 0.7)
    return image


def test_without_steps_the_image_stays_as_it_is():
    image = edge_image()

    finished = finish(image, FinishSettings().steps)

    assert np.array_equal(finished, image)


@pytest.mark.parametrize("step", [Sharpen(), Levels()])
def test_no_step_changes_its_input(step: FinishingStep):
    image = edge_image()
    before = image.copy()

    finish(image, (step,))

    assert np.array_equal(image, before)


@pytest.mark.parametrize("step", [Sharpen(), Levels()])
def test_every_step_leaves_a_flat_image_flat_and_in_range(step: FinishingStep):
    image = np.full((20, 20, 3), 0.42, np.float32)

    finished = finish(image, (step,))

    assert np.allclose(finished, image, atol=1e-6)


def test_sharpening_steepens_an_edge_and_keeps_hue_differences():
    image = edge_image()

    finished = finish(image, (Sharpen(radius_px=2, amount=1),))

    assert finished[20, 30, 1] - finished[20, 29, 1] > 1.3 * (image[20, 30, 1] - image[20, 29, 1])
    assert np.allclose(finished[..., 2] - finished[..., 0], image[..., 2] - image[..., 0], atol=1e-5)


def test_sharpening_does_not_lift_grain_below_its_threshold():
    grain = np.random.default_rng(1).uniform(-0.001, 0.001, (50, 50, 1)).astype(np.float32)
    image = np.full((50, 50, 3), 0.5, np.float32) + grain

    finished = finish(image, (Sharpen(threshold=0.01),))

    assert np.array_equal(finished, image)


def test_levels_reach_black_and_white_with_one_slope_for_all_channels():
    ramp = np.linspace(0.2, 0.6, 500, dtype=np.float32)
    image = np.repeat(np.repeat(ramp[np.newaxis, :, np.newaxis], 20, axis=0), 3, axis=2)

    finished = finish(image, (Levels(black_percent=0, white_percent=0),))

    assert finished.min() == pytest.approx(0, abs=1e-5)
    assert finished.max() == pytest.approx(1, abs=1e-5)
    assert np.allclose(np.diff(finished[0, :, 0], n=2), 0, atol=1e-5)


def test_levels_leave_fog_alone():
    image = np.random.default_rng(1).uniform(0.50, 0.52, (30, 30, 3)).astype(np.float32)

    assert np.array_equal(finish(image, (Levels(),)), image)


def test_steps_run_in_the_order_given():
    image = edge_image()

    one_way = finish(image, (Sharpen(radius_px=3, amount=3), Levels(black_percent=5, white_percent=5)))
    other_way = finish(image, (Levels(black_percent=5, white_percent=5), Sharpen(radius_px=3, amount=3)))

    assert not np.allclose(one_way, other_way)


def test_an_unknown_step_is_refused():
    with pytest.raises(ValidationError):
        FinishSettings.model_validate({"steps": [{"step": "sparkle"}]})
