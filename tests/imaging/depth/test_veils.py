"""Behind a near surface only the frames near its own are free of its veil."""

import numpy as np

from stackd.imaging.depth.veils import FARTHEST_STEP_PX, last_unveiled, without_specks

SHAPE = (40, 90)
A_LONG_STACK = 10_000


def _nothing() -> np.ndarray:
    return np.full(SHAPE, np.inf, np.float32)


def test_a_surface_limits_what_lies_beside_it_by_its_distance_over_the_growth_of_blur():
    surface = _nothing()
    surface[:, :10] = 3

    last = last_unveiled(surface, blur_px=2.0)

    columns = np.arange(10, 60)
    assert np.allclose(last[20, 10:60], 3 + (columns - 9) / 2.0)
    assert (last[:, :10] == 3).all()


def test_the_nearer_of_two_surfaces_may_be_the_one_that_limits_less():
    surface = _nothing()
    surface[:, :5] = 1
    surface[:, 60:] = 8

    last = last_unveiled(surface, blur_px=1.0)

    assert last[20, 55] == 8 + 5
    assert last[20, 8] == 1 + 4


def test_far_from_every_surface_nothing_is_limited():
    surface = _nothing()
    surface[:, 0] = 0

    last = last_unveiled(surface, blur_px=1.0)

    assert (last[:, 2 * FARTHEST_STEP_PX :] > A_LONG_STACK).all()
    assert (last_unveiled(_nothing(), blur_px=1.0) > A_LONG_STACK).all()


def test_a_speck_in_front_is_no_surface_but_a_thing_of_some_size_is():
    """A single pixel once smudged a printed letter: it kept the frames that showed it sharp from being used."""
    taken = np.full(SHAPE, 6, np.float32)
    taken[10:12, 20:22] = 1
    taken[20:30, 40:60] = 2

    calm = without_specks(taken)

    assert (calm[8:14, 18:24] == 6).all()
    assert (calm[20:30, 40:60] == 2).all()
