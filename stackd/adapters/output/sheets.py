"""Write the contact sheet of a grouping as a JPEG."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from stackd.adapters.output.pictures import JPEG_SUFFIXES, is_marked, write_picture
from stackd.errors import WrongUse
from stackd.intake.grouping.candidates import Grouping
from stackd.model.frame import Frame
from stackd.model.names import shown
from stackd.model.pixels import Pixels
from stackd.model.stack import Decision
from stackd.rendering.contact_sheet import ROW_HEIGHT_PX, SheetRow, chosen, contact_sheet

QUALITY: Final = 88
MARK: Final = b"stackd contact sheet"
"""By which the next run knows that it may replace it."""

SINGLES_IN_A_ROW: Final = 14

SIDE_PX: Final = 2 * ROW_HEIGHT_PX
"""Wide pictures fill their row."""


Glance: TypeAlias = Callable[[Frame, int], Pixels | None]
"""Gives a small picture of a frame whose longer side has so many px; none of one that cannot be read."""


def write_sheet(grouping: Grouping, folder: Path, output: Path, *, glance: Glance) -> None:
    """Write a picture of the stacks of a folder, one a row, and of the single frames below.

    Raises
    ------
    WrongUse
        If the name is none of a JPEG, or that of a file that was sorted.
    OutputBlocked
        If it cannot be written.
    """
    if output.suffix.lower() not in JPEG_SUFFIXES:
        raise WrongUse(f"{shown(output)} has no extension for a contact sheet.", hint="Use .jpg.")
    frames = [frame for stack in grouping.stacks for frame in stack.frames] + list(grouping.singles)
    taken = {os.path.realpath(folder / path) for path in (*(frame.path for frame in frames), *grouping.ignored)}
    if os.path.realpath(output) in taken and not is_marked(output, mark=MARK):
        raise WrongUse(
            f"{shown(output)} is one of the files that were sorted.", hint="Choose another name for the contact sheet."
        )
    write_picture(contact_sheet(_rows(grouping, glance)), output, mark=MARK, quality=QUALITY)


def _rows(grouping: Grouping, glance: Glance) -> Sequence[SheetRow]:
    rows = [
        SheetRow(
            label=f"{number}: {len(stack.frames)} frames, {_name(stack.frames[0])} to {_name(stack.frames[-1])}, "
            f"{100 * stack.confidence:.0f} % sure, {'process' if stack.decision is Decision.PROCESS else 'held'}",
            thumbnails=[glance(stack.frames[index], SIDE_PX) for index in chosen(len(stack.frames))],
            is_held=stack.decision is Decision.HOLD,
        )
        for number, stack in enumerate(grouping.stacks, start=1)
    ]
    others = {frame.path for other in grouping.others for frame in other.frames}
    rows += [
        SheetRow(
            label=f"no focus stack ({other.kind.value}): {_name(other.frames[0])} to {_name(other.frames[-1])}",
            thumbnails=[glance(other.frames[index], SIDE_PX) for index in chosen(len(other.frames))],
        )
        for other in grouping.others
    ]
    singles = [frame for frame in grouping.singles if frame.path not in others]
    for start in range(0, len(singles), SINGLES_IN_A_ROW):
        part = singles[start : start + SINGLES_IN_A_ROW]
        label = f"single frames: {_name(part[0])} to {_name(part[-1])}" if len(part) > 1 else f"single frame: {_name(part[0])}"
        rows.append(SheetRow(label=label, thumbnails=[glance(frame, SIDE_PX) for frame in part]))
    return rows


def _name(frame: Frame) -> str:
    return shown(frame.path.rpartition("/")[2])
