"""Files of one exposure, and copies."""

from dataclasses import replace

import pytest

from stackd.intake.exposures.pair import pair
from stackd.intake.exposures.versions import Versions
from stackd.intake.grouping.results import result_reasons
from stackd.model.frame import Fingerprint, Frame
from tests.intake.build import SETTINGS, bare, frame, looks, noisy, same_looks, scene


def kept(frames: list[Frame], contents: dict | None = None) -> list[str]:
    paired = pair(frames, lambda each: (contents or {}).get(each.path))
    return [each.path for each in Versions(paired.exposures, SETTINGS).frames]


@pytest.mark.parametrize("copy", ["IMG_1-1.JPG", "IMG_1 (2).JPG", "IMG_1_2.JPG", "IMG_1 copy.JPG", "IMG_1-Edit.JPG"])
def test_a_file_named_like_a_copy_and_taken_at_the_same_moment_is_one(copy: str):
    assert kept([frame(copy, 5.0), frame("IMG_1.JPG", 5.0)]) == ["IMG_1.JPG"]


@pytest.mark.parametrize("other", ["IMG_1-1.JPG", "IMG_1_2.JPG"])
def test_a_name_like_a_copys_is_no_proof(other: str):
    assert sorted(kept([frame(other, 6.0), frame("IMG_1.JPG", 5.0)])) == sorted([other, "IMG_1.JPG"])


def test_frames_numbered_behind_a_dash_are_no_copies():
    frames = [bare("beetle.png"), *(bare(f"beetle-{number}.png") for number in range(1, 6))]
    contents = looks(frames, [noisy(scene(1), index) for index in range(6)])

    assert len(kept(frames, contents)) == 6


def test_the_same_bytes_under_any_name_are_one_frame():
    one = bare("a.png")
    first = replace(one, fingerprint=Fingerprint(size_bytes=9, mtime_ns=1, content_sha256="x"))
    second = replace(first, path="zz.png")

    paired = pair([second, first], lambda _: None)

    assert [each.path for exposure in paired.exposures for each in exposure] == ["a.png"]
    assert paired.copies == {"zz.png": "it is a copy of a.png"}


def test_the_same_pixels_of_the_same_moment_are_one_frame():
    first = frame("IMG_1.JPG", 5.0)
    second = replace(first, path="backup/IMG_1.JPG")
    (content,) = same_looks([first], 3).values()

    assert kept([second, first], {first.path: content, second.path: content}) == ["IMG_1.JPG"]


def test_the_same_exposure_by_moment_serial_and_count_is_one_frame():
    first = frame("A/IMG_1.JPG", 5.0, body_serial="7", shutter_count=123)

    assert kept([replace(first, path="B/renamed.JPG"), first]) == ["A/IMG_1.JPG"]


def test_raw_and_jpeg_of_one_name_but_different_moments_are_two_frames():
    """A counter that wrapped, or two cards."""
    assert len(kept([frame("IMG_1.CR3", 0.0), frame("IMG_1.JPG", 1000.0)])) == 2


def test_a_converter_that_dropped_the_time_zone_does_not_part_a_pair():
    assert kept([frame("IMG_1.CR3", 0.0), frame("IMG_1.JPG", 7200.0)]) == ["IMG_1.CR3"]


@pytest.mark.parametrize(
    ("name", "is_result"),
    [
        ("stacked.png", True),
        ("beetle_fused.png", True),
        ("depth-map.png", True),
        ("ZS PMax.png", True),
        ("2025-06-01 (12 files).png", True),
        ("fr1_mask.png", True),
        ("fr9.png", False),
        ("merger.png", False),
    ],
)
def test_results_are_known_by_their_names_where_no_camera_took_them(name: str, is_result: bool):  # noqa: FBT001
    frames = [*(bare(f"fr{number}.png") for number in range(1, 6)), bare(name)]

    assert (name in result_reasons(frames)) is is_result


def test_a_series_that_somebody_called_output_is_a_series_of_frames():
    assert result_reasons([bare(f"output_{number:03d}.png") for number in range(1, 9)]) == {}


def test_a_result_with_the_metadata_of_a_frame_is_known_by_name_and_moment():
    frames = [*(frame(f"IMG_{number}.JPG", number) for number in range(1, 6)), frame("IMG_1_stacked.JPG", 1.0)]

    assert list(result_reasons(frames)) == ["IMG_1_stacked.JPG"]


def test_a_camera_frame_is_a_frame_whatever_it_is_called():
    assert result_reasons([frame(f"IMG_{number}.JPG", number) for number in range(4)] + [frame("final.JPG", 99.0)]) == {}
