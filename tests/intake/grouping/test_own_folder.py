"""A subfolder with nothing but a few frames of one subject speaks for itself."""

import pytest

from stackd.model.stack import Decision
from tests.intake.build import frame, same_looks, sizes, sorted_out, stack_looks, strange_looks


@pytest.mark.parametrize("gap_s", [1.0, 40.0, 300.0])
@pytest.mark.parametrize("count", [2, 3])
def test_a_few_frames_of_one_subject_in_a_folder_of_their_own_are_a_stack(count: int, gap_s: float):
    frames = [frame(f"beetle/IMG_{index:04d}.JPG", index * gap_s) for index in range(count)]

    grouping = sorted_out(frames, stack_looks(frames, 5))

    assert sizes(grouping) == [count]
    assert grouping.stacks[0].decision is Decision.PROCESS


def test_in_the_watched_folder_itself_they_are_not():
    frames = [frame(f"IMG_{index:04d}.JPG", index * 40.0) for index in range(2)]

    assert sizes(sorted_out(frames, stack_looks(frames, 5))) == []


def test_nor_in_a_folder_that_a_camera_made():
    frames = [frame(f"100CANON/IMG_{index:04d}.JPG", index * 40.0) for index in range(2)]

    assert sizes(sorted_out(frames, stack_looks(frames, 5))) == []


def test_nor_beside_a_frame_of_something_else():
    frames = [frame(f"beetle/IMG_{index:04d}.JPG", index * 40.0) for index in range(3)]
    contents = stack_looks(frames[:2], 5) | strange_looks(frames[2:], 9)

    assert sizes(sorted_out(frames, contents)) == []


def test_nor_where_the_focus_stayed():
    frames = [frame(f"beetle/IMG_{index:04d}.JPG", index * 40.0) for index in range(2)]

    assert sizes(sorted_out(frames, same_looks(frames, 5))) == []
