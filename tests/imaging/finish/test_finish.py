"""Finishing steps change what they promise and nothing else."""

import tracemalloc

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from stackd.imaging.finish import Deconvolve, FinishingStep, FinishSettings, Levels, LocalContrast, Sharpen, finish
from stackd.imaging.ground.tiles import TILE_PX

GIVEN = {"deconvolve": {"sigma_px": 1.2}}
"""What a step needs to do anything to the pictures of these tests."""


def _every_step() -> tuple[FinishingStep, ...]:
    """Every step of the union, with each of its methods."""
    schema = TypeAdapter(FinishingStep).json_schema()
    steps = []
    for name, reference in schema["discriminator"]["mapping"].items():
        fields = schema["$defs"][reference.rpartition("/")[2]]["properties"]
        for method in fields.get("method", {}).get("enum", [None]):
            chosen = {} if method is None else {"method": method}
            steps.append(TypeAdapter(FinishingStep).validate_python({"step": name, **GIVEN.get(name, {}), **chosen}))
    return tuple(steps)


STEPS = _every_step()


def name_of(step: FinishingStep) -> str:
    return f"{step.step}-{getattr(step, 'method', 'only')}"


BYTES_PER_PIXEL = 33
"""What fusion takes, image and result included: 12 bytes a pixel each, the rest for planes and tiles."""

SMALL_TILE_PX = TILE_PX * 2250 // 6000
"""What 6000 px are to a tile, 2250 px are to this: memory is measured on an image that is quick to work on."""

every_step = pytest.mark.parametrize("step", STEPS, ids=name_of)


def edge_image() -> np.ndarray:
    image = np.full((40, 60, 3), (0.3, 0.4, 0.5), np.float32)
    image[:, 30:] = (0.5, 0.6, 0.7)
    return image


def test_without_steps_the_image_stays_as_it_is():
    image = edge_image()

    finished = finish(image, FinishSettings().steps)

    assert np.array_equal(finished, image)


def busy_image(height: int, width: int) -> np.ndarray:
    """Coloured stripes with shades, soft edges and grain."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    stripes = 0.5 + 0.3 * np.tanh(3 * np.sin(x / 9 + y / 23)) + 0.1 * np.sin(y / 150)
    image = stripes[..., np.newaxis] * np.array([1.0, 0.8, 0.6]) + random.normal(0, 0.01, (height, width, 3))
    return np.clip(image, 0, 1).astype(np.float32)


@every_step
def test_no_step_changes_its_input(step: FinishingStep):
    image = busy_image(60, 90)
    before = image.copy()

    finish(image, (step,))

    assert np.array_equal(image, before)


@every_step
def test_every_step_does_something(step: FinishingStep):
    image = busy_image(200, 200)

    assert np.abs(finish(image, (step,)) - image).max() > 0.01


@every_step
def test_every_step_leaves_a_flat_image_flat(step: FinishingStep):
    image = np.full((20, 20, 3), 0.42, np.float32)

    finished = finish(image, (step,))

    assert np.allclose(finished, image, atol=1e-4)


@every_step
def test_every_step_stays_between_black_and_white(step: FinishingStep):
    image = busy_image(200, 300)
    image[:, :100] = np.where(image[:, :100] > 0.5, 1, 0)

    finished = finish(image, (step,))

    assert finished.dtype == np.float32
    assert np.isfinite(finished).all()
    assert finished.min() >= 0
    assert finished.max() <= 1


@every_step
def test_every_step_keeps_gray_gray(step: FinishingStep):
    image = np.repeat(busy_image(120, 120)[..., :1], 3, axis=2)

    finished = finish(image, (step,))

    assert np.allclose(finished, finished[..., :1], atol=1e-5)


@every_step
@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (16, 700), (3, 5)])
def test_every_step_works_on_tiny_images(step: FinishingStep, shape: tuple[int, int]):
    image = busy_image(*shape)

    assert finish(image, (step,)).shape == image.shape


@every_step
def test_no_step_lets_tiles_show(step: FinishingStep, monkeypatch: pytest.MonkeyPatch):
    image = busy_image(TILE_PX + 300, TILE_PX + 280)
    tiled = finish(image, (step,))

    monkeypatch.setattr("stackd.imaging.ground.tiles.TILE_PX", 4 * TILE_PX)
    whole = finish(image, (step,))

    assert np.abs(tiled - whole).max() < 1e-4


def peak_bytes_per_pixel(image: np.ndarray, steps: tuple[FinishingStep, ...]) -> float:
    finish(image[:64, :64], steps)  # what is imported stays
    tracemalloc.start()
    finish(image, steps)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (image.nbytes + peak_bytes) / (image.shape[0] * image.shape[1])


@every_step
def test_no_step_takes_more_memory_than_fusion_does(step: FinishingStep, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stackd.imaging.ground.tiles.TILE_PX", SMALL_TILE_PX)

    assert peak_bytes_per_pixel(np.tile(busy_image(150, 225), (10, 10, 1)), (step,)) < BYTES_PER_PIXEL


def test_many_steps_take_no_more_memory_than_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stackd.imaging.ground.tiles.TILE_PX", SMALL_TILE_PX)

    assert peak_bytes_per_pixel(np.tile(busy_image(150, 225), (10, 10, 1)), (Levels(), Sharpen(), Levels())) < BYTES_PER_PIXEL


def test_progress_counts_the_tiles_of_all_steps():
    told: list[tuple[str, int, int]] = []

    finish(busy_image(100, TILE_PX + 300), (Levels(), Sharpen()), progress=lambda *progress: told.append(progress))

    assert told == [("finish", done, 4) for done in range(5)]


def test_a_step_can_be_cancelled():
    def cancel(_stage: str, done: int, _total: int) -> None:
        if done:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        finish(busy_image(100, 100), (Levels(),), progress=cancel)


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


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (Deconvolve(), "too few steep edges"),
        (Levels(), "uses only"),
        (LocalContrast(), "hardly any contrast"),
        (LocalContrast(amount=0), "amount is 0"),
    ],
)
def test_a_step_that_changes_nothing_says_why(step: FinishingStep, told: str):
    """Four of six real stacks came back from `deconvolve` as they were, and nobody was told."""
    even = np.full((48, 64, 3), 0.4, np.float32)
    said: list[str] = []

    finished = finish(even, [step], tell=said.append)

    assert np.array_equal(finished, even)
    assert len(said) == 1
    assert told in said[0]


def test_a_step_that_works_says_nothing():
    said: list[str] = []

    finish(busy_image(64, 96), [Sharpen(), Levels()], tell=said.append)

    assert said == []
