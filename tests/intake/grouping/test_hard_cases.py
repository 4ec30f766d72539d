"""The hard cases of grouping, made up: each is a shoot that some rule of thumb gets wrong."""

import random
from dataclasses import replace

import pytest

from stackd.intake.arrival.manifest import Manifest
from stackd.model.frame import BracketKind, FrameMeta
from stackd.model.stack import Decision, FocusMotion, StackKind
from tests.intake.build import (
    bare,
    focused,
    frame,
    looks,
    names,
    noisy,
    same_looks,
    scene,
    shoot,
    sizes,
    sorted_out,
    stack_looks,
    strange_looks,
)


def test_a_stack_whose_camera_reports_one_distance_throughout_is_kept_whole():
    """Case 1: the only real camera stack with full maker notes has the same distance in all 53 frames, and one odd shutter."""
    frames = shoot(53, beat_s=3.7, distances_m=[0.58] * 53)
    frames[44] = replace(frames[44], meta=replace(frames[44].meta, exposure_time_s=1 / 60))

    grouping = sorted_out(frames, stack_looks(frames, 1))

    assert sizes(grouping) == [53]
    assert grouping.stacks[0].confidence >= 0.7


def test_frames_deleted_from_the_middle_do_not_part_a_stack():
    """Case 2: bellows, ten-second cadence with holes of twenty seconds where numbers are missing."""
    frames = shoot(33, first=356, beat_s=10.1, name="DSC_{:04d}.JPG", focal_length_mm=None, f_number=None)
    kept = [each for index, each in enumerate(frames) if index not in {1, 8, 14, 21, 27}]

    grouping = sorted_out(kept, stack_looks(kept, 2))

    assert sizes(grouping) == [28]


def test_a_slow_hand_makes_one_stack_in_order_of_time_even_where_names_run_backwards():
    """Case 3: 38 to 46 seconds apart, names reversed."""
    at_s = [0.0, 38.0, 84.0, 125.0]
    frames = [frame(f"focus_{4 - index}.jpg", at) for index, at in enumerate(at_s)]

    grouping = sorted_out(frames, stack_looks(frames, 3))

    assert names(grouping) == [["focus_4", "focus_3", "focus_2", "focus_1"]]


def test_times_that_are_all_equal_give_way_to_the_names():
    """Case 4: an export stamped every frame with one moment."""
    frames = [frame(f"amber_{index}.jpg", 0.0, time_resolution_s=1.0) for index in range(1, 7)]

    grouping = sorted_out(reversed(frames), stack_looks(frames, 4))

    assert names(grouping) == [[f"amber_{index}" for index in range(1, 7)]]


def test_equal_frames_are_a_burst_and_no_stack():
    """Case 5."""
    frames = [frame(f"{index:04d}.jpg", 0.67) for index in range(1, 7)]

    grouping = sorted_out(frames, same_looks(frames, 5))

    assert grouping.stacks == ()
    assert [other.kind for other in grouping.others] == [StackKind.BURST]


def test_another_programs_result_beside_the_frames_is_left_out_and_named():
    """Case 6."""
    frames = shoot(7, beat_s=5.4, name="pcb_{:03d}.jpg", time_resolution_s=1.0, width_px=2048, height_px=1536)
    result = bare("expected.jpg", width_px=2048, height_px=1536)

    grouping = sorted_out([*frames, result], stack_looks(frames, 6))

    assert sizes(grouping) == [7]
    assert "finished result" in grouping.ignored["expected.jpg"]


def test_unpadded_numbers_copied_in_random_order_come_out_in_natural_order():
    """Case 7: the file times are those of a copy and mean nothing."""
    shuffled = random.Random(7).sample(range(14), 14)  # noqa: S311
    frames = [frame(f"scorpion_{index + 1}.jpg", 1000.0 + shuffled[index], source="mtime") for index in range(14)]

    grouping = sorted_out(frames, stack_looks(frames, 7))

    assert names(grouping) == [[f"scorpion_{index}" for index in range(1, 15)]]


def test_three_stacks_of_nine_with_coarse_distances_stay_apart_although_their_ranges_touch():
    """Case 12: 0.1 s cadence, pauses of 17 to 27 s, several frames for each value the converter wrote."""
    distances = [
        [2.58, 2.58, 2.58, 3.01, 3.01, 3.01, 3.01, 3.01, 3.01],
        [3.49, 3.49, 4.01, 4.01, 4.01, 4.61, 4.61, 5.32, 5.32],
        [4.01, 4.01, 4.01, 4.61, 4.61, 5.32, 5.32, 6.12, 6.12],
    ]
    frames = [
        each
        for index, begin_s in enumerate([0.0, 17.0, 44.0])
        for each in shoot(9, first=1 + 9 * index, begin_s=begin_s, beat_s=0.1, name="LR_{:03d}.dng", distances_m=distances[index])
    ]
    one_view = same_looks(frames, 12)

    assert sizes(sorted_out(frames)) == [9, 9, 9]
    assert sizes(sorted_out(frames, one_view)) == [9, 9, 9]


def test_front_to_back_twice_without_a_pause_is_cut_where_the_focus_jumps_back():
    """Case 14."""
    frames = shoot(40, beat_s=0.5, hints=[*range(1, 21), *range(1, 21)])

    grouping = sorted_out(frames)

    assert sizes(grouping) == [20, 20]
    assert [boundary.sentence for boundary in grouping.boundaries] == [
        "cut after IMG_0020.JPG: focus jumped back from step 20 to step 1"
    ]


@pytest.mark.parametrize("count", [3, 4, 5])
def test_even_short_stacks_are_cut_at_the_reset(count: int):
    frames = shoot(2 * count, beat_s=0.5, hints=[*range(count), *range(count)])

    grouping = sorted_out(frames)

    assert sizes(grouping) == [count, count]


def test_without_any_focus_data_the_same_shoot_is_one_stack_of_low_confidence_with_a_note():
    """Case 15."""
    frames = shoot(40, beat_s=0.5)

    grouping = sorted_out(frames)

    assert sizes(grouping) == [40]
    assert grouping.stacks[0].confidence < 0.7
    assert grouping.stacks[0].decision is Decision.HOLD
    assert "nothing shows that the focus moved" in grouping.stacks[0].evidence[-1]


def test_without_focus_data_the_pictures_show_where_the_second_stack_begins():
    frames = shoot(40, beat_s=0.5)
    contents = {**stack_looks(frames[:20], 15), **stack_looks(frames[20:], 15)}

    grouping = sorted_out(frames, contents)

    assert sizes(grouping) == [20, 20]
    assert "sharpness jumped back" in grouping.boundaries[0].sentence


def test_without_focus_data_the_cameras_own_numbers_split_the_shoot():
    frames = shoot(40, beat_s=0.5, bracket_kind=BracketKind.FOCUS)
    frames = [replace(each, meta=replace(each.meta, sequence_number=index % 20 + 1)) for index, each in enumerate(frames)]

    assert sizes(sorted_out(frames)) == [20, 20]


def test_two_bodies_of_one_model_shooting_at_once_are_told_apart_by_their_serials():
    """Case 17."""
    first = shoot(10, name="A{:04d}.JPG", body_serial="111", hints=range(10))
    second = shoot(10, begin_s=0.4, name="B{:04d}.JPG", body_serial="222", hints=range(10))

    grouping = sorted_out([each for pair in zip(first, second, strict=True) for each in pair])

    assert sorted(names(grouping)) == [[f"A{n:04d}" for n in range(1, 11)], [f"B{n:04d}" for n in range(1, 11)]]


def test_two_models_with_one_serial_are_one_body():
    frames = [
        replace(each, meta=replace(each.meta, camera_model="EOS R5" if index % 2 else "Canon EOS R5"))
        for index, each in enumerate(shoot(8, body_serial="111", hints=range(8)))
    ]

    assert sizes(sorted_out(frames)) == [8]


@pytest.mark.parametrize("after_9999", [0, 1])
@pytest.mark.parametrize("timed", [True, False])
def test_a_counter_that_passes_9999_goes_on(timed: bool, after_9999: int):  # noqa: FBT001
    """Case 18."""
    numbers = [9997, 9998, 9999, after_9999, after_9999 + 1]
    frames = [frame(f"DSC_{number:04d}.JPG", index if timed else None, order_hint=index) for index, number in enumerate(numbers)]

    grouping = sorted_out(frames)

    assert names(grouping) == [[f"DSC_{number:04d}" for number in numbers]]


def test_raw_and_jpeg_of_one_exposure_are_one_frame():
    """Case 19."""
    raws = shoot(12, name="IMG_{:04d}.CR3", hints=range(12))
    jpegs = shoot(12, name="img_{:04d}.jpg", hints=range(12))

    grouping = sorted_out([*jpegs, *raws])

    assert sizes(grouping) == [12]
    assert all(each.path.endswith(".CR3") for each in grouping.stacks[0].frames)
    assert grouping.stacks[0].captured[0].companion_paths == ("img_0001.jpg",)
    assert grouping.ignored["img_0001.jpg"] == "it is the same exposure as IMG_0001.CR3, which is stacked"


def test_raw_and_jpeg_in_sibling_folders_are_one_frame():
    raws = shoot(5, name="shoot/RAW/IMG_{:04d}.NEF", hints=range(5))
    jpegs = shoot(5, name="shoot/JPG/IMG_{:04d}.JPG", hints=range(5))

    grouping = sorted_out([*jpegs, *raws], pair_preference="rendered")

    assert sizes(grouping) == [5]
    assert all(each.path.endswith(".JPG") for each in grouping.stacks[0].frames)


def test_raws_that_arrive_after_their_jpegs_take_their_place():
    """Case 20: the same group with the RAWs in it once they are there."""
    jpegs = shoot(6, name="IMG_{:04d}.JPG", hints=range(6))
    raws = shoot(6, name="IMG_{:04d}.NEF", hints=range(6))

    before, after = sorted_out(jpegs), sorted_out([*jpegs, *raws])

    assert sizes(before) == sizes(after) == [6]
    assert all(each.path.endswith(".NEF") for each in after.stacks[0].frames)


def _bracketed(count: int, levels: list[float], **meta: object) -> list:
    frames = shoot(count, beat_s=0.4, **meta)
    return [
        replace(each, meta=replace(each.meta, exposure_time_s=0.02 * 2.0 ** levels[index % len(levels)]))
        for index, each in enumerate(frames)
    ]


@pytest.mark.parametrize("levels", [[-2.0, 0.0, 2.0], [0.0, -2.0, 2.0], [0.0, -1.0, 1.0]])
@pytest.mark.parametrize("count", [3, 9])
def test_exposure_brackets_at_one_focus_are_no_focus_stack(count: int, levels: list[float]):
    """Case 21."""
    frames = _bracketed(count, levels)

    for contents in ({}, same_looks(frames, 21)):
        grouping = sorted_out(frames, contents)
        assert grouping.stacks == ()
        assert [other.kind for other in grouping.others] == [StackKind.EXPOSURE]


def test_a_focus_stack_of_exposure_brackets_is_held_or_split_by_exposure():
    """Case 22: every focus step is bracketed."""
    frames = _bracketed(18, [-2.0, 0.0, 2.0])
    frames = [replace(each, meta=replace(each.meta, order_hint=float(index // 3))) for index, each in enumerate(frames)]

    held, split = sorted_out(frames), sorted_out(frames, nested_brackets="split")

    assert [(stack.kind, stack.decision) for stack in held.stacks] == [(StackKind.FOCUS_AND_EXPOSURE, Decision.HOLD)]
    assert sizes(split) == [6, 6, 6]
    assert all(len({each.meta.exposure_time_s for each in stack.frames}) == 1 for stack in split.stacks)


def test_automatic_exposure_may_drift_through_a_stack():
    """Case 23."""
    frames = shoot(10, hints=range(10))
    frames = [
        replace(each, meta=replace(each.meta, exposure_time_s=0.02 * 2.0 ** (0.3 * index / 9)))
        for index, each in enumerate(frames)
    ]

    assert sizes(sorted_out(frames)) == [10]


def test_a_flash_that_did_not_fire_is_flagged_and_does_not_part_the_stack():
    """Case 24: seen in the settings, or in the picture alone."""
    frames = shoot(11, beat_s=2.0, hints=range(11))
    by_settings = [*frames]
    by_settings[5] = replace(frames[5], meta=replace(frames[5].meta, exposure_time_s=0.02 / 8))
    subject = scene(24)
    pictures = [noisy(focused(subject, index / 10), index) for index in range(11)]
    pictures[5] = scene(99) * 0.12

    for shot, contents in ((by_settings, {}), (frames, looks(frames, pictures))):
        grouping = sorted_out(shot, contents)
        assert sizes(grouping) == [11]
        assert grouping.stacks[0].outliers == ("IMG_0006.JPG",)


def test_turning_the_camera_begins_another_stack():
    """Case 25."""
    upright = shoot(6, hints=range(6), orientation=6)
    lying = shoot(6, first=7, begin_s=8.0, hints=range(6, 12))

    assert sizes(sorted_out([*upright, *lying])) == [6, 6]


def test_zooming_begins_another_stack():
    """Case 26."""
    near = shoot(6, hints=range(6), focal_length_mm=100.0)
    wide = shoot(6, first=7, begin_s=6.0, hints=range(6, 12), focal_length_mm=90.0)

    assert sizes(sorted_out([*near, *wide])) == [6, 6]


def test_the_cameras_own_composite_is_linked_to_its_brackets_and_not_fused():
    """Case 28."""
    brackets = shoot(8, beat_s=0.3, hints=range(8), bracket_kind=BracketKind.FOCUS)
    result = frame("IMG_0009.JPG", 6.0, result_of="the camera stacked it from 8 frames")

    grouping = sorted_out([*brackets, result])

    assert sizes(grouping) == [8]
    assert grouping.stacks[0].linked == ("IMG_0009.JPG",)
    assert grouping.ignored["IMG_0009.JPG"] == "it is a finished result: the camera stacked it from 8 frames"


def test_an_export_in_random_order_gives_one_stack_in_order_of_time():
    """Case 31."""
    frames = shoot(12, hints=range(12))

    grouping = sorted_out(random.Random(31).sample(frames, 12))  # noqa: S311

    assert names(grouping) == [[f"IMG_{number:04d}" for number in range(1, 13)]]


def test_series_of_names_part_files_without_metadata():
    """Case 34."""
    padded = [bare(f"{number:03d}.png") for number in range(1, 13)]
    stepped = [bare(f"step{number}.png") for number in range(6)]
    contents = {**stack_looks(padded, 34), **stack_looks(stepped, 34)}

    grouping = sorted_out([*padded, *stepped], contents)

    assert sorted(names(grouping)) == [[f"{n:03d}" for n in range(1, 13)], [f"step{n}" for n in range(6)]]


def test_two_subjects_four_seconds_apart_in_a_fast_rhythm_are_two_stacks():
    """Case 35."""
    first = shoot(8, beat_s=0.5)
    second = shoot(8, first=9, begin_s=8 * 0.5 + 3.5, beat_s=0.5)

    assert sizes(sorted_out([*first, *second])) == [8, 8]
    assert sizes(sorted_out([*first, *second], {**stack_looks(first, 35), **stack_looks(second, 36)})) == [8, 8]


def test_two_subjects_without_a_pause_are_told_apart_by_their_pictures():
    frames = shoot(16, beat_s=1.0)

    grouping = sorted_out(frames, {**stack_looks(frames[:8], 35), **stack_looks(frames[8:], 36)})

    assert sizes(grouping) == [8, 8]
    assert grouping.boundaries[0].sentence == "cut after IMG_0008.JPG: the picture shows something else"


def test_a_hand_that_drifts_keeps_one_stack():
    """Case 37: every picture like the one before, the last quite unlike the first."""
    frames = shoot(12, beat_s=0.7)
    wide = scene(37, width=220)
    drift = [0, 3, 5, 4, 8, 11, 10, 14, 18, 17, 21, 25]
    pictures = [noisy(focused(wide[:, offset : offset + 144], index / 11), index) for index, offset in enumerate(drift)]

    assert sizes(sorted_out(frames, looks(frames, pictures))) == [12]


@pytest.mark.parametrize("step_px", [12, 24, 70])
def test_a_panorama_is_no_stack(step_px: int):
    """Case 38."""
    frames = shoot(6, beat_s=1.5)
    wide = scene(38, width=144 + 5 * step_px)
    pictures = [wide[:, step_px * index : step_px * index + 144] for index in range(6)]

    grouping = sorted_out(frames, looks(frames, pictures))

    assert grouping.stacks == ()


def test_a_lens_cap_frame_parts_two_stacks_and_is_left_out():
    """Case 40."""
    frames = shoot(13, beat_s=1.0)
    subject = scene(40)
    pictures = [noisy(focused(subject, (index % 7) / 6), index) for index in range(13)]
    pictures[6] = noisy(scene(0) * 0.0 + 0.004, 6, 0.001)

    grouping = sorted_out(frames, looks(frames, pictures))

    assert names(grouping) == [[f"IMG_{n:04d}" for n in range(1, 7)], [f"IMG_{n:04d}" for n in range(8, 14)]]
    assert grouping.ignored["IMG_0007.JPG"] == "it is a blank frame, taken to part two stacks"


def test_a_stack_of_dark_frames_is_not_taken_for_lens_caps():
    """Fluorescence is dark throughout, and so is a stack shot at night after a day's shooting."""
    day = shoot(10, hints=range(10))
    night = shoot(10, first=11, begin_s=30000.0, hints=range(10))
    contents = {**stack_looks(day, 41), **looks(night, [scene(42) * 0.02 for _ in night])}

    grouping = sorted_out([*day, *night], contents)

    assert sizes(grouping) == [10, 10]
    assert not grouping.ignored


def test_a_file_of_many_planes_is_one_stack():
    """Case 41."""
    file = bare("embryo.ome.tif", page_count=30, page_positions_m=tuple(index * 1e-6 for index in range(30)))

    grouping = sorted_out([file])

    assert sizes(grouping) == [30]
    assert [each.page for each in grouping.stacks[0].frames] == list(range(30))
    assert grouping.stacks[0].decision is Decision.PROCESS


def test_two_frames_are_no_stack_unless_somebody_says_so():
    """Case 44."""
    plain = shoot(2, hints=range(2))
    flagged = shoot(2, hints=range(2), bracket_kind=BracketKind.FOCUS)
    foldered = shoot(2, name="beetle/IMG_{:04d}.JPG", hints=range(2))
    manifest = Manifest(folder="", frames=("IMG_0001.JPG", "IMG_0002.JPG"), count=2)

    assert sizes(sorted_out(plain)) == []
    assert sizes(sorted_out(flagged)) == [2]
    assert sizes(sorted_out(foldered, subfolders="stack")) == [2]
    from stackd.intake.grouping.grouping import group
    from tests.intake.build import SETTINGS

    assert sizes(group(plain, {}, SETTINGS, manifests=[manifest])) == [2]


def test_a_stack_of_999_frames_is_one_stack():
    """Case 45; its cost is measured in test_effort."""
    frames = shoot(999, beat_s=0.2, hints=range(999))

    assert sizes(sorted_out(frames)) == [999]


def test_frames_that_are_hardly_a_stack_are_single_and_the_reasons_are_kept():
    grouping = sorted_out(shoot(3, beat_s=1.0), hold_confidence=0.9)

    assert grouping.stacks == ()
    assert len(grouping.singles) == 3
    assert [(other.kind, len(other.frames), bool(other.evidence)) for other in grouping.others] == [(StackKind.UNKNOWN, 3, True)]


def test_single_shots_are_left_alone():
    frames = [frame(f"IMG_{index:04d}.JPG", at) for index, at in enumerate([0, 9, 14, 80, 95, 300, 310, 311])]

    grouping = sorted_out(frames, strange_looks(frames, 50))

    assert grouping.stacks == ()
    assert len(grouping.singles) == 8


def test_a_time_lapse_is_no_stack():
    frames = shoot(30, beat_s=10.0)

    grouping = sorted_out(frames, same_looks(frames, 51))

    assert grouping.stacks == ()
    assert [other.kind for other in grouping.others] == [StackKind.TIMELAPSE]


def test_a_camera_that_steps_to_both_sides_in_turn_makes_one_stack_near_to_far():
    """Panasonic's order 0, −1, +1, −2, +2: the steps alternate and decide the order."""
    frames = shoot(9, beat_s=0.3, hints=[0, -1, 1, -2, 2, -3, 3, -4, 4], bracket_kind=BracketKind.FOCUS)

    grouping = sorted_out(frames)

    assert sizes(grouping) == [9]
    assert [each.meta.order_hint for each in grouping.stacks[0].frames] == [-4, -3, -2, -1, 0, 1, 2, 3, 4]


def test_focus_that_turns_round_for_good_begins_another_stack():
    there_and_back = [0, 1, 2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2, 1]
    frames = shoot(14, beat_s=0.5, hints=there_and_back)

    grouping = sorted_out(frames)

    assert sizes(grouping) == [8, 6]
    assert "focus turned round at step 7" in grouping.boundaries[0].sentence


def test_a_pause_over_which_the_counted_focus_goes_straight_on_is_bridged():
    """A full buffer, a spent battery: the camera counts on where it stopped."""
    first = shoot(10, beat_s=0.5, hints=range(10))
    second = shoot(10, first=11, begin_s=20.0, beat_s=0.5, hints=range(10, 20))

    assert sizes(sorted_out([*first, *second])) == [20]


def test_a_complete_sequence_of_the_camera_is_never_joined_to_the_next():
    frames = [
        replace(
            each,
            meta=replace(
                each.meta,
                sequence_id="X7" if index < 12 else "X8",
                sequence_number=index % 12 + 1,
                sequence_total=12,
                sequence_total_is_exact=True,
            ),
        )
        for index, each in enumerate(shoot(24, beat_s=1.0))
    ]

    grouping = sorted_out(frames)

    assert sizes(grouping) == [12, 12]
    assert [(stack.expected_count, stack.expected_count_is_exact) for stack in grouping.stacks] == [(12, True), (12, True)]


def test_a_folder_of_the_camera_that_begins_in_the_middle_of_a_stack_does_not_part_it():
    frames = [
        *shoot(5, first=9995, name="DCIM/100CANON/IMG_{:04d}.JPG", hints=range(5)),
        *shoot(5, first=1, begin_s=5.0, name="DCIM/101CANON/IMG_{:04d}.JPG", hints=range(5, 10)),
    ]

    assert sizes(sorted_out(frames)) == [10]


def test_frames_of_different_subfolders_are_parted_unless_told_otherwise():
    frames = [
        *shoot(5, name="a/IMG_{:04d}.JPG", hints=range(5)),
        *shoot(5, first=6, begin_s=5.0, name="b/IMG_{:04d}.JPG", hints=range(5, 10)),
    ]

    assert sizes(sorted_out(frames)) == [5, 5]
    assert sizes(sorted_out(frames, subfolders="together")) == [10]


def test_a_frame_that_says_nothing_at_all_is_a_single():
    grouping = sorted_out([replace(bare("x.png"), meta=FrameMeta())])

    assert [each.path for each in grouping.singles] == ["x.png"]


@pytest.mark.parametrize("known", ["distances", "pictures", "rhythm"])
def test_shuffled_names_give_way_to_times_that_make_sense(known: str):
    """Somebody renamed the frames: in order of time the focus moves on, or the rhythm is even."""
    shuffled = random.Random(3).sample(range(12), 12)  # noqa: S311
    frames = [frame(f"DSC_{1000 + shuffled[index]}.jpg", 0.7 * index) for index in range(12)]
    if known == "distances":
        frames = [replace(each, meta=replace(each.meta, focus_distance_m=0.25 + 0.001 * i)) for i, each in enumerate(frames)]
    contents = stack_looks(frames, 60) if known == "pictures" else {}

    grouping = sorted_out(frames, contents, hold_confidence=0.3)

    assert [[each.path for each in stack.captured] for stack in grouping.stacks] == [[each.path for each in frames]]


def test_times_in_disorder_give_way_to_names_along_which_the_focus_moves():
    """A program stamped the frames as it wrote them, in any order."""
    order = random.Random(4).sample(range(12), 12)  # noqa: S311
    frames = [frame(f"DSC_{1000 + index}.jpg", 3.0 * order[index]) for index in range(12)]

    grouping = sorted_out(frames, stack_looks(frames, 61))

    assert names(grouping) == [[f"DSC_{1000 + index}" for index in range(12)]]


def test_distances_are_told_apart_in_sentences():
    frames = shoot(6, distances_m=[0.2500 + 0.0004 * index for index in range(6)])

    (stack,) = sorted_out(frames).stacks

    assert "focus moved step by step from 0.250 m to 0.252 m" in stack.evidence


def test_a_second_stack_of_one_subject_after_a_short_pause_is_found_by_its_sharpness():
    """By hand, 4 to 14 seconds a frame: no rhythm, no focus data, and the second run begins where the first began."""
    gaps = [4, 9, 6, 14, 5, 11, 70, 9, 4, 14, 6, 6, 9]
    at_s = [float(sum(gaps[:index])) for index in range(14)]
    frames = [frame(f"IMG_{index + 1:04d}.JPG", at_s[index]) for index in range(14)]
    contents = {**stack_looks(frames[:7], 62), **stack_looks(frames[7:], 62)}

    assert sizes(sorted_out(frames, contents)) == [7, 7]


def test_the_ways_of_shooting_are_told_apart_where_the_files_tell():
    by_lens = shoot(8, distances_m=[0.3 + 0.01 * index for index in range(8)])
    on_rail = shoot(8, distances_m=[0.3] * 8, focus_quantum_m=0.018)
    too_coarse = shoot(8, distances_m=[0.3] * 8, focus_quantum_m=0.05)
    on_stage = bare("z.ome.tif", page_count=8, page_positions_m=tuple(index * 1e-6 for index in range(8)))

    motions = [
        sorted_out(frames, stack_looks(frames, 63)).stacks[0].focus_motion
        for frames in (by_lens, on_rail, too_coarse, [on_stage])
    ]

    assert motions == [FocusMotion.LENS, FocusMotion.RAIL, FocusMotion.UNKNOWN, FocusMotion.RAIL]
