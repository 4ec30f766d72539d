"""What the user decided about a stack: kept for ever, and stronger than any evidence."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from stackd.model.frame import Frame


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class FrameKey:
    """Names a frame and the content it had when the user decided: another file under the same name is not meant."""

    path: str
    size_bytes: int
    mtime_ns: int
    page: int = -1
    """Plane in a multi-page file; −1 when the file is the frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Stack exactly these frames, however sure the grouping is."""

    frames: frozenset[FrameKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismiss:
    """Never stack these frames."""

    frames: frozenset[FrameKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A new stack begins with this frame, in order of capture."""

    before: FrameKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """All these frames are one stack."""

    frames: frozenset[FrameKey]


Override: TypeAlias = Release | Dismiss | Split | Merge
"""Later decisions win over earlier ones about the same frames."""


def frame_key(frame: Frame) -> FrameKey:
    """Name a frame for a decision."""
    return FrameKey(
        path=frame.path,
        size_bytes=frame.fingerprint.size_bytes,
        mtime_ns=frame.fingerprint.mtime_ns,
        page=-1 if frame.page is None else frame.page,
    )


def frame_keys(frames: Iterable[Frame]) -> frozenset[FrameKey]:
    """Name several frames for a decision."""
    return frozenset(frame_key(frame) for frame in frames)
