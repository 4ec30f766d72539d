"""Frames that can be one stack at all: of one folder, camera body and picture size; of one series where names count stacks."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from stackd.intake.grouping.results import has_camera
from stackd.intake.names import name_parts
from stackd.intake.order.numbering import Numbered
from stackd.intake.settings import GroupingSettings
from stackd.model.frame import Frame

_CAMERA_FOLDER = re.compile(r"^[1-9][0-9]{2}[A-Z0-9_]{5}$")
"""100CANON, 101ND850: a camera begins a new one in the middle of anything."""

_NO_SERIAL = re.compile(r"^[0 ]*$")


def partition(frames: Sequence[Frame], numbers: Mapping[str, Numbered], settings: GroupingSettings) -> list[list[Frame]]:
    """Part frames that cannot be one stack, in a fixed order.

    A missing serial number is no other camera: it counts as the only body of that model where there is just one. Two models with
    one serial are one body whose name was rewritten. Series of names part frames without a camera, and any frames where the names
    count stacks.
    """
    bodies = _bodies(frames)
    parted: dict[tuple[str, ...], list[Frame]] = defaultdict(list)
    for frame in frames:
        camera = bodies[_model(frame), _serial(frame)] if has_camera(frame) else ""
        numbered = numbers[frame.path]
        series = numbered.series if not camera or numbered.stacks > 1 else ""
        parted[stack_folder(frame.path, settings), camera, series, frame_size(frame)].append(frame)
    return [parted[key] for key in sorted(parted)]


def frame_size(frame: Frame) -> str:
    """Give the picture size, either way up."""
    sides = sorted((frame.meta.width_px or 0, frame.meta.height_px or 0))
    return f"{sides[0]}×{sides[1]}"


def stack_folder(path: str, settings: GroupingSettings) -> str:
    """Name the folder within which a frame can have stack-mates; a camera's numbered folders count as one."""
    if settings.subfolders == "together":
        return ""
    folder = name_parts(path).folder
    parent, _, last = folder.rpartition("/")
    return parent if _CAMERA_FOLDER.match(last) else folder


def is_camera_folder(folder: str) -> bool:
    """Tell whether a camera made a folder, and not a person."""
    last = folder.rpartition("/")[2]
    return bool(_CAMERA_FOLDER.match(last)) or last.casefold() == "dcim"


def _bodies(frames: Sequence[Frame]) -> dict[tuple[str, str | None], str]:
    serials: dict[str, set[str]] = defaultdict(set)
    for frame in frames:
        serial = _serial(frame)
        if serial is not None:
            serials[_model(frame)].add(serial)
    bodies: dict[tuple[str, str | None], str] = {}
    for frame in frames:
        model, serial = _model(frame), _serial(frame)
        if serial is None and len(serials[model]) == 1:
            (serial,) = serials[model]
            bodies[model, None] = f"body {serial}"
        else:
            bodies[model, serial] = f"model {model}" if serial is None else f"body {serial}"
    return bodies


def _model(frame: Frame) -> str:
    return f"{(frame.meta.make or '').strip()} {(frame.meta.camera_model or '').strip()}".casefold()


def _serial(frame: Frame) -> str | None:
    serial = frame.meta.body_serial
    return None if serial is None or _NO_SERIAL.match(serial) else serial.strip()
