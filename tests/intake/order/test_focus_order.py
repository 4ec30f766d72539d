"""Near → far by the pictures, where nothing else tells, or where the order of capture cannot be that of focus."""

from collections.abc import Sequence

import numpy as np

from stackd.intake.order.one_stack import in_one_stack
from stackd.model.content import ContentSignature
from stackd.model.frame import Frame
from tests.intake.build import bare, frame, same_looks, stack_looks

FRAMES = 9


class Looks:
    """Knows what frames look like, and how often it was asked."""

    def __init__(self, focus_order: Sequence[Frame]) -> None:
        self._known = stack_looks(focus_order, seed=3)
        self.asked = 0

    def __call__(self, frame: Frame) -> ContentSignature:
        self.asked += 1
        return self._known[frame.path]


def shuffled(frames: Sequence[Frame]) -> list[Frame]:
    return [frames[index] for index in np.random.default_rng(1).permutation(len(frames))]


def test_frames_that_say_nothing_are_put_in_order_by_where_they_are_sharp():
    in_focus_order = [bare(f"{name}.png") for name in "gaichbdfe"]

    ordered = in_one_stack(shuffled(in_focus_order), look=Looks(in_focus_order))

    paths = [each.path for each in ordered]
    true = [each.path for each in in_focus_order]
    assert paths in (true, true[::-1])
    assert paths[0] < paths[-1]  # pictures do not tell which end is near: names are all there is


def test_numbers_in_names_that_the_pictures_contradict_are_not_followed():
    in_focus_order = [bare(f"frame_{number}.png") for number in (2, 7, 4, 9, 1, 6, 8, 3, 5)]

    ordered = in_one_stack(in_focus_order, look=Looks(in_focus_order))

    assert [each.path for each in ordered] in ([each.path for each in way] for way in (in_focus_order, in_focus_order[::-1]))


def test_times_that_the_pictures_contradict_are_not_followed():
    """Focus turned by hand, there and back: what is between was taken last."""
    in_focus_order = [frame(f"{at_s:04d}.jpg", at_s) for at_s in (0, 8, 1, 7, 2, 6, 3, 5, 4)]

    ordered = in_one_stack(in_focus_order, look=Looks(in_focus_order))

    assert [each.path for each in ordered] in ([each.path for each in way] for way in (in_focus_order, in_focus_order[::-1]))


def test_a_few_looks_are_enough_where_nothing_is_contradicted():
    in_focus_order = [bare(f"frame_{number}.png") for number in range(FRAMES)]
    looks = Looks(in_focus_order)

    assert list(in_one_stack(shuffled(in_focus_order), look=looks)) == in_focus_order
    assert looks.asked == 7


def test_nobody_looks_where_distances_are_known():
    frames = [bare(f"{at}.png", order_hint=float(at)) for at in range(FRAMES)]
    looks = Looks(frames)

    assert list(in_one_stack(frames[::-1], look=looks)) == frames
    assert looks.asked == 0


def test_pictures_that_hardly_differ_contradict_nothing():
    frames = [bare(f"frame_{number}.png") for number in range(FRAMES)]
    alike = same_looks(frames, 7)

    ordered = in_one_stack(frames, look=lambda each: alike[each.path])

    assert list(ordered) == frames
