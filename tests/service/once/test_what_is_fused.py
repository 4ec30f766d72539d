"""Which files `stackd fuse` takes of what it is given."""

from pathlib import Path

import numpy as np

from stackd.config.settings import Recipe
from stackd.imaging.ground.frames import ignore_progress
from stackd.rendering.scenes import SceneSettings, render_stack, two_planes
from stackd.service.once.fuse import fuse_files
from stackd.wiring.tools import stacking_tools
from tests import make_frames


def shot(folder: Path, *, seed: int) -> list[Path]:
    """Write a small rendered stack."""
    folder.mkdir(parents=True)
    scene = SceneSettings(subject=two_planes, height_px=96, width_px=128, frame_count=4, seed=seed)
    return [
        make_frames.write_png(folder / f"frame_{number}.png", np.array(pixels, np.uint8))
        for number, pixels in enumerate(render_stack(scene).frames)
    ]


def taken(paths: list[Path], output: Path) -> list[Path]:
    """The frames that a composite of these tells of."""
    outcome = fuse_files(
        paths,
        output=output,
        depth_map=None,
        page=None,
        recipe=Recipe(),
        recipe_name="default",
        tools=stacking_tools(),
        progress=ignore_progress,
    )
    return sorted(Path(frame.path) for frame in outcome.composite.frames)


def test_a_folder_that_a_nas_keeps_beside_the_frames_is_passed_over_where_all_was_named_with_a_star(tmp_path: Path):
    frames = shot(tmp_path / "shoot", seed=1)
    shot(tmp_path / "shoot" / "@eaDir", seed=2)

    assert taken(sorted((tmp_path / "shoot").iterdir()), tmp_path / "all.png") == frames


def test_a_folder_that_was_named_alone_is_meant_whatever_it_is_called(tmp_path: Path):
    frames = shot(tmp_path / "#recycle", seed=1)

    assert taken([tmp_path / "#recycle"], tmp_path / "all.png") == frames
