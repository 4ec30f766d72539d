"""A barcode in the frames names the composite; without exactly one it is held."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from stackd.adapters.frames.barcodes import BarcodeReader
from stackd.adapters.metadata.tags import fetch_tags
from stackd.config.export import ExportSettings
from stackd.config.settings import Recipe
from stackd.errors import WrongUse
from stackd.imaging.ground.frames import ignore_progress
from stackd.imaging.ground.sharpest import SharpestTiles
from stackd.model.frame import Fingerprint, Frame
from stackd.model.stack import Decision, SealReason, Stack, StackKind, stack_id
from stackd.rendering.scenes import Canvas, SceneSettings, Surface, render_stack, two_planes
from stackd.service.ports import Placing, StackingRequest, StackingResult
from stackd.wiring.processes import stack_one
from tests import make_frames

zxingcpp = pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed")

FRAMES = 5
SPECIMEN = "NHMUK 010862548"


HEIGHT_PX, WIDTH_PX = 400, 600


def label(text: str, kind: str, *, module_px: int = 4) -> np.ndarray:
    """A printed code with the white border that its standard asks for."""
    code = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, kind))
    drawn = np.array(code.to_image(scale=module_px, add_quiet_zones=False))
    return np.pad(drawn, (10 if kind.startswith("Code") else 3) * module_px, constant_values=255)


def shot(folder: Path, labels: Sequence[tuple[np.ndarray, int, int]], *, breathing: float = 0.002) -> list[Path]:
    """A rendered stack with labels (picture, top, left) that lie on its far plane, in focus between two frames."""

    def labelled(canvas: Canvas) -> tuple[Surface, ...]:
        surfaces = list(two_planes(canvas))
        for picture, top, left in labels:
            colour, opacity = np.zeros((2, *canvas.shape), np.float32)
            place = np.s_[
                canvas.margin_px + top : canvas.margin_px + top + picture.shape[0],
                canvas.margin_px + left : canvas.margin_px + left + picture.shape[1],
            ]
            colour[place], opacity[place] = 0.02 + 0.8 * (picture > 127), 1.0
            depth = np.full(canvas.shape, 0.75, np.float32)
            surfaces.append(Surface(colour=np.repeat(colour[..., None], 3, axis=2), opacity=opacity, depth=depth))
        return tuple(surfaces)

    folder.mkdir()
    scene = SceneSettings(
        subject=labelled, height_px=HEIGHT_PX, width_px=WIDTH_PX, frame_count=FRAMES, breathing=breathing, blur_px=1.0, seed=5
    )
    return [
        make_frames.write_png(folder / f"frame_{number:02}.png", np.array(pixels, np.uint8))
        for number, pixels in enumerate(render_stack(scene).frames)
    ]


def stacked(
    paths: Sequence[Path], output: Path, *, barcode: str = "name", placing: Placing | None = None, name: str | None = None,
    reason: SealReason = SealReason.GAP,
) -> StackingResult:  # fmt: skip
    """Stack frames as a worker of the service does."""
    output.mkdir()
    frames = []
    for path in paths:
        status = path.stat()
        frames.append(Frame(path=path.name, fingerprint=Fingerprint(size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)))
    stack = Stack(
        id=stack_id(frames),
        frames=tuple(frames),
        kind=StackKind.FOCUS,
        reason=reason,
        confidence=1.0,
        decision=Decision.PROCESS,
        evidence=(),
        name=name,
    )
    export = ExportSettings(format="png", barcode=barcode, depth_map=False, depth_picture=False, page=False)
    request = StackingRequest(
        job_id=1,
        attempt=1,
        stack=stack,
        input_folder=paths[0].parent,
        output_folder=output,
        recipe_name="museum",
        recipe=Recipe(export=export),
        placing=placing or Placing(),
    )
    return stack_one(request, ignore_progress)


@pytest.mark.parametrize(
    ("kind", "text", "module_px"),
    [("DataMatrix", SPECIMEN, 4), ("QRCode", SPECIMEN, 4), ("Code128", SPECIMEN, 3), ("Code39", "BM 86254", 3)],
)
def test_the_one_code_in_the_picture_names_the_composite_and_goes_into_its_metadata(
    kind: str, text: str, module_px: int, tmp_path: Path
):
    paths = shot(tmp_path / "in", [(label(text, kind, module_px=module_px)[:120], 250, 10)])

    result = stacked(paths, tmp_path / "out")

    report, composite = result.staged
    assert composite.final_name == f"{text}.png"
    assert json.loads(report.temporary_path.read_text(encoding="utf-8"))["barcodes"] == [text]
    values = fetch_tags(composite.temporary_path).values
    assert values["Xmp.dc.identifier"] == text
    assert values["Xmp.stackd.Barcodes"] == text
    assert result.held_because == ""


def test_a_label_that_the_crop_takes_away_is_read_in_the_frame_where_it_is_sharp(tmp_path: Path):
    """A part of it lies in the border that not every frame covers."""
    printed = label(SPECIMEN, "DataMatrix")[:-8, 8:]
    paths = shot(tmp_path / "in", [(printed, HEIGHT_PX - printed.shape[0], 0)], breathing=0.012)

    result = stacked(paths, tmp_path / "out")

    assert [staged.final_name for staged in result.staged] == [f"{SPECIMEN}.json", f"{SPECIMEN}.png"]


def test_the_same_code_twice_is_one(tmp_path: Path):
    paths = shot(tmp_path / "in", [(label(SPECIMEN, "DataMatrix"), 180, 30), (label(SPECIMEN, "QRCode"), 180, 300)])

    assert stacked(paths, tmp_path / "out").staged[-1].final_name == f"{SPECIMEN}.png"


def test_without_a_code_the_composite_is_held(tmp_path: Path):
    result = stacked(shot(tmp_path / "in", []), tmp_path / "out")

    assert result.staged == ()
    assert result.held_because.startswith("No barcode was found that could name the composite.")
    assert list((tmp_path / "out").iterdir()) == []


def test_two_different_codes_hold_the_composite(tmp_path: Path):
    paths = shot(tmp_path / "in", [(label(SPECIMEN, "DataMatrix"), 180, 30), (label("BM 7", "QRCode"), 180, 300)])

    result = stacked(paths, tmp_path / "out")

    assert result.staged == ()
    assert result.held_because.startswith(f"2 different barcodes are in the picture (“BM 7”, “{SPECIMEN}”)")


def test_a_held_composite_that_was_released_is_published_under_its_frames_names(tmp_path: Path):
    result = stacked(shot(tmp_path / "in", []), tmp_path / "out", placing=Placing().accepted())

    assert result.staged[-1].final_name.startswith("frame_00-frame_04")
    assert result.held_because == ""


def test_nothing_is_read_unless_the_recipe_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "zxingcpp", None)

    result = stacked(shot(tmp_path / "in", []), tmp_path / "out", barcode="off")

    assert result.staged[-1].final_name.startswith("frame_00-frame_04")


def test_without_the_library_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "zxingcpp", None)

    with pytest.raises(WrongUse, match=r"stackd\[barcode\]"):
        BarcodeReader().read(np.zeros((64, 64), np.uint8))


def test_a_name_somebody_wrote_into_a_manifest_stays(tmp_path: Path):
    paths = shot(tmp_path / "in", [(label(SPECIMEN, "DataMatrix"), 180, 30)])

    by_manifest = stacked(paths, tmp_path / "out", name="beetle", reason=SealReason.MANIFEST)
    by_folder = stacked(paths, tmp_path / "out2", name="tray 4", reason=SealReason.FOLDER)

    assert by_manifest.staged[-1].final_name == "beetle.png"
    assert by_folder.staged[-1].final_name == f"{SPECIMEN}.png"


@pytest.mark.parametrize("shape", [(100, 150), (600, 800), (2000, 3000), (513, 512)])
def test_tiles_cover_the_picture_and_show_its_sharpest_frame(shape: tuple[int, int]):
    random = np.random.default_rng(1)
    sharp = random.integers(0, 256, shape, np.uint8)
    tiles = SharpestTiles(shape)
    for frame in (np.zeros(shape, np.uint8), sharp, cv2.GaussianBlur(sharp, (0, 0), 2.0)):
        tiles.add(frame)

    assert all(tile.std() > 70 for tile in tiles)
    assert sum(tile.size for tile in tiles) >= sharp.size
