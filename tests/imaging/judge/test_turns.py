"""Frames that stand out of turn are put where their detail says."""

import numpy as np
import pytest
from numpy.typing import NDArray

from stackd.imaging.judge.cells import Cells
from stackd.imaging.judge.turns import in_turn

FRAMES = 14


def _with_energy(energy: NDArray[np.float32]) -> Cells:
    return Cells(energy=energy, slopes=np.zeros((*energy.shape, 3), np.float32), floor=1e-6, side_px=16)


def _cells(order: list[int], *, seed: int = 0) -> Cells:
    """Cells at depths all through the stack, sharpest where it is focused on them, with grain."""
    random = np.random.default_rng(seed)
    depths = random.uniform(-0.5, FRAMES - 0.5, (12, 16))
    strength = random.uniform(0.3, 1, (12, 16))
    focus = np.asarray(order)[:, None, None]
    energy = 2e-3 * strength / (1 + 2 * (depths - focus) ** 2) ** 2 + 1e-6
    energy *= random.normal(1, 0.03, energy.shape)
    return _with_energy(energy.astype(np.float32))


def _with_moved(frame: int, places: int) -> list[int]:
    order = [other for other in range(FRAMES) if other != frame]
    order.insert(frame + places, frame)
    return order


@pytest.mark.parametrize("seed", range(5))
def test_a_right_order_is_left_as_it_is(seed: int) -> None:
    assert in_turn(_cells(list(range(FRAMES)), seed=seed)) == tuple(range(FRAMES))


@pytest.mark.parametrize(("frame", "places"), [(3, 2), (3, 4), (10, -6), (0, 5), (13, -4), (6, 3)])
def test_a_frame_out_of_turn_is_put_back(frame: int, places: int) -> None:
    shown = _with_moved(frame, places)
    found = [shown[place] for place in in_turn(_cells(shown))]
    assert found in (list(range(FRAMES)), list(range(FRAMES))[::-1])


def test_an_order_that_nobody_knows_is_left_alone() -> None:
    shuffled = np.random.default_rng(4).permutation(FRAMES).tolist()
    assert in_turn(_cells(shuffled)) == tuple(range(FRAMES))


def test_without_texture_nothing_is_moved() -> None:
    flat = _with_energy(np.full((FRAMES, 12, 16), 1e-6, np.float32))
    assert in_turn(flat) == tuple(range(FRAMES))
