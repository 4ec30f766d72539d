"""What pictures alone say about an order: every place gets sharper and then softer, once."""

import numpy as np
import pytest

from stackd.intake.order import pictures

BLUR_PER_STEP = 0.3
"""How fast the detail of a place falls with distance from its focus, natural logarithm a step."""


def passing_through(depths: np.ndarray, *, frames: int, first: float = 0.0, noise: float = 0.0) -> np.ndarray:
    """Log sharpness of places at some depths while focus goes from `first` on by one a frame."""
    away = np.abs(first + np.arange(frames)[:, None] - depths[None, :])
    return -BLUR_PER_STEP * away + noise * np.random.default_rng(5).standard_normal(away.shape)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 60])
def test_frames_in_any_order_are_found_to_pass_through_the_subject_once(count: int):
    matrix = passing_through(np.random.default_rng(1).uniform(0, count - 1, 30), frames=count)
    given = np.random.default_rng(2).permutation(count)

    found = given[list(pictures.picture_order(matrix[given]).places)]

    assert list(found) in (list(range(count)), list(range(count))[::-1])


def test_one_pass_through_the_subject_contradicts_nothing_and_a_second_does():
    once = passing_through(np.array([1.0, 4.0, 6.0]), frames=9)
    risen = pictures.rises(np.concatenate([once, once]))

    assert pictures.contradiction(risen[:9]) == pytest.approx(0.0)
    assert pictures.contradiction(risen) > 0.5


def test_a_frame_softer_everywhere_contradicts_the_middle_of_an_order_and_not_its_ends():
    risen = pictures.rises(passing_through(np.linspace(3, 8, 20), frames=10))
    soft, rest = risen[:1], risen[1:]

    at_its_end, at_the_other, between = (np.concatenate([rest[:at], soft, rest[at:]]) for at in (0, 9, 5))

    assert pictures.contradiction(at_its_end) == pytest.approx(0.0)
    assert pictures.contradiction(between) > 2 * pictures.contradiction(at_the_other)


def test_frames_beyond_both_ends_of_the_subject_show_nothing_sharp():
    matrix = passing_through(np.linspace(0, 6, 40), frames=15, first=-4.0)

    assert pictures.picture_order(matrix).sharp == set(range(4, 11))


def test_an_empty_background_does_not_make_a_soft_frame_sharp():
    """The halo of a soft edge on an empty background was taken for detail that only the softest frame has."""
    subject = passing_through(np.linspace(2, 6, 30), frames=10)
    halo = np.linspace(-5.0, -6.0, 10)[:, None] * np.ones(4)

    shown = pictures.picture_order(np.hstack([subject, halo]))

    assert shown.sharp == set(range(2, 7))


def test_pictures_without_any_difference_are_left_as_they_are():
    shown = pictures.picture_order(np.zeros((6, 4)))

    assert shown.places in (tuple(range(6)), tuple(range(6))[::-1])
    assert shown.sharp == set(range(6))


def test_mending_never_makes_an_order_worse_and_keeps_every_frame():
    for seed in range(20):
        risen = pictures.rises(np.random.default_rng(seed).normal(size=(8, 3)))

        order = pictures.mended(risen, range(8), least_gain=pictures.LEAST_GAIN)

        assert sorted(order) == list(range(8))
        assert pictures.contradiction(risen[list(order)]) <= pictures.contradiction(risen)


def test_changes_that_gain_too_little_are_not_made():
    risen = pictures.rises(passing_through(np.linspace(0, 9, 30), frames=10))
    swapped = [0, 1, 2, 4, 3, 5, 6, 7, 8, 9]

    gain = pictures.contradiction(risen[swapped])

    assert list(pictures.mended(risen, swapped, least_gain=1.01 * gain)) in (swapped, swapped[::-1])
    assert list(pictures.mended(risen, swapped, least_gain=0.99 * gain)) in (list(range(10)), list(range(10))[::-1])


def test_every_part_of_an_order_can_be_mended_alone():
    risen = pictures.rises(passing_through(np.linspace(0, 9, 30), frames=10))

    order = pictures.mended(risen, [2, 8, 4, 6], least_gain=pictures.LEAST_GAIN)

    assert list(order) in ([2, 4, 6, 8], [8, 6, 4, 2])
