"""The page as it is written: small enough, with real pictures in it, and published like every other file of a composite."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg

from stackd.adapters.output.exporters import CompositeExporter
from stackd.config.export import ExportSettings
from stackd.imaging.ground.colour import encode_srgb
from stackd.model.composite import Composite, Finding, Preview, Rectangle, Severity
from stackd.service.ports import StagedFile
from tests.make_composite import BORDER_PX, composite_of

MOST_BYTES = 6_000_000

PICTURE = re.compile(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)")


def staged_page(composite: Composite, folder: Path) -> StagedFile:
    return CompositeExporter().stage_page(composite, folder=folder, temporary_prefix=".stackd-", title="beetle")


def written(composite: Composite, folder: Path) -> str:
    return staged_page(composite, folder).temporary_path.read_text("utf-8")


def pictures_in(page: str) -> list[np.ndarray]:
    return [simplejpeg.decode_jpeg(base64.b64decode(found)) for found in PICTURE.findall(page)]


@pytest.mark.parametrize("noise", [False, True], ids=["photograph", "pure noise"])
def test_a_page_of_24_megapixels_and_60_frames_is_below_6_mb(tmp_path: Path, *, noise: bool):
    dust = [
        Finding(
            code="dust",
            severity=Severity.NOTE,
            sentence="Dust.",
            region=Rectangle(left=200 * n, top=300, right=200 * n + 40, bottom=340),
        )
        for n in range(12)
    ]
    names = [f"IMG_{number:04d}.jpg" for number in range(60)]
    composite = composite_of(names, shape=(4000, 6000), preview=(500, 750), findings=dust, noise=noise)

    file = staged_page(composite, tmp_path)

    page = file.temporary_path.read_text("utf-8")
    assert file.size_bytes < MOST_BYTES
    assert page.count("<button") == 60
    assert len(PICTURE.findall(page)) == 1 + 60 + 1 + 10


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (37, 1), (17, 31), (16, 4001)])
def test_composites_of_any_shape_have_a_page(tmp_path: Path, shape: tuple[int, int]):
    rows, columns = (max(side // 2, 1) for side in shape)

    page = written(composite_of(shape=shape, preview=(rows, columns)), tmp_path)

    assert page.endswith("</html>")
    assert len(pictures_in(page)) == 6


def test_the_composite_is_shown_as_it_is(tmp_path: Path):
    composite = composite_of(shape=(120, 200))

    shown = pictures_in(written(composite, tmp_path))[0]

    assert shown.shape == (120, 200, 3)
    assert np.abs(shown / 255 - composite.image).mean() < 0.03


def test_gray_stays_gray(tmp_path: Path):
    composite = composite_of(with_depth=False, preview=None)
    composite.image[...] = composite.image[..., :1]

    (shown,) = pictures_in(written(composite, tmp_path))

    assert np.ptp(shown.astype(int), axis=2).max() <= 2


def test_a_crop_shows_the_place_pixel_by_pixel(tmp_path: Path):
    region = Rectangle(left=700 + BORDER_PX, top=400 + BORDER_PX, right=740 + BORDER_PX, bottom=440 + BORDER_PX)
    finding = Finding(code="dust", severity=Severity.NOTE, sentence="Dust.", region=region)
    composite = composite_of(shape=(900, 1200), preview=None, with_depth=False, findings=[finding])
    composite.image[...] = 0.5
    composite.image[400:440, 700:740] = (1, 0, 0)

    crop = pictures_in(written(composite, tmp_path))[1]

    red = (crop[..., 0] > 200) & (crop[..., 1] < 60)
    assert crop.shape == (480, 640, 3)
    assert 1400 <= red.sum() <= 1700
    assert red[220:260, 300:340].mean() > 0.9


def test_a_region_that_is_most_of_the_picture_has_no_crop(tmp_path: Path):
    region = Rectangle(left=0, top=0, right=130, bottom=90)
    finding = Finding(code="small-valid-area", severity=Severity.WARNING, sentence="Small.", region=region)

    page = written(composite_of(preview=None, with_depth=False, findings=[finding]), tmp_path)

    assert len(PICTURE.findall(page)) == 1
    assert "Small." in page


def test_the_page_lies_beside_the_composite_and_is_published_before_it(tmp_path: Path):
    staged = CompositeExporter().stage(
        composite_of(),
        folder=tmp_path,
        version=1,
        temporary_prefix=".stackd-",
        frames=[tmp_path / f"IMG_{n}.jpg" for n in (1, 2, 3, 4)],
        name="beetle",
        export=ExportSettings(),
    )

    assert [file.final_name for file in staged][-2:] == ["beetle.html", "beetle.tif"]


def test_stackd_knows_a_page_as_its_own(tmp_path: Path):
    theirs = tmp_path / "theirs.html"
    theirs.write_text("<html></html>")

    ours = staged_page(composite_of(), tmp_path)

    assert CompositeExporter().made(ours.temporary_path)
    assert not CompositeExporter().made(theirs)


def json_beside(composite: Composite, folder: Path) -> dict[str, Any]:
    staged = CompositeExporter().stage(
        composite,
        folder=folder,
        version=1,
        temporary_prefix=".stackd-",
        frames=[folder / frame.path for frame in composite.frames],
        name="beetle",
        export=ExportSettings(),
    )
    (file,) = (file for file in staged if file.final_name.endswith(".json"))
    return json.loads(file.temporary_path.read_text("utf-8"))


def test_the_json_beside_a_composite_tells_the_same_numbers(tmp_path: Path):
    told = json_beside(composite_of(left_out=[1]), tmp_path)

    assert told["format_version"] == 1
    assert told["frame_size_px"] == {"width": 142, "height": 102}
    first, left_out, third = told["frames"][:3]
    assert first["shift_px"] == {"x": 0, "y": 0}
    assert third["magnification"] == pytest.approx(1.004)
    assert third["gain"] == {"red": 1.02, "green": 1.02, "blue": 1.02}
    assert sum(frame["share_sharpest"] or 0 for frame in told["frames"]) == pytest.approx(1)
    assert [left_out[key] for key in ("shift_px", "rotation_deg", "magnification", "gain", "share_sharpest")] == [None] * 5


def test_frames_whose_names_are_no_text_can_be_left_out(tmp_path: Path):
    """The report named them in its sentences as they are, and then could not be written."""
    names = ["a\udcff.jpg", "b.jpg", "c.jpg"]
    finding = Finding(code="frame-left-out", severity=Severity.WARNING, sentence=f"{names[0]} was left out.", frames=(names[0],))

    told = json_beside(composite_of(names, left_out=[0], findings=[finding]), tmp_path)

    assert told["findings"][0]["sentence"] == "a\\xff.jpg was left out."
    assert told["frames"][0]["reason"] == "a\\xff.jpg is cut off."


# -------------------------------------------------------------------------- brightness


def flickering(gains: list[tuple[float, float, float]], *, light: float = 0.2) -> Composite:
    """Frames of one even patch, each as bright as its gain leaves it to be; the composite as bright as the reference."""
    composite = composite_of([f"IMG_{number}.jpg" for number in range(len(gains))], with_depth=False)
    composite.image[...] = encode_srgb(np.array(light))
    frames = []
    for frame, gain in zip(composite.frames, gains, strict=True):
        pixels = np.empty((45, 65, 3), np.uint8)
        pixels[...] = np.rint(255 * encode_srgb(light / np.array(gain)))
        frames.append(replace(frame, gain=gain, preview=Preview(pixels=pixels, is_laid_over=True)))
    return replace(composite, frames=tuple(frames))


def test_frames_in_the_wipe_are_as_bright_as_the_composite(tmp_path: Path):
    composite = flickering([(1.0, 1.0, 1.0), (2.0, 1.5, 0.7), (0.5, 0.5, 0.5)])

    shown = pictures_in(written(composite, tmp_path))

    assert len(shown) == 4
    for frame in shown[1:]:
        assert np.abs(frame.mean(axis=(0, 1)) - shown[0].mean(axis=(0, 1))).max() <= 2


def test_a_frame_that_was_left_out_is_shown_as_it_was_shot(tmp_path: Path):
    composite = flickering([(1.0, 1.0, 1.0), (4.0, 4.0, 4.0)])
    out = replace(composite.frames[1], used=False, reason="Blurred.", matrix=None)
    assert out.preview is not None
    out = replace(out, preview=replace(out.preview, is_laid_over=False))

    shown = pictures_in(written(replace(composite, frames=(composite.frames[0], out)), tmp_path))

    assert abs(shown[2].mean() - out.preview.pixels.mean()) <= 2


def test_a_dark_stack_is_shown_so_much_brighter_that_it_can_be_seen_and_all_of_it_alike(tmp_path: Path):
    region = Rectangle(left=20, top=20, right=60, bottom=50)
    dust = Finding(code="dust", severity=Severity.NOTE, sentence="Dust.", region=region)
    composite = replace(flickering([(1.0, 1.0, 1.0), (1.25, 1.25, 1.25)], light=0.006), findings=(dust,))

    page = written(composite, tmp_path)

    shown = [picture.mean() for picture in pictures_in(page)]
    assert len(shown) == 4
    assert all(190 <= brightness <= 215 for brightness in shown)
    assert "shown 7 stops brighter than they are" in page
    assert composite.image.max() < 0.08


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_stack_that_can_be_seen_or_is_black_is_shown_as_it_is(tmp_path: Path, value: float):
    composite = composite_of(preview=None, with_depth=False)
    composite.image[...] = value

    page = written(composite, tmp_path)

    assert "brighter than they are" not in page
    assert abs(pictures_in(page)[0].mean() - 255 * value) <= 2
