"""What the user decides wins, and is about the very files it was decided on."""

from dataclasses import replace

from stackd.intake.arrival.manifest import Manifest
from stackd.intake.grouping.candidates import Grouping
from stackd.intake.grouping.grouping import group
from stackd.model.frame import Fingerprint, Frame
from stackd.model.override import Dismiss, Merge, Override, Release, Split, frame_key, frame_keys
from stackd.model.stack import Decision, SealReason
from tests.intake.build import SETTINGS, frame, names, shoot

FRAMES = shoot(12, beat_s=0.5)
"""Without focus data: held for review."""


def decided(*overrides: Override, frames: list[Frame] = FRAMES) -> Grouping:
    return group(frames, {}, SETTINGS, overrides=overrides)


def test_a_held_stack_is_processed_once_released():
    assert [stack.decision for stack in decided().stacks] == [Decision.HOLD]

    (stack,) = decided(Release(frames=frame_keys(FRAMES))).stacks

    assert (stack.decision, stack.confidence, stack.decided_by) == (Decision.PROCESS, 1.0, SealReason.ASKED)


def test_dismissed_frames_are_single_for_good():
    grouping = decided(Dismiss(frames=frame_keys(FRAMES)))

    assert grouping.stacks == ()
    assert len(grouping.singles) == 12


def test_a_split_parts_a_stack_before_the_frame_named():
    grouping = decided(Split(before=frame_key(FRAMES[5])))

    assert [len(stack.frames) for stack in grouping.stacks] == [5, 7]
    assert "you split the stack here" in [boundary.sentence for boundary in grouping.boundaries]


def test_the_parts_of_a_split_are_stacks_because_the_user_says_so_and_a_part_of_one_frame_is_single():
    grouping = decided(Split(before=frame_key(FRAMES[2])), Split(before=frame_key(FRAMES[11])))

    assert [(len(stack.frames), stack.decision) for stack in grouping.stacks] == [(2, Decision.PROCESS), (9, Decision.PROCESS)]
    assert [each.path for each in grouping.singles] == [FRAMES[11].path]


def test_a_stack_released_first_and_split_later_is_split():
    grouping = decided(Release(frames=frame_keys(FRAMES)), Split(before=frame_key(FRAMES[5])))

    assert [len(stack.frames) for stack in grouping.stacks] == [5, 7]


def test_a_stack_that_a_manifest_or_a_folder_made_can_be_split():
    cut = Split(before=frame_key(FRAMES[5]))
    manifest = Manifest(folder="", name="beetle", recipe="macro")

    told = group(FRAMES, {}, SETTINGS, manifests=[manifest], overrides=[cut]).stacks

    assert [(len(stack.frames), stack.decided_by, stack.recipe) for stack in told] == [
        (5, SealReason.ASKED, "macro"),
        (7, SealReason.ASKED, "macro"),
    ]
    inside = [replace(each, path=f"card/{each.path}") for each in FRAMES]
    by_folder = SETTINGS.model_copy(update={"subfolders": "stack"})
    parts = group(inside, {}, by_folder, overrides=[Split(before=frame_key(inside[5]))]).stacks
    assert [len(stack.frames) for stack in parts] == [5, 7]


def test_stacks_that_manifests_made_can_be_merged():
    folders = [[replace(each, path=f"{name}/{each.path}") for each in FRAMES[:4]] for name in ("near", "far")]
    frames = [each for folder in folders for each in folder]
    manifests = [Manifest(folder="near"), Manifest(folder="far")]

    (stack,) = group(frames, {}, SETTINGS, manifests=manifests, overrides=[Merge(frames=frame_keys(frames))]).stacks

    assert (len(stack.frames), stack.decided_by) == (8, SealReason.ASKED)


def test_merged_frames_are_one_stack_whatever_parts_them():
    apart = [*shoot(4), *shoot(4, first=50, begin_s=5000.0, focal_length_mm=35.0)]

    grouping = decided(Merge(frames=frame_keys(apart)), frames=apart)

    assert [len(stack.frames) for stack in grouping.stacks] == [8]
    assert grouping.stacks[0].decision is Decision.PROCESS


def test_the_later_decision_wins():
    keys = frame_keys(FRAMES)

    assert decided(Release(frames=keys), Dismiss(frames=keys)).stacks == ()
    assert len(decided(Dismiss(frames=keys), Release(frames=keys)).stacks) == 1
    assert [len(stack.frames) for stack in decided(Merge(frames=keys), Split(before=frame_key(FRAMES[6]))).stacks] == [6, 6]


def test_a_decision_is_not_about_another_file_of_the_same_name():
    decision = Dismiss(frames=frame_keys(FRAMES))
    next_day = [replace(each, fingerprint=Fingerprint(size_bytes=7, mtime_ns=9)) for each in FRAMES]

    assert names(decided(decision, frames=next_day)) == names(decided())


def test_a_late_frame_does_not_undo_a_release():
    late = frame("IMG_0013.JPG", 6.0)

    grouping = decided(Release(frames=frame_keys(FRAMES)), frames=[*FRAMES, late])

    assert [len(stack.frames) for stack in grouping.stacks] == [12]
    assert [each.path for each in grouping.singles] == ["IMG_0013.JPG"]
