"""Names against pictures, on rendered stacks: names are kept unless the pictures are sure, and soft frames decide nothing."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from stackd.intake.evidence.content import signature
from stackd.intake.order.focus_order import near_to_far
from stackd.intake.order.numbering import numbering
from stackd.intake.order.one_stack import in_one_stack, numbered_shot
from stackd.intake.order.ordering import in_order
from stackd.intake.settings import GroupingSettings
from stackd.model.content import ContentSignature
from stackd.rendering.scenes import Canvas, SceneSettings, Surface, render_stack, speckle, two_planes
from tests.intake.build import bare

FRAMES = 16
BEYOND = 4
"""Frames at each end that are focused where nothing is."""


def slope_within(canvas: Canvas) -> tuple[Surface, ...]:
    """A surface that runs through the middle of the stack: four frames at each end show it soft everywhere."""
    _, y = canvas.grid()
    first = BEYOND / (FRAMES - 1)
    return (
        Surface(
            colour=speckle(canvas, 1, dark=(0.03, 0.02, 0.01), bright=(0.70, 0.60, 0.45)),
            opacity=np.ones(canvas.shape, np.float32),
            depth=(first + (1 - 2 * first) * np.clip(0.5 - y, 0, 1)).astype(np.float32),
        ),
    )


@cache
def looks_of(subject: object, seed: int = 0, electrons: float | None = 20_000.0, blur_px: float = 0.6) -> list[ContentSignature]:
    """What the frames of a rendered stack look like, in order of focus."""
    scene = SceneSettings(
        subject=subject,  # type: ignore[arg-type]
        frame_count=FRAMES,
        blur_px=blur_px,
        full_well_electrons=electrons,
        seed=seed,
    )
    stack = render_stack(scene)
    return [signature(stack.read_gray(index, 1)) for index in range(FRAMES)]


def ordered(looks: Sequence[ContentSignature], named: Sequence[int]) -> list[int]:
    """Order frames of which the n-th in order of focus is called `named[n]`; all of them are looked at."""
    frames = [bare(f"frame_{number}.png") for number in named]
    numbers = numbering(each.path for each in frames)
    known = {each.path: look for each, look in zip(frames, looks, strict=True)}
    focus = {each.path: index for index, each in enumerate(frames)}
    captured = in_order([numbered_shot(each, known, numbers) for each in frames], GroupingSettings())
    return [focus[shot.path] for shot in near_to_far(captured)]


def renamed(frame: int, to: int) -> list[int]:
    """Names in order of focus but for one frame."""
    order = [index for index in range(FRAMES) if index != frame]
    order.insert(to, frame)
    return [order.index(index) for index in range(FRAMES)]


def drawn(log_sharpness: np.ndarray) -> list[ContentSignature]:
    """Looks of frames with such detail in each of 64 places."""
    thumbnail = np.zeros((4, 4), np.float32)
    return [
        ContentSignature(
            thumbnail=thumbnail,
            sharpness=row.reshape(8, 8).astype(np.float32),
            detail=np.zeros((84, 84), np.int8),
            brightness=0.5,
        )
        for row in log_sharpness
    ]


def dense(*, frames: int, step: float, noise: float, depths: tuple[float, float] = (0.0, 1.0)) -> list[ContentSignature]:
    """Looks of frames that differ by little, and by noise: places of all depths between two shares of the stack."""
    random = np.random.default_rng(8)
    deep = random.uniform(*depths, 64) * (frames - 1)
    away = np.abs(np.arange(frames)[:, None] - deep[None, :])
    return drawn(-step * away + noise * random.standard_normal(away.shape))


RIGHT = list(range(FRAMES))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("subject", [slope_within, two_planes])
@pytest.mark.parametrize("electrons", [20_000.0, 600.0])
def test_right_names_are_kept_to_the_frame(subject: object, seed: int, electrons: float):
    """Between two planes and beyond them all frames are soft; their noise used to overrule right names."""
    looks = looks_of(subject, seed, electrons, 2.0)

    assert ordered(looks, RIGHT) == RIGHT


def test_names_given_in_reverse_reverse_the_order_and_nothing_else():
    assert ordered(looks_of(slope_within), RIGHT[::-1]) == RIGHT[::-1]


@pytest.mark.parametrize("seed", range(4))
def test_shuffled_names_give_way_to_the_pictures_soft_frames_included(seed: int):
    names = [int(number) for number in np.random.default_rng(seed).permutation(FRAMES)]

    assert ordered(looks_of(slope_within), names) in (RIGHT, RIGHT[::-1])


def test_a_frame_that_shows_nothing_sharp_stays_at_the_end_where_its_name_puts_it():
    names = renamed(1, 15)

    assert ordered(looks_of(slope_within), names) == [names.index(number) for number in range(FRAMES)]


@pytest.mark.parametrize(("soft", "to"), [(0, 9), (15, 5)])
def test_a_soft_frame_named_as_if_it_lay_amid_sharp_ones_is_put_at_its_end(soft: int, to: int):
    assert ordered(looks_of(slope_within), renamed(soft, to)) == RIGHT


def test_soft_frames_named_wrong_go_to_their_ends_and_do_not_move_the_others():
    """Ten soft frames of a real stack of 44 are named as if they lay elsewhere."""
    order = [0, 2, 4, 5, 13, 6, 7, 8, 9, 1, 10, 11, 14, 15, 3, 12]
    names = [order.index(index) for index in range(FRAMES)]

    assert ordered(looks_of(slope_within), names) == RIGHT


@pytest.mark.parametrize(("frame", "to"), [(6, 15), (8, 0), (9, 0), (7, 11)])
def test_one_sharp_frame_named_wrong_is_put_right_alone(frame: int, to: int):
    assert ordered(looks_of(slope_within), renamed(frame, to)) == RIGHT


def test_soft_frames_keep_their_place_beside_a_sharp_one_that_is_put_right():
    order = [9, 1, 0, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15, 14]
    names = [order.index(index) for index in range(FRAMES)]

    assert ordered(looks_of(slope_within), names) == [1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 14]


def test_two_sharp_frames_that_changed_names_are_changed_back():
    names = list(RIGHT)
    names[5], names[10] = 10, 5

    assert ordered(looks_of(slope_within), names) == RIGHT


def test_focus_turned_there_and_back_is_put_in_order_soft_frames_included():
    there_and_back = [*range(0, FRAMES, 2), *range(FRAMES - 1, 0, -2)]
    names = [there_and_back.index(index) for index in range(FRAMES)]

    assert ordered(looks_of(slope_within), names) in (RIGHT, RIGHT[::-1])


@pytest.mark.parametrize(
    "names",
    [
        [1, 0, 6, 4, 2, 8, 13, 11, 7, 5, 9, 12, 3, 15, 10, 14],
        [8, 0, 4, 2, 3, 5, 1, 7, 6, 15, 13, 9, 12, 11, 10, 14],
    ],
)
def test_the_direction_is_that_of_most_names_however_wrong_they_are(names: list[int]):
    assert ordered(looks_of(slope_within), names) == RIGHT
    assert ordered(looks_of(slope_within), [FRAMES - 1 - number for number in names]) == RIGHT[::-1]


def test_right_names_are_kept_where_noise_is_larger_than_the_steps():
    """Swapping neighbours until noise fits best makes an order smoother, not truer."""
    looks = dense(frames=50, step=0.04, noise=0.15)

    assert ordered(looks, list(range(50))) == list(range(50))


def test_in_a_long_noisy_stack_one_frame_named_wrong_is_put_back_and_no_other_moves():
    """It makes the smaller part of what contradicts the names; the noise of all frames makes the larger."""
    looks = dense(frames=50, step=0.04, noise=0.06)
    names = [*range(1, 26), 0, *range(26, 50)]

    order = ordered(looks, names)

    assert [frame for frame in order if frame != 25] == [frame for frame in range(50) if frame != 25]
    assert abs(order.index(25) - 25) <= 2


def test_where_few_frames_are_sharp_the_others_keep_the_places_of_their_names():
    looks = dense(frames=12, step=0.4, noise=0.0, depths=(0.4, 0.6))
    names = [2, 1, 0, 3, 4, 5, 6, 7, 8, 9, 11, 10]

    assert ordered(looks, names) == [names.index(number) for number in range(12)]


def test_differences_too_small_to_see_contradict_nothing():
    looks = dense(frames=6, step=0.02, noise=0.0)
    names = [0, 1, 3, 2, 4, 5]

    assert ordered(looks, names) == [names.index(number) for number in range(6)]


def test_no_shuffled_names_pass_for_right_because_few_frames_were_looked_at():
    """Nine frames of a real stack: the five that were looked at first happened to lie in order."""
    looks = dense(frames=9, step=0.3, noise=0.0)
    names = [0, 5, 2, 7, 4, 1, 6, 3, 8]
    frames = [bare(f"frame_{number}.png") for number in names]
    known = dict(zip((each.path for each in frames), looks, strict=True))

    order = [frames.index(each) for each in in_one_stack(frames, look=lambda each: known[each.path])]

    assert order in (list(range(9)), list(range(9))[::-1])


def test_soft_frames_among_the_few_that_are_looked_at_first_lead_to_a_look_at_all_and_to_no_change():
    """What the ends of a stack show can look alike: the first suspicion is not yet a reason."""
    order = [15, *range(1, 15), 0]
    frames = [bare(f"frame_{number}.png") for number in range(FRAMES)]
    looks = looks_of(slope_within)
    asked: list[str] = []

    def look(frame: object) -> ContentSignature:
        asked.append(frame.path)  # type: ignore[attr-defined]
        return looks[order[frames.index(frame)]]  # type: ignore[arg-type]

    assert list(in_one_stack(frames, look=look)) == frames
    assert len(asked) == FRAMES
