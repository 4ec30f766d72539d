"""Stacks of one set: their composites share one geometry, whatever happens to single frames."""

from pathlib import Path

import numpy as np
import pytest

from stackd.config.load import load_recipe
from stackd.imaging.ground.frames import ignore_progress
from stackd.imaging.ground.luminance import as_gray, luma
from stackd.imaging.ground.matrices import corners, transformed
from stackd.imaging.register import register
from stackd.imaging.register.models import MotionRegistration
from stackd.rendering.scenes import SceneSettings, render_stack, two_planes
from stackd.service.once.fuse import FuseOutcome, fuse_files
from stackd.wiring.tools import stacking_tools
from tests import make_frames

FRAMES = 9
HEIGHT_PX, WIDTH_PX = 240, 320
BREATHING = 0.01
"""A frame: 1.6 px at the border from one to the next."""


def fused(
    folder: Path, *, seed: int, broken: tuple[int, ...] = (), reference: str | None = None
) -> tuple[FuseOutcome, np.ndarray]:
    """Shoot one view, some of whose frames arrive damaged, and fuse it as for photogrammetry. Gives also what the middle frame's
    grid shows in truth."""
    folder.mkdir()
    scene = SceneSettings(
        subject=two_planes,
        height_px=HEIGHT_PX,
        width_px=WIDTH_PX,
        frame_count=FRAMES,
        breathing=BREATHING,
        blur_px=0.6,
        seed=seed,
    )
    stack = render_stack(scene)
    for number, pixels in enumerate(stack.frames):
        path = make_frames.write_png(folder / f"view {seed:03} light 1 step {number:02}.png", np.array(pixels, np.uint8))
        if number in broken:
            path.write_bytes(path.read_bytes()[:2000])
    outcome = fuse_files(
        [folder],
        output=folder.parent / f"{folder.name}.tif",
        depth_map=None,
        page=None,
        recipe=load_recipe("photogrammetry", overrides=[] if reference is None else [f"align.reference={reference}"]),
        recipe_name="photogrammetry",
        tools=stacking_tools(),
        progress=ignore_progress,
    )
    return outcome, stack.truth


def off_px(outcome: FuseOutcome, truth: np.ndarray) -> float:
    """How far the composite's corners lie from where the middle frame has them."""
    gray = [as_gray(luma(np.rint(image * 65535).clip(0, 65535).astype(np.uint16))) for image in (truth, outcome.composite.image)]
    found = register(*gray, MotionRegistration())
    assert found
    at = corners((HEIGHT_PX, WIDTH_PX))
    return float(np.abs(transformed(found.matrix, at) - at).max())


@pytest.mark.parametrize("broken", [(), (1, 2), (5, 6, 7), (3,)])
def test_composites_of_a_set_have_one_size_one_reference_and_one_magnification(broken: tuple[int, ...], tmp_path: Path):
    outcome, truth = fused(tmp_path / "view", seed=12, broken=broken)

    assert outcome.composite.image.shape[:2] == outcome.composite.frame_shape == (HEIGHT_PX, WIDTH_PX)
    assert Path(outcome.composite.reference_path).stem == "view 012 light 1 step 04"
    assert off_px(outcome, truth) < 0.3


def test_a_number_in_the_names_holds_the_reference_even_where_the_ends_are_missing(tmp_path: Path):
    outcome, truth = fused(tmp_path / "view", seed=12, broken=(0, 1, 8), reference="number 4")

    assert Path(outcome.composite.reference_path).stem == "view 012 light 1 step 04"
    assert off_px(outcome, truth) < 0.3


def test_without_the_recipe_a_set_would_not_share_one_geometry(tmp_path: Path):
    """What the test above is about: the middle of the frames left lies elsewhere, and the lens breathes."""
    outcome, truth = fused(tmp_path / "view", seed=12, broken=(0, 1, 2), reference="auto")

    assert off_px(outcome, truth) > 1.0


@pytest.mark.parametrize(("choice", "step"), [("first", 0), ("last", 8)])
def test_the_reference_can_be_either_end(choice: str, step: int, tmp_path: Path):
    outcome, _ = fused(tmp_path / "view", seed=12, reference=choice)

    assert Path(outcome.composite.reference_path).stem == f"view 012 light 1 step {step:02}"


def test_a_reference_that_cannot_be_used_is_replaced_by_its_neighbour_and_that_is_told(tmp_path: Path):
    outcome, _ = fused(tmp_path / "view", seed=12, broken=(4,), reference="number 4")

    (told,) = [finding for finding in outcome.composite.findings if finding.code == "reference-replaced"]
    assert Path(outcome.composite.reference_path).stem == "view 012 light 1 step 05"
    assert "because the frame with number 4 is missing or cannot be used" in told.sentence


def test_the_recipe_names_by_view_and_crops_nothing():
    recipe = load_recipe("photogrammetry")

    assert (recipe.export.name, recipe.finish.crop, recipe.align.reference) == ("{stack}", False, "middle")
