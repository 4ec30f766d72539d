"""Frames decoded one ahead of the work on them."""

import threading
from dataclasses import dataclass, field

import numpy as np
import pytest

from stackd.errors import UnreadableFrame
from stackd.imaging.ground.read_ahead import ReadAhead
from stackd.model.pixels import Alpha, Gray, Pixels


@dataclass
class CountedFrames:
    """Frames whose value is their position; tells when a read has begun."""

    count: int
    damaged: int = -1
    begun: list[threading.Event] = field(default_factory=lambda: [threading.Event() for _ in range(9)])

    def __len__(self) -> int:
        return self.count

    @property
    def shape(self) -> tuple[int, int]:
        return (2, 3)

    def read(self, position: int, reduction: int = 1) -> Pixels:
        self.begun[position].set()
        if position == self.damaged:
            raise UnreadableFrame("It is damaged.", hint="")
        return np.full((2 // reduction, 3, 3), position, np.uint8)

    def read_gray(self, position: int, reduction: int) -> Gray:
        raise NotImplementedError

    def read_alpha(self, position: int) -> Alpha | None:
        raise NotImplementedError


def test_frames_come_out_in_order():
    ahead = ReadAhead(CountedFrames(4))

    assert [int(ahead.read(position)[0, 0, 0]) for position in range(4)] == [0, 1, 2, 3]


def test_the_next_frame_is_begun_and_no_more_than_that():
    frames = CountedFrames(4)
    ahead = ReadAhead(frames)

    ahead.read(0)

    assert frames.begun[1].wait(timeout=10)
    assert not frames.begun[2].is_set()


def test_damage_is_told_when_its_frame_is_asked_for():
    ahead = ReadAhead(CountedFrames(4, damaged=1))

    ahead.read(0)

    with pytest.raises(UnreadableFrame):
        ahead.read(1)
    assert int(ahead.read(2)[0, 0, 0]) == 2


def test_a_source_may_grow_while_it_is_read():
    frames = CountedFrames(1)
    ahead = ReadAhead(frames)
    ahead.read(0)

    frames.count = 2

    assert int(ahead.read(1)[0, 0, 0]) == 1
