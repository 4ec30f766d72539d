"""`stackd bench` as a user runs it, on stacks small enough for a test."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from stackd.bench.commands.bench import needed_is_installed
from stackd.bench.quality.stacks import write_stack
from stackd.bench.scenes import BenchScene, sheets
from stackd.errors import WrongUse
from stackd.rendering.scenes import SceneSettings

pytestmark = pytest.mark.end_to_end

SCENE = SceneSettings(subject=sheets, height_px=160, width_px=240, frame_count=4, shift_px=2, flicker=0.02, bits=16)
COPY_FIRST = "first frame=set -- {frames}; cp $1 {output}"


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stacks")
    write_stack(folder / "sheets-1", BenchScene(name="sheets-1", scene=SCENE))
    return folder


def bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stackd", "bench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_stackd_is_judged_beside_another_program(stacks: Path):
    done = bench("quality", "--folder", stacks, "--against", COPY_FIRST, "--against", "broken=false {output}", "--json")

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    ours, first, broken, best = report["verdicts"]
    assert [verdict["program"] for verdict in report["verdicts"]] == ["stackd", "first frame", "broken", "best"]
    assert first["quality"]["psnr_db"] < ours["quality"]["psnr_db"] < best["quality"]["psnr_db"] + 1
    assert ours["registration_px"] < 0.3
    assert ours["depth"]["depth_spearman"] > 0.7
    assert ours["cost"]["cpu_s"] > first["cost"]["cpu_s"] > 0
    assert "no composite" in broken["failure"]
    (ahead,) = report["ahead_of_the_best_other"]
    assert ahead["mean_db"] == pytest.approx(ours["quality"]["psnr_db"] - first["quality"]["psnr_db"])


def test_the_tables_name_every_program(stacks: Path):
    done = bench("quality", "--folder", stacks, "--method", "average", "--method", "pyramid")

    assert done.returncode == 0, done.stderr
    for name in ("stackd average", "stackd pyramid", "best", "sheets-1", "aligned px"):
        assert name in done.stdout


def test_speed_is_measured_against_the_floor(stacks: Path):
    frames = sorted((stacks / "sheets-1" / "frames").iterdir())

    done = bench("speed", *frames, "--runs", "1", "--against", COPY_FIRST, "--json")

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert list(report) == ["floor", "stackd", "first frame"]
    assert report["stackd"]["median"]["cpu_s"] > report["floor"]["median"]["cpu_s"] > 0


def test_memory_is_measured_for_more_frames_than_there_are(stacks: Path):
    frames = sorted((stacks / "sheets-1" / "frames").iterdir())

    done = bench("memory", *frames, "--counts", "4,9", "--runs", "1")

    assert done.returncode == 0, done.stderr
    assert "bytes per pixel" in done.stdout
    rows = [[cell.strip() for cell in line.split("│")] for line in done.stdout.splitlines() if "│ stackd" in line]
    assert [row[2:4] for row in rows] == [["4", "4"], ["9", "9"]], "every copy is used"


@pytest.mark.parametrize(
    "wrong", [["memory", "--counts", "ten"], ["quality", "--against", "nonsense"], ["quality", "--folder", "/"]]
)
def test_what_makes_no_sense_is_refused_before_any_work(wrong: list[str]):
    done = bench(*wrong)

    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def looked_at(stacks: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    picture = tmp_path_factory.mktemp("look") / "look.png"
    frames = sorted((stacks / "sheets-1" / "frames").iterdir())
    others = ("--against", COPY_FIRST, "--against", "broken=false {output}")
    return picture, bench("look", *frames, *others, "-o", picture, "--json")


def test_a_picture_shows_where_composites_differ(looked_at: tuple[Path, subprocess.CompletedProcess[str]]):
    picture, done = looked_at

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {place["kind"] for place in told["places"]} == {"structure", "smooth", "border"}
    assert {place["program"] for place in told["places"]} == {"first frame"}
    assert list(told["failures"]) == ["broken"]
    assert told["compared_with"] == "stackd"
    height, width = cv2.imread(str(picture)).shape[:2]
    assert width >= 3 * 240
    assert height > len(told["places"]) * 240
    assert [path.name for path in picture.parent.iterdir()] == ["look.png"]


def test_a_picture_is_replaced_only_if_it_is_one(looked_at: tuple[Path, subprocess.CompletedProcess[str]], stacks: Path):
    picture, _ = looked_at
    foreign = picture.with_name("mine.jpg")
    foreign.write_bytes(b"a photograph")

    again = bench("look", "--stack", stacks / "sheets-1", "--places", "1", "-o", picture)
    refused = bench("look", "--stack", stacks / "sheets-1", "-o", foreign)

    assert again.returncode == 0, again.stderr
    assert "compared with truth" in again.stdout
    assert refused.returncode == 1
    assert "already there" in refused.stderr
    assert foreign.read_bytes() == b"a photograph"
    foreign.unlink()


def test_when_no_other_program_makes_anything_no_picture_is_drawn(stacks: Path, tmp_path: Path):
    frames = sorted((stacks / "sheets-1" / "frames").iterdir())

    done = bench("look", *frames, "--against", "broken=echo why not >&2; false {output}", "-o", tmp_path / "look.png")

    assert done.returncode == 1
    assert "why not" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong",
    [
        ["look", "missing.jpg", "--against", COPY_FIRST, "-o", "x.png"],
        ["look", "--against", COPY_FIRST, "-o", "x.png"],
        ["look", __file__, "--against", COPY_FIRST, "-o", "x.tif"],
        ["look", __file__, "--stack", "/", "--against", COPY_FIRST, "-o", "x.png"],
    ],
)
def test_looking_at_nothing_is_refused_before_any_work(wrong: list[str]):
    done = bench(*wrong)

    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


def test_the_bench_says_what_to_install_where_its_extra_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stackd.bench.commands.bench.NEEDED", ("scipy", "a_library_nobody_has"))

    with pytest.raises(WrongUse) as told:
        needed_is_installed()

    assert "a_library_nobody_has" in told.value.message
    assert "scipy" not in told.value.message
    assert "pip install" in told.value.hint
    assert "stackd[bench]" in told.value.hint
