"""When a stack takes no more frames."""

from dataclasses import replace

import pytest

from stackd.intake.grouping.candidates import CandidateStack
from stackd.intake.grouping.complete import Arrivals, Complete, WaitUntil, when_complete
from stackd.intake.grouping.grouping import group
from stackd.intake.settings import IntakeSettings
from stackd.model.frame import Frame
from stackd.model.stack import SealReason
from tests.intake.build import SETTINGS, shoot

INTAKE = IntakeSettings()


def candidate(count: int = 8, **meta: object) -> CandidateStack:
    frames = shoot(count, hints=range(count), **meta)
    (stack,) = group(frames, {}, SETTINGS).stacks
    return stack


def arrivals(stack: CandidateStack, every_s: float = 1.0) -> dict[str, float]:
    return {frame.path: index * every_s for index, frame in enumerate(stack.captured)}


def quiet_time_s(times_s: list[float]) -> float:
    return Arrivals({str(index): at_s for index, at_s in enumerate(times_s)}).quiet_time_s(float("-inf"), INTAKE)


def is_followed(stack: CandidateStack, others: list[Frame], arrivals_s: dict[str, float]) -> bool:
    first_s = min(arrivals_s[frame.path] for frame in stack.frames)
    return Arrivals(arrivals_s, [*stack.frames, *others]).is_followed(stack.frames, first_s)


def test_a_stack_waits_until_arrivals_have_been_quiet():
    stack = candidate()

    assert when_complete(stack, arrivals(stack), 16.9, INTAKE) == WaitUntil(
        at_s=17.0, sentence="waits until no new frame came for 10 seconds"
    )
    assert when_complete(stack, arrivals(stack), 17.0, INTAKE) == Complete(
        reason=SealReason.GAP, sentence="no new frame came for 10 seconds"
    )


def test_slow_arrival_stretches_the_quiet_time_and_has_its_bounds():
    assert quiet_time_s([0.0]) == 10.0
    assert quiet_time_s([0.0, 1.0, 2.0]) == 10.0
    assert quiet_time_s([0.0, 20.0, 40.0, 60.0]) == 80.0
    assert quiet_time_s([0.0, 200.0, 400.0]) == 300.0


def test_frames_that_come_four_at_once_have_the_rhythm_of_the_fours():
    assert quiet_time_s([0.0, 0.0, 0.0, 0.0, 20.0, 20.0, 20.0, 20.0, 40.0, 40.0, 40.0, 40.0]) == 80.0


def test_what_arrived_before_the_stack_does_not_set_its_rhythm():
    stack = candidate()
    slow = {path: 20.0 * at_s for path, at_s in arrivals(stack).items()}
    long_ago = {f"old{index}.jpg": -500.0 + 0.1 * index for index in range(200)}

    answer = when_complete(stack, slow, 160.0, INTAKE, around=Arrivals({**slow, **long_ago}))

    assert answer == WaitUntil(at_s=220.0, sentence="waits until no new frame came for 80 seconds")


def test_single_shots_that_go_on_and_on_do_not_keep_a_stack_open_when_all_came_in_order():
    stack = candidate()
    later = shoot(4, first=100, begin_s=600.0)
    arrived = {**arrivals(stack), **{frame.path: 10.0 + 8.0 * index for index, frame in enumerate(later)}}

    followed = is_followed(stack, later, arrived)
    answer = when_complete(stack, arrived, 35.0, INTAKE, around=Arrivals(arrived), is_followed=followed)

    assert followed
    assert isinstance(answer, Complete)
    assert not isinstance(when_complete(stack, arrived, 35.0, INTAKE, around=Arrivals(arrived)), Complete)


def test_a_later_group_proves_nothing_when_frames_came_out_of_order_or_without_a_time():
    stack = candidate()
    later = shoot(4, first=100, begin_s=600.0)
    mixed = {**arrivals(stack), later[0].path: 3.5, **{frame.path: 20.0 for frame in later[1:]}}
    in_order = {**arrivals(stack), **{frame.path: 20.0 for frame in later}}
    timeless = [replace(frame, meta=replace(frame.meta, captured_at=None)) for frame in later]

    assert not is_followed(stack, later, mixed)
    assert not is_followed(stack, timeless, in_order)
    assert not is_followed(stack, [], arrivals(stack))
    assert is_followed(stack, later, in_order)


def test_the_rhythm_is_that_of_everything_that_arrives_in_the_folder():
    """Exporters write in parallel: frames of other stacks show that this one may still get some."""
    stack = candidate()
    others = {f"other{index}.jpg": 10.0 + index for index in range(10)}

    answer = when_complete(stack, arrivals(stack), 20.0, INTAKE, around=Arrivals({**arrivals(stack), **others}))

    assert answer == WaitUntil(at_s=29.0, sentence="waits until no new frame came for 10 seconds")


def test_the_announced_count_closes_a_stack_at_once():
    """Case 30: Phase One writes an exact total."""
    announced = {"sequence_id": "S", "sequence_total": 12, "sequence_total_is_exact": True}
    whole, part = candidate(12, **announced), candidate(11, **announced)

    assert when_complete(whole, arrivals(whole), 11.0, INTAKE) == Complete(
        reason=SealReason.COUNT, sentence="all 12 announced frames have arrived"
    )
    answer = when_complete(part, arrivals(part), 100.0, INTAKE)
    assert isinstance(answer, WaitUntil)
    assert answer.sentence == "waits for 1 more of 12 announced frames"


def test_an_upper_bound_closes_when_reached_or_when_quiet():
    """Nikon stops early when it reaches infinity."""
    stack = candidate(20, sequence_total=100)
    full = candidate(20, sequence_total=20)

    assert isinstance(when_complete(full, arrivals(full), 20.0, INTAKE), Complete)
    assert isinstance(when_complete(stack, arrivals(stack), 20.0, INTAKE), WaitUntil)
    assert isinstance(when_complete(stack, arrivals(stack), 40.0, INTAKE), Complete)


def test_announced_frames_are_not_waited_for_for_ever():
    stack = candidate(11, sequence_id="S", sequence_total=12, sequence_total_is_exact=True)

    answer = when_complete(stack, arrivals(stack), 10.0 + 1800.0, INTAKE)

    assert isinstance(answer, Complete)
    assert "none came for 30 minutes" in answer.sentence


def test_a_done_marker_closes_at_once_unless_a_file_is_still_arriving():
    stack = candidate()

    assert isinstance(when_complete(stack, arrivals(stack), 8.0, INTAKE, is_done_marked=True), Complete)
    assert isinstance(when_complete(stack, arrivals(stack), 8.0, INTAKE, is_done_marked=True, is_still_arriving=True), WaitUntil)


def test_a_growing_file_keeps_its_folder_open():
    stack = candidate()

    assert isinstance(when_complete(stack, arrivals(stack), 500.0, INTAKE, is_still_arriving=True), WaitUntil)
    assert isinstance(when_complete(stack, arrivals(stack), 1801.0, INTAKE, is_still_arriving=True), Complete)


def test_a_later_group_halves_the_wait():
    stack = candidate()

    assert isinstance(when_complete(stack, arrivals(stack), 12.0, INTAKE, is_followed=True), Complete)
    assert isinstance(when_complete(stack, arrivals(stack), 12.0, INTAKE), WaitUntil)


def test_a_trickle_that_never_ends_is_closed_at_its_age_limit():
    stack = candidate(8)
    endless = {frame.path: 8.0 * index for index, frame in enumerate(stack.captured)} | {"x.jpg": 1799.0}

    assert isinstance(when_complete(stack, endless, 1799.0, INTAKE, around=Arrivals(endless)), WaitUntil)
    assert isinstance(when_complete(stack, endless, 1800.0, INTAKE, around=Arrivals(endless)), Complete)


def test_a_manifest_waits_for_the_frames_it_names():
    stack = replace(candidate(), missing=("IMG_0099.JPG",), decided_by=SealReason.MANIFEST)

    answer = when_complete(stack, arrivals(stack), 100.0, INTAKE)

    assert isinstance(answer, WaitUntil)
    assert answer.sentence == "waits for 1 frames that the manifest names (IMG_0099.JPG)"


@pytest.mark.parametrize("now_s", [0.0, 5.0, 100.0])
def test_frames_that_were_there_before_the_service_started_do_not_wait(now_s: float):
    assert isinstance(when_complete(candidate(), {}, now_s, INTAKE), Complete)
