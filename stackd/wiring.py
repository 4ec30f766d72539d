"""The composition root: the only place that knows which adapter stands behind which port."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from stackd.adapters.exporters import CompositeExporter
from stackd.adapters.frame_reader import FrameFiles
from stackd.adapters.plane_file import PlaneFile
from stackd.adapters.process_meter import ProcessMeter
from stackd.adapters.publisher import FolderPublisher
from stackd.adapters.system_clock import SystemClock
from stackd.config.load import load_recipe
from stackd.imaging.frames import PlaneStore, Progress
from stackd.service.on_demand import FuseOutcome, Tools, fuse_files

if TYPE_CHECKING:
    from stackd.adapters.checkup import Check
    from stackd.adapters.demo_camera import DemoCamera

__all__ = ["FuseOutcome", "check_up", "demo_camera", "fuse_now", "stacking_tools"]


def stacking_tools(scratch_folder: Path) -> Tools:
    """Put together what a stack needs; planes that do not fit in memory go to unnamed files in `scratch_folder`."""

    def make_store() -> PlaneStore:
        return PlaneFile(scratch_folder)

    return Tools(
        reader=FrameFiles(scratch_folder=scratch_folder),
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


def check_up(config: Path | None) -> tuple[Check, ...]:
    """Look at everything `stackd doctor` looks at; a configuration that is wrong is one of the findings."""
    from stackd.adapters.checkup import Check, Verdict, check_machine, check_notices, check_state, check_watch
    from stackd.config.load import load_settings
    from stackd.errors import WrongConfiguration

    checks = list(check_machine())
    try:
        loaded = load_settings(config)
    except WrongConfiguration as error:
        return (*checks, Check(about="config", verdict=Verdict.TROUBLE, sentence=error.message, remedy=error.hint.strip()))
    watches = loaded.settings.watch
    if watches:
        checks.append(Check(about="config", verdict=Verdict.FINE, sentence=f"{loaded.path} has no mistakes."))
    else:
        checks.append(
            Check(
                about="config",
                verdict=Verdict.NOTE,
                sentence=f"{loaded.path or 'You have no configuration file, and the default'} names no folder to watch.",
                remedy="For the daemon: stackd config init, then set input and output. `stackd fuse` works without.",
            )
        )
    checks += check_state(loaded.settings.state.folder)
    for watch in watches:
        checks += check_watch(watch)
    checks += check_notices(watches)
    return tuple(checks)


def demo_camera(folder: Path) -> DemoCamera:
    """Make the camera whose card is `folder`."""
    from datetime import UTC, datetime

    from stackd.adapters.demo_camera import DemoCamera

    return DemoCamera(folder, began_at=datetime.now(UTC))
