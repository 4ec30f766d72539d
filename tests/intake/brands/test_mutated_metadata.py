"""Damaged metadata costs a value, never the daemon."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackd.intake.brands import frame_meta
from stackd.intake.brands.apple import read_note
from stackd.model.tags import Header, Tags
from tests.shared_data import shared_data

MUTATIONS = 2000
READER = Path(__file__).with_name("mutated_metadata.py")

KEYS = [
    "Exif.Image.Make",
    "Exif.Photo.DateTimeOriginal",
    "Exif.Photo.SubSecTimeOriginal",
    "Exif.Photo.OffsetTimeOriginal",
    "Exif.Photo.ExposureTime",
    "Exif.Photo.SubjectDistance",
    "Exif.Photo.ShutterSpeedValue",
    "Exif.CanonFi.FocusDistanceUpper",
    "Exif.CanonFi.FocusDistanceLower",
    "Exif.Canon.0x4053",
    "Exif.NikonLd4.FocusDistance2",
    "Exif.NikonLd4.0x005a",
    "Exif.NikonLd4.0x005b",
    "Exif.NikonLd4.0x005c",
    "Exif.NikonLd4.0x005d",
    "Exif.Sony2Fp.FocusPosition2",
    "Exif.Photo.FocalLengthIn35mmFilm",
    "Exif.OlympusFi.FocusStepCount",
    "Exif.OlympusCs.DriveMode",
    "Exif.Panasonic.0x00bd",
    "Xmp.aux.ApproximateFocusDistance",
]


def test_two_thousand_mutated_files_neither_crash_nor_hang():
    files = [path for path in sorted(shared_data("exif").rglob("*")) if path.suffix.lower() in {".jpg", ".mrw", ".crw"}]
    files += [shared_data("stacks", "rose_60d", "IMG_4446.JPG"), shared_data("timelines", "iphone_test_97f", "IMG_4370.JPG")]

    result = subprocess.run(
        [sys.executable, str(READER), str(MUTATIONS), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )

    assert result.returncode == 0, result.stderr
    described, refused, slowest_s = result.stdout.split()
    assert int(described) + int(refused) == MUTATIONS
    assert int(described) > MUTATIONS // 2
    assert float(slowest_s) < 10.0


NUMBERS = st.one_of(st.integers(), st.integers(0, 70_000), st.sampled_from([0, 1, 255, 65535, 4294967295]))
TEXTS = st.one_of(
    st.text(max_size=20),
    NUMBERS.map(str),
    st.tuples(NUMBERS, NUMBERS).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    st.lists(NUMBERS, max_size=6).map(lambda values: " ".join(map(str, values))),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), TEXTS))
def test_no_text_in_any_tag_makes_the_tables_fail(values: dict[str, str]):
    for make in ("", "Canon", "NIKON", "SONY", "OLYMPUS", "Panasonic", "Apple", "Phase One"):
        frame_meta(Tags(values={**values, "Exif.Image.Make": make}, header=Header()), path="x.jpg", mtime_ns=0)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_of_apples_note_fail(noise: bytes):
    read_note(b"Apple iOS\0\0\1MM" + noise)
    read_note(noise)


@pytest.mark.parametrize("mtime_ns", [0, -(10**18), 10**30, -(10**30)])
def test_no_file_time_makes_describing_fail(mtime_ns: int):
    frame_meta(Tags(), path="x.jpg", mtime_ns=mtime_ns)
