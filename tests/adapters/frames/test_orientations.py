"""Frames of one stack whose files say that they stand different ways up."""

from pathlib import Path

import numpy as np
import pytest

from stackd.adapters.frames.reader import FrameFiles
from stackd.config.develop import DevelopSettings
from stackd.service.ports import FrameFile
from tests import make_frames

SCENE = make_frames.textured(160, 240)
SCENE[:60, :90] = 230


def frame(path: Path, pixels: np.ndarray, orientation: int) -> FrameFile:
    tags = {"Exif.Image.Orientation": str(orientation)}
    return FrameFile(path=make_frames.write_jpeg(path, np.ascontiguousarray(pixels), tags=tags))


def read(frames: list[FrameFile]) -> list[np.ndarray]:
    reader = FrameFiles()
    assert reader.check(frames) == {}
    stack = reader.open(frames, DevelopSettings())
    return [stack.read(position) for position in range(len(frames))]


def apart(pictures: list[np.ndarray]) -> int:
    return max(int(np.abs(picture.astype(int) - pictures[0]).max()) for picture in pictures)


@pytest.mark.parametrize("said", [(1, 6, 1, 8, 1), (1, 1, 3, 1), (6, 6, 1, 6, 3), (8, 1, 8)])
def test_frames_stored_alike_stay_alike(tmp_path: Path, said: tuple[int, ...]):
    pictures = read([frame(tmp_path / f"{n}.jpg", SCENE, orientation) for n, orientation in enumerate(said)])

    assert apart(pictures) == 0
    usual = max(set(said), key=said.count)
    expected = read([frame(tmp_path / "one.jpg", SCENE, usual)])[0]
    assert np.array_equal(pictures[0], expected)


def test_frames_that_a_program_turned_are_brought_together(tmp_path: Path):
    turned = np.rot90(SCENE, -1)
    frames = [frame(tmp_path / f"{n}.jpg", SCENE, 6) for n in range(3)] + [frame(tmp_path / "9.jpg", turned, 1)]

    pictures = read(frames)

    assert {picture.shape for picture in pictures} == {(240, 160, 3)}
    assert apart(pictures) <= 30  # two compressions


def test_a_frame_really_taken_upside_down_is_turned_as_it_says(tmp_path: Path):
    frames = [frame(tmp_path / f"{n}.jpg", SCENE, 1) for n in range(3)] + [frame(tmp_path / "9.jpg", np.rot90(SCENE, 2), 3)]

    assert apart(read(frames)) <= 30
