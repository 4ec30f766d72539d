"""A folder sorted part by part: the same stacks as in one go, and only what changed is sorted again."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from stackd.intake.arrival.manifest import Manifest
from stackd.intake.grouping import parts
from stackd.intake.grouping.grouping import group
from stackd.intake.grouping.parts import Sorting, parts_of, prepare, sort_again, sort_prepared
from stackd.intake.settings import GroupingSettings
from stackd.model.frame import Frame
from stackd.model.override import Merge, Split, frame_key, frame_keys
from tests.intake.build import SETTINGS, bare, frame, names, shoot

HOUR_S = 3_600.0


@pytest.fixture(autouse=True)
def part_few_frames_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "FEWEST_TO_PART", 1)


def test_fewer_than_a_thousand_frames_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    few = [*stacks(2), *stacks(2, begin_s=2 * HOUR_S, first=100)]

    monkeypatch.undo()

    assert [len(part) for part in parts_of(few, SETTINGS)] == [40]


def stacks(count: int, *, frames: int = 10, apart_s: float = 60.0, begin_s: float = 0.0, first: int = 1) -> list[Frame]:
    """Focus stacks one after the other."""
    return [
        each
        for number in range(count)
        for each in shoot(
            frames, first=first + number * frames, begin_s=begin_s + number * apart_s, hints=range(frames), name="IMG_{:05d}.JPG"
        )
    ]


def paths(parted: Sequence[Sequence[Frame]]) -> list[list[str]]:
    return sorted(sorted(each.path for each in part) for part in parted)


def test_many_stacks_make_several_parts_and_the_same_stacks_as_in_one_go() -> None:
    frames = stacks(60)

    sorting = sort_again(Sorting(), frames, {}, SETTINGS)

    assert 2 <= len(sorting.parts) <= 6
    assert sorting.grouping.stacks == group(frames, {}, SETTINGS).stacks
    assert len(sorting.grouping.stacks) == 60
    assert {(cut.after, cut.before) for cut in sorting.grouping.boundaries} == {
        (cut.after, cut.before) for cut in group(frames, {}, SETTINGS).boundaries
    }


def test_only_the_part_that_a_frame_came_for_is_sorted_again() -> None:
    frames = stacks(200)
    before = sort_again(Sorting(), frames, {}, SETTINGS)

    unchanged = sort_again(before, frames, {}, SETTINGS)
    late = sort_again(before, [*frames, frame("IMG_99999.JPG", 200 * 60.0)], {}, SETTINGS)
    early = sort_again(before, [each for each in frames if each.path != "IMG_00015.JPG"], {}, SETTINGS)

    assert before.frames_sorted == 2000
    assert unchanged.frames_sorted == 0
    assert late.frames_sorted <= 500
    assert early.frames_sorted <= 800
    kept = {id(stack) for stack in before.grouping.stacks}
    assert sum(id(stack) in kept for stack in late.grouping.stacks) >= 120
    assert sum(id(stack) in kept for stack in early.grouping.stacks) >= 120


def test_other_settings_sort_everything_again_and_a_decision_only_what_it_is_about() -> None:
    frames = stacks(60)
    before = sort_again(Sorting(), frames, {}, SETTINGS)

    other = sort_again(before, frames, {}, GroupingSettings(min_frames=4))
    decided = sort_again(before, frames, {}, SETTINGS, overrides=[Split(before=frame_key(frames[5]))])

    assert other.frames_sorted == 600
    assert decided.frames_sorted <= 500
    assert [len(stack.frames) for stack in decided.grouping.stacks[:3]] == [5, 5, 10]


def test_sorting_goes_on_in_steps_and_tells_the_result_of_before_until_it_is_whole() -> None:
    frames = stacks(60)
    first = sort_again(Sorting(), frames[:100], {}, SETTINGS)

    steps = [sort_again(first, frames, {}, SETTINGS, most_frames=1)]
    while not steps[-1].is_whole:
        steps.append(sort_again(steps[-1], frames, {}, SETTINGS, most_frames=1))

    assert len(steps) >= 2
    assert steps[0].grouping is first.grouping
    assert steps[-1].grouping.stacks == group(frames, {}, SETTINGS).stacks
    assert 500 <= steps[-1].frames_sorted <= 600


def test_a_long_pause_always_parts_and_a_short_one_only_many_frames() -> None:
    few = [*stacks(2), *stacks(2, begin_s=2 * HOUR_S, first=100)]
    steady = shoot(500, name="IMG_{:05d}.JPG")

    assert [len(part) for part in parts_of(few, SETTINGS)] == [20, 20]
    assert [len(part) for part in parts_of(stacks(2), SETTINGS)] == [20]
    assert [len(part) for part in parts_of(steady, SETTINGS)] == [500]


def test_a_stack_whose_focus_goes_on_over_a_pause_is_not_parted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "FRAMES_IN_A_PART", 5)
    monkeypatch.setattr(parts, "ONE_PAUSE_IN", 1)
    first, second = shoot(10, hints=range(10)), shoot(10, first=11, begin_s=40.0, hints=range(10, 20))
    anew = shoot(10, first=11, begin_s=40.0, hints=range(10))

    assert [len(part) for part in parts_of([*first, *second], SETTINGS)] == [20]
    assert [len(part) for part in parts_of([*first, *anew], SETTINGS)] == [10, 10]


@pytest.mark.parametrize(
    ("early", "late"),
    [
        (frame("IMG_1.CR3", 0.0), frame("IMG_1.JPG", 5 * HOUR_S)),
        (frame("RAW/IMG_1.CR3", 0.0), frame("JPG/IMG_1.JPG", 5 * HOUR_S)),
        (frame("IMG_1.JPG", 0.0), frame("IMG_1 Kopie.JPG", 5 * HOUR_S)),
        (frame("a/one.JPG", 0.0), frame("web/small.JPG", 1.5)),
        (frame("fly.tif", 0.0), bare("fly_edge.tif")),
        (frame("a.JPG", 0.0, sequence_id="S"), frame("b.JPG", 5 * HOUR_S, sequence_id="S")),
    ],
)
def test_what_may_be_one_exposure_a_copy_a_result_or_a_sequence_stays_together(early: Frame, late: Frame) -> None:
    between = frame("other.JPG", 2.5 * HOUR_S)

    together = next(part for part in parts_of([early, between, late], SETTINGS) if early in part)

    assert late in together


def test_what_a_manifest_or_the_user_joins_stays_together() -> None:
    early, late = shoot(5), shoot(5, first=6, begin_s=5 * HOUR_S)
    everything = [*early, *late]
    manifest = Manifest(folder="", frames=(early[0].path, late[0].path))
    merge = Merge(frames=frame_keys(everything))

    assert len(parts_of(everything, SETTINGS)) == 2
    assert len(parts_of(everything, SETTINGS, manifests=[manifest])) == 1
    assert len(parts_of(everything, SETTINGS, overrides=[merge])) == 1
    merged = sort_again(Sorting(), everything, {}, SETTINGS, overrides=[merge])
    assert [len(stack.frames) for stack in merged.grouping.stacks] == [10]


def test_parts_depend_on_the_set_of_frames_alone_and_other_frames_leave_those_far_away_as_they_are() -> None:
    frames = stacks(90)

    whole = parts_of(frames, SETTINGS)

    assert paths(parts_of(frames[::-1], SETTINGS)) == paths(whole)
    assert paths(parts_of(frames[:800], SETTINGS))[:2] == paths(whole)[:2]
    assert paths(parts_of(frames[1:], SETTINGS))[-1] == paths(whole)[-1]


def test_a_frame_that_is_another_value_is_sorted_again_even_when_only_its_time_of_change_differs() -> None:
    frames = stacks(1)
    before = sort_again(Sorting(), frames, {}, SETTINGS)
    touched = [*frames[:-1], replace(frames[-1], fingerprint=replace(frames[-1].fingerprint, mtime_ns=99))]

    after = sort_again(before, touched, {}, SETTINGS)

    assert after.frames_sorted == 10
    assert after.grouping.stacks[0].id != before.grouping.stacks[0].id
    assert names(after.grouping) == names(before.grouping)


def test_a_part_of_recorded_frames_is_not_sorted_before_a_frame_joins_it_or_somebody_decides_about_it() -> None:
    frames = stacks(3)
    known = {each.path for each in frames}

    def recorded(one: Frame) -> bool:
        return one.path in known

    def all_but_one(one: Frame) -> bool:
        return one.path in known and one is not frames[7]

    before = sort_prepared(prepare(Sorting(), frames, SETTINGS, is_recorded=recorded), {})

    more = prepare(before, [*frames, frame("IMG_00031.JPG", 200.0)], SETTINGS, is_recorded=recorded)
    decided = prepare(before, frames, SETTINGS, is_recorded=recorded, overrides=[Split(before=frame_key(frames[5]))])
    freed = prepare(before, frames, SETTINGS, is_recorded=all_but_one)
    sorted_already = prepare(sort_prepared(freed, {}), frames, SETTINGS, is_recorded=recorded)

    assert (before.frames_sorted, before.grouping.stacks) == (0, ())
    assert [len(each.to_sort) for each in (more, decided, freed, sorted_already)] == [31, 30, 30, 0]
    assert len(sort_prepared(sorted_already, {}).grouping.stacks) == 3
