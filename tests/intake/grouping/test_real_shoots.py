"""Grouping on real shoots."""

import random
from pathlib import Path

import pytest

from stackd.model.stack import Decision, StackKind
from tests.intake.real_frames import files_of, poured
from tests.shared_data import shared_data

STACKS = {
    "rose_60d": 53,
    "nikon_d3300_bellows": 28,
    "pcb_phone": 7,
    "pcb_depthmap": 10,
    "rpi_imx219": 12,
    "cm_steps": 6,
    "leaves": 6,
    "dfnn_microtubules_z": 11,
    "amber_flies": 9,
}

NINE_STACKS = [
    (4370, 4374),
    (4377, 4384),
    (4388, 4393),
    (4406, 4415),
    (4416, 4425),
    (4426, 4431),
    (4436, 4442),
    (4446, 4452),
    (4461, 4465),
]
"""As the photographer counted them: 64 files."""


@pytest.mark.parametrize(("name", "count"), STACKS.items())
def test_a_real_stack_is_found_whole_and_sure_enough_to_be_processed(name: str, count: int):
    grouping = poured(files_of(shared_data("stacks", name)))

    assert [len(stack.frames) for stack in grouping.stacks] == [count]
    assert grouping.stacks[0].decision is Decision.PROCESS
    assert grouping.singles == ()


@pytest.mark.parametrize(
    ("folder", "results"),
    [("pcb_phone", ["expected.jpg"]), ("leaves", ["depth.png", "stacked.png"])],
)
def test_results_of_other_programs_among_the_frames_are_named(folder: str, results: list[str]):
    grouping = poured(files_of(shared_data("stacks", folder)))

    assert list(grouping.ignored) == results


def test_masks_and_results_beside_a_stack_are_not_fused_in():
    grouping = poured(files_of(shared_data("stacks", "fly_small")))

    assert [[frame.path for frame in stack.captured] for stack in grouping.stacks] == [
        [f"group/fly{number}.jpg" for number in range(1, 5)]
    ]


def test_equal_frames_are_no_stack():
    grouping = poured(files_of(shared_data("not_stacks", "noise_5d2_identical")))

    assert grouping.stacks == ()
    assert [other.kind for other in grouping.others] == [StackKind.BURST]


def test_a_walk_with_a_phone_gives_the_nine_stacks_its_photographer_counted():
    files = files_of(shared_data("timelines", "iphone_test_97f"))

    grouping = poured(files)

    processed = [
        sorted(int(frame.path[4:8]) for frame in stack.frames) for stack in grouping.stacks if stack.decision is Decision.PROCESS
    ]
    expected = [[number for number in range(first, last + 1) if f"IMG_{number}.JPG" in files] for first, last in NINE_STACKS]
    assert sum(len(numbers) for numbers in expected) == 64
    assert [[number for number in numbers if number != 4456] for numbers in processed] == expected
    held = [sorted(frame.path for frame in stack.frames) for stack in grouping.stacks if stack.decision is Decision.HOLD]
    assert held in ([], [["IMG_4490.JPG", "IMG_4491.JPG", "IMG_4492.JPG"]])


def test_a_walk_without_stacks_has_nothing_processed():
    grouping = poured(files_of(shared_data("timelines", "iphone_test_no_st")))

    assert [stack.decision for stack in grouping.stacks] in ([], [Decision.HOLD])
    assert all(
        {frame.path for frame in stack.frames} == {"IMG_4490.JPG", "IMG_4491.JPG", "IMG_4492.JPG"} for stack in grouping.stacks
    )


def _everything() -> dict[str, Path]:
    """Every real set in one folder; a name that is taken gets the set's name in front, as a photographer would do."""
    files: dict[str, Path] = {}
    for name in (*STACKS, "fly_small/group"):
        for path in files_of(shared_data("stacks", *name.split("/"))).values():
            wanted = path.name if path.name.casefold() not in {each.casefold() for each in files} else f"{name[:3]}_{path.name}"
            files[wanted] = path
    for kind in ("not_stacks/noise_5d2_identical", "timelines/iphone_test_97f"):
        for path in files_of(shared_data(*kind.split("/"))).values():
            files[path.name if path.name not in files else f"{kind[-4:]}_{path.name}"] = path
    return files


@pytest.mark.parametrize("seed", range(3))
def test_all_real_sets_poured_into_one_folder_come_apart_as_alone(seed: int):
    """Case 13, in shuffled order of arrival."""
    files = _everything()
    names = list(files)
    random.Random(seed).shuffle(names)  # noqa: S311

    grouping = poured({name: files[name] for name in names})

    found = {frozenset(files[frame.path] for frame in stack.frames) for stack in grouping.stacks}
    alone = set()
    for name in STACKS:
        (stack,) = poured(files_of(shared_data("stacks", name))).stacks
        alone.add(frozenset(shared_data("stacks", name) / frame.path for frame in stack.frames))
    shoot = shared_data("timelines", "iphone_test_97f")
    alone |= {frozenset(shoot / frame.path for frame in stack.frames) for stack in poured(files_of(shoot)).stacks}
    group = shared_data("stacks", "fly_small", "group")
    alone.add(frozenset(files_of(group).values()))
    assert found == alone
    processed = {
        frozenset(files[frame.path] for frame in stack.frames) for stack in grouping.stacks if stack.decision is Decision.PROCESS
    }
    assert len(processed) == len(STACKS) + len(NINE_STACKS)
