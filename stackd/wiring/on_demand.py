"""What is done at once and then over: one stack, one look at a folder, a checkup, the demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stackd.wiring.processes import DESCRIBE_NAMED_ENTRY
from stackd.wiring.tools import stacking_tools

DEMO_MARK = b"stackd demo"
DEMO_QUALITY = 88
"""What is in the demo's picture, and its quality as JPEG: it goes into the README."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from stackd.adapters.machine.checkup import Check
    from stackd.adapters.output.demo_camera import DemoCamera
    from stackd.imaging.ground.frames import Progress
    from stackd.intake.grouping.candidates import Grouping
    from stackd.model.frame import Frame
    from stackd.model.pixels import Pixels
    from stackd.service.once.fuse import FuseOutcome
    from stackd.service.once.group import Sorted
    from stackd.service.once.sibling import Sibling


def fuse_now(
    frames: Sequence[Path],
    *,
    output: Path,
    recipe_name: str,
    config: Path | None,
    overrides: Sequence[str],
    depth_map: Path | None,
    page: Path | None,
    progress: Progress,
    sibling: Sibling | None = None,
) -> FuseOutcome:
    """Fuse one stack, as `stackd fuse` does; see `fuse_files` for what can go wrong."""
    from stackd.config.load import load_recipe
    from stackd.service.once.fuse import fuse_files

    recipe = load_recipe(recipe_name, config=config, overrides=overrides)
    return fuse_files(
        frames,
        output=output,
        depth_map=depth_map,
        page=page,
        recipe=recipe,
        recipe_name=recipe_name,
        tools=stacking_tools(),
        progress=progress,
        sibling=sibling,
    )


def check_up(config: Path | None) -> tuple[Check, ...]:
    """Look at everything `stackd doctor` looks at; a configuration that is wrong is one of the findings."""
    from stackd.adapters.machine.checkup import (
        Check,
        Verdict,
        check_machine,
        check_notices,
        check_running,
        check_state,
        check_watch,
    )
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
    checks += check_running(loaded.settings.state.folder)
    for watch in watches:
        checks += check_watch(watch)
    checks += check_notices(watches)
    return tuple(checks)


def demo_camera(folder: Path) -> DemoCamera:
    """Make the camera whose card is `folder`."""
    from datetime import UTC, datetime

    from stackd.adapters.output.demo_camera import DemoCamera

    return DemoCamera(folder, began_at=datetime.now(UTC))


def write_before_and_after(frame: NDArray[np.uint8], composite: Path, picture: Path) -> None:
    """Write one frame and the composite side by side as JPEG."""
    import numpy as np

    from stackd.adapters.frames.reader import StackOfFiles
    from stackd.adapters.output.pictures import write_picture
    from stackd.config.develop import DevelopSettings
    from stackd.rendering.demo import before_and_after
    from stackd.service.ports import FrameFile

    made = StackOfFiles([FrameFile(path=composite)], DevelopSettings()).read(0)
    shallow = np.asarray(made if made.dtype == np.uint8 else np.rint(made / 257), np.uint8)
    write_picture(before_and_after(frame, shallow), picture, mark=DEMO_MARK, quality=DEMO_QUALITY)


def sort_now(paths: Sequence[Path], *, config: Path | None, progress: Progress) -> tuple[Path, Sorted]:
    """Sort the frames in some folders into stacks, as `stackd group` does. Gives also the folder their names are relative to.

    Raises
    ------
    WrongUse
        If a path is missing, or nothing is named.
    WrongConfiguration
        If the configuration cannot be used.
    """
    from stackd.adapters.folder.named_files import look_at
    from stackd.adapters.machine.system_clock import SystemClock
    from stackd.adapters.machine.wakeup import Wakeup
    from stackd.adapters.processes.describing import DescribingProcess
    from stackd.config.load import load_settings
    from stackd.intake.settings import GroupingSettings
    from stackd.service.once.group import DESCRIBERS, FILES_WORTH_A_PROCESS, sort_files

    settings = GroupingSettings() if config is None else load_settings(config).settings.intake.grouping
    folder, look = look_at(paths)
    wakeup, clock = Wakeup(), SystemClock()
    describers = [
        DescribingProcess(DESCRIBE_NAMED_ENTRY, clock=clock, watch=wakeup.watch, unwatch=wakeup.unwatch)
        for _ in range(min(DESCRIBERS, 1 + len(look.files) // FILES_WORTH_A_PROCESS))
    ]
    try:
        outcome = sort_files(
            look.files,
            folder,
            settings,
            describers=describers,
            waker=wakeup,
            progress=progress,
            passed_over=look.passed_over,
        )
    finally:
        for describer in describers:
            describer.close()
        wakeup.close()
    return folder, outcome


def keep_details(error: Exception) -> Path | None:
    """Keep the traceback of an error that nobody foresaw; None where it cannot be written."""
    from stackd.adapters.machine.logging_setup import note_error
    from stackd.config.places import default_state_folder

    try:
        return note_error(error, default_state_folder())
    except (OSError, RuntimeError):  # no room, no permission, or no home folder
        return None


def write_contact_sheet(grouping: Grouping, folder: Path, output: Path) -> None:
    """Write a picture of the stacks of a folder, one a row.

    Raises
    ------
    WrongUse
        If the name is none of a JPEG, or that of a frame.
    OutputBlocked
        If it cannot be written.
    """
    from stackd.adapters.frames.thumbnails import read_picture
    from stackd.adapters.output.sheets import write_sheet

    def glance(frame: Frame, side_px: int) -> Pixels | None:
        return read_picture(folder / frame.path, side_px=side_px, page=frame.page)

    write_sheet(grouping, folder, output, glance=glance)
