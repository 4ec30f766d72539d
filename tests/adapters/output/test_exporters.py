"""Composites are written as they are, with what they take over from their frames and what they say of themselves."""

import json
import os
import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile

from stackd.adapters.colour.spaces import profile_of
from stackd.adapters.frames.reader import FrameFiles
from stackd.adapters.metadata.reader import FileMetadata
from stackd.adapters.metadata.tags import fetch_tags
from stackd.adapters.output.exporters import CompositeExporter
from stackd.adapters.output.exporters.naming import composite_stem
from stackd.config.develop import DevelopSettings
from stackd.config.export import ExportSettings
from stackd.errors import OutputBlocked
from stackd.model.composite import Composite, DepthMap, Finding, FrameReport, Rectangle, Severity
from stackd.model.pixels import Colour, ColourSpace
from stackd.model.provenance import FrameProvenance, Provenance
from stackd.model.verdict import Judgement, Verdict
from stackd.service.ports import FrameFile, StagedFile
from tests import make_frames
from tests.make_composite import PASSED

needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")

FORMATS = [
    {"format": "tiff"},
    {"format": "tiff", "bit_depth": 8},
    {"format": "tiff", "compression": "deflate"},
    {"format": "tiff", "compression": "zstd"},
    {"format": "png"},
    {"format": "png", "bit_depth": 8},
    {"format": "jpeg"},
]
"""Every format with every choice that changes the file."""


def composite_of(
    frames: Sequence[Path],
    *,
    shape: tuple[int, int] = (90, 130),
    recipe: Mapping[str, object] = MappingProxyType({}),
    verdict: Verdict = PASSED,
    colour: Colour | None = None,
) -> Composite:
    height, width = shape
    image = make_frames.textured(height, width, bits=16).astype(np.float32) / np.float32(65_535)
    position = np.tile(np.linspace(0, len(frames) - 1, width, dtype=np.float32), (height, 1))
    names = [frame.name for frame in frames]
    return Composite(
        image=image,
        valid_area=Rectangle(left=2, top=3, right=width + 2, bottom=height + 3),
        frame_shape=(height + 6, width + 4),
        reference_path=names[len(names) // 2],
        frames=tuple(
            FrameReport(path=name, used=number > 0, reason="" if number else "It is cut off.", matrix=np.eye(3), residual_px=0.3)
            for number, name in enumerate(names)
        ),
        depth=DepthMap(position=position, confidence=np.full((height, width), 0.5, np.float32), frame_count=len(frames)),
        findings=(Finding(code="frame-left-out", severity=Severity.WARNING, sentence="One was left out.", frames=(names[0],)),),
        provenance=Provenance(
            stackd_version="1.2.3",
            recipe_name="macro",
            recipe=recipe,
            frames=tuple(FrameProvenance(name=name, content_sha256="ab" * 32, size_bytes=5) for name in names),
            libraries={"numpy": "2"},
        ),
        method="pyramid",
        verdict=verdict,
        seconds={"fuse": 1.23456},
        colour=colour or Colour(),
    )


@pytest.fixture
def frames(tmp_path: Path) -> list[Path]:
    """Three JPEGs of one shoot, the last one taken first."""
    folder = tmp_path / "in"
    folder.mkdir()
    paths = []
    for number in range(3):
        tags = make_frames.shot_at(10 - number, distance=f"{25 + number}/100") | {
            "Exif.Photo.FocalLength": "100/1",
            "Exif.Photo.SubjectDistance": "25/100",
            "Exif.Image.Artist": f"Frame {number}",
            "Exif.Image.Orientation": "6",
            "Exif.Image.ImageWidth": "99",
            "Exif.Thumbnail.Compression": "6",
            "Exif.GPSInfo.GPSLatitudeRef": "N",
            "Exif.GPSInfo.GPSLatitude": "53/1 22/1 5/1",
            "Exif.GPSInfo.GPSTimeStamp": "12/1 0/1 8/1",
            "Xmp.dc.rights": "lang=x-default Somebody",
            "Xmp.xmp.Rating": "4",
            "Xmp.xmp.Label": "Red",
            "Xmp.crs.Exposure2012": "+1.50",
        }
        paths.append(make_frames.write_jpeg(folder / f"IMG_{number + 8}.jpg", make_frames.textured(24, 16), tags=tags))
    return paths


def colour_of(space: ColourSpace) -> Colour:
    return Colour(icc=profile_of(space), space=space)


def stage(folder: Path, composite: Composite, frames: Sequence[Path], **settings: object) -> tuple[StagedFile, ...]:
    folder.mkdir(exist_ok=True)
    return CompositeExporter().stage(
        composite,
        folder=folder,
        version=1,
        temporary_prefix=".stackd-fuse-1-1-",
        frames=frames,
        name=None,
        export=ExportSettings.model_validate(settings),
    )


def write(folder: Path, composite: Composite, frames: Sequence[Path], **settings: object) -> Path:
    """Export without sidecars, under the final name."""
    (file,) = stage(folder, composite, frames, depth_map=False, depth_picture=False, report=False, page=False, **settings)
    return file.temporary_path.rename(folder / file.final_name)


def read(path: Path) -> np.ndarray:
    return FrameFiles().open([FrameFile(path=path)], DevelopSettings()).read(0)


# ------------------------------------------------------------------------------- pixels


@pytest.mark.parametrize("settings", FORMATS)
def test_every_format_holds_the_composite_s_pixels(tmp_path: Path, frames: list[Path], settings: dict[str, object]):
    composite = composite_of(frames, shape=(301, 203))

    pixels = read(write(tmp_path / "out", composite, frames, **settings))

    highest = np.iinfo(pixels.dtype).max
    assert highest == (255 if settings.get("bit_depth") == 8 or settings["format"] == "jpeg" else 65_535)
    tolerance = 12 if settings["format"] == "jpeg" else 0.5 + 1e-2
    assert np.abs(pixels - composite.image.astype(np.float64) * highest).max() <= tolerance


@pytest.mark.parametrize("settings", [choice for choice in FORMATS if choice["format"] == "tiff"])
def test_tiffs_are_read_alike_by_other_programs(tmp_path: Path, frames: list[Path], settings: dict[str, object]):
    composite = composite_of(frames, shape=(301, 203))

    path = write(tmp_path / "out", composite, frames, **settings)

    by_tifffile = tifffile.imread(path)
    assert np.array_equal(by_tifffile, read(path))
    if settings.get("compression") != "zstd":
        by_libtiff = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(by_libtiff[..., ::-1], by_tifffile)


def test_values_beyond_black_and_white_are_clipped(tmp_path: Path, frames: list[Path]):
    composite = composite_of(frames)
    composite.image[0, 0] = -0.3
    composite.image[0, 1] = 1.7

    pixels = read(write(tmp_path / "out", composite, frames))

    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[0, 1].tolist() == [65_535] * 3


def test_the_same_composite_gives_the_same_bytes(tmp_path: Path, frames: list[Path]):
    composite = composite_of(frames)

    one, other = (stage(tmp_path / folder, composite, frames) for folder in ("one", "other"))

    assert [file.sha256 for file in one] == [file.sha256 for file in other]


# ----------------------------------------------------------------------------- metadata


@needs_exiftool
def test_exiftool_finds_nothing_wrong(tmp_path: Path, frames: list[Path]):
    paths = [write(tmp_path / f"out{number}", composite_of(frames), frames, **choice) for number, choice in enumerate(FORMATS)]

    told = subprocess.run(
        ["exiftool", "-validate", "-warning", "-error", "-a", "-json", *paths], capture_output=True, text=True, check=False
    )

    for choice, answer in zip(FORMATS, json.loads(told.stdout), strict=True):
        warnings = answer.get("Warning", [])
        # Deflate and zstd came to TIFF after its last edition; exiftool says so of every such file.
        newer = choice.get("compression", "none") != "none"
        left = [
            warning
            for warning in ([warnings] if isinstance(warnings, str) else warnings)
            if not (newer and "Compression" in warning)
        ]
        assert left == [], choice
        assert "Error" not in answer


@pytest.mark.parametrize("settings", FORMATS)
def test_a_composite_takes_over_camera_exposure_place_and_rights(tmp_path: Path, frames: list[Path], settings: dict[str, object]):
    values = fetch_tags(write(tmp_path / "out", composite_of(frames), frames, **settings)).values

    assert values["Exif.Image.Model"] == "Bayer 1"
    assert values["Exif.Photo.ExposureTime"] == "1/50"
    assert values["Exif.Photo.FocalLength"] == "100/1"
    assert values["Exif.Image.Artist"] == "Frame 1"
    assert values["Exif.GPSInfo.GPSLatitude"] == "53/1 22/1 5/1"
    assert values["Xmp.dc.rights"] == 'lang="x-default" Somebody'
    assert values["Xmp.xmp.Rating"] == "4"


@pytest.mark.parametrize("settings", FORMATS)
def test_a_composite_does_not_take_over_what_is_no_longer_true(tmp_path: Path, frames: list[Path], settings: dict[str, object]):
    values = fetch_tags(write(tmp_path / "out", composite_of(frames), frames, **settings)).values

    assert "Exif.Photo.SubjectDistance" not in values
    assert "Xmp.aux.ApproximateFocusDistance" not in values
    assert "Xmp.crs.Exposure2012" not in values
    assert "Xmp.xmp.Label" not in values
    assert not any(key.startswith("Exif.Thumbnail") for key in values)
    assert values["Exif.Image.Orientation"] == "1"
    assert values.get("Exif.Image.ImageWidth") in {None, "130"}


@pytest.mark.parametrize("settings", FORMATS)
def test_a_composite_says_what_it_is(tmp_path: Path, frames: list[Path], settings: dict[str, object]):
    path = write(tmp_path / "out", composite_of(frames), frames, **settings)

    values = fetch_tags(path).values

    assert values["Exif.Photo.CompositeImage"] == "3"
    assert values["Exif.Photo.SourceImageNumberOfCompositeImage"] == "3 2"
    assert values["Exif.Image.Software"] == "stackd 1.2.3"
    assert values["Xmp.stackd.Method"] == "pyramid"
    assert values["Xmp.stackd.RecipeName"] == "macro"
    assert values["Xmp.stackd.Frames"] == "IMG_9.jpg, IMG_10.jpg"
    assert FileMetadata().describe(path).result_of


def test_a_composite_does_not_tell_where_its_frames_lie(tmp_path: Path, frames: list[Path]):
    composite = composite_of(frames)
    elsewhere = replace(
        composite,
        reference_path=f"/home/somebody/{composite.reference_path}",
        frames=tuple(replace(frame, path=f"/home/somebody/{frame.path}") for frame in composite.frames),
    )

    path = write(tmp_path / "out", elsewhere, frames)

    assert b"somebody/" not in path.read_bytes()


def test_the_time_is_that_of_the_first_exposure_with_its_leading_zero(tmp_path: Path, frames: list[Path]):
    values = fetch_tags(write(tmp_path / "out", composite_of(frames), frames)).values

    assert values["Exif.Photo.DateTimeOriginal"] == "2024:05:01 12:00:08"
    assert values["Exif.Photo.SubSecTimeOriginal"] == "04"


@pytest.mark.parametrize("settings", FORMATS)
def test_the_colour_profile_of_the_stack_goes_along(tmp_path: Path, settings: dict[str, object]):
    profile = bytes(imagecodecs.cms_profile("adobergb"))
    path = tmp_path / "a.tif"
    make_frames.write_tiff(path, make_frames.textured(20, 30), photometric="rgb", iccprofile=profile)

    composite = composite_of([path, path], colour=Colour(icc=profile, space=ColourSpace.ADOBE_RGB))

    exported = write(tmp_path / "out", composite, [path, path], **settings)

    assert fetch_tags(exported).icc == profile


@pytest.mark.parametrize("settings", FORMATS)
@pytest.mark.parametrize("space", ["srgb", "adobe-rgb"])
def test_the_same_frames_give_the_same_bytes_at_any_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: str, settings: dict[str, object]
):
    """The profile of developed frames held the second it was made in: no two composites of the same frames were alike."""
    path = make_frames.write_bayer_dng(tmp_path / "a.dng", make_frames.textured(40, 48, bits=16))
    make = imagecodecs.cms_profile
    written = []
    for year in (1999, 2031):

        def made_then(name: str, year: int = year) -> bytes:
            profile = bytearray(make(name))
            profile[24:36] = struct.pack(">6H", year, 5, 1, 12, 30, 59)
            return bytes(profile)

        monkeypatch.setattr(imagecodecs, "cms_profile", made_then)
        profile_of.cache_clear()
        composite = composite_of([path], colour=colour_of(ColourSpace(space)))

        written.append(write(tmp_path / f"out {year}", composite, [path], **settings).read_bytes())

    profile_of.cache_clear()
    assert written[0] == written[1]


@pytest.mark.parametrize(("space", "white_point_differs"), [("srgb", False), ("adobe-rgb", True)])
def test_developed_frames_carry_the_profile_of_their_space(tmp_path: Path, space: str, *, white_point_differs: bool):
    path = make_frames.write_bayer_dng(tmp_path / "a.dng", make_frames.textured(40, 48, bits=16), tags=make_frames.shot_at(5))
    composite = composite_of([path], colour=colour_of(ColourSpace(space)))

    tags = fetch_tags(write(tmp_path / "out", composite, [path]))

    assert tags.icc is not None
    assert tags.icc[16:20] == b"RGB "
    after_date = 36
    assert (tags.icc[after_date:] == bytes(imagecodecs.cms_profile("adobergb"))[after_date:]) is white_point_differs
    assert tags.values["Exif.Photo.ColorSpace"] == ("65535" if white_point_differs else "1")
    assert tags.values["Exif.Photo.ExposureTime"] == "1/50"
    assert not any(key.startswith(("Exif.Image.0xc", "Exif.Image.DNG", "Exif.SubImage")) for key in tags.values)


@pytest.mark.parametrize("settings", FORMATS)
def test_frames_without_metadata_make_a_composite_that_still_says_what_it_is(tmp_path: Path, settings: dict[str, object]):
    path = make_frames.write_png(tmp_path / "a.png", make_frames.textured(20, 30))

    values = fetch_tags(write(tmp_path / "out", composite_of([path, path]), [path, path], **settings)).values

    assert values["Exif.Photo.CompositeImage"] == "3"


def test_frames_that_have_vanished_cost_the_composite_its_camera_only(tmp_path: Path):
    gone = tmp_path / "gone.jpg"

    path = write(tmp_path / "out", composite_of([gone]), [gone])

    assert fetch_tags(path).values["Xmp.stackd.Version"] == "1.2.3"


def test_thousands_of_frames_still_fit_the_metadata(tmp_path: Path):
    frame = make_frames.write_jpeg(tmp_path / "a.jpg", make_frames.textured(16, 24))
    frames = [frame, *(tmp_path / f"a_rather_long_name_of_a_frame_{number:06d}.jpg" for number in range(3_000))]

    values = fetch_tags(write(tmp_path / "out", composite_of(frames), frames, format="jpeg")).values

    assert values["Xmp.stackd.FrameCount"] == "3001"
    assert values["Exif.Photo.CompositeImage"] == "3"


def test_what_a_file_says_of_its_planes_does_not_go_along(tmp_path: Path):
    """A composite that still claims thirty planes is unreadable for microscope programs."""
    path = tmp_path / "z.ome.tif"
    planes = np.stack([make_frames.textured(20, 30, seed=number)[..., 0] for number in range(3)])
    tifffile.imwrite(path, planes, photometric="minisblack", metadata={"axes": "ZYX"}, ome=True)

    composite = write(tmp_path / "out", composite_of([path, path]), [path, path])

    assert "Exif.Image.ImageDescription" not in fetch_tags(composite).values
    assert tifffile.imread(composite).shape == (90, 130, 3)


# ----------------------------------------------------------------------------- sidecars


def test_the_composite_comes_last_and_its_sidecars_share_its_stem(tmp_path: Path, frames: list[Path]):
    staged = stage(tmp_path / "out", composite_of(frames), frames)

    assert [file.final_name for file in staged] == [
        "IMG_8-IMG_10_3f_pyramid_depth.tif",
        "IMG_8-IMG_10_3f_pyramid_depth.png",
        "IMG_8-IMG_10_3f_pyramid.json",
        "IMG_8-IMG_10_3f_pyramid.html",
        "IMG_8-IMG_10_3f_pyramid.tif",
    ]


@pytest.mark.parametrize("choice", ["depth_map", "depth_picture", "report", "page"])
def test_every_sidecar_can_be_left_out(tmp_path: Path, frames: list[Path], choice: str):
    assert len(stage(tmp_path / "out", composite_of(frames), frames, **{choice: False})) == 4


def test_the_depth_map_goes_from_the_first_frame_to_the_last(tmp_path: Path, frames: list[Path]):
    file = stage(tmp_path / "out", composite_of(frames), frames)[0]

    depth = tifffile.imread(file.temporary_path)

    assert depth.dtype == np.uint16
    assert depth.shape == (90, 130)
    assert (depth[0, 0], depth[0, -1]) == (0, 65_535)
    assert np.all(np.diff(depth[0].astype(int)) > 0)


def test_the_picture_of_depth_is_red_in_front_and_blue_behind(tmp_path: Path, frames: list[Path]):
    file = stage(tmp_path / "out", composite_of(frames), frames)[1]

    picture = imagecodecs.png_decode(file.temporary_path.read_bytes())

    assert picture[40, 12, 0] > picture[40, 12, 2]
    assert picture[40, -12, 2] > picture[40, -12, 0]


def test_the_report_names_every_frame_and_what_became_of_it(tmp_path: Path, frames: list[Path]):
    file = stage(tmp_path / "out", composite_of(frames), frames)[2]

    report = json.loads(file.temporary_path.read_text("utf-8"))

    assert [frame["name"] for frame in report["frames"]] == ["IMG_8.jpg", "IMG_9.jpg", "IMG_10.jpg"]
    assert report["frames"][0]["reason"] == "It is cut off."
    assert report["frames"][1]["used"]
    assert report["frames"][1]["sha256"] == "ab" * 32
    assert report["findings"][0]["code"] == "frame-left-out"
    assert report["valid_area_px"] == {"left": 2, "top": 3, "right": 132, "bottom": 93}
    assert report["seconds"] == {"fuse": 1.235}


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, frames: list[Path], monkeypatch: pytest.MonkeyPatch):
    written = []
    write_really = os.write

    def write_until_full(descriptor: int, content: bytes) -> int:
        written.append(len(content))
        if sum(written) > 50_000:
            raise OSError(28, "No space left on device")
        return write_really(descriptor, content)

    monkeypatch.setattr(os, "write", write_until_full)

    with pytest.raises(OutputBlocked, match="full"):
        stage(tmp_path / "out", composite_of(frames), frames)

    assert list((tmp_path / "out").iterdir()) == []


# ------------------------------------------------------------------------------ verdicts


@pytest.mark.parametrize("settings", [{"format": "tiff"}, {"format": "png"}, {"format": "jpeg"}])
@pytest.mark.parametrize(
    ("judgement", "label"), [(Judgement.PASS, None), (Judgement.REVIEW, "Review"), (Judgement.REJECT, "Reject")]
)
def test_a_composite_says_what_was_judged_of_it(
    tmp_path: Path, frames: list[Path], settings: dict[str, object], judgement: Judgement, label: str | None
):
    verdict = Verdict(judgement=judgement, rejection_probability=0.4567)

    values = fetch_tags(write(tmp_path / "out", composite_of(frames, verdict=verdict), frames, **settings)).values

    assert values["Xmp.stackd.Verdict"] == judgement.value
    assert values["Xmp.stackd.RejectionProbability"] == "0.457"
    assert values.get("Xmp.xmp.Label") == label


def test_the_report_tells_the_verdict_and_what_it_was_made_from(tmp_path: Path, frames: list[Path]):
    measures = MappingProxyType({"misfit_px": 0.12345678, "grain": float("nan")})
    verdict = Verdict(judgement=Judgement.REVIEW, rejection_probability=0.4, reasons=("frame-left-out",), measures=measures)
    composite = composite_of(frames, verdict=verdict)
    placed = replace(composite.frames[1], focus_position=1.5, focus_error=0.1, sharpness=0.8)
    composite = replace(composite, frames=(composite.frames[0], placed, *composite.frames[2:]))

    report = json.loads(stage(tmp_path / "out", composite, frames)[2].temporary_path.read_text("utf-8"))

    assert report["verdict"] == {
        "judgement": "review",
        "rejection_probability": 0.4,
        "reasons": ["frame-left-out"],
        "measures": {"misfit_px": 0.123457, "grain": None},
    }
    keys = ("focus_position", "focus_error", "sharpness")
    assert [[frame[key] for key in keys] for frame in report["frames"][:2]] == [[None, None, None], [1.5, 0.1, 0.8]]


# -------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("names", "name", "version", "expected"),
    [
        (["IMG_10.jpg", "IMG_9.jpg"], None, 1, "IMG_9-IMG_10_2f_pyramid"),
        (["z.ome.tif"], None, 1, "z.ome_1f_pyramid"),
        (["a.jpg", "b.jpg"], "Käfer am Morgen", 1, "Käfer am Morgen"),
        (["a.jpg", "b.jpg"], "beetle", 3, "beetle_v3"),
        (["a.jpg", "b.jpg"], "../../etc/passwd", 1, "_.._etc_passwd"),
        (["a.jpg", "b.jpg"], "...", 1, "composite"),
        (["-rf.jpg", "b.jpg"], None, 1, "rf-b_2f_pyramid"),
        (["a\nb.jpg", "\u202ec.jpg"], None, 1, "a_b-_c_2f_pyramid"),
        (["{count}.jpg"], None, 1, "{count}_1f_pyramid"),
    ],
)
def test_composites_are_named_after_their_frames(names: list[str], name: str | None, version: int, expected: str):
    stem = composite_stem(
        "{first}-{last}_{count}f_{method}", frames=[Path(each) for each in names], method="pyramid", name=name, version=version
    )

    assert stem == expected


@pytest.mark.parametrize("letter", ["x", "ü", "目", "\udcff"])
def test_names_of_any_length_leave_room_for_what_follows(letter: str):
    stem = composite_stem("{first}-{last}", frames=[Path(letter * 250), Path("b")], method="pyramid", name=None, version=12)

    assert len(os.fsencode(stem)) <= 200
    assert stem.endswith("_v12")
    assert stem.encode("utf-8")


# ------------------------------------------------------------------------------- alpha


def cut_out_of(frames: Sequence[Path]) -> Composite:
    """A composite whose left half is no picture, with a soft rim between."""
    composite = composite_of(frames, shape=(90, 130))
    alpha = np.tile(np.clip(np.arange(130) * 8 - 500, 0, 255).astype(np.uint8), (90, 1))
    return replace(composite, alpha=alpha)


@pytest.mark.parametrize("settings", [s for s in FORMATS if s["format"] != "jpeg"])
def test_alpha_survives(tmp_path: Path, frames: list[Path], settings: dict[str, object]):
    composite = cut_out_of(frames)
    assert composite.alpha is not None

    path = write(tmp_path / "out", composite, frames, **settings)

    stored = tifffile.imread(path) if path.suffix == ".tif" else imagecodecs.png_decode(path.read_bytes())
    highest = np.iinfo(stored.dtype).max
    assert stored.shape == (90, 130, 4)
    assert np.array_equal(stored[..., 3], composite.alpha.astype(np.uint32) * highest // 255)
    shown = composite.alpha == 255
    assert np.abs(stored[..., :3] / highest - composite.image)[shown].max() <= 0.51 / highest
    found = FrameFiles().open([FrameFile(path=path)], DevelopSettings()).read_alpha(0)
    assert found is not None
    assert np.array_equal(found, composite.alpha)
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as tiff:
            assert tiff.pages.first.extrasamples == (tifffile.EXTRASAMPLE.UNASSALPHA,)


@pytest.mark.parametrize(("matte", "level"), [("white", 255), ("black", 0)])
def test_a_jpeg_is_laid_on_the_matte_asked_for(tmp_path: Path, frames: list[Path], matte: str, level: int):
    composite = cut_out_of(frames)

    pixels = read(write(tmp_path / "out", composite, frames, format="jpeg", matte=matte))

    assert np.abs(pixels[:, :50].astype(int) - level).max() <= 3
    assert np.abs(pixels[:, 105:] / 255 - composite.image[:, 105:]).mean() < 0.02


@needs_exiftool
@pytest.mark.parametrize("settings", [{"format": "tiff"}, {"format": "png"}])
def test_exiftool_finds_nothing_wrong_with_alpha(tmp_path: Path, frames: list[Path], settings: dict[str, object]):
    path = write(tmp_path / "out", cut_out_of(frames), frames, **settings)

    told = subprocess.run(
        ["exiftool", "-validate", "-warning", "-a", str(path)], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert "Validate                        : OK" in told
