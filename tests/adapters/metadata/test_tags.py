"""Tags come as they are in the file; exiftool adds what only it knows, and can never hold anything up."""

import os
import shutil
import stat
import sys
import time
from pathlib import Path

import imagecodecs
import pytest

from stackd.adapters.metadata import exiftool as exiftool_process
from stackd.adapters.metadata.exiftool import ExiftoolProcess
from stackd.adapters.metadata.tags import fetch_tags
from stackd.model.tags import FileKind
from tests import make_frames

needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")


def a_jpeg(folder: Path, **tags: str) -> Path:
    return make_frames.write_jpeg(folder / "a.jpg", make_frames.textured(20, 30), tags=make_frames.shot_at(7) | tags)


def test_values_come_in_machine_form_with_leading_zeros(tmp_path: Path):
    values = fetch_tags(a_jpeg(tmp_path)).values

    assert values["Exif.Photo.ExposureTime"] == "1/50"
    assert values["Exif.Photo.SubSecTimeOriginal"] == "04"
    assert values["Exif.Photo.DateTimeOriginal"] == "2024:05:01 12:00:07"


def test_undefined_tags_come_as_bytes_too(tmp_path: Path):
    path = a_jpeg(tmp_path, **{"Exif.Photo.MakerNote": "65 66 67 0 255"})

    assert fetch_tags(path).raw["Exif.Photo.MakerNote"] == b"ABC\x00\xff"


def test_the_header_tells_kind_size_and_orientation(tmp_path: Path):
    header = fetch_tags(a_jpeg(tmp_path, **{"Exif.Image.Orientation": "6"})).header

    assert (header.kind, header.width_px, header.height_px, header.orientation) == (FileKind.JPEG, 30, 20, 6)


def test_the_colour_profile_is_fetched(tmp_path: Path):
    profile = bytes(imagecodecs.cms_profile("srgb"))
    path = make_frames.write_tiff(tmp_path / "a.tif", make_frames.textured(20, 30), photometric="rgb", iccprofile=profile)

    assert fetch_tags(path).icc == profile


def test_a_file_without_metadata_gives_almost_nothing(tmp_path: Path):
    tags = fetch_tags(make_frames.write_png(tmp_path / "a.png", make_frames.textured(20, 30)))

    assert tags.raw == {}
    assert tags.icc is None
    assert tags.header.width_px == 30


def test_damaged_metadata_costs_the_metadata_only(tmp_path: Path):
    path = a_jpeg(tmp_path)
    content = bytearray(path.read_bytes())
    exif = content.index(b"Exif\x00\x00") + 6
    content[exif + 8 : exif + 60] = b"\xff" * 52
    path.write_bytes(content)

    tags = fetch_tags(path)

    assert tags.header.width_px == 30


# ------------------------------------------------------------------------------ exiftool


@needs_exiftool
def test_exiftool_answers_about_many_files_through_one_process(tmp_path: Path):
    path = a_jpeg(tmp_path)
    exiftool = ExiftoolProcess.find()
    assert exiftool is not None

    first = exiftool.ask([path])
    process = exiftool._process
    again = exiftool.ask([tmp_path / "missing.jpg", path])

    assert first[path]["ExifIFD.SubSecTimeOriginal"] == "04"
    assert list(again) == [path]
    assert exiftool._process is process
    exiftool.close()


@needs_exiftool
def test_exiftool_is_asked_where_there_is_a_maker_note(tmp_path: Path):
    exiftool = ExiftoolProcess.find()
    plain = fetch_tags(a_jpeg(tmp_path), exiftool=exiftool)
    path = a_jpeg(tmp_path, **{"Exif.Photo.MakerNote": "65 66 67 0 255"})

    noted = fetch_tags(path, exiftool=exiftool)

    assert not any(key.startswith("ExifTool.") for key in plain.values)
    assert noted.values["ExifTool.IFD0.Model"] == "Bayer 1"


@needs_exiftool
@pytest.mark.parametrize("name", ["with space ü.jpg", "-rf.jpg", "quote'\".jpg", "dollar$(x).jpg"])
def test_exiftool_takes_any_utf8_name(tmp_path: Path, name: str):
    path = a_jpeg(tmp_path).rename(tmp_path / name)
    exiftool = ExiftoolProcess.find()
    assert exiftool is not None

    assert exiftool.ask([path])[path]["IFD0.Model"] == "Bayer 1"


@needs_exiftool
@pytest.mark.parametrize("name", [b"\xff\xfe.jpg", b"new\n-execute\nline.jpg", b"-o\n.jpg"])
def test_names_exiftool_cannot_be_told_get_no_answer(tmp_path: Path, name: bytes):
    path = a_jpeg(tmp_path).rename(tmp_path / os.fsdecode(name))
    exiftool = ExiftoolProcess.find()
    assert exiftool is not None

    assert exiftool.ask([path]) == {}
    assert [os.fsencode(entry.name) for entry in tmp_path.iterdir()] == [name]


def pretend(folder: Path, script: str) -> ExiftoolProcess:
    program = folder / "exiftool"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return ExiftoolProcess(str(program))


def test_an_exiftool_that_hangs_is_killed_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exiftool_process, "ANSWER_TIMEOUT_S", 0.05)
    monkeypatch.setattr(exiftool_process, "TIMEOUT_PER_FILE_S", 0.0)
    path = a_jpeg(tmp_path, **{"Exif.Photo.MakerNote": "65 66"})
    exiftool = pretend(tmp_path, f"echo started >> {tmp_path}/log; exec sleep 60")

    began_s = time.monotonic()
    tags = [fetch_tags(path, exiftool=exiftool) for _ in range(10)]

    assert time.monotonic() - began_s < 5
    assert all(tag.values["Exif.Image.Model"] == "Bayer 1" for tag in tags)
    assert len((tmp_path / "log").read_text().splitlines()) <= 3
    assert exiftool._process is None


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense; echo '{ready1}'; cat > /dev/null", "kill -9 $$"])
def test_an_exiftool_that_is_broken_costs_its_tags_only(tmp_path: Path, script: str):
    path = a_jpeg(tmp_path, **{"Exif.Photo.MakerNote": "65 66"})

    tags = fetch_tags(path, exiftool=pretend(tmp_path, script))

    assert tags.values["Exif.Image.Model"] == "Bayer 1"


def test_a_broken_colour_profile_does_not_hide_the_camera(tmp_path: Path):
    """exiv2 stopped at the profile, and time, camera and lens were gone with it."""
    path = make_frames.write_jpeg(tmp_path / "a.jpg", make_frames.textured(20, 30), tags=make_frames.shot_at(7))
    broken = b"ICC_PROFILE\x00\x01\x01" + bytes(imagecodecs.cms_profile("srgb"))[:400]
    segment = b"\xff\xe2" + (len(broken) + 2).to_bytes(2, "big") + broken
    content = path.read_bytes()
    behind_exif = content.index(b"Exif\x00\x00") - 2
    behind_exif += int.from_bytes(content[behind_exif : behind_exif + 2], "big")
    path.write_bytes(content[:behind_exif] + segment + content[behind_exif:])

    assert fetch_tags(path).values["Exif.Image.Model"] == "Bayer 1"


ANSWERING = """\
#!{python}
import sys
lines = []
for line in sys.stdin:
    line = line.rstrip("\\n")
    if line.startswith("-execute"):
        name = lines[-1].replace("\\\\", "")
        print('[{{"SourceFile": "%s", "Evil:Lens": "\\\\ud800 lens"}}]' % name)
        print("{{ready%s}}" % line.removeprefix("-execute"), flush=True)
    else:
        lines.append(line)
"""
"""A program that speaks exiftool's protocol and answers with half a character, which JSON can hold and nothing else can."""


def test_text_that_cannot_be_encoded_ends_at_the_door(tmp_path: Path):
    program = tmp_path / "exiftool"
    program.write_text(ANSWERING.format(python=sys.executable))
    program.chmod(0o755)
    path = a_jpeg(tmp_path, **{"Exif.Photo.MakerNote": "65 66 67"})
    process = ExiftoolProcess(str(program))

    values = fetch_tags(path, exiftool=process).values
    process.close()

    assert values["ExifTool.Evil.Lens"] == r"\ud800 lens"
    for value in values.values():
        value.encode()
