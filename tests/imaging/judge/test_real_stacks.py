"""What is said of real stacks that people looked at: good ones pass, of the others it is told what moved, and where."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from stackd.bench.wiring import fuse_by_default
from stackd.model.composite import Composite
from stackd.model.verdict import Judgement
from tests.shared_data import shared_data

pytestmark = pytest.mark.long

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
MOTION = {"subject-moved", "moment-taken", "motion-unresolved"}

NO_FRAMES = ("expected", "depth", "stacked")
"""Results of other programs lie beside some stacks."""


def _fused(folder: Path, output: Path) -> Composite:
    frames: Sequence[Path] = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in {".png", ".jpg", ".tif"} and not any(word in path.name for word in NO_FRAMES)
    ]
    return fuse_by_default(frames, output / "composite.tif")


@pytest.mark.parametrize("name", GOOD)
def test_a_good_stack_passes(name: str, tmp_path: Path) -> None:
    assert _fused(shared_data(name), tmp_path).verdict.judgement is Judgement.PASS


def test_leaves_in_the_wind_do_not_pass(tmp_path: Path) -> None:
    composite = _fused(shared_data("world/handheld_leaves"), tmp_path)
    assert composite.verdict.judgement is not Judgement.PASS
    assert any(finding.code in MOTION and finding.region is not None for finding in composite.findings)


def test_a_woman_who_walks_by_is_told_of_where_she_walks(tmp_path: Path) -> None:
    """She is shown whole, as she was at one moment: about the upper middle of the picture."""
    composite = _fused(shared_data("world/columbia_flowerLady"), tmp_path)
    told = [finding for finding in composite.findings if finding.code in MOTION]
    rows, columns = composite.frame_shape
    assert any(
        finding.region is not None
        and finding.region.top < 0.3 * rows
        and finding.region.left < 0.5 * columns < finding.region.right
        for finding in told
    )
