"""Frames that somebody says are one stack, put in order."""

from collections.abc import Sequence
from dataclasses import replace

from stackd.intake.focus_order import near_to_far
from stackd.intake.numbering import numbering
from stackd.intake.ordering import in_order
from stackd.intake.settings import GroupingSettings
from stackd.intake.shot import take_shot
from stackd.model.frame import Frame


def in_one_stack(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    """Order the frames of one stack near → far, whatever order they are given in; a multi-page file becomes one frame a page.

    Parameters
    ----------
    frames : sequence of Frame
        All of one stack; nothing is left out or cut.
    """
    numbers = numbering(frame.path for frame in frames)
    shots = []
    for page in (page for frame in frames for page in pages_of(frame)):
        number = numbers[page.path]
        shots.append(take_shot(page, None, series=number.series, number=number.number))
    return tuple(shot.frame for shot in near_to_far(in_order(shots, GroupingSettings())))


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
