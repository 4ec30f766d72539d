"""What grouping costs: a comparison or two a frame, however many there are."""

import time
from dataclasses import replace

import pytest

from stackd.intake.evidence import content
from tests.intake.build import shoot, sizes, sorted_out, stack_looks


def _shoots(stacks: int) -> tuple[list, dict]:
    frames = [each for index in range(stacks) for each in shoot(10, first=1 + 10 * index, begin_s=100.0 * index, beat_s=0.5)]
    looks = {}
    for index in range(stacks):
        looks |= stack_looks(frames[10 * index : 10 * index + 10], index % 7)
    return frames, looks


def test_a_thousand_frames_are_grouped_in_seconds():
    frames, looks = _shoots(100)

    begin_s = time.process_time()
    grouping = sorted_out(frames, looks)

    assert sizes(grouping) == [10] * 100
    assert time.process_time() - begin_s < 6.0


def test_twice_the_frames_cost_twice_the_comparisons(monkeypatch: pytest.MonkeyPatch):
    frames, looks = _shoots(20)
    counted = 0
    compare = content.likeness

    def counting(first: object, second: object) -> object:
        nonlocal counted
        counted += 1
        return compare(first, second)  # type: ignore[arg-type]

    monkeypatch.setattr(content, "likeness", counting)
    sorted_out(frames[:100], looks)
    half, counted = counted, 0
    sorted_out(frames, looks)

    assert counted <= 2.2 * half
    assert half <= 8 * 100


def test_one_stack_of_two_thousand_frames_costs_no_more_a_frame():
    def cost_s(count: int) -> float:
        frames = [replace(each, meta=replace(each.meta, order_hint=float(i))) for i, each in enumerate(shoot(count, beat_s=0.2))]
        begin_s = time.process_time()
        assert sizes(sorted_out(frames)) == [count]
        return time.process_time() - begin_s

    cost_s(100)
    assert cost_s(2000) < 5.0
