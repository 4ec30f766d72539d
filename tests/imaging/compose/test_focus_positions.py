"""Frames on one axis of focus."""

import numpy as np

from stackd.imaging.compose.focus_positions import FocusPositions


def _with_a_gap() -> FocusPositions:
    return FocusPositions(steps=(0.0, 1.0, 4.0, 5.0), errors=(0.1,) * 4, sharpness=(1.0,) * 4, is_even=False)


def test_places_between_frames_have_focus_between_theirs_and_back():
    frames = np.array([[0.0, 0.5, 1.0, 1.5, 2.75, 3.0]], np.float32)

    focus = _with_a_gap().of(frames)

    assert np.allclose(focus, [[0, 0.5, 1, 2.5, 4.75, 5]])
    assert np.allclose(_with_a_gap().frames_at(focus), frames)


def test_where_no_frame_is_there_is_no_focus_and_beyond_the_ends_are_the_ends():
    nowhere = np.array([np.inf], np.float32)

    assert np.isinf(_with_a_gap().of(nowhere)).all()
    assert _with_a_gap().frames_at(nowhere) == 3


def test_a_frame_focused_before_the_one_in_front_of_it_is_found_by_its_focus():
    backwards = FocusPositions(steps=(0.0, 2.0, 1.0, 3.0), errors=(0.1,) * 4, sharpness=(1.0,) * 4, is_even=False)

    assert np.allclose(backwards.frames_at(np.array([1.0, 2.0], np.float32)), [2, 1])
    assert backwards.apart(1, 2) == 1


def test_even_frames_are_their_own_positions_to_the_bit():
    frames = np.random.default_rng(1).uniform(0, 9, (5, 7)).astype(np.float32)
    even = FocusPositions.even(10)

    assert even.of(frames) is frames
    assert even.frames_at(frames) is frames
    assert even.apart(2, 7) == 5
