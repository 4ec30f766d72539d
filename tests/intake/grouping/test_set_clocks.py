"""A clock that was set within a run: time lies, while counters and focus go on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from stackd.model.frame import Frame
from tests.intake.build import focused, looks, names, noisy, scene, shoot, sizes, sorted_out, stack_looks

HOUR_S = 3600.0


def set_clock(frames: list[Frame], after: int, by_s: float) -> list[Frame]:
    """The clock was set between two frames: all later ones carry the new time."""
    later = [
        replace(each, meta=replace(each.meta, captured_at=each.meta.captured_at + timedelta(seconds=by_s)))
        for each in frames[after:]
    ]
    return [*frames[:after], *later]


@pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S, -1800.0, 1800.0, -24 * HOUR_S, 24 * HOUR_S, -437.0, -25.0])
@pytest.mark.parametrize("after", [1, 2, 5, 8, 9])
def test_a_clock_that_was_set_within_a_run_does_not_part_it(after: int, by_s: float):
    frames = shoot(10, beat_s=1.5)

    grouping = sorted_out(set_clock(frames, after, by_s), stack_looks(frames, 3))

    assert names(grouping) == [[f"IMG_{n:04d}" for n in range(1, 11)]]


@pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S])
def test_focus_steps_tell_as_well_as_pictures(by_s: float):
    frames = set_clock(shoot(10, hints=range(10)), 4, by_s)

    assert sizes(sorted_out(frames)) == [10]


@pytest.mark.parametrize("by_s", [-HOUR_S, HOUR_S, 2 * HOUR_S])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_second_stack_of_the_subject_an_hour_later_is_another_stack(by_s: float, *, backwards: bool):
    """Counters go on and the subject is the same, but focus begins anew, or runs back."""
    frames = set_clock(shoot(14), 7, by_s)
    subject = scene(8)
    order = [*range(7), *(reversed(range(7)) if backwards else range(7))]
    pictures = [noisy(focused(subject, place / 6), index) for index, place in enumerate(order)]

    grouping = sorted_out(frames, looks(frames, pictures))

    assert sorted(sizes(grouping)) == [7, 7]


def test_counters_that_go_on_from_another_day_join_nothing_that_looks_different():
    old, new = shoot(6, first=101, begin_s=-86400.0), shoot(100, beat_s=2.0, hints=range(100))
    contents = {**stack_looks(old, 1), **stack_looks(new, 2)}

    assert sizes(sorted_out([*new, *old], contents)) == [6, 100]
