"""What is said of real stacks that people looked at: the good ones pass, the ruined ones do not."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from stackd.imaging.ground.frames import ignore_progress
from stackd.model.composite import Composite
from stackd.model.verdict import Judgement
from stackd.wiring.on_demand import fuse_now
from tests.shared_data import shared_data

GOOD = (
    "stacks/pcb_phone",
    "stacks/pcb_depthmap",
    "stacks/rpi_imx219",
    "stacks/cm_steps",
    "stacks/leaves",
    "stacks/fly_small/group",
    "stacks/dfnn_microtubules_z",
    "stacks/nikon_d3300_bellows",
    "stacks/amber_flies",
    "stacks/rose_60d",
    "world/balls",
    "world/wall_panels",
    "world/stone_44",
    "world/generated_depth/1",
    "world/generated_depth/2",
)
RUINED = ("world/columbia_flowerLady", "world/handheld_leaves")

NO_FRAMES = ("expected", "depth", "stacked")
"""Results of other programs lie beside some stacks."""


def _fused(folder: Path, output: Path) -> Composite:
    frames: Sequence[Path] = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in {".png", ".jpg", ".tif"} and not any(word in path.name for word in NO_FRAMES)
    ]
    return fuse_now(
        frames,
        output=output / "composite.tif",
        recipe_name="default",
        config=None,
        overrides=(),
        depth_map=None,
        page=None,
        progress=ignore_progress,
    ).composite


@pytest.mark.parametrize("name", GOOD)
def test_a_good_stack_passes(name: str, tmp_path: Path) -> None:
    assert _fused(shared_data(name), tmp_path).verdict.judgement is Judgement.PASS


@pytest.mark.parametrize("name", RUINED)
def test_a_ruined_stack_does_not_pass_and_says_where(name: str, tmp_path: Path) -> None:
    composite = _fused(shared_data(name), tmp_path)
    assert composite.verdict.judgement is not Judgement.PASS
    assert any(finding.code == "subject-moved" and finding.region is not None for finding in composite.findings)
