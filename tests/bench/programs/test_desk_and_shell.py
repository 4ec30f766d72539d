"""What `stackd bench` writes and measures is what it says."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from stackd.bench.programs.desk import BenchDesk, ShiftedCopies
from stackd.bench.programs.floor import decode_and_write
from stackd.bench.programs.shell import MeasuredShell
from stackd.bench.quality.stacks import StacksInFolder, read_stack, write_stack
from stackd.bench.quality.truth import truth_of
from stackd.bench.scenes import BenchScene
from stackd.errors import WrongUse
from stackd.imaging.ground.frames import ignore_progress
from stackd.imaging.register.engine.pairwise import is_duplicate
from stackd.imaging.register.engine.prepared_frame import prepare
from stackd.rendering.scenes import SceneSettings, render_stack, tilted_plane

SCENE = SceneSettings(subject=tilted_plane, height_px=60, width_px=80, frame_count=3, shift_px=2, flicker=0.1, bits=16)


def test_a_written_stack_is_read_back_as_it_was(tmp_path: Path):
    write_stack(tmp_path / "one", BenchScene(name="one", scene=SCENE))

    stack = read_stack(tmp_path / "one")

    rendered = render_stack(SCENE)
    truth = truth_of(rendered, blur_px=SCENE.blur_px)
    np.testing.assert_array_equal(tifffile.imread(stack.frames[0]), rendered.frames[0])
    np.testing.assert_allclose(stack.truth.image, truth.image, atol=1e-5)
    np.testing.assert_array_equal(stack.truth.matrices, truth.matrices)
    np.testing.assert_array_equal(stack.truth.valid, truth.valid)
    np.testing.assert_array_equal(stack.truth.depth_position, truth.depth_position)
    assert stack.truth.gains == truth.gains
    assert stack.truth.reference == truth.reference == 1


def test_frames_laid_over_the_reference_by_the_truth_match_it(tmp_path: Path):
    write_stack(tmp_path, BenchScene(name="one", scene=SCENE))
    stacks = StacksInFolder(tmp_path)
    stack = stacks.read(0)

    aligned = stacks.aligned(stack)

    bright = [float(np.median(aligned.read(position))) for position in range(3)]
    assert max(bright) / min(bright) < 1.03
    raw = [float(np.median(tifffile.imread(frame))) for frame in stack.frames]
    assert max(raw) / min(raw) > 1.03


def test_a_folder_without_truth_is_refused(tmp_path: Path):
    with pytest.raises(WrongUse, match="no rendered stack"):
        StacksInFolder(tmp_path)


def test_a_stack_that_lacks_something_is_refused(tmp_path: Path):
    write_stack(tmp_path, BenchScene(name="one", scene=SCENE))
    (tmp_path / "truth" / "flat.png").unlink()

    with pytest.raises(WrongUse, match="no rendered stack"):
        StacksInFolder(tmp_path).read(0)


def test_a_desk_is_cleared_for_every_program(tmp_path: Path):
    frames = [tmp_path / "b.JPG", tmp_path / "a.jpg"]
    for frame in frames:
        frame.write_bytes(b"pixels")
    desk = BenchDesk(tmp_path / "desk")
    desk.lay_out(frames).output.write_bytes(b"left over")

    room = desk.lay_out(frames)

    assert not room.output.exists()
    assert [link.name for link in room.frames] == ["0001.jpg", "0002.jpg"], "in the order given, not by name"
    assert room.frames[0].resolve() == frames[0]
    assert sorted(room.folder.iterdir()) == sorted(room.frames)


def test_copies_are_different_exposures(tmp_path: Path):
    stack = render_stack(SceneSettings(subject=tilted_plane, height_px=120, width_px=160, frame_count=2))
    frames = []
    for number, pixels in enumerate(stack.frames):
        frames.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(frames[-1]), pixels)

    copies, pixels_a_frame = ShiftedCopies(tmp_path / "copies").make(frames, 6, progress=ignore_progress)

    assert pixels_a_frame == 120 * 160
    assert len({copy.read_bytes() for copy in copies}) == 6
    prepared = [prepare(cv2.imread(str(copy), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255) for copy in copies]
    assert not any(is_duplicate(one, other) for one in prepared for other in prepared if one is not other)


def test_the_floor_writes_what_it_decoded(tmp_path: Path):
    frame = tmp_path / "frame.png"
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    cv2.imwrite(str(frame), pixels[..., ::-1])

    decode_and_write([frame, frame], tmp_path / "out.tif")

    written = tifffile.imread(tmp_path / "out.tif")
    np.testing.assert_array_equal(written, pixels.astype(np.uint16) * 257)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frame.png", "out.tif"]


def test_a_command_is_counted_with_all_it_starts():
    burn = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\nx = bytearray(150_000_000)"
    command = f"'{sys.executable}' -c '{burn}'; echo said; echo complained >&2; exit 3"

    ran = MeasuredShell().run(command)

    assert (ran.exit_code, ran.said, ran.complained) == (3, "said\n", "complained\n")
    assert 0.3 <= ran.cost.cpu_s < 3
    assert ran.cost.wall_s >= 0.3
    assert 150e6 < ran.cost.peak_bytes < 400e6


def test_a_large_stackd_does_not_hide_a_small_program():
    ballast = np.ones(25_000_000)

    ran = MeasuredShell().run("true")

    assert ballast.nbytes == 200_000_000
    assert ran.cost.peak_bytes < 60e6


def test_the_truth_tells_programs_nothing(tmp_path: Path):
    write_stack(tmp_path, BenchScene(name="one", scene=SCENE))

    told = json.loads((tmp_path / "truth" / "truth.json").read_text())

    assert [record["file"] for record in told["frames"]] == ["0001.tif", "0002.tif", "0003.tif"]
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == ["0001.tif", "0002.tif", "0003.tif"]
