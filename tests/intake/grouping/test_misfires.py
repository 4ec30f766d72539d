"""Frames that did not come out within a run: a flash that did not fire, a hand before the lens, too much light."""

import numpy as np
import pytest

from stackd.model.stack import Decision
from tests.intake.build import focused, frame, looks, names, noisy, scene, shoot, sizes, sorted_out


def pictures_of(count: int) -> list[np.ndarray]:
    subject = scene(21)
    return [noisy(focused(subject, index / (count - 1)), index) for index in range(count)]


FAILURES = {
    "black": lambda picture: picture * 0.0 + 0.004,
    "dark": lambda picture: picture * 0.04,
    "burned out": lambda picture: picture * 0.0 + 1.0,
    "gray": lambda picture: picture * 0.0 + 0.3,
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("at", [(1,), (4,), (8,), (3, 6), (4, 5), (1, 8)])
def test_a_run_goes_on_over_frames_that_did_not_come_out(at: tuple[int, ...], failure: str):
    frames = shoot(10, beat_s=2.0)
    pictures = pictures_of(10)
    for place in at:
        pictures[place] = noisy(FAILURES[failure](pictures[place]), 50 + place, 0.001)

    grouping = sorted_out(frames, looks(frames, pictures))

    assert names(grouping) == [[f"IMG_{n:04d}" for n in range(1, 11)]]
    assert grouping.stacks[0].decision is Decision.PROCESS
    assert set(grouping.stacks[0].outliers) == {frames[place].path for place in at}


def test_a_blank_frame_after_a_pause_parts_the_stacks():
    frames = [*shoot(6, beat_s=1.0), frame("IMG_0007.JPG", 30.0), *shoot(6, first=8, begin_s=60.0, beat_s=1.0)]
    pictures = pictures_of(13)
    pictures[6] = noisy(FAILURES["black"](pictures[6]), 6, 0.001)

    assert sizes(sorted_out(frames, looks(frames, pictures))) == [6, 6]
