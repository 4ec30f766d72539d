"""What brands write, on real files, held against exiftool; and what their tables make of single tags."""

import json
import shutil
import struct
import subprocess
from functools import cache
from math import inf, isclose
from pathlib import Path
from types import MappingProxyType

import pytest

from stackd.adapters.formats.exiv2_library import exiv2_library
from stackd.adapters.metadata.tags import fetch_tags
from stackd.errors import UnreadableFrame
from stackd.intake.brands import frame_meta
from stackd.model.frame import BracketKind, FrameMeta
from stackd.model.tags import FileKind, Header, Tags
from tests.shared_data import SHARED, shared_data

DIFFERENCES = Path(__file__).parents[3] / "docs" / "known-metadata-differences.md"

EXIF_FILES = sorted(
    path.relative_to(SHARED / "data" / "exif").as_posix()
    for path in (SHARED / "data" / "exif").rglob("*")
    if path.is_file() and path.suffix != ".md"
) or ["missing"]


def meta_of(name: str) -> FrameMeta:
    """Describe a file of metadata alone; `.exv` is no picture, so its tags are taken straight from the library."""
    path = shared_data("exif", name)
    try:
        tags = fetch_tags(path)
    except UnreadableFrame:
        tags = _tags_without_picture(path)
    return frame_meta(tags, path=path.name, mtime_ns=0)


def _tags_without_picture(path: Path) -> Tags:
    values: dict[str, str] = {}
    raw: dict[str, bytes] = {}
    with exiv2_library() as exiv2:
        image = exiv2.ImageFactory.open(str(path))
        image.readMetadata()
        for datum in image.exifData():
            values.setdefault(datum.key(), datum.toString())
            if datum.key() == "Exif.Photo.MakerNote":
                raw[datum.key()] = bytes(datum.value().data())
        for datum in image.xmpData():
            values[datum.key()] = datum.toString()
    return Tags(values=values, raw=raw)


@cache
def oracle() -> dict[str, dict[str, object]]:
    """Ask exiftool about all files at once: file → tag → numeric value."""
    if shutil.which("exiftool") is None:
        pytest.skip("exiftool is not installed: there is no oracle")
    folder = shared_data("exif")
    answer = subprocess.run(
        ["exiftool", "-n", "-j", "-r", "-ext", "*", str(folder)], capture_output=True, check=False, timeout=60
    )
    return {
        Path(str(entry["SourceFile"])).relative_to(folder).as_posix(): entry
        for entry in json.loads(answer.stdout.decode("utf-8", "replace"))
    }


def expected_distance_m(tags: dict[str, object]) -> float | None:
    """Normalise what exiftool says by the rules of the table in docs/known-metadata-differences.md."""

    def number(tag: str) -> float | None:
        value = tags.get(tag)
        return float(value) if isinstance(value, int | float) else inf if value == "inf" else None

    subject = number("SubjectDistance")
    if subject:
        return subject
    upper, lower = number("FocusDistanceUpper"), number("FocusDistanceLower")
    if upper:
        upper = inf if upper >= 655.35 else upper
        return 2 / (1 / upper + 1 / lower) if lower else upper
    band = [float(part) for part in str(tags.get("FocusDistanceRange", "")).split()]
    if len(band) == 2:
        return 2 / (1 / band[0] + 1 / band[1])
    if "FocusDistance2" in tags:
        return number("FocusDistance2")
    if str(tags.get("Make", "")).startswith(("Minolta", "Konica", "KONICA")) and "FocusDistance" in tags:
        return number("FocusDistance") or inf
    return number("FocusDistance") or number("ObjectDistance") or None


def agrees(ours: float | None, theirs: float | None) -> bool:
    return ours is theirs or (ours is not None and theirs is not None and (ours == theirs or isclose(ours, theirs, rel_tol=2e-3)))


@pytest.mark.parametrize("name", EXIF_FILES)
def test_focus_values_agree_with_the_oracle_or_the_page_of_differences_says_why(name: str):
    meta = meta_of(name)
    tags = oracle()[name]
    excused = DIFFERENCES.read_text(encoding="utf-8")
    steps = tags.get("FocusStepCount") if "OLYMPUS" in name or name.startswith("OM/") else None
    position = tags.get("FocusPosition2")

    if f"`{name}`" not in excused:
        assert agrees(meta.focus_distance_m, expected_distance_m(tags)), (meta.focus_distance_m, expected_distance_m(tags))
    if steps is not None:
        assert meta.order_hint == -float(str(steps))
    if isinstance(position, int) and 1 < position < 255:
        assert meta.order_hint == position


def test_every_excused_file_really_differs():
    """An excuse that is no longer needed is taken off the page."""
    for name in EXIF_FILES:
        if f"`{name}`" in DIFFERENCES.read_text(encoding="utf-8"):
            assert not agrees(meta_of(name).focus_distance_m, expected_distance_m(oracle()[name])), name


def test_a_nikon_z_position_is_read_from_its_four_bytes():
    meta = meta_of("NIKON/NikonZ6.exv")

    assert meta.order_hint == 6.0
    assert isclose(meta.focus_distance_m or 0, 10.0, rel_tol=1e-3)
    assert meta.sources["order_hint"].startswith("Exif.NikonLd4.0x005a")
    assert (meta.body_serial, meta.shutter_count, meta.lens) == ("3003230", 3651, "NIKKOR Z 24-70mm f/4 S")


def test_a_phone_that_composes_every_picture_takes_frames_all_the_same():
    """Pixel phones write CompositeImage = 3 into every ordinary picture."""
    meta = meta_of("GOOGLE/Google.jpg")

    assert meta.result_of is None
    assert (meta.time_resolution_s, meta.focus_distance_m) == (0.001, 17.853)


def meta(values: dict[str, str], *, path: str = "IMG_0001.JPG", raw: dict[str, bytes] | None = None) -> FrameMeta:
    tags = Tags(values=MappingProxyType(values), raw=MappingProxyType(raw or {}), header=Header(kind=FileKind.JPEG))
    return frame_meta(tags, path=path, mtime_ns=1_700_000_000_000_000_000)


@pytest.mark.parametrize(
    ("text", "distance_m"),
    [
        ("17853/1000", 17.853),
        ("0/1", None),
        ("0/0", None),
        ("5/0", None),
        ("4294967295/1", inf),
        ("4294967295/4294967295", inf),
        ("rubbish", None),
        ("", None),
        ("-3/1", None),
    ],
)
def test_exif_distances_know_the_unknown_and_the_infinite(text: str, distance_m: float | None):
    assert meta({"Exif.Photo.SubjectDistance": text}).focus_distance_m == distance_m


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"Exif.Image.Make": "OLYMPUS CORPORATION", "Exif.OlympusCs.DriveMode": "5 6 64 0"},
            {"bracket_kind": BracketKind.FOCUS, "sequence_number": 6},
        ),
        (
            {"Exif.Image.Make": "OM Digital Solutions", "Exif.OlympusCs.0x0804": "9 8"},
            {"result_of": "the camera stacked it from 8 frames"},
        ),
        ({"Exif.Image.Make": "OM Digital Solutions", "Exif.OlympusCs.0x0804": "0 0"}, {"result_of": None}),
        (
            {"Exif.Image.Make": "Panasonic", "Exif.Panasonic.0x00bd": "-3", "Exif.Panasonic.BurstMode": "3"},
            {"order_hint": -3.0, "bracket_kind": BracketKind.FOCUS},
        ),
        ({"Exif.Image.Make": "FUJIFILM", "Exif.Fujifilm.0x1150": "2"}, {"result_of": "the camera stacked it itself (Pro Focus)"}),
        (
            {"Exif.Image.Make": "Canon", "Exif.Canon.0x4053": "24 1 30 4 0 0"},
            {"bracket_kind": BracketKind.FOCUS, "sequence_total": 30, "sequence_total_is_exact": True},
        ),
        ({"Exif.Image.Make": "Canon", "Exif.CanonFi.BracketMode": "1"}, {"bracket_kind": BracketKind.EXPOSURE}),
        (
            {
                "Exif.Image.Make": "NIKON CORPORATION",
                "ExifTool.Nikon.FocusShiftShooting": "7",
                "ExifTool.Nikon.FocusShiftNumberShots": "100",
            },
            {"bracket_kind": BracketKind.FOCUS, "sequence_number": 7, "sequence_total": 100, "sequence_total_is_exact": False},
        ),
        (
            {
                "Exif.Image.Make": "Phase One",
                "ExifTool.PhaseOne.PhaseOne_0x0262": "MM001_17",
                "ExifTool.PhaseOne.PhaseOne_0x0263": "6",
                "ExifTool.PhaseOne.PhaseOne_0x0264": "3",
                "ExifTool.PhaseOne.PhaseOne_0x0265": "12",
            },
            {
                "sequence_id": "MM001_17",
                "bracket_kind": BracketKind.FOCUS,
                "sequence_number": 3,
                "sequence_total": 12,
                "sequence_total_is_exact": True,
            },
        ),
        ({"Exif.Image.Make": "SONY", "Exif.Sony2Fp.FocusPosition2": "1"}, {"order_hint": None, "focus_distance_m": None}),
        ({"Xmp.aux.ApproximateFocusDistance": "301/100"}, {"focus_distance_m": 3.01}),
        ({"Xmp.aux.ApproximateFocusDistance": "4294967295/1"}, {"focus_distance_m": inf}),
        (
            {"Exif.Image.Make": "SONY", "Exif.Photo.CompositeImage": "3"},
            {"result_of": "the camera composed it from several pictures"},
        ),
        ({"Exif.Image.Software": "Helicon Focus 8.2.0"}, {"result_of": "Helicon Focus 8.2.0 made it"}),
        ({"Xmp.stackd.frames": "12"}, {"result_of": "stackd made it"}),
        ({"Exif.Photo.FNumber": "0/1", "Exif.Photo.FocalLength": "0/10"}, {"f_number": None, "focal_length_mm": None}),
    ],
)
def test_tables_turn_tags_into_meaning(values: dict[str, str], expected: dict[str, object]):
    found = meta(values)

    assert {field: getattr(found, field) for field in expected} == expected


def _apple_note(entries: list[tuple[int, int, int, bytes]]) -> bytes:
    """An Apple maker note: (tag, type, count, value of four bytes or more)."""
    head = b"Apple iOS\0\0\1MM" + struct.pack(">H", len(entries))
    after = len(head) + 12 * len(entries) + 4
    body, tail = b"", b""
    for tag, kind, count, value in entries:
        if len(value) <= 4:
            body += struct.pack(">HHI", tag, kind, count) + value.ljust(4, b"\0")
        else:
            body += struct.pack(">HHII", tag, kind, count, after + len(tail))
            tail += value
    return head + body + b"\0\0\0\0" + tail


def test_an_apple_note_gives_range_position_and_burst():
    note = _apple_note(
        [
            (0x000B, 2, 5, b"ABCD\0"),
            (0x000C, 10, 2, struct.pack(">4i", 3, 4, 1, 2)),
            (0x002F, 9, 1, struct.pack(">i", 113)),
        ]
    )

    found = meta({"Exif.Image.Make": "Apple"}, raw={"Exif.Photo.MakerNote": note})

    assert (found.order_hint, found.sequence_id) == (113.0, "ABCD")
    assert isclose(found.focus_distance_m or 0, 0.6)
    assert isclose(found.focus_quantum_m or 0, 0.25)


@pytest.mark.parametrize(
    ("values", "path", "source", "resolution_s"),
    [
        (
            {"Exif.Photo.DateTimeOriginal": "2025:06:01 12:00:00", "Exif.Photo.SubSecTimeOriginal": "04"},
            "a.jpg",
            "Exif.Photo.DateTimeOriginal",
            0.01,
        ),
        ({"Exif.Photo.DateTimeDigitized": "2025:06:01 12:00:00"}, "a.jpg", "Exif.Photo.DateTimeDigitized", 1.0),
        ({"Xmp.photoshop.DateCreated": "2025-06-01T12:00:00.04Z"}, "a.jpg", "Xmp.photoshop.DateCreated", 0.01),
        ({"Exif.Image.DateTime": "2025:06:02 09:00:00"}, "IMG_20250601_120000040.jpg", "name", 0.001),
        ({"Exif.Image.DateTime": "2025:06:02 09:00:00"}, "a.jpg", "mtime", 2.0),
        ({"Exif.Photo.DateTimeOriginal": "0000:00:00 00:00:00"}, "a.jpg", "mtime", 2.0),
        ({"Exif.Photo.DateTimeOriginal": "    :  :     :  :  "}, "a.jpg", "mtime", 2.0),
    ],
)
def test_the_moment_comes_from_the_best_source_with_its_resolution(
    values: dict[str, str], path: str, source: str, resolution_s: float
):
    found = meta(values, path=path)

    assert (found.sources["captured_at"], found.time_resolution_s) == (source, resolution_s)
    if source != "mtime":
        assert found.captured_at is not None
        assert found.captured_at.isoformat().startswith("2025-06-01T12:00:00")


def test_sub_seconds_keep_their_leading_zeros():
    found = meta({"Exif.Photo.DateTimeOriginal": "2025:06:01 12:00:00", "Exif.Photo.SubSecTimeOriginal": "04"})

    assert found.captured_at is not None
    assert found.captured_at.microsecond == 40_000


def test_the_offset_from_utc_counts():
    found = meta({"Exif.Photo.DateTimeOriginal": "2025:06:01 12:00:00", "Exif.Photo.OffsetTimeOriginal": "+02:00"})

    assert found.captured_at is not None
    assert found.captured_at.timestamp() == meta({"Exif.Photo.DateTimeOriginal": "2025:06:01 10:00:00"}).captured_at.timestamp()  # type: ignore[union-attr]


def test_every_value_names_its_source():
    found = meta_of("OM/test_issue_2126.exv")

    known = ["order_hint", "focus_distance_m", "body_serial", "lens", "exposure_time_s", "make", "captured_at"]
    assert all(field in found.sources for field in known), found.sources
