"""Frames that somebody says are one stack, put in order; and the small steps grouping shares with that."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from stackd.intake.order.focus_order import (
    FEWEST_TO_CONTRADICT,
    capture_is_known,
    focus_is_known,
    is_suspicious,
    near_to_far,
)
from stackd.intake.order.numbering import NOTHING_SEEN, Numbered, numbering
from stackd.intake.order.ordering import in_order
from stackd.intake.settings import GroupingSettings
from stackd.intake.shot import Shot, take_shot
from stackd.model.content import ContentSignature
from stackd.model.frame import Frame

FIRST_LOOKS = 7
"""Frames looked at before anything is suspected: of shuffled orders two in 5040 pass so many looks, of five looks two in 120."""


def in_one_stack(
    frames: Sequence[Frame], *, look: Callable[[Frame], ContentSignature | None] = lambda _frame: None
) -> tuple[Frame, ...]:
    """Order the frames of one stack near → far, whatever order they are given in; a multi-page file becomes one frame a page.

    Parameters
    ----------
    frames : sequence of Frame
        All of one stack; nothing is left out or cut.
    look : callable
        Tells what a frame looks like. Asked where metadata gives no distances: for a few frames spread through the stack, and for
        all of them when those are out of order.
    """
    numbers = numbering(frame.path for frame in frames)
    shots = [numbered_shot(page, NOTHING_SEEN, numbers) for frame in frames for page in pages_of(frame)]
    ordered = in_order(shots, GroupingSettings())
    if not focus_is_known(ordered):
        ordered = _looked_at(ordered, look)
    return tuple(shot.frame for shot in near_to_far(ordered))


def _looked_at(ordered: Sequence[Shot], look: Callable[[Frame], ContentSignature | None]) -> list[Shot]:
    """Look at a few frames spread through the stack, and at all where those are out of order, or nothing else orders them."""
    looks: dict[int, Shot] = {}
    if capture_is_known(ordered):
        if len(ordered) < FEWEST_TO_CONTRADICT:
            return list(ordered)
        places = {round(place) for place in np.linspace(0, len(ordered) - 1, FIRST_LOOKS)}
        looks = {place: replace(ordered[place], content=look(ordered[place].frame)) for place in sorted(places)}
        if not is_suspicious(list(looks.values())):
            return list(ordered)
    return [looks[place] if place in looks else replace(shot, content=look(shot.frame)) for place, shot in enumerate(ordered)]


def numbered_shot(frame: Frame, contents: Mapping[str, ContentSignature], numbers: Mapping[str, Numbered]) -> Shot:
    """Derive a `Shot`; a stage height or depth counter in the name stands in for a step the metadata does not give."""
    numbered = numbers[frame.path]
    hint = frame.meta.order_hint
    if hint is None:
        hint = numbered.depth
        if hint is not None:
            sources = MappingProxyType({**frame.meta.sources, "order_hint": "name"})
            frame = replace(frame, meta=replace(frame.meta, order_hint=hint, sources=sources))
    return take_shot(
        frame, contents.get(frame.path), series=numbered.series, number=numbered.number, stacks_named=numbered.stacks
    )


def pages_of(frame: Frame) -> tuple[Frame, ...]:
    """Part a multi-page file into its planes, each with its place along the axis; any other frame is its only page."""
    count = frame.meta.page_count
    if count == 1 or frame.page is not None:
        return (frame,)
    heights = frame.meta.page_positions_m if len(frame.meta.page_positions_m) == count else ()
    return tuple(
        replace(
            frame,
            page=page,
            companion_paths=() if page else frame.companion_paths,
            meta=replace(frame.meta, order_hint=heights[page] * 1e6 if heights else float(page)),
        )
        for page in range(count)
    )
