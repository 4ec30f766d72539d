"""Frames whose files say that the camera was turned: the pictures tell whether it was."""

import numpy as np
import pytest

from stackd.intake.evidence.content import signature
from stackd.intake.evidence.settings import framing_verdict
from stackd.intake.shot import take_shot
from stackd.model.frame import Frame
from tests.intake.build import focused, scene, shoot, sorted_out


def turned(picture: np.ndarray, turns: int) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(picture, turns))


def said(orientations: list[int]) -> list[Frame]:
    frames = []
    for index, orientation in enumerate(orientations):
        frames += shoot(1, first=index + 1, begin_s=float(index), orientation=orientation)
    return frames


@pytest.mark.parametrize("orientations", [[1, 6, 1, 8, 1, 1], [1, 1, 1, 3, 3, 1], [6, 6, 6, 1, 1, 1]])
def test_a_camera_that_points_down_makes_one_stack(orientations: list[int]):
    frames = said(orientations)
    contents = {frame.path: signature(focused(scene(2), 0.1 + 0.1 * place)) for place, frame in enumerate(frames)}

    grouping = sorted_out(frames, contents)

    assert [len(stack.frames) for stack in grouping.stacks] == [6]


def test_a_camera_that_was_turned_makes_two():
    frames = said([1, 1, 1, 1, 6, 6, 6, 6])
    contents = {
        frame.path: signature(focused(scene(2), 0.1 * place) if place < 4 else turned(focused(scene(2), 0.1 * place), 1)[:96, :])
        for place, frame in enumerate(frames)
    }

    grouping = sorted_out(frames, contents)

    assert sorted(len(stack.frames) for stack in grouping.stacks) == [4, 4]


def test_without_pictures_the_mark_counts():
    first, second = said([1, 6])

    found = framing_verdict(take_shot(first, None), take_shot(second, None))

    assert found is not None
    assert found.because == "the camera was turned between portrait and landscape"
