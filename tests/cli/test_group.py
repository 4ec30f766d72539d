"""`stackd group` explains which stacks frames would make."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from typer import Typer
from typer.testing import CliRunner, Result

from stackd.cli.group import group
from stackd.cli.reports.group import as_object, from_to, ignored_lines, name_of_frame, row_of, summary_lines, why_sections
from stackd.errors import StackdError
from stackd.service.once.group import Sorted
from tests.intake.build import bare, focused, frame, noisy, same_looks, scene, shoot, sorted_out, strange_looks
from tests.make_frames import add_tags


def run(*arguments: str) -> Result:
    app = Typer()
    app.command()(group)
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "100"})


def tags(second: int, **more: str) -> Mapping[str, str]:
    return {
        "Exif.Image.Make": "Nikon",
        "Exif.Image.Model": "Z 8",
        "Exif.Photo.DateTimeOriginal": f"2025:06:01 12:{second // 60:02d}:{second % 60:02d}",
        "Exif.Photo.ExposureTime": "1/50",
        "Exif.Photo.FNumber": "4/1",
        "Exif.Photo.ISOSpeedRatings": "400",
        **more,
    }


def save(path: Path, picture: np.ndarray, second: int, **more: str) -> None:
    pixels = np.repeat(np.clip(picture * 255, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=95))
    add_tags(path, tags(second, **more))


@pytest.fixture(scope="module")
def shoot_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stacks, three single shots and an exposure bracket, as a photographer would bring them home."""
    folder = tmp_path_factory.mktemp("card")
    number = 1

    def take(picture: np.ndarray, second: int, **more: str) -> None:
        nonlocal number
        save(folder / f"IMG_{number:04d}.JPG", noisy(picture, number), second, **more)
        number += 1

    beetle, moss = scene(1, height=200, width=300), scene(2, height=200, width=300)
    for index in range(6):
        take(focused(beetle, index / 5), 2 * index)
    take(scene(3, height=200, width=300), 60)
    for index in range(7):
        distance = f"{300 + 20 * index}/1000"
        take(focused(moss, index / 6), 300 + index, **{"Exif.Photo.SubjectDistance": distance})
    for index, shutter in enumerate(["1/50", "1/200", "1/12"]):
        take(scene(4, height=200, width=300), 400 + index, **{"Exif.Photo.ExposureTime": shutter})
    take(scene(5, height=200, width=300), 500)
    take(scene(6, height=200, width=300), 900)
    (folder / "notes.txt").write_text("beetle, moss", encoding="utf-8")
    (folder / "broken.jpg").write_bytes(b"<html>not found</html>")
    return folder


def test_the_object_has_the_agreed_form(shoot_folder: Path):
    result = run(str(shoot_folder), "--json")

    found = json.loads(result.stdout)
    assert list(found) == ["stacks", "singles", "ignored"]
    assert [list(stack) for stack in found["stacks"]] == [["frames", "confidence", "kind", "decision", "evidence"]] * 2
    assert [stack["frames"] for stack in found["stacks"]] == [
        [f"IMG_{number:04d}.JPG" for number in range(1, 7)],
        [f"IMG_{number:04d}.JPG" for number in range(8, 15)],
    ]
    assert [(stack["kind"], stack["decision"]) for stack in found["stacks"]] == [("focus", "process")] * 2
    assert all(0.7 <= stack["confidence"] <= 1.0 for stack in found["stacks"])
    assert found["singles"] == [f"IMG_{number:04d}.JPG" for number in (7, 15, 16, 17, 18, 19)]
    assert [entry["path"] for entry in found["ignored"]] == ["broken.jpg", "notes.txt"]
    assert "text or a web page" in found["ignored"][0]["reason"]


def test_a_photographer_sees_the_stacks_at_a_glance(shoot_folder: Path):
    result = run(str(shoot_folder))

    assert "IMG_0001 – 0006.JPG" in result.stdout
    assert "0.30 – 0.42 m" in result.stdout
    assert "2 stacks to process, 1 exposure bracket, 3 single frames, 2 files left out." in result.stdout


def test_why_names_the_evidence_and_every_boundary(shoot_folder: Path):
    result = run(str(shoot_folder), "--why")
    text = " ".join(result.stdout.split())

    assert "focus moved step by step from 0.30 m to 0.42 m" in text
    assert "cut after IMG_0006.JPG: the next frame was taken 50 s later" in text
    assert "No focus stack but an exposure bracket: IMG_0015 – 0017.JPG" in text


def test_frames_can_be_named_one_by_one(shoot_folder: Path):
    result = run(*(str(shoot_folder / f"IMG_{number:04d}.JPG") for number in range(8, 15)), "--json")

    (stack,) = json.loads(result.stdout)["stacks"]
    assert stack["frames"] == [f"IMG_{number:04d}.JPG" for number in range(8, 15)]


def test_a_contact_sheet_shows_every_stack_and_replaces_only_its_own_kind(shoot_folder: Path, tmp_path: Path):
    sheet = tmp_path / "stacks.jpg"

    assert run(str(shoot_folder), "--contact-sheet", str(sheet)).exit_code == 0
    height, width, _, _ = simplejpeg.decode_jpeg_header(sheet.read_bytes())
    assert height > 5 * 96
    assert width > 7 * 96
    assert run(str(shoot_folder), "--contact-sheet", str(sheet)).exit_code == 0
    frame_file = shoot_folder / "IMG_0001.JPG"
    before = frame_file.read_bytes()
    refused = run(str(shoot_folder), "--contact-sheet", str(frame_file))
    assert isinstance(refused.exception, StackdError)
    assert frame_file.read_bytes() == before


def test_a_manifest_in_the_folder_decides(tmp_path: Path):
    for index in range(3):
        save(tmp_path / "odd" / f"{index}.jpg", scene(index + 20), 1000 * index)
    (tmp_path / "odd" / "stack.json").write_text('{"frames": ["0.jpg", "1.jpg"], "name": "pair"}', encoding="utf-8")

    found = json.loads(run(str(tmp_path), "--json").stdout)

    assert [stack["frames"] for stack in found["stacks"]] == [["odd/0.jpg", "odd/1.jpg"]]
    assert found["singles"] == ["odd/2.jpg"]
    assert found["ignored"] == [{"path": "odd/stack.json", "reason": "it is the manifest of its folder"}]


def test_a_path_that_is_not_there_is_refused_in_words(tmp_path: Path):
    result = run(str(tmp_path / "nowhere"))

    assert isinstance(result.exception, StackdError)
    assert "is not there" in str(result.exception)


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        ("IMG_0412.JPG", "IMG_0419.JPG", "IMG_0412 – 0419.JPG"),
        ("IMG_0499.JPG", "IMG_0501.JPG", "IMG_0499 – 0501.JPG"),
        ("01sm.png", "06sm.png", "01sm – 06sm.png"),
        ("a.png", "b.jpg", "a.png – b.jpg"),
        ("a.png", "a.png", "a.png"),
        ("noext", "noext2", "noext – noext2"),
    ],
)
def test_names_of_a_run_are_written_once(first: str, last: str, shown: str):
    assert from_to(first, last) == shown


def test_what_is_unknown_is_a_dash():
    grouping = sorted_out([bare(f"{index}.png", order_hint=index) for index in range(6)])

    assert row_of(1, grouping.stacks[0])[3:6] == ("–", "–", "5 steps")


def test_planes_of_a_file_are_named_by_page():
    (stack,) = sorted_out([bare("z.ome.tif", page_count=4)]).stacks

    assert name_of_frame(stack.frames[0]) == "z.ome.tif#page=1"


def test_a_name_that_is_no_text_is_shown_escaped_and_kept_in_json():
    strange = frame("b\udcff\x1b[31m.JPG")
    outcome = Sorted(grouping=sorted_out([strange]), ignored={"x\u202e.txt": "it is not a picture"})

    assert list(ignored_lines(outcome, all_of_them=True)) == ["x\\u202e.txt: it is not a picture"]
    assert json.loads(json.dumps(as_object(outcome, why=True)))["singles"] == ["b\udcff\x1b[31m.JPG"]


def test_held_stacks_and_other_sequences_are_counted():
    frames = [*shoot(8), *shoot(30, first=100, begin_s=1000.0, beat_s=10.0), *shoot(2, first=500, begin_s=9000.0, beat_s=700.0)]
    contents = {**same_looks(frames[8:38], 9), **strange_looks(frames[38:], 70)}
    grouping = sorted_out(frames, contents)

    assert list(summary_lines(Sorted(grouping=grouping))) == [
        "0 stacks to process, 1 stack held for review, 1 time-lapse, 2 single frames."
    ]
    assert any(heading.startswith("No focus stack but a time-lapse") for heading, _ in why_sections(grouping))


def test_a_narrow_terminal_gets_short_lines_with_whole_names(shoot_folder: Path):
    """At 60 columns the table gave one letter a line to the names, or left them out."""
    app = Typer()
    app.command()(group)

    narrow = CliRunner().invoke(app, [str(shoot_folder)], env={"COLUMNS": "60"})
    wide = CliRunner().invoke(app, [str(shoot_folder)], env={"COLUMNS": "120"})

    names = "IMG_0001 – 0006.JPG"
    assert any(names in line for line in narrow.output.splitlines())
    assert any(names in line and "process" in line for line in wide.output.splitlines())
    assert all(len(line) <= 60 for line in narrow.output.splitlines() if "IMG_0001" in line or "frames, process" in line)
