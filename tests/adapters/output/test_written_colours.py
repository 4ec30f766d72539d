"""A composite is written in the colours of its frames or in those the recipe names, and every tag says the same as the pixels."""

import base64
import io
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from shutil import which

import imagecodecs
import numpy as np
import pytest
import simplejpeg
import tifffile
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageCms

from stackd.adapters.colour import conversion, written
from stackd.adapters.colour.spaces import gray_profile_of, linear_profile, profile_of
from stackd.adapters.colour.written import as_integers, written_colour
from stackd.adapters.output.exporters import CompositeExporter
from stackd.adapters.output.exporters.report import report_of
from stackd.config.export import ExportSettings
from stackd.model.composite import Composite
from stackd.model.pixels import Colour, ColourSpace
from tests import colour_math, make_frames
from tests.make_composite import composite_of

SRGB, ADOBE, P3, PROPHOTO = ColourSpace
TENTH_OF_A_STEP = 26
"""Of 65,535: a tenth of a step of 8 bit."""

FORMATS = [("tiff", 16), ("tiff", 8), ("png", 16), ("png", 8), ("jpeg", 8)]


def a_composite(colour: Colour) -> Composite:
    composite = composite_of(with_depth=False)
    image = (make_frames.textured(90, 130, bits=16) * 0.15 + 25_000).astype(np.float32) / np.float32(65_535)
    if colour.is_gray:
        image[...] = image[..., :1]
    return replace(composite, image=image, colour=colour)


def of(space: ColourSpace) -> Colour:
    return Colour(icc=profile_of(space), space=space)


def export(folder: Path, composite: Composite, frame: Path, **settings: object) -> Path:
    quiet = {"depth_map": False, "depth_picture": False, "report": False, "page": False}
    (file,) = CompositeExporter().stage(
        composite,
        folder=folder,
        version=1,
        temporary_prefix=".stackd-",
        frames=[frame],
        name="made",
        export=ExportSettings.model_validate(quiet | settings),
    )
    return file.temporary_path.rename(folder / file.final_name)


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """A frame of a camera set to sRGB."""
    folder = tmp_path / "in"
    folder.mkdir()
    tags = make_frames.shot_at(3) | {"Exif.Photo.ColorSpace": "1", "Exif.Iop.InteroperabilityIndex": "R98"}
    return make_frames.write_jpeg(folder / "IMG_1.jpg", make_frames.textured(90, 130), tags=tags)


def pixels_of(path: Path) -> NDArray[np.generic]:
    match path.suffix:
        case ".tif":
            return tifffile.imread(path)
        case ".png":
            return imagecodecs.png_decode(path.read_bytes())
        case _:
            return np.asarray(PillowImage.open(path))


def profile_in(path: Path) -> bytes | None:
    with tifffile.TiffFile(path) if path.suffix == ".tif" else io.BytesIO() as tiff:
        if isinstance(tiff, tifffile.TiffFile):
            tag = tiff.pages.first.tags.get(34675)
            return None if tag is None else bytes(tag.value)
    return PillowImage.open(path).info.get("icc_profile")


@pytest.mark.parametrize(("kind", "bits"), FORMATS)
@pytest.mark.parametrize("wanted", list(ColourSpace))
@pytest.mark.parametrize("source", [SRGB, PROPHOTO])
def test_the_composite_is_converted_to_the_space_the_recipe_names(
    tmp_path: Path, frame: Path, source: ColourSpace, wanted: ColourSpace, kind: str, bits: int
):
    composite = a_composite(of(source))

    path = export(tmp_path, composite, frame, format=kind, bit_depth=bits, profile=wanted.value, jpeg_quality=100)

    assert profile_in(path) == profile_of(wanted)
    expected = colour_math.in_space(composite.image.astype(np.float64), source, wanted)
    tolerance = TENTH_OF_A_STEP if bits == 16 else 257 * (0.7 if kind != "jpeg" else 5)
    assert np.abs(pixels_of(path).astype(float) * (65_535 / (2**bits - 1)) - 65_535 * expected).max() < tolerance


@pytest.mark.parametrize(("kind", "bits"), FORMATS)
@pytest.mark.parametrize("colour", [Colour(), *map(of, ColourSpace)], ids=["none", *ColourSpace])
def test_in_the_colours_of_its_frames_nothing_is_converted(
    tmp_path: Path, frame: Path, monkeypatch: pytest.MonkeyPatch, colour: Colour, kind: str, bits: int
):
    monkeypatch.delattr(written, "in_blocks")
    composite = a_composite(colour)

    path = export(tmp_path, composite, frame, format=kind, bit_depth=bits, jpeg_quality=100)

    assert profile_in(path) == colour.icc
    if kind != "jpeg":
        assert np.array_equal(pixels_of(path), as_integers(composite.image, bits))


@pytest.mark.skipif(which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("kind", ["tiff", "png", "jpeg"])
@pytest.mark.parametrize("source", [SRGB, ADOBE])
@pytest.mark.parametrize("wanted", [None, *ColourSpace])
def test_every_tag_says_what_the_profile_says(
    tmp_path: Path, frame: Path, source: ColourSpace, wanted: ColourSpace | None, kind: str
):
    path = export(tmp_path, a_composite(of(source)), frame, format=kind, profile="input" if wanted is None else wanted.value)

    done = subprocess.run(
        ["exiftool", "-json", "-n", "-ColorSpace", "-InteropIndex", "-ProfileDescription", "-validate", "-warning", path],
        capture_output=True,
        check=True,
    )
    (told,) = json.loads(done.stdout)
    space = wanted or source
    assert told["ColorSpace"] == (1 if space is SRGB else 65_535)
    # exiftool forbids the mark of cameras in TIFF.
    assert told.get("InteropIndex") == ("R03" if space is ADOBE and kind != "tiff" else None)
    name = {SRGB: "sRGB", ADOBE: "Adobe RGB", P3: "Display P3", PROPHOTO: "ProPhoto RGB"}[space]
    assert told["ProfileDescription"].startswith(name)
    assert str(told["Validate"]).startswith("0 0"), told


def test_frames_that_say_nothing_make_a_composite_that_says_as_much(tmp_path: Path, frame: Path):
    assert profile_in(export(tmp_path, a_composite(Colour()), frame)) is None


# -------------------------------------------------------------------- gray


@pytest.mark.parametrize(("kind", "bits"), FORMATS)
def test_gray_is_written_as_one_channel_with_its_curve(tmp_path: Path, frame: Path, kind: str, bits: int):
    icc = gray_profile_of(PROPHOTO)
    composite = a_composite(Colour(icc=icc, space=None, is_gray=True))

    path = export(tmp_path, composite, frame, format=kind, bit_depth=bits, jpeg_quality=100)

    assert profile_in(path) == icc
    pixels = pixels_of(path)
    assert pixels.shape == (90, 130)
    assert np.abs(pixels.astype(int) - as_integers(composite.image, bits)[..., 1]).max() <= (2 if kind == "jpeg" else 0)


def test_gray_takes_the_curve_of_the_space_the_recipe_names(tmp_path: Path, frame: Path):
    composite = a_composite(Colour(icc=gray_profile_of(PROPHOTO), space=None, is_gray=True))

    path = export(tmp_path, composite, frame, profile="srgb")

    decode, _ = colour_math.CURVES[PROPHOTO]
    expected = 65_535 * colour_math.encode_srgb(decode(composite.image[..., 1].astype(np.float64)))
    assert profile_in(path) == gray_profile_of(SRGB)
    assert np.abs(pixels_of(path) - expected).max() < 6


def test_the_report_names_the_profile_of_the_frames():
    assert report_of(a_composite(of(P3)))["colours"] == {"profile": "Display P3", "gray": False, "linear": False}
    gray = Colour(icc=linear_profile(is_gray=True), space=None, is_gray=True, is_linear=True)
    assert report_of(a_composite(gray))["colours"] == {"profile": "Gray, linear", "gray": True, "linear": True}
    assert report_of(a_composite(Colour()))["colours"]["profile"] is None


# ------------------------------------------------------------ linear light


@pytest.mark.parametrize("is_gray", [True, False])
def test_linear_light_is_written_as_it_was_stored(tmp_path: Path, frame: Path, *, is_gray: bool):
    icc = linear_profile(is_gray=is_gray)
    composite = a_composite(Colour(icc=icc, space=None, is_gray=is_gray, is_linear=True))

    path = export(tmp_path, composite, frame)

    expected = 65_535 * colour_math.decode_srgb(composite.image.astype(np.float64))
    assert profile_in(path) == icc
    assert np.abs(pixels_of(path) - (expected[..., 1] if is_gray else expected)).max() < 3


def test_linear_light_is_brought_to_the_space_the_recipe_names(tmp_path: Path, frame: Path):
    composite = a_composite(Colour(icc=linear_profile(is_gray=False), space=None, is_linear=True))

    path = export(tmp_path, composite, frame, profile="adobe-rgb")

    expected = colour_math.in_space(composite.image.astype(np.float64), SRGB, ADOBE)
    assert np.abs(pixels_of(path) - 65_535 * expected).max() < TENTH_OF_A_STEP


def test_a_composite_is_converted_in_blocks(monkeypatch: pytest.MonkeyPatch):
    image = np.random.default_rng(1).random((500, 40, 3), np.float32)
    colour = written_colour(of(SRGB), ADOBE)
    at_once = colour.integers(image, 16)
    sizes: list[int] = []
    real = written.converted_block

    def noted(pixels: NDArray[np.uint16], source: bytes, target: bytes) -> NDArray[np.generic]:
        sizes.append(pixels.shape[0])
        return real(pixels, source, target)

    monkeypatch.setattr(written, "converted_block", noted)
    monkeypatch.setattr(conversion, "BLOCK_PIXELS", 40 * 60)

    assert np.array_equal(colour.integers(image, 16), at_once)
    assert max(sizes) == 60
    assert sum(sizes) == 500


# -------------------------------------------------------------- the browser

PICTURE = re.compile(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)")


def shown_by_a_browser(folder: Path, composite: Composite) -> NDArray[np.float64]:
    """The composite of a page, in sRGB, as a browser shows it: by its profile, or as it is."""
    staged = CompositeExporter().stage_page(composite, folder=folder, temporary_prefix=".stackd-", title="beetle")
    encoded = base64.b64decode(PICTURE.findall(staged.temporary_path.read_text("utf-8"))[0])
    icc = PillowImage.open(io.BytesIO(encoded)).info.get("icc_profile")
    pixels = simplejpeg.decode_jpeg(encoded)
    if icc is None:
        return pixels.astype(float)
    source, target = (ImageCms.ImageCmsProfile(io.BytesIO(profile)) for profile in (icc, profile_of(SRGB)))
    return np.asarray(
        ImageCms.applyTransform(PillowImage.fromarray(pixels), ImageCms.buildTransform(source, target, "RGB", "RGB"))
    ).astype(float)


def padded(icc: bytes) -> bytes:
    """A profile too long to be put into every picture of a page."""
    return (len(icc) + 5000).to_bytes(4, "big") + icc[4:] + bytes(5000)


@pytest.mark.parametrize(
    ("colour", "source"),
    [
        (Colour(), SRGB),
        (of(ADOBE), ADOBE),
        (of(PROPHOTO), PROPHOTO),
        (Colour(icc=padded(profile_of(PROPHOTO)), space=PROPHOTO), PROPHOTO),
        (Colour(icc=linear_profile(is_gray=False), space=None, is_linear=True), SRGB),
        (Colour(icc=gray_profile_of(PROPHOTO), space=None, is_gray=True), PROPHOTO),
        (Colour(icc=linear_profile(is_gray=True), space=None, is_gray=True, is_linear=True), SRGB),
    ],
    ids=["none", "Adobe RGB", "ProPhoto", "long profile", "linear", "gray", "linear gray"],
)
def test_a_browser_shows_the_colours_of_the_composite(tmp_path: Path, colour: Colour, source: ColourSpace):
    composite = replace(a_composite(colour), frames=())

    shown = shown_by_a_browser(tmp_path, composite)

    expected = 255 * colour_math.in_space(composite.image.astype(np.float64), source, SRGB)
    assert np.abs(shown - expected).mean() < 2
