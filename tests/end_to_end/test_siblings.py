"""Stacks of one view in several lights: the registration of one serves the others."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stackd.errors import WrongUse
from stackd.rendering.scenes import RenderedStack, SceneSettings, render_stack, two_planes
from stackd.service.once.sibling import sibling_from
from tests import make_frames

FRAMES = 7
VIEW = SceneSettings(
    subject=two_planes, height_px=240, width_px=320, frame_count=FRAMES, shift_px=4.0, breathing=0.003, blur_px=0.8, seed=5
)


pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def view() -> RenderedStack:
    return render_stack(VIEW)


def lit(folder: Path, view: RenderedStack, *, light: float, broken: tuple[int, ...] = ()) -> list[str]:
    """Write the frames of the view under a light that leaves so much of the contrast."""
    folder.mkdir()
    paths = []
    for number, pixels in enumerate(view.frames):
        dim = 40 + (pixels.astype(np.float32) - 40) * light
        path = make_frames.write_png(folder / f"step {number:02}.png", np.rint(dim.clip(0, 255)).astype(np.uint8))
        if number in broken:
            path.write_bytes(path.read_bytes()[:2000])
        paths.append(str(path))
    return paths


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stackd", "fuse", *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def told(*arguments: str) -> dict:
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def bright(tmp_path: Path, view: RenderedStack) -> dict:
    found = told(*lit(tmp_path / "light 1", view, light=1.0), "-o", str(tmp_path / "light 1.tif"))
    (tmp_path / "light 1.json").write_text(json.dumps(found))
    return found


def test_a_light_that_shows_next_to_nothing_is_laid_as_its_sibling(tmp_path: Path, view: RenderedStack, bright: dict):
    dim = lit(tmp_path / "light 2", view, light=0.02)

    found = told(*dim, "-o", str(tmp_path / "light 2.tif"), "--registration", str(tmp_path / "light 1.json"))

    assert [frame["matrix"] for frame in found["frames"]] == [frame["matrix"] for frame in bright["frames"]]
    assert found["valid_area"] == bright["valid_area"]
    assert Path(found["reference"]).name == Path(bright["reference"]).name
    assert "registration-taken-over" in {finding["code"] for finding in found["warnings"]}


def test_a_frame_that_cannot_be_read_here_moves_no_other(tmp_path: Path, view: RenderedStack, bright: dict):
    middle = next(place for place, frame in enumerate(bright["frames"]) if frame["path"] == bright["reference"])
    dim = lit(tmp_path / "light 2", view, light=0.5, broken=(middle,))

    found = told(*dim, "-o", str(tmp_path / "light 2.tif"), "--registration", str(tmp_path / "light 1.json"))

    assert [frame["used"] for frame in found["frames"]].count(False) == 1
    used = {Path(frame["path"]).name: frame["matrix"] for frame in found["frames"] if frame["used"]}
    assert used == {Path(frame["path"]).name: frame["matrix"] for frame in bright["frames"] if Path(frame["path"]).name in used}


def without_numbers(report: dict) -> None:
    """Name the frames in letters, and leave one out."""
    report["frames"].pop()
    for place, frame in enumerate(report["frames"]):
        letter = f"{'abcdefg'[place]}.png"
        if frame["path"] == report["reference"]:
            report["reference"] = letter
        frame["path"] = letter


def of_another_camera(report: dict) -> None:
    report["frame_size_px"]["width"] = 400


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_numbers, f"6 frames lie, but this stack has {FRAMES}"),
        (of_another_camera, "were 400×240 px"),
    ],
)
def test_stacks_that_do_not_go_together_are_refused_in_a_sentence(
    change: Callable[[dict], None], said: str, tmp_path: Path, view: RenderedStack, bright: dict
):
    change(bright)
    (tmp_path / "light 1.json").write_text(json.dumps(bright))
    frames = lit(tmp_path / "light 2", view, light=1.0)

    done = run(*frames, "-o", str(tmp_path / "light 2.tif"), "--registration", str(tmp_path / "light 1.json"))

    assert done.returncode != 0
    assert said in " ".join(done.stderr.split())
    assert not (tmp_path / "light 2.tif").exists()


def sound() -> dict:
    eye = np.eye(3).tolist()
    return {
        "frames": [{"name": "a", "matrix_to_reference": eye}, {"name": "b", "matrix_to_reference": None}],
        "reference": "a",
        "frame_size_px": {"width": 4, "height": 3},
    }


def test_the_report_beside_a_composite_is_read():
    sibling = sibling_from(sound(), name="light 1.json")

    assert sibling.frame_shape == (3, 4)
    assert sibling.reference == "a"
    assert list(sibling.matrices) == ["a"]


@pytest.mark.parametrize(
    "report",
    [
        None,
        [],
        {},
        sound() | {"frames": 3},
        sound() | {"reference": "c"},
        sound() | {"frame_size_px": {"width": "wide", "height": 3}},
        sound() | {"frames": [{"name": "a", "matrix_to_reference": [[1, 2], [3, 4]]}]},
        sound() | {"frames": [{"name": "a", "matrix_to_reference": [[0, 0, 0]] * 3}]},
        sound() | {"frames": [{"name": "a", "matrix_to_reference": [[float("nan"), 0, 0], [0, 1, 0], [0, 0, 1]]}]},
        sound() | {"frames": [{"name": "a", "matrix_to_reference": "matrix"}]},
    ],
)
def test_what_is_no_report_is_refused(report: object):
    with pytest.raises(WrongUse, match=r"odd\.json does not tell where"):
        sibling_from(report, name="odd.json")
