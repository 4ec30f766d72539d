"""Frames as files: decoding them and telling what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from stackd.model.frame import Fingerprint, FrameMeta

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stackd.config.develop import DevelopSettings
    from stackd.model.content import ContentSignature
    from stackd.model.pixels import ColourSpace
    from stackd.service.ports.opened_stack import OpenedStack


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

    def fingerprint(self, path: Path) -> Fingerprint:
        """Read a file whole, once, and hash it and the picture in it.

        Raises
        ------
        UnreadableFrame
            If it cannot be opened or read.
        FrameChanged
            If it changed while it was read.
        """
        ...

    def glance(self, path: Path) -> ContentSignature | None:
        """Look at a frame as cheaply as its format allows; None where its pixels cannot be read."""
        ...

    def untouched(self, path: Path, since: Fingerprint) -> bool:
        """Whether nothing happened to a file since its fingerprint was taken; size and modification time alone can be kept."""
        ...

    def check(self, frames: Sequence[FrameFile]) -> Mapping[FrameFile, str]:
        """Name the frames that cannot take part, each with the reason in plain words: unreadable, cut off, or of another size.

        The size that most frames share wins. Cheap: headers and structure, no decoding of whole frames.
        """
        ...

    def open(self, frames: Sequence[FrameFile], develop: DevelopSettings, *, wanted: ColourSpace | None = None) -> OpenedStack:
        """Prepare to read frames of one stack, near → far; RAW files all developed alike by the recipe's `develop` table.

        `wanted` is the colour space the composite shall have, None for that of its frames: RAW files are developed in it, and
        frames that differ from each other are brought to it.
        """
        ...

    @property
    def remarks(self) -> Mapping[FrameFile, str]:
        """What was odd about frames that could be read all the same, in plain words; of those read since the last `open`."""
        ...


class CodeReader(Protocol):
    """Reads barcodes in pictures."""

    def read(self, gray: NDArray[np.uint8]) -> tuple[str, ...]:
        """Give the text of every barcode in a picture, uint8 (H, W), in no order."""
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
