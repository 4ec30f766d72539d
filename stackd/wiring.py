"""The composition root: the only place that knows which adapter stands behind which port."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir

from stackd.adapters.exporters import CompositeExporter
from stackd.adapters.frame_reader import FrameFiles
from stackd.adapters.plane_file import PlaneFile
from stackd.adapters.process_meter import ProcessMeter
from stackd.adapters.publisher import FolderPublisher
from stackd.adapters.system_clock import SystemClock
from stackd.config.load import load_recipe
from stackd.imaging.frames import PlaneStore, Progress
from stackd.service.on_demand import FuseOutcome, Tools, fuse_files

__all__ = ["FuseOutcome", "fuse_now"]


def stacking_tools(scratch_folder: Path) -> Tools:
    """Put together what a stack needs; planes that do not fit in memory go to unnamed files in `scratch_folder`."""

    def make_store() -> PlaneStore:
        return PlaneFile(scratch_folder)

    return Tools(
        reader=FrameFiles(),
        exporter=CompositeExporter(),
        publisher=FolderPublisher(),
        clock=SystemClock(),
        meter=ProcessMeter(),
        make_store=make_store,
    )


def fuse_now(
    frames: Sequence[Path],
    *,
    output: Path,
    recipe_name: str,
    config: Path | None,
    overrides: Sequence[str],
    depth_map: Path | None,
    progress: Progress,
) -> FuseOutcome:
    """Fuse one stack, as `stackd fuse` does; see `fuse_files` for what can go wrong."""
    recipe = load_recipe(recipe_name, config=config, overrides=overrides)
    return fuse_files(
        frames,
        output=output,
        depth_map=depth_map,
        recipe=recipe,
        recipe_name=recipe_name,
        tools=stacking_tools(Path(gettempdir())),
        progress=progress,
    )
