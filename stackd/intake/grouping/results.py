"""Finished results among the frames: in-camera composites, other stackers' output, masks and depth maps. They are never fused."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from stackd.intake.names import name_parts
from stackd.model.frame import Frame
from stackd.model.names import shown

RESULT_WORDS = frozenset(
    [
        *("expected", "result", "results", "output", "final", "composite", "blend"),
        *("fused", "fusion", "merged", "merge", "stacked", "allinfocus", "aif", "edof", "pmax", "dmap"),
        *("depth", "depthmap", "mask", "masks", "edge", "edges"),
    ]
)
"""Words that stacking programs and people put into the names of what they made."""

_WORDS = re.compile(r"[a-z]+")
_FILES_COUNTED = re.compile(r"\((?:[0-9]+) files\)|\bzs[ _-](?:pmax|dmap|retouched)\b|\bhf[ _-]stack", re.IGNORECASE)
"""How stacking programs name results: "2024-05-01 (12 files)", "ZS PMax"."""

_DERIVED = re.compile(r"^[-_ ][a-z]+[-_ ]?[0-9]{0,3}$", re.IGNORECASE)
"""What follows a frame's name in that of a picture made from it: `fly1_blur2`, `IMG_1-sharp`."""

SERIES_OF_FRAMES = 3
"""So many numbered files under one result word are a series that somebody named so, not results."""


def result_reasons(frames: Sequence[Frame]) -> Mapping[str, str]:
    """Name the finished results among the frames, each with the reason.

    What metadata says (`FrameMeta.result_of`) is believed. Names are believed only of files without camera metadata: a camera
    writes frames, whatever somebody calls them.
    """
    reasons = {frame.path: f"it is a finished result: {frame.meta.result_of}" for frame in frames if frame.meta.result_of}
    by_folder: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        if frame.path not in reasons:
            by_folder[name_parts(frame.path).folder].append(frame)
    for folder_frames in by_folder.values():
        reasons.update(_results_by_name(folder_frames))
    return reasons


def has_camera(frame: Frame) -> bool:
    """Tell whether a camera's word is in the file."""
    meta = frame.meta
    return bool(meta.make or meta.camera_model or meta.exposure_time_s or meta.body_serial)


def _results_by_name(frames: Sequence[Frame]) -> dict[str, str]:
    reasons: dict[str, str] = {}
    families: dict[str, int] = defaultdict(int)
    stems = {name_parts(frame.path).stem.casefold() for frame in frames}
    for frame in frames:
        families[name_parts(frame.path).skeleton] += 1
    moments = Counter(frame.meta.captured_at for frame in frames if has_camera(frame))
    for frame in frames:
        parts = name_parts(frame.path)
        stem = parts.stem.casefold()
        if _FILES_COUNTED.search(stem):
            reasons[frame.path] = "it is a finished result: its name is one that stacking programs give"
            continue
        words = [word for word in _WORDS.findall(stem) if word in RESULT_WORDS]
        is_series = families[parts.skeleton] >= SERIES_OF_FRAMES and bool(parts.numbers)
        if has_camera(frame):
            # Stacking programs copy the metadata of a frame: then two files claim one moment.
            if words and not is_series and moments[frame.meta.captured_at] > 1:
                reasons[frame.path] = f"it is a finished result: its name says “{words[0]}”, and another frame has its moment"
            continue
        source = source_of(stem, stems)
        if len(frames) == 1:
            continue
        if source is not None:
            reasons[frame.path] = f"it was made from {shown(source)}: its name says so, and no camera took it"
        elif words and not is_series:
            reasons[frame.path] = f"it is a finished result: its name says “{words[0]}”, and no camera took it"
    return reasons


def source_of(stem: str, stems: AbstractSet[str]) -> str | None:
    """Find the picture from whose name this one is derived by a word (`fly1_edge` from `fly1`)."""
    for length in range(len(stem) - 1, 0, -1):
        if stem[length] in "-_ " and stem[:length] in stems and _DERIVED.match(stem[length:]):
            return stem[:length]
    return None
