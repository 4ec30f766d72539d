"""`stackd fuse` as a user runs it: real files in, a real composite out."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from stackd.adapters.colour.spaces import gray_profile_of, profile_of
from stackd.model.pixels import ColourSpace
from stackd.rendering.scenes import RenderedStack, SceneSettings, render_stack, tilted_plane
from tests import colour_math
from tests.make_frames import shot_at, write_bayer_dng, write_jpeg, write_png, write_tiff

pytestmark = pytest.mark.end_to_end

SCENE = SceneSettings(subject=tilted_plane, height_px=200, width_px=300, frame_count=4, shift_px=2.0, breathing=0.002, bits=16)


@pytest.fixture(scope="module")
def rendered() -> RenderedStack:
    return render_stack(SCENE)


@pytest.fixture
def frames(rendered: RenderedStack, tmp_path: Path) -> list[Path]:
    folder = tmp_path / "frames"
    folder.mkdir()
    # Names run against time: the order of capture must be found.
    return [
        write_tiff(folder / f"IMG_{9 - i}.tif", pixels, tags=shot_at(i, distance=f"{30 + i}/100"))
        for i, pixels in enumerate(rendered.frames)
    ]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stackd", "fuse", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


def fuse_to_json(*arguments: object) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def hashes(paths: list[Path]) -> list[str]:
    return [sha256(path.read_bytes()).hexdigest() for path in paths]


@pytest.mark.parametrize("deep", [range(2), range(2, 4)], ids=["TIFF first", "JPEG first"])
def test_frames_of_8_and_16_bit_become_one_composite_of_16_bit(rendered: RenderedStack, tmp_path: Path, deep: range):
    """An exporter's setting changed half way through a stack ended in a traceback: plane 2 is uint16, the others uint8."""
    paths = [
        write_tiff(tmp_path / f"IMG_{i}.tif", pixels, tags=shot_at(i))
        if i in deep
        else write_jpeg(tmp_path / f"IMG_{i}.jpg", (pixels >> 8).astype(np.uint8), tags=shot_at(i))
        for i, pixels in enumerate(rendered.frames)
    ]

    report = fuse_to_json(*paths, "-o", tmp_path / "out.tif")

    image = tifffile.imread(tmp_path / "out.tif")
    area = report["valid_area"]
    truth = rendered.truth[area["top"] : area["bottom"], area["left"] : area["right"]]
    assert all(frame["used"] for frame in report["frames"])
    assert image.dtype == np.uint16
    assert -10 * np.log10(np.mean((image / 65535 - truth) ** 2)) > 30


def test_the_composite_is_near_the_truth_and_the_report_complete(frames: list[Path], rendered: RenderedStack, tmp_path: Path):
    before = hashes(frames)
    output, depth = tmp_path / "out.tif", tmp_path / "depth.tif"

    report = fuse_to_json(*frames, "-o", output, "--depth-map", depth)

    image = tifffile.imread(output)
    area = report["valid_area"]
    truth = rendered.truth[area["top"] : area["bottom"], area["left"] : area["right"]]
    assert image.dtype == np.uint16
    assert image.shape == truth.shape
    assert -10 * np.log10(np.mean((image / 65535 - truth) ** 2)) > 30
    assert tifffile.imread(depth).shape == truth.shape[:2]
    assert set(report) >= {"composite", "depth_map", "page", "frames", "valid_area", "warnings", "seconds", "peak_rss_bytes"}
    assert [set(frame) for frame in report["frames"]] == [{"path", "matrix", "residual_px", "overlap", "used", "reason"}] * 4
    assert set(report["seconds"]) >= {"read", "register", "export"}
    assert report["peak_rss_bytes"] > 10_000_000
    assert hashes(frames) == before
    assert {path.name for path in tmp_path.iterdir()} == {"frames", "out.tif", "depth.tif"}


def test_frames_are_put_near_to_far_whatever_their_names(frames: list[Path], tmp_path: Path):
    report = fuse_to_json(*reversed(frames), "-o", tmp_path / "out.png")

    assert [frame["path"] for frame in report["frames"]] == [str(path) for path in frames]


def test_frames_that_say_nothing_are_put_in_order_by_what_they_show(tmp_path: Path):
    rendered = render_stack(replace(SCENE, frame_count=6))
    # Numbers run through the stack in no order, and there is no metadata.
    frames = [write_png(tmp_path / f"{number}.png", pixels) for number, pixels in zip("251463", rendered.frames, strict=True)]

    report = fuse_to_json(*sorted(frames), "-o", tmp_path / "out.png")

    paths = [str(path) for path in frames]
    assert [frame["path"] for frame in report["frames"]] in (paths, paths[::-1])


def test_the_matrices_are_the_true_motion(frames: list[Path], rendered: RenderedStack, tmp_path: Path):
    report = fuse_to_json(*frames, "-o", tmp_path / "out.jpg")

    corners = np.array([[0, 0, 1], [299, 0, 1], [0, 199, 1], [299, 199, 1]], float).T
    reference = np.linalg.inv(rendered.matrices[rendered.reference])
    for frame, true in zip(report["frames"], rendered.matrices, strict=True):
        assert np.abs(((np.array(frame["matrix"]) - reference @ true) @ corners)[:2]).max() < 0.5


def test_a_composite_is_made_again_in_its_place_but_nothing_else_is_replaced(frames: list[Path], tmp_path: Path):
    ours, alien = tmp_path / "ours.tif", tmp_path / "alien.tif"
    alien.write_bytes(b"somebody's work")
    assert run(*frames, "-o", ours).returncode == 0

    again = run(*frames, "-o", ours)
    refused = run(*frames, "-o", alien)
    over_a_frame = run(*frames, "-o", frames[0])

    assert again.returncode == 0
    assert refused.returncode == 1
    assert alien.read_bytes() == b"somebody's work"
    assert over_a_frame.returncode == 2
    assert "never altered" in over_a_frame.stderr


def test_an_unreadable_a_foreign_sized_and_a_finished_picture_are_left_out_and_named(frames: list[Path], tmp_path: Path):
    folder = frames[0].parent
    frames[0].with_name("IMG_0.tif").write_bytes(frames[1].read_bytes()[:5000])
    small = np.zeros((50, 60, 3), np.uint8)
    write_tiff(folder / "IMG_1.tif", small, tags=shot_at(20))
    write_png(folder / "stacked.png", small)

    report = fuse_to_json(folder, "-o", tmp_path / "out.tif")

    reasons = {Path(frame["path"]).name: frame["reason"] for frame in report["frames"] if not frame["used"]}
    assert set(reasons) == {"IMG_0.tif", "IMG_1.tif", "stacked.png"}
    assert "60×50 px" in reasons["IMG_1.tif"]
    assert {warning["code"] for warning in report["warnings"]} == {"frame-left-out"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing.tif", "-o", "out.tif"], 2, "missing.tif is not there"),
        (["-o", "out.tif"], 2, "FRAMES"),
        (["{frame}", "-o", "out.bmp"], 2, ".tif, .png or .jpg"),
        (["{frame}", "-o", "nowhere/out.tif"], 2, "does not exist"),
        (["{frame}", "-o", "out.tif"], 1, "a composite needs 2"),
        (["{frame}", "-o", "out.tif", "--recipe", "marco"], 2, "macro"),
        (["{frame}", "-o", "out.tif", "--set", "fuse.method=pyramids"], 2, "pyramid"),
        (["{frame}", "-o", "out.tif", "--set", "fuse.method=pyramid", "--depth-map", "depth.tif"], 2, "no depth map"),
    ],
)
def test_wrong_use_is_answered_in_words(frames: list[Path], tmp_path: Path, arguments: list[str], code: int, words: str):
    filled = [argument.format(frame=frames[0]) for argument in arguments]

    done = subprocess.run(
        [sys.executable, "-m", "stackd", "fuse", *filled], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60
    )

    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]


@pytest.mark.parametrize("method", ["average", "depth_map", "pyramid"])
def test_every_method_can_be_asked_for(frames: list[Path], tmp_path: Path, method: str):
    report = fuse_to_json(*frames, "-o", tmp_path / "out.tif", "--set", f"fuse.method={method}")

    assert report["method"] == method


def test_raw_frames_are_developed_alike_and_fused(rendered: RenderedStack, tmp_path: Path):
    frames = [
        write_bayer_dng(tmp_path / f"DSC_{i}.dng", pixels.astype(np.uint16), tags=shot_at(i))
        for i, pixels in enumerate(rendered.frames)
    ]

    report = fuse_to_json(*frames, "-o", tmp_path / "out.tif")

    assert [frame["used"] for frame in report["frames"]] == [True] * 4
    assert tifffile.imread(tmp_path / "out.tif").mean() > 1000


def test_a_raw_and_a_jpeg_of_one_exposure_are_one_frame(rendered: RenderedStack, tmp_path: Path):
    for i, pixels in enumerate(rendered.frames):
        write_bayer_dng(tmp_path / f"DSC_{i}.dng", pixels.astype(np.uint16), tags=shot_at(i))
        write_jpeg(tmp_path / f"DSC_{i}.jpg", (pixels // 257).astype(np.uint8), tags=shot_at(i))

    report = fuse_to_json(tmp_path, "-o", tmp_path / "out.tif")

    assert {Path(frame["path"]).suffix for frame in report["frames"] if frame["used"]} == {".dng"}


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_no_half_written_file(tmp_path: Path, stop: signal.Signals):
    big = render_stack(SceneSettings(subject=tilted_plane, height_px=400, width_px=600, frame_count=3))
    folder = tmp_path / "frames"
    folder.mkdir()
    for i in range(12):
        enlarged = cv2.resize(big.frames[i % 3], (3000, 2000), interpolation=cv2.INTER_CUBIC)
        write_jpeg(folder / f"IMG_{i:02}.jpg", np.asarray(enlarged, np.uint8), tags=shot_at(i))
    output = tmp_path / "out.tif"
    process = subprocess.Popen(
        [sys.executable, "-m", "stackd", "fuse", str(folder), "-o", str(output)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ},
    )
    # Stop at a moment when frames are being worked on: Python has started and imported by then, the work is not yet done.
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s and process.poll() is None and not _reads_frames(process.pid):
        time.sleep(0.05)

    process.send_signal(stop)
    code = process.wait(timeout=30)

    assert code != 0
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]


def _reads_frames(pid: int) -> bool:
    """Whether OpenCV is loaded, which happens just before the first frame is read."""
    maps = Path(f"/proc/{pid}/maps")
    return "cv2" in maps.read_text() if maps.exists() else True


def test_frames_that_all_cannot_be_used_are_counted_and_the_first_reasons_told(tmp_path: Path):
    paths = [write_tiff(tmp_path / f"print_{i}.tif", np.zeros((40, 50, 4), np.uint8), photometric="separated") for i in range(6)]

    done = run(*paths, "-o", tmp_path / "out.tif")

    assert done.returncode == 1
    assert "5 of 6 frames cannot be used, and a composite needs 2." in " ".join(done.stderr.split())
    assert "2 more cannot be used either" in " ".join(done.stderr.split())


def test_pictures_too_small_to_be_laid_over_one_another_are_told_by_their_size(tmp_path: Path):
    paths = [write_png(tmp_path / f"dot_{i}.png", np.full((1, 500, 3), 9 * i, np.uint8)) for i in range(3)]

    done = run(*paths, "-o", tmp_path / "out.tif")

    assert done.returncode == 1
    assert "500×1 px" in done.stderr


def test_fuse_tells_the_verdict_and_strict_ends_by_it(frames: list[Path], tmp_path: Path):
    done = run(*frames, "-o", tmp_path / "out.tif", "--strict", "--json")
    told = run(*frames, "-o", tmp_path / "out.tif")

    verdict = json.loads(done.stdout)["verdict"]
    assert set(verdict) == {"judgement", "rejection_probability", "reasons"}
    assert done.returncode == (0 if verdict["judgement"] == "pass" else 3)
    assert (tmp_path / "out.tif").exists()
    assert f"Verdict: {verdict['judgement']}" in told.stdout
    assert told.returncode == 0


# ---------------------------------------------------------------------------------------------------------------- colours


def in_srgb(path: Path) -> np.ndarray:
    """What a program that heeds the profile shows of a file: sRGB, 0–1."""
    pixels = tifffile.imread(path)
    with tifffile.TiffFile(path) as tiff:
        icc = bytes(tiff.pages.first.tags[34675].value)
    kind = "gray" if pixels.ndim == 2 else "rgb"
    exact, relative = 0x0100, 1
    return imagecodecs.cms_transform(
        pixels,
        icc,
        profile_of(ColourSpace.SRGB),
        colorspace=kind,
        outcolorspace="rgb",
        outdtype=np.float32,
        intent=relative,
        flags=exact,
    )


def test_frames_in_different_profiles_make_the_composite_of_one(rendered: RenderedStack, tmp_path: Path):
    muted = [(pixels * 0.4 + 15_000).astype(np.uint16) for pixels in rendered.frames]
    spaces = [ColourSpace.ADOBE_RGB, ColourSpace.SRGB, ColourSpace.SRGB, ColourSpace.PROPHOTO]
    for name, own in (("one", [ColourSpace.SRGB] * 4), ("mixed", spaces)):
        (tmp_path / name).mkdir()
        for i, (pixels, space) in enumerate(zip(muted, own, strict=True)):
            values = np.rint(65_535 * colour_math.in_space(pixels / 65_535, ColourSpace.SRGB, space)).astype(np.uint16)
            write_tiff(tmp_path / name / f"{i}.tif", values, tags=shot_at(i), photometric="rgb", iccprofile=profile_of(space))

    reports = [fuse_to_json(tmp_path / name, "-o", tmp_path / f"{name}.tif") for name in ("one", "mixed")]

    assert [[one["code"] for one in report["warnings"]].count("colours-converted") for report in reports] == [0, 1]
    one, mixed = (in_srgb(tmp_path / f"{name}.tif") for name in ("one", "mixed"))
    assert one.shape == mixed.shape
    assert np.abs(one - mixed).mean() < 1e-3


@pytest.mark.parametrize("kind", ["gray JPEG", "linear decimals", "linear gray"])
def test_gray_and_linear_frames_make_the_composite_of_their_display_values(rendered: RenderedStack, tmp_path: Path, kind: str):
    gray = [pixels @ np.array([0.299, 0.587, 0.114]) / 65_535 for pixels in rendered.frames]
    folder, plain = tmp_path / "frames", tmp_path / "plain"
    folder.mkdir()
    plain.mkdir()
    for i, (values, pixels) in enumerate(zip(gray, rendered.frames, strict=True)):
        shallow = np.rint(255 * values).astype(np.uint8)
        match kind:
            case "gray JPEG":
                Image.fromarray(shallow).save(folder / f"{i}.jpg", quality=98, icc_profile=gray_profile_of(ColourSpace.SRGB))
                display = np.repeat(shallow[..., None], 3, axis=2)
            case "linear decimals":
                write_tiff(folder / f"{i}.tif", colour_math.decode_srgb(pixels / 65_535).astype(np.float32), photometric="rgb")
                display = pixels
            case _:
                write_tiff(folder / f"{i}.tif", colour_math.decode_srgb(values).astype(np.float32), photometric="minisblack")
                display = np.repeat(np.rint(65_535 * values).astype(np.uint16)[..., None], 3, axis=2)
        write_tiff(plain / f"{i}.tif", display, photometric="rgb", iccprofile=profile_of(ColourSpace.SRGB))

    fuse_to_json(folder, "-o", tmp_path / "made.tif")
    fuse_to_json(plain, "-o", tmp_path / "plain.tif")

    made = tifffile.imread(tmp_path / "made.tif")
    assert made.ndim == (3 if kind == "linear decimals" else 2)
    shown, wanted = in_srgb(tmp_path / "made.tif"), in_srgb(tmp_path / "plain.tif")
    assert shown.shape == wanted.shape
    assert np.abs(shown - wanted).mean() < (0.01 if kind == "gray JPEG" else 1e-3)


def test_a_jpeg_in_a_space_too_wide_for_it_is_told(frames: list[Path], tmp_path: Path):
    report = fuse_to_json(*frames, "-o", tmp_path / "made.jpg", "--set", "export.profile=prophoto")

    assert "too-wide-for-jpeg" in [one["code"] for one in report["warnings"]]
