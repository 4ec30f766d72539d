"""Small pictures by the cheapest way each format offers."""

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stackd.adapters.colour.spaces import profile_of
from stackd.adapters.frames.jpeg_previews import find_preview
from stackd.adapters.frames.thumbnails import read_picture, read_signature
from stackd.intake.evidence.content import likeness
from stackd.model.pixels import ColourSpace
from tests import colour_math
from tests.intake.build import scene
from tests.make_frames import textured, write_bayer_dng, write_jpeg, write_png, write_tiff
from tests.shared_data import shared_data

VGA, OTHER_VIEW = 0x010001, 0x020002


def with_preview(main: bytes, preview: bytes, kind: int) -> bytes:
    """Append a picture to a JPEG and list it as a camera does."""

    def block(offset: int) -> bytes:
        entries = struct.pack("<5I", 0x030000, 0, 0, 0, 0)[:16] + struct.pack("<4I", kind, len(preview), offset, 0)
        directory = struct.pack("<HHHII", 1, 0xB002, 7, len(entries), 8 + 2 + 12 + 4) + struct.pack("<I", 0)
        payload = b"MPF\0" + b"II*\0" + struct.pack("<I", 8) + directory + entries
        return b"\xff\xe2" + struct.pack(">H", len(payload) + 2) + payload

    order_mark = 2 + 4 + 4
    size = len(main) + len(block(0))
    return main[:2] + block(size - order_mark) + main[2:] + preview


@pytest.fixture(scope="module")
def pictures() -> tuple[bytes, bytes]:
    large = simplejpeg.encode_jpeg(np.ascontiguousarray(textured(480, 640, seed=1)), quality=95)
    small = simplejpeg.encode_jpeg(np.ascontiguousarray(textured(60, 80, seed=2)), quality=90)
    return large, small


def test_a_cameras_preview_is_found_behind_the_picture(pictures: tuple[bytes, bytes]):
    large, small = pictures

    assert find_preview(io.BytesIO(with_preview(large, small, VGA))) == small


def test_a_picture_that_is_no_preview_is_not_taken_for_one(pictures: tuple[bytes, bytes]):
    """Phones append gain maps and second views."""
    large, small = pictures

    assert find_preview(io.BytesIO(with_preview(large, small, OTHER_VIEW))) is None
    assert find_preview(io.BytesIO(large)) is None


@given(st.integers(2, 200), st.integers(0, 255))
def test_no_damage_to_the_list_makes_it_fail(at: int, value: int):
    large = simplejpeg.encode_jpeg(np.zeros((8, 8, 3), np.uint8))
    content = bytearray(with_preview(large, large, VGA))
    content[at] = value

    find_preview(io.BytesIO(bytes(content)))


def test_all_formats_of_one_picture_have_signatures_alike(tmp_path: Path):
    pixels = textured(300, 400, seed=5)
    deep = (pixels.astype(np.uint16) * 257).astype(np.uint16)
    files = [
        write_jpeg(tmp_path / "a.jpg", pixels),
        write_png(tmp_path / "a.png", pixels),
        write_tiff(tmp_path / "a.tif", pixels, photometric="rgb"),
        write_tiff(tmp_path / "deep.tif", deep, photometric="rgb", compression="zlib"),
    ]

    signatures = [read_signature(file) for file in files]

    assert all(content is not None for content in signatures)
    first = signatures[0]
    assert all(likeness(first, content).correlation > 0.99 for content in signatures[1:])  # type: ignore[arg-type]


def test_a_large_tiff_is_strided_and_not_read_whole(tmp_path: Path):
    gray = cv2.resize(scene(6, height=240, width=320), (1600, 1200), interpolation=cv2.INTER_LINEAR)
    pixels = np.repeat(np.clip(gray * 255, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    plain = write_tiff(tmp_path / "plain.tif", pixels, photometric="rgb")
    packed = write_tiff(tmp_path / "packed.tif", pixels, photometric="rgb", compression="zlib")

    first, second = read_signature(plain), read_signature(packed)

    assert first is not None
    assert second is not None
    assert likeness(first, second).correlation > 0.98


def test_a_raw_without_a_preview_is_binned(tmp_path: Path):
    deep = (textured(200, 300, seed=7).astype(np.uint16) * 64).astype(np.uint16)
    raw = write_bayer_dng(tmp_path / "a.dng", deep)

    content = read_signature(raw)

    assert content is not None
    assert content.brightness > 0.05


def test_a_dark_microscope_picture_is_stretched(tmp_path: Path):
    dark = (textured(200, 300, seed=8)[..., 0].astype(np.uint16)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "cell.tif", dark, photometric="minisblack")

    content = read_signature(tmp_path / "cell.tif")

    assert content is not None
    assert content.brightness > 0.2


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n" + b"\0" * 20, b"II*\0\0\0\0\0"])
def test_what_cannot_be_read_has_no_signature_and_no_picture(tmp_path: Path, content: bytes):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(content)

    assert read_signature(broken) is None
    assert read_picture(broken, side_px=100) is None


def test_a_real_raw_gives_a_picture_to_look_at():
    picture = read_picture(shared_data("raw", "RAW_NIKON_D1.NEF"), side_px=100)

    assert picture is not None
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_a_picture_to_look_at_is_in_srgb(tmp_path: Path, name: str):
    muted = (textured(60, 90) * 0.3 + 80).astype(np.uint8)
    wide = np.rint(255 * colour_math.in_space(muted / 255, ColourSpace.SRGB, ColourSpace.PROPHOTO)).astype(np.uint8)
    options = {"quality": 100, "subsampling": 0} if name == "a.jpg" else {}
    Image.fromarray(wide).save(tmp_path / name, icc_profile=profile_of(ColourSpace.PROPHOTO), **options)

    picture = read_picture(tmp_path / name, side_px=90)

    assert picture is not None
    assert picture.dtype == np.uint8
    assert np.abs(picture.astype(int) - muted).mean() < 1.5
