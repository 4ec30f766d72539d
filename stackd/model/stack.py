"""A stack: frames of one subject at different focus."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from stackd.model.frame import Frame


class SealReason(StrEnum):
    """Why a stack takes no more frames."""

    GAP = "gap"
    COUNT = "count"
    FOLDER = "folder"
    MANIFEST = "manifest"
    NAME = "name"
    ASKED = "asked"


class StackKind(StrEnum):
    """What was varied between the frames."""

    FOCUS = "focus"
    EXPOSURE = "exposure"
    FOCUS_AND_EXPOSURE = "focus+exposure"
    BURST = "burst"
    PANORAMA = "panorama"
    TIMELAPSE = "timelapse"
    UNKNOWN = "unknown"


class FocusMotion(StrEnum):
    """What was moved to bring other depths into focus, as far as the files tell.

    A lens that focuses changes magnification from its own centre; a rail or stage changes perspective. Bellows and moved sensors
    leave no trace in the files and stay unknown.
    """

    LENS = "lens"
    RAIL = "rail"
    UNKNOWN = "unknown"


class Decision(StrEnum):
    """What happens to a stack without anyone being asked."""

    PROCESS = "process"
    HOLD = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Frames near → far, with how sure the grouping is and why."""

    id: str
    frames: tuple[Frame, ...]
    kind: StackKind
    reason: SealReason
    confidence: float
    decision: Decision
    evidence: tuple[str, ...]
    """Sentences, strongest first."""
    sealed_at: datetime | None = None
    name: str | None = None
    """Given by a manifest or the folder; used in the output name."""
    recipe: str | None = None


def stack_id(frames: Iterable[Frame]) -> str:
    """Name a stack after the set of its frames: the same files give the same id, in whatever order they came.

    Returns
    -------
    str
        Twelve hexadecimal digits; 48 bits keep a million stacks apart with a chance of collision below 0.2 %.
    """
    digest = hashlib.sha256()
    rows = sorted(
        (
            f.path.encode("utf-8", "surrogateescape"),
            -1 if f.page is None else f.page,
            f.fingerprint.size_bytes,
            f.fingerprint.mtime_ns,
        )
        for f in frames
    )
    for path, page, size_bytes, mtime_ns in rows:
        digest.update(b"%d:%s:%d:%d:%d\n" % (len(path), path, page, size_bytes, mtime_ns))
    return digest.hexdigest()[:12]
