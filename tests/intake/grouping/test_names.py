"""Stacks told apart by names alone, and names beside what cameras and pictures say."""

from datetime import timedelta
from random import Random

import pytest

from stackd.intake.brands.moment import capture_moment
from stackd.intake.evidence import content
from stackd.intake.order.counters import LOOKS
from stackd.model.stack import Decision, SealReason
from tests.intake.build import NOON, bare, focused, frame, looks, names, noisy, scene, shoot, sizes, sorted_out, stack_looks


def test_two_counters_without_metadata_make_the_stacks_they_count():
    frames = [[bare(f"scan_{stack:03}_{number:02}.png") for number in range(1, 9)] for stack in (1, 2, 3)]
    contents = {path: look for index, each in enumerate(frames) for path, look in stack_looks(each, index).items()}

    grouping = sorted_out([each for stack in frames for each in stack], contents)

    assert names(grouping) == [[f"scan_{stack:03}_{number:02}" for number in range(1, 9)] for stack in (1, 2, 3)]
    assert {stack.decision for stack in grouping.stacks} == {Decision.PROCESS}
    assert "their names make them one of 3 stacks" in grouping.stacks[0].evidence


@pytest.mark.parametrize("inner_first", [False, True])
def test_pictures_tell_which_of_two_bare_counters_is_focus(inner_first: bool):  # noqa: FBT001
    """Nothing in `3_5` says which number counts the frames: those of one stack look alike."""

    def named(stack: int, number: int) -> str:
        return f"{number}_{stack}.png" if inner_first else f"{stack}_{number}.png"

    frames = [[bare(named(stack, number)) for number in range(1, 6)] for stack in range(1, 6)]
    contents = {path: look for index, each in enumerate(frames) for path, look in stack_looks(each, index).items()}

    grouping = sorted_out([each for stack in frames for each in stack], contents)

    assert sorted(sorted(each) for each in names(grouping)) == sorted(
        sorted(each.path.removesuffix(".png") for each in stack) for stack in frames
    )


def test_hundreds_of_stacks_named_by_coordinates_come_apart_in_few_comparisons(monkeypatch: pytest.MonkeyPatch):
    places = [(250 * column, 300 * row) for column in range(23) for row in range(17)]
    subject = scene(7)
    pictures = [noisy(focused(subject, step / 9), step) for step in range(10)]
    few = looks([bare(f"{step}.png") for step in range(10)], pictures)
    frames = [bare(f"X{5000 + x:05}Y{y:05}Z{500 + 50 * step:05}.tif") for x, y in places for step in range(10)]
    contents = {each.path: few[f"{index % 10}.png"] for index, each in enumerate(frames)}
    compared: list[int] = []
    likeness = content.likeness
    monkeypatch.setattr(content, "likeness", lambda one, two: compared.append(1) or likeness(one, two))

    grouping = sorted_out(Random(391).sample(frames, len(frames)), contents)  # noqa: S311

    assert sizes(grouping) == [10] * 391
    assert all(len({each.path[:12] for each in stack.frames}) == 1 for stack in grouping.stacks)
    assert len(compared) < 3 * len(frames) + LOOKS


def test_names_that_count_stacks_part_frames_of_a_camera_too():
    """A rail that goes on to the next view without a pause; neighbouring views look alike."""
    frames = [frame(f"view {view:03} step {step:02}.jpg", (10 * view + step) * 2.0) for view in range(4) for step in range(1, 11)]

    grouping = sorted_out(frames)

    assert names(grouping) == [[f"view {view:03} step {step:02}" for step in range(1, 11)] for view in range(4)]


def test_lights_taken_in_turn_at_each_step_are_a_stack_each():
    frames = [
        frame(f"view 012 light {light} step {step:02}.jpg", (3 * step + light) * 2.0)
        for step in range(1, 9)
        for light in range(3)
    ]

    grouping = sorted_out(frames)

    assert names(grouping) == [[f"view 012 light {light} step {step:02}" for step in range(1, 9)] for light in range(3)]


@pytest.mark.parametrize("name", ["IMG_{:04d}.JPG", "DSC{:05d}.JPG", "2024-05-04 IMG_{:04d}.JPG", "IMG_1234-{}.JPG"])
def test_a_stack_with_one_counter_is_not_parted(name: str):
    frames = shoot(40, hints=range(40), name=name)

    assert sizes(sorted_out(frames)) == [40]


@pytest.mark.parametrize("apart_s", [5, 45, 3600])
def test_a_moment_that_all_frames_of_a_stack_bear_in_their_names_parts_stacks(apart_s: int):
    frames = []
    for stack in range(3):
        at = NOON + timedelta(seconds=apart_s * stack)
        for number in range(1, 9):
            path = f"{at:%Y-%m-%d_%H-%M-%S}_{number:02}.png"
            moment = capture_moment({}, path)
            assert moment is not None
            sources = {"captured_at": moment.source}
            frames.append(bare(path, captured_at=moment.captured_at, time_resolution_s=moment.resolution_s, sources=sources))
    contents = {path: look for stack in range(3) for path, look in stack_looks(frames[8 * stack : 8 * stack + 8], stack).items()}

    assert sizes(sorted_out(frames, contents)) == [8, 8, 8]


def test_five_frames_a_second_numbered_within_it_are_one_stack():
    frames = [
        frame(f"20240504_1015{second:02}-{index}.jpg", float(second), time_resolution_s=1.0)
        for second in range(4)
        for index in range(1, 6)
    ]

    assert sizes(sorted_out(frames, stack_looks(frames, 3))) == [20]


def test_a_pattern_decides_whatever_else_speaks_for_other_stacks():
    frames = [
        bare(f"{place} IMG_{10 * index + step} z{step}.jpg") for index, place in enumerate(("wing", "head")) for step in range(3)
    ]
    apart = [frame(f"lens cap z{step}.jpg", 500.0 * step) for step in range(2)]
    other = bare("notes 12.jpg")

    grouping = sorted_out([*frames, *apart, other], name_pattern="{stack} {any} z{focus}")

    assert {stack.name: len(stack.frames) for stack in grouping.stacks} == {"wing": 3, "head": 3, "lens": 2}
    assert {stack.decided_by for stack in grouping.stacks} == {SealReason.NAME}
    assert {stack.decision for stack in grouping.stacks} == {Decision.PROCESS}
    assert grouping.stacks[0].evidence == (
        "their names say so by the pattern {stack} {any} z{focus}: " + str(grouping.stacks[0].name),
    )
    assert [each.path for each in grouping.singles] == ["notes 12.jpg"]


def test_a_pattern_orders_frames_by_their_focus():
    frames = [bare(f"a_{height}mm.tif") for height in ("0,50", "-0,25", "0,25", "0,00")]

    (stack,) = sorted_out(frames, name_pattern="{stack}_{focus}mm").stacks

    assert [each.path for each in stack.frames] == ["a_-0,25mm.tif", "a_0,00mm.tif", "a_0,25mm.tif", "a_0,50mm.tif"]


def test_a_pattern_joins_no_frames_of_unlike_size_or_folder():
    frames = [
        bare(f"{folder}/a_{step}.png", width_px=width)
        for folder in "xy"
        for width in (800, 700)
        for step in range(width, width + 3)
    ]

    assert sizes(sorted_out(frames, name_pattern="{stack}_{focus}")) == [3, 3, 3, 3]
