"""Frames that belong to recorded stacks, and how a frame is known again: by path, by its bytes, by its picture."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

from stackd.intake.names import name_parts
from stackd.model.frame import Fingerprint, Frame
from stackd.model.stack import Stack
from stackd.service.ports import Described, TakenFrame


@dataclass(frozen=True)
class Taken:
    """Frames of the recorded stacks of one watch, those of superseded stacks excepted; only those that matter are looked up."""

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

    def without_stack(self, stack: Stack) -> "Taken":
        """Take the frames of a stack out."""
        frames = dict(self.frames)
        for frame in stack.frames:
            if frame.path in frames and frames[frame.path].stack_id == stack.id:
                del frames[frame.path]
        return Taken(MappingProxyType(frames))

    def with_hashes(self, stack_id: str, fingerprints: Mapping[str, Fingerprint]) -> "Taken":
        """Keep the hashes of the frames of a stack, by which they are known again."""
        frames = dict(self.frames)
        for path, now in fingerprints.items():
            known = frames.get(path)
            if known is not None and known.stack_id == stack_id:
                hashed = replace(known.fingerprint, content_sha256=now.content_sha256, picture=now.picture)
                frames[path] = replace(known, fingerprint=hashed)
        return Taken(MappingProxyType(frames))

    def with_recalled(self, recalled: Mapping[str, TakenFrame]) -> "Taken":
        """Add frames that the journal knows; what is known already is newer."""
        return Taken(MappingProxyType({**recalled, **self.frames})) if recalled.keys() - self.frames.keys() else self

    def without(self, paths: AbstractSet[str]) -> "Taken":
        """Let go of frames at these paths."""
        return Taken(MappingProxyType({path: known for path, known in self.frames.items() if path not in paths}))

    @property
    def stack_ids(self) -> frozenset[str]:
        """The stacks they belong to."""
        return frozenset(known.stack_id for known in self.frames.values())

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
