"""The page as it is written: small enough, with real pictures in it, and published like every other file of a composite."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg

from stackd.adapters.output.exporters import CompositeExporter
from stackd.config.export import ExportSettings
from stackd.model.composite import Composite, Finding, Rectangle, Severity
from stackd.service.ports import StagedFile
from tests.make_composite import BORDER_PX, composite_of

MOST_BYTES = 6_000_000

PICTURE = re.compile(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)")


def staged_page(composite: Composite, folder: Path) -> StagedFile:
    return CompositeExporter().stage_page(
        composite, folder=folder, temporary_prefix=".stackd-", frames=[folder / "IMG_1.jpg"], title="beetle"
    )


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
