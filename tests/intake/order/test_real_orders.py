"""Names kept, reversed and shuffled on real stacks, with nothing else to go by than names and pictures."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from stackd.adapters.frames.thumbnails import read_signature
from stackd.intake.evidence.sharpness import sharpness_matrix
from stackd.intake.names import natural_key
from stackd.intake.order.one_stack import in_one_stack
from stackd.intake.order.pictures import picture_order
from stackd.intake.shot import take_shot
from stackd.model.content import ContentSignature
from tests.intake.build import bare
from tests.shared_data import shared_data

STACKS = {
    "world/stone_44": 44,
    "world/balls": 25,
    "world/wall_panels": 10,
    "world/columbia_exp10": 39,
    "stacks/rose_60d": 53,
    "stacks/nikon_d3300_bellows": 28,
    "stacks/pcb_phone": 7,
    "stacks/pcb_depthmap": 10,
    "stacks/rpi_imx219": 12,
    "stacks/cm_steps": 6,
    "stacks/leaves": 6,
    "stacks/dfnn_microtubules_z": 11,
    "stacks/amber_flies": 9,
}

SOFT_AT_THE_NEAR_END = (1, 2, 3, 6, 35, 40, 41, 42, 43, 44)
"""Frames of the stone that lie before all others, whatever they are called: from their neighbours by name they differ ten times
as much as neighbours do, and cannot be laid over them."""

NO_FRAMES = ("expected", "depth", "stacked")
"""Results of other programs lie beside some stacks."""

RIGHT_ENOUGH = 0.99
"""Rank correlation: neighbours in a stack of dozens may differ by less than their noise."""


@cache
def _looks(folder: Path) -> list[ContentSignature]:
    paths = [path for path in folder.iterdir() if path.suffix.lower() in {".png", ".jpg", ".tif"}]
    frames = sorted(
        (path for path in paths if not any(word in path.name for word in NO_FRAMES)), key=lambda p: natural_key(p.name)
    )
    looks = [read_signature(path) for path in frames]
    return [look for look in looks if look is not None]


def _ordered(looks: list[ContentSignature], named: list[int]) -> list[int]:
    """Order frames of which the n-th in order of focus is called `named[n]`."""
    frames = [bare(f"im_{number:02d}.png") for number in named]
    known = {each.path: look for each, look in zip(frames, looks, strict=True)}
    return [frames.index(each) for each in in_one_stack(frames, look=lambda each: known[each.path])]


def _sharp(looks: list[ContentSignature]) -> frozenset[int]:
    shots = [take_shot(bare(f"{number}.png"), look) for number, look in enumerate(looks)]
    matrix = sharpness_matrix(shots)
    assert matrix is not None
    return picture_order(matrix).sharp


@pytest.mark.parametrize(("stack", "count"), STACKS.items())
def test_a_real_stack_keeps_its_names_forwards_and_backwards(stack: str, count: int):
    looks = _looks(shared_data(*stack.split("/")))
    right = [number - 1 for number in SOFT_AT_THE_NEAR_END] if stack == "world/stone_44" else []
    right += [index for index in range(count) if index not in right]

    assert _ordered(looks, list(range(count))) == right
    assert _ordered(looks[::-1], list(range(count))) == [count - 1 - index for index in right[::-1]]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("stack", STACKS)
def test_a_real_stack_with_shuffled_names_is_put_in_order_by_what_it_shows(stack: str, seed: int):
    looks = _looks(shared_data(*stack.split("/")))
    names = [int(number) for number in np.random.default_rng(seed).permutation(len(looks))]

    ordered = _ordered(looks, names)

    sharp = _sharp(looks)
    ranks = np.argsort(np.argsort([frame for frame in ordered if frame in sharp]))
    assert abs(np.corrcoef(ranks, np.arange(len(ranks)))[0, 1]) >= RIGHT_ENOUGH
