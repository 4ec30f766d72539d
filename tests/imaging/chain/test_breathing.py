"""Magnification is steadied as far as the stack itself is even, and no further."""

import numpy as np
import pytest

from stackd.imaging.chain.breathing import smoothed_magnifications

FRAMES = 20


def pairs_of(frames: int) -> np.ndarray:
    """Each frame with its neighbour and the one before."""
    return np.array([(moving - hop, moving) for hop in (1, 2) for moving in range(hop, frames)])


def error_px(true: np.ndarray, found: np.ndarray) -> float:
    return float(np.sqrt(((found - true - (found - true).mean()) ** 2).mean()))


def found_and_free(
    steps_px: np.ndarray, noise_px: float, seed: int, *, veiled: range = range(0), gap_after: int | None = None
) -> tuple[float, float]:
    """Errors of what is found, and of least squares on the same links; links of `veiled` frames are twenty times as noisy."""
    random = np.random.default_rng(seed)
    true = np.concatenate([[0.0], np.cumsum(steps_px)])
    positions = np.arange(float(len(true)))
    if gap_after is not None:
        kept = np.delete(np.arange(len(true)), slice(gap_after, gap_after + 3))
        true, positions = true[kept] - true[kept][0], positions[kept]
    pairs = pairs_of(len(true))
    errors = noise_px * np.where(np.isin(pairs, veiled).any(axis=1), 20, 1)
    measured = true[pairs[:, 1]] - true[pairs[:, 0]] + errors * random.normal(size=len(pairs))
    design = np.zeros((len(pairs), len(true)))
    design[np.arange(len(pairs)), pairs[:, 1]], design[np.arange(len(pairs)), pairs[:, 0]] = 1, -1
    free = np.linalg.lstsq(design / errors[:, None], measured / errors, rcond=None)[0]

    found = smoothed_magnifications(pairs, measured, errors, positions)

    return error_px(true, found), error_px(true, free)


@pytest.mark.parametrize("gap_after", [None, 8], ids=["whole", "with frames left out"])
def test_where_links_are_weak_an_even_stack_steadies_them(gap_after: int | None):
    even = np.full(FRAMES, 1.5)
    errors = np.array([found_and_free(even, 0.02, seed, veiled=range(9, 13), gap_after=gap_after) for seed in range(10)])

    steadied, free = np.sqrt((errors**2).mean(axis=0))

    assert steadied < 0.5 * free


@pytest.mark.parametrize("unevenness_px", [0.1, 0.5, 3])
def test_uneven_steps_stay_as_the_links_have_them(unevenness_px: float):
    errors = []
    for seed in range(10):
        steps = 1.5 + np.random.default_rng(100 + seed).normal(0, unevenness_px, FRAMES)
        errors.append(found_and_free(steps, 0.02, seed))

    steadied, free = np.sqrt((np.array(errors) ** 2).mean(axis=0))

    assert steadied < 1.1 * free


def test_a_lens_whose_breathing_slows_down_is_not_straightened():
    slowing = np.diff(200 / (10 + np.arange(FRAMES + 1.0)))
    errors = np.array([found_and_free(slowing, 0.05, seed) for seed in range(10)])

    steadied, free = np.sqrt((errors**2).mean(axis=0))

    assert steadied < free


def test_links_without_error_are_kept_exactly():
    random = np.random.default_rng(0)
    true = np.concatenate([[0.0], np.cumsum(random.normal(1, 0.5, FRAMES))])
    pairs = pairs_of(len(true))

    found = smoothed_magnifications(
        pairs, true[pairs[:, 1]] - true[pairs[:, 0]], np.full(len(pairs), 1e-4), np.arange(float(len(true)))
    )

    assert np.abs(found - true).max() < 1e-4
