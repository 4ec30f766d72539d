"""Stacks that somebody's pattern of names tells (`name_pattern`)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from stackd.intake.arrival.manifest import is_fit_for_file_names
from stackd.intake.grouping.partition import frame_size, stack_folder
from stackd.intake.name_pattern import NamedFrame, parse_pattern
from stackd.intake.names import name_parts, natural_key
from stackd.intake.settings import GroupingSettings
from stackd.model.frame import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedStack:
    """Frames that one stack's name is in."""

    frames: tuple[Frame, ...]
    title: str | None
    """For the name of the composite; None where it fits no file name."""
    because: str


def named_stacks(frames: Sequence[Frame], settings: GroupingSettings) -> tuple[list[NamedStack], list[Frame]]:
    """Make the stacks that the pattern tells, and hand back the frames it says nothing of: they are judged by evidence."""
    if not settings.name_pattern:
        return [], list(frames)
    pattern = parse_pattern(settings.name_pattern)
    found: dict[tuple[str, tuple[str, ...], str], list[tuple[Frame, NamedFrame]]] = defaultdict(list)
    remaining: list[Frame] = []
    for frame in frames:
        named = pattern.read(name_parts(frame.path).stem)
        if named is None:
            remaining.append(frame)
            continue
        stack = tuple(text.casefold() for _, text in named.stack)
        found[stack_folder(frame.path, settings), stack, frame_size(frame)].append((frame, named))
    stacks: list[NamedStack] = []
    for key in sorted(found):
        members = found[key]
        if len(members) < 2:  # noqa: PLR2004  one frame is no stack
            remaining.extend(frame for frame, _ in members)
            continue
        title = members[0][1].title
        stacks.append(
            NamedStack(
                frames=tuple(_with_focus(frame, named.focus) for frame, named in members),
                title=title if is_fit_for_file_names(title) else None,
                because=f"their names say so by the pattern {settings.name_pattern}" + (f": {title}" if title else ""),
            )
        )
    return stacks, sorted(remaining, key=lambda frame: natural_key(frame.path))


def _with_focus(frame: Frame, focus: float) -> Frame:
    """Let the place of focus in the name stand in for one that the metadata does not give."""
    if frame.meta.order_hint is not None:
        return frame
    sources = MappingProxyType({**frame.meta.sources, "order_hint": "name"})
    return replace(frame, meta=replace(frame.meta, order_hint=focus, sources=sources))
