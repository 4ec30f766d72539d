"""Frames that belong to recorded stacks, and how a frame is known again: by path, by its bytes, by its picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from stackd.intake.names import name_parts
from stackd.model.frame import Fingerprint, Frame
from stackd.model.stack import Stack
from stackd.service.ports import Described, TakenFrame


@dataclass(frozen=True)
class Taken:
    """The frames of the recorded stacks of one watch, those of superseded stacks excepted."""

    frames: Mapping[str, TakenFrame]
    """By path."""

    def stack_of(self, frame: Frame) -> str | None:
        """Find the stack that holds this very picture: the same file, or one with the same bytes or picture anywhere."""
        known = self.frames.get(frame.path)
        if known is not None and frame.fingerprint.same_file_as(known.fingerprint):
            return known.stack_id
        for key in _keys(frame.fingerprint):
            if key in self._by_hash:
                return self._by_hash[key]
        companion = self._by_companion.get(frame.path)
        if companion is not None and companion.meta.captured_at is not None and _moment(frame) == companion.meta.captured_at:
            return companion.stack_id
        return None

    def is_recorded_at(self, path: str, fingerprint: Fingerprint) -> str | None:
        """Find the stack that has this file at this path, as far as a look at the folder tells."""
        known = self.frames.get(path)
        return None if known is None or not fingerprint.same_file_as(known.fingerprint.without_hash) else known.stack_id

    def may_be_changed(self, path: str, now: Fingerprint) -> bool:
        """Tell whether only the content can say if the file at a path still holds the recorded picture."""
        known = self.frames.get(path)
        if known is None or not _keys(known.fingerprint):
            return False
        return not now.without_hash.same_file_as(known.fingerprint.without_hash)

    def may_hold(self, described: Described) -> bool:
        """Tell whether a file that was not hashed can be a recorded frame that was renamed, moved or saved with other metadata.

        Such a file keeps its moment, or at least its name. One that says no moment is asked wherever its size in pixels
        is that of a recorded frame.
        """
        if described.fingerprint.content_sha256 is not None:
            return False
        known = self.frames.get(described.path)
        if known is not None and described.fingerprint.same_file_as(known.fingerprint.without_hash):
            return False
        return any(trait in self._traits for trait in _traits_of(described.path, described))

    def holds_picture(self, path: str, fingerprint: Fingerprint) -> bool:
        """Tell whether the file at a path still holds the picture that was recorded of it."""
        known = self.frames.get(path)
        return known is not None and bool(set(_keys(fingerprint)) & set(_keys(known.fingerprint)))

    def with_stack(self, stack: Stack) -> "Taken":
        """Add the frames of a stack."""
        added = {
            frame.path: TakenFrame(
                fingerprint=frame.fingerprint, stack_id=stack.id, meta=frame.meta, companions=frame.companion_paths
            )
            for frame in stack.frames
        }
        return Taken(MappingProxyType({**self.frames, **added}))

    def without_stack(self, stack_id: str) -> "Taken":
        """Take the frames of a stack out."""
        return Taken(MappingProxyType({path: known for path, known in self.frames.items() if known.stack_id != stack_id}))

    def with_hashes(self, stack_id: str, fingerprints: Mapping[str, Fingerprint]) -> "Taken":
        """Keep the hashes of the frames of a stack, by which they are known again."""
        hashed = {
            path: TakenFrame(
                fingerprint=Fingerprint(
                    size_bytes=known.fingerprint.size_bytes,
                    mtime_ns=known.fingerprint.mtime_ns,
                    content_sha256=fingerprints[path].content_sha256,
                    picture=fingerprints[path].picture,
                ),
                stack_id=stack_id,
                meta=known.meta,
                companions=known.companions,
            )
            for path, known in self.frames.items()
            if known.stack_id == stack_id and path in fingerprints
        }
        return Taken(MappingProxyType({**self.frames, **hashed}))

    @cached_property
    def _by_hash(self) -> Mapping[tuple[str, str], str]:
        return {key: known.stack_id for known in self.frames.values() for key in _keys(known.fingerprint)}

    @cached_property
    def _by_companion(self) -> Mapping[str, TakenFrame]:
        return {path: known for known in self.frames.values() for path in known.companions}

    @cached_property
    def _traits(self) -> frozenset[tuple[object, ...]]:
        hashed = [(path, known) for path, known in self.frames.items() if _keys(known.fingerprint)]
        return frozenset(trait for path, known in hashed for trait in _traits_of(path, known))


NOTHING_TAKEN = Taken(MappingProxyType({}))


def _keys(fingerprint: Fingerprint) -> list[tuple[str, str]]:
    keys = [("bytes", fingerprint.content_sha256), ("picture", fingerprint.picture)]
    return [(kind, value) for kind, value in keys if value is not None]


def _traits_of(path: str, said: Described | TakenFrame) -> list[tuple[object, ...]]:
    meta = said.meta
    size = tuple(sorted((meta.width_px or 0, meta.height_px or 0)))
    traits: list[tuple[object, ...]] = [
        ("name", name_parts(path).stem.casefold(), size),
        ("moment", meta.captured_at, size),
    ]
    if meta.captured_at is None or meta.sources.get("captured_at") == "mtime" or isinstance(said, TakenFrame):
        traits.append(("size", size))
    return traits


def _moment(frame: Frame) -> object:
    return frame.meta.captured_at if frame.meta.sources.get("captured_at") != "mtime" else None
