"""Frames as files: decoding them and telling what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from stackd.model.frame import Fingerprint, FrameMeta

if TYPE_CHECKING:
    from stackd.config.develop import DevelopSettings
    from stackd.imaging.ground.frames import FrameSource
    from stackd.model.content import ContentSignature


class MetadataReader(Protocol):
    """Reads what files say of themselves."""

    def describe(self, path: Path) -> FrameMeta:
        """Read what metadata and header say. A file without metadata gives an almost empty `FrameMeta`.

        Raises
        ------
        UnreadableFrame
            If the file is no image of a supported format, or is cut off where that can be told cheaply.
        """
        ...


class FrameReader(Protocol):
    """Reads the pixels of frames of every supported format."""

    def glance(self, path: Path) -> ContentSignature | None:
        """Look at a frame as cheaply as its format allows; None where its pixels cannot be read."""
        ...

    def check(self, frames: Sequence[FrameFile]) -> Mapping[FrameFile, str]:
        """Name the frames that cannot take part, each with the reason in plain words: unreadable, cut off, or of another size.

        The size that most frames share wins. Cheap: headers and structure, no decoding of whole frames.
        """
        ...

    def open(self, frames: Sequence[FrameFile], develop: DevelopSettings) -> FrameSource:
        """Prepare to read frames of one stack, near → far; RAW files all developed alike by the recipe's `develop` table."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFile:
    """Where one frame's pixels are: absolute path, and the plane in a multi-page file."""

    path: Path
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a settled file says of itself, and of its content where the grouping asks for it."""

    watch: str
    path: str
    fingerprint: Fingerprint
    meta: FrameMeta
    content: ContentSignature | None = None
    """What the frame looks like; none when its pixels could not be looked at cheaply."""
    content_is_kept: bool = False
    """The journal keeps `content`, and it is left out here: it is larger than all the rest, and seldom needed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDescribed:
    """A settled file that is no readable frame, and why in plain words."""

    watch: str
    path: str
    fingerprint: Fingerprint
    reason: str
    may_pass: bool = False
    """Whether the same file may be readable later: it could not be opened, or its share failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRead:
    """A settled manifest's bytes, no more than the largest manifest that is obeyed plus one."""

    watch: str
    path: str
    fingerprint: Fingerprint
    content: bytes


Answer: TypeAlias = Described | NotDescribed | ManifestRead


class Describer(Protocol):
    """Reads metadata outside the service's own process: a decoder that crashes or hangs on a file costs that file only."""

    def ask(self, watch: str, folder: Path, path: str, fingerprint: Fingerprint, *, with_hash: bool = False) -> None:
        """Queue a file; returns at once. `with_hash` asks for the content hash in the answer's fingerprint."""
        ...

    def answers(self) -> tuple[Answer, ...]:
        """Take what has been found out since the last call."""
        ...

    def close(self) -> None:
        """Stop reading; nothing asked before is answered."""
        ...
