"""The demo is the whole house at work: rendered frames, the real daemon, a composite that is better than any frame."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from stackd.rendering.demo import demo_stack

pytestmark = pytest.mark.end_to_end


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((image - truth) ** 2)))


def test_the_demo_makes_a_composite_far_sharper_than_any_frame(tmp_path: Path):
    command = [sys.executable, "-m", "stackd", "demo", "--folder", str(tmp_path / "demo")]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)

    assert done.returncode == 0, done.stdout + done.stderr
    composites = tmp_path / "demo" / "composites"
    (report_path,) = composites.glob("*.json")
    report = json.loads(report_path.read_text(encoding="utf-8"))
    assert str(report_path) in done.stdout
    assert str(report_path.with_suffix(".png")) in done.stdout
    assert (tmp_path / "demo" / "before-after.jpg").is_file()
    assert str(report_path.with_suffix(".html")) in done.stdout
    page = report_path.with_suffix(".html").read_text(encoding="utf-8")
    assert page.count("<button") == 10, "the page shows every frame"
    assert str(tmp_path) not in page
    assert [frame["name"] for frame in report["frames"] if frame["used"]] == [f"DEMO{number:04d}.JPG" for number in range(1, 11)]
    assert not list(composites.glob(".*")), "no temporary file is left"

    stack = demo_stack()
    assert report["reference"] == f"DEMO{stack.reference + 1:04d}.JPG", "the truth lies on the grid of this frame"
    area = report["valid_area_px"]
    inside = (slice(area["top"], area["bottom"]), slice(area["left"], area["right"]))
    composite = cv2.imread(str(report_path.with_suffix(".png")), cv2.IMREAD_UNCHANGED)[..., ::-1] / 65535
    best_frame = max(psnr(frame[inside] / 255, stack.truth[inside]) for frame in stack.frames)
    assert psnr(composite, stack.truth[inside]) > best_frame + 4


@pytest.mark.parametrize("name", ["stackd.toml", "before-after.jpg", "inbox/a.jpg", "composites/a.png", "state/journal.sqlite3"])
def test_the_demo_overwrites_nothing_of_the_users(tmp_path: Path, name: str):
    """`stackd demo --folder .` overwrote the user's stackd.toml."""
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")

    done = subprocess.run(
        [sys.executable, "-m", "stackd", "demo", "--folder", "."], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert done.returncode == 2
    assert f"{tmp_path / name.partition('/')[0]} is there already" in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]
    assert mine.read_text() == "mine"
