"""What files say of their colours, in each of the ways that cameras, phones, editors and the web have."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageCms

from stackd.adapters.colour.declared import Declared, declared_colour
from stackd.adapters.colour.exif_marks import colour_marks
from stackd.adapters.colour.profiles import is_linear, same_colours, space_of
from stackd.adapters.colour.spaces import gray_profile_of, linear_profile, profile_of
from stackd.adapters.formats.frame_headers import frame_header
from stackd.adapters.formats.opened_image import open_image
from stackd.model.pixels import ColourSpace
from tests import make_frames

ADOBE = profile_of(ColourSpace.ADOBE_RGB)
PIXELS = make_frames.textured(20, 30)


def declared(path: Path) -> Declared:
    with open_image(path) as image:
        return declared_colour(image, frame_header(image))


def tagged(path: Path, icc: bytes | None, *, is_gray: bool = False) -> Path:
    pixels = PIXELS[..., 0] if is_gray else PIXELS
    Image.fromarray(pixels).save(path, icc_profile=icc)
    return path


def with_chunks(path: Path, *chunks: tuple[bytes, bytes], is_gray: bool = False) -> Path:
    make_frames.write_png(path, np.ascontiguousarray(PIXELS[..., 0]) if is_gray else PIXELS)
    content = path.read_bytes()
    added = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    path.write_bytes(content[:33] + added + content[33:])
    return path


def chromaticities(*numbers: float) -> tuple[bytes, bytes]:
    return b"cHRM", struct.pack(">8I", *(round(100_000 * number) for number in numbers))


def gamma(exponent: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(100_000 * exponent))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
@pytest.mark.parametrize("space", list(ColourSpace))
def test_an_embedded_profile_is_read(tmp_path: Path, name: str, space: ColourSpace):
    assert declared(tagged(tmp_path / name, profile_of(space))) == Declared(icc=profile_of(space))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_a_gray_profile_is_read_of_gray(tmp_path: Path, name: str):
    icc = gray_profile_of(ColourSpace.PROPHOTO)

    assert declared(tagged(tmp_path / name, icc, is_gray=True)) == Declared(icc=icc)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_a_file_that_says_nothing_declares_nothing(tmp_path: Path, name: str):
    assert declared(tagged(tmp_path / name, None)) == Declared()


def test_a_long_profile_of_a_jpeg_is_put_together(tmp_path: Path):
    icc = bytearray(ADOBE + bytes(150_000))
    icc[:4] = struct.pack(">I", len(icc))

    assert declared(tagged(tmp_path / "a.jpg", bytes(icc))).icc == bytes(icc)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
@pytest.mark.parametrize(
    ("icc", "trouble"),
    [
        (ADOBE[:300], "is cut off after 300 bytes"),
        (gray_profile_of(ColourSpace.SRGB), "is one for gray values, not for RGB"),
        (ADOBE[:16] + b"CMYK" + ADOBE[20:], "is one for CMYK values, not for RGB"),
        (ADOBE[:128] + b"\xff" * (len(ADOBE) - 128), "is damaged"),
        (b"nothing of the kind", "is damaged"),
    ],
    ids=["cut off", "gray", "CMYK", "scribbled over", "text"],
)
def test_a_profile_that_cannot_be_used_is_told_and_no_crash(tmp_path: Path, name: str, icc: bytes, trouble: str):
    assert declared(tagged(tmp_path / name, icc)) == Declared(trouble=trouble)


def test_a_real_cmyk_profile_in_an_rgb_file_is_told(tmp_path: Path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()

    assert declared(tagged(tmp_path / "a.jpg", lab)).trouble == "is one for Lab values, not for RGB"


@pytest.mark.parametrize("space", [ColourSpace.SRGB, ColourSpace.ADOBE_RGB])
def test_a_gray_file_with_a_profile_of_rgb_has_its_curve(tmp_path: Path, space: ColourSpace):
    found = declared(tagged(tmp_path / "a.tif", profile_of(space), is_gray=True))

    assert found == Declared(icc=gray_profile_of(space))


# ------------------------------------------------------------------ cameras

UNCALIBRATED, SRGB = "65535", "1"


@pytest.mark.parametrize(
    ("name", "colour_space", "index", "is_adobe"),
    [
        ("_MG_1.JPG", UNCALIBRATED, "R03", True),
        ("IMG_1.JPG", UNCALIBRATED, "R03", True),
        ("_DSC1.JPG", UNCALIBRATED, None, True),
        ("DSC1.JPG", UNCALIBRATED, None, False),
        ("_DSC1.JPG", None, None, False),
        ("_DSC1.JPG", SRGB, None, False),
        ("_DSC1.JPG", SRGB, "R98", False),
        ("DSC1.JPG", "2", None, True),
    ],
)
def test_adobe_rgb_is_known_by_the_marks_of_cameras(
    tmp_path: Path, name: str, colour_space: str | None, index: str | None, *, is_adobe: bool
):
    tags = {"Exif.Photo.ColorSpace": colour_space, "Exif.Iop.InteroperabilityIndex": index}
    path = make_frames.write_jpeg(tmp_path / name, PIXELS, tags={key: value for key, value in tags.items() if value})

    assert (declared(path).icc == ADOBE) is is_adobe


def test_a_profile_counts_for_more_than_the_mark(tmp_path: Path):
    icc = profile_of(ColourSpace.DISPLAY_P3)
    path = tagged(tmp_path / "a.jpg", icc)
    make_frames.add_tags(path, {"Exif.Photo.ColorSpace": UNCALIBRATED, "Exif.Iop.InteroperabilityIndex": "R03"})

    assert declared(path).icc == icc


# ---------------------------------------------------------------------- PNG


@pytest.mark.parametrize(
    ("chunks", "space"),
    [
        ([(b"cICP", bytes((12, 13, 0, 1)))], ColourSpace.DISPLAY_P3),
        ([(b"cICP", bytes((1, 13, 0, 1)))], ColourSpace.SRGB),
        ([(b"sRGB", b"\x00")], ColourSpace.SRGB),
        ([gamma(256 / 563), chromaticities(0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)], ColourSpace.ADOBE_RGB),
        ([gamma(0.45455), chromaticities(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)], ColourSpace.SRGB),
        ([(b"cICP", bytes((12, 13, 0, 1))), gamma(1.0)], ColourSpace.DISPLAY_P3),
    ],
    ids=["P3 by code", "sRGB by code", "sRGB", "Adobe RGB by numbers", "sRGB by numbers", "code before numbers"],
)
def test_what_chunks_of_a_png_state_is_read(tmp_path: Path, chunks: list[tuple[bytes, bytes]], space: ColourSpace):
    icc = declared(with_chunks(tmp_path / "a.png", *chunks)).icc

    assert icc is not None
    assert space_of(icc) is space


@pytest.mark.parametrize("is_gray", [True, False])
def test_a_png_of_gamma_1_is_linear(tmp_path: Path, *, is_gray: bool):
    icc = declared(with_chunks(tmp_path / "a.png", gamma(1.0), is_gray=is_gray)).icc

    assert icc is not None
    assert is_linear(icc)
    assert same_colours(icc, linear_profile(is_gray=is_gray))


@pytest.mark.parametrize(("code", "name"), [(16, "PQ"), (18, "HLG")])
def test_the_curve_of_hdr_screens_is_told(tmp_path: Path, code: int, name: str):
    assert declared(with_chunks(tmp_path / "a.png", (b"cICP", bytes((9, code, 0, 1))))) == Declared(hdr=name)


@pytest.mark.parametrize(
    "chunks",
    [
        [gamma(0.5), chromaticities(0.3127, 0.329, 0.64, 0.33, 0.64, 0.33, 0.64, 0.33)],
        [gamma(0.5), chromaticities(0.3127, 0.0, 0.64, 0.0, 0.3, 0.6, 0.15, 0.06)],
        [(b"iCCP", b"icc\x00\x00not packed")],
    ],
    ids=["one primary three times", "no luminance", "not packed"],
)
def test_chunks_without_a_meaning_are_told_and_no_crash(tmp_path: Path, chunks: list[tuple[bytes, bytes]]):
    found = declared(with_chunks(tmp_path / "a.png", *chunks))

    assert found.icc is None
    assert found.trouble


@pytest.mark.parametrize("chunk", [gamma(0.0), (b"gAMA", b"\x00"), (b"cICP", b"\x01"), (b"cICP", bytes((2, 2, 0, 1)))])
def test_chunks_that_say_nothing_count_as_none(tmp_path: Path, chunk: tuple[bytes, bytes]):
    assert declared(with_chunks(tmp_path / "a.png", chunk)) == Declared()


# --------------------------------------------------------------------- HEIF


@pytest.mark.parametrize(("primaries", "space"), [(12, ColourSpace.DISPLAY_P3), (1, ColourSpace.SRGB)])
def test_the_wide_colours_of_phones_are_known_without_a_profile(tmp_path: Path, primaries: int, space: ColourSpace):
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed")
    heif = pillow_heif.from_bytes("RGB", (30, 20), PIXELS.tobytes())
    heif.save(
        tmp_path / "a.heic",
        quality=95,
        color_primaries=primaries,
        transfer_characteristics=13,
        matrix_coefficients=6,
        full_range_flag=1,
    )

    assert declared(tmp_path / "a.heic").icc == profile_of(space)


def test_no_damage_to_a_profile_makes_it_fail(tmp_path: Path):
    random = np.random.default_rng(5)
    encoded = simplejpeg.encode_jpeg(PIXELS, quality=90)
    for _ in range(200):
        icc = bytearray(ADOBE)
        for place in random.integers(0, len(icc), 6):
            icc[place] = random.integers(256)
        buffer = io.BytesIO()
        Image.open(io.BytesIO(encoded)).save(buffer, "JPEG", icc_profile=bytes(icc))
        (tmp_path / "a.jpg").write_bytes(buffer.getvalue())

        found = declared(tmp_path / "a.jpg")

        assert (found.icc is None) == bool(found.trouble)


def an_exif_block(order: str, *, space: int = 65_535, index: bytes = b"R03\x00") -> bytes:
    """Main directory, Exif directory and interoperability directory, one entry each but for the Exif one."""

    def directory(*entries: tuple[int, int, int, bytes]) -> bytes:
        body = b"".join(struct.pack(f"{order}HHI", *entry[:3]) + entry[3] for entry in entries)
        return struct.pack(f"{order}H", len(entries)) + body + bytes(4)

    def where(offset: int) -> bytes:
        return struct.pack(f"{order}I", offset)

    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    main = directory((34_665, 4, 1, where(26)))
    exif = directory((40_961, 3, 1, struct.pack(f"{order}H", space) + b"\x00\x00"), (40_965, 4, 1, where(56)))
    return start + main + exif + directory((1, 2, 4, index))


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_marks_of_cameras_are_read_in_either_byte_order(order: str):
    assert colour_marks(io.BytesIO(an_exif_block(order))) == (65_535, "R03")


def test_no_damage_to_exif_makes_it_fail():
    random = np.random.default_rng(8)
    whole = an_exif_block("<")
    for _ in range(2000):
        block = bytearray(whole)
        for place in random.integers(0, len(block), 3):
            block[place] = random.integers(256)

        space, index = colour_marks(io.BytesIO(bytes(block[: random.integers(len(block) + 1)])))

        assert space is None or 0 <= space <= 65_535
        assert len(index) <= 4
