"""The groups depend on the set of frames alone, never on the order in which they come."""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackd.intake.grouping.candidates import Grouping
from stackd.model.frame import BracketKind, Frame
from tests.intake.build import bare, frame, shoot, sorted_out, stack_looks, strange_looks


def _shoots() -> tuple[list[Frame], dict]:
    macro = shoot(9, beat_s=2.0, distances_m=[0.3 + 0.01 * index for index in range(9)])
    burst = shoot(7, first=40, begin_s=60.0, beat_s=0.3, name="burst{}.jpg", bracket_kind=BracketKind.FOCUS)
    singles = [frame(f"IMG_{100 + index}.JPG", 500.0 + 40 * index) for index in range(4)]
    slides = [bare(f"slide_{index}.png") for index in range(6)]
    pairs = shoot(5, first=200, begin_s=2000.0, name="IMG_{:04d}.NEF") + shoot(5, first=200, begin_s=2000.0)
    scans = [[bare(f"scan_{stack}_{number:02}.png") for number in range(1, 6)] for stack in range(3)]
    contents = {
        **{path: look for seed, scan in enumerate(scans) for path, look in stack_looks(scan, seed + 10).items()},
        **stack_looks(macro, 1),
        **stack_looks(slides, 2),
        **strange_looks(singles, 60),
    }
    return [*macro, *burst, *singles, *slides, *pairs, *(each for scan in scans for each in scan)], contents


FRAMES, CONTENTS = _shoots()


def outcome(grouping: Grouping) -> object:
    return (
        [
            (tuple(each.path for each in stack.frames), stack.confidence, stack.decision, stack.evidence)
            for stack in grouping.stacks
        ],
        [(other.kind, tuple(each.path for each in other.frames)) for other in grouping.others],
        [each.path for each in grouping.singles],
        dict(grouping.ignored),
        [boundary.sentence for boundary in grouping.boundaries],
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations(FRAMES))
def test_the_order_of_arrival_changes_nothing(arrived: list[Frame]):
    assert outcome(sorted_out(arrived, CONTENTS)) == outcome(sorted_out(FRAMES, CONTENTS))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            frame,
            st.sampled_from(
                [f"{stem}{number}.{suffix}" for stem in ("IMG_", "a", "") for number in range(12) for suffix in ("JPG", "NEF")]
                + [f"{stack}_{number}.JPG" for stack in range(4) for number in "1234abc"]
            ),
            st.one_of(st.none(), st.floats(0, 100).map(lambda t: round(t, 1))),
            order_hint=st.one_of(st.none(), st.integers(0, 9)),
            focus_distance_m=st.one_of(st.none(), st.floats(0.1, 9.0), st.just(float("inf"))),
            sequence_number=st.one_of(st.none(), st.integers(0, 5)),
            sequence_id=st.sampled_from([None, None, "S", "T"]),
            exposure_time_s=st.sampled_from([0.01, 0.02, 0.08, None]),
            orientation=st.sampled_from([1, 1, 1, 6]),
            bracket_kind=st.sampled_from(BracketKind),
        ),
        max_size=14,
        unique_by=lambda each: each.path,
    ),
    st.randoms(use_true_random=False),
)
def test_whatever_frames_say_they_are_sorted_the_same_way_and_none_is_lost(frames: list[Frame], random: Random):
    shuffled = random.sample(frames, len(frames))

    grouping = sorted_out(frames)

    assert outcome(grouping) == outcome(sorted_out(shuffled))
    stacked = [each.path for stack in grouping.stacks for each in stack.frames]
    single = [each.path for each in grouping.singles]
    assert sorted([*stacked, *single, *grouping.ignored]) == sorted(each.path for each in frames)
