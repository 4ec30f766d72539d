"""The picture of a file keeps its hash while people and programs write around it."""

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import exiv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from stackd.adapters.formats.picture_hash import SCHEME, hash_file

PIXELS = np.random.default_rng(4).integers(0, 256, (60, 90, 3), np.uint8)


def _jpeg(path: Path, pixels: np.ndarray, **options: object) -> None:
    Image.fromarray(pixels).save(path, "JPEG", quality=90, **options)


def _progressive(path: Path, pixels: np.ndarray) -> None:
    _jpeg(path, pixels, progressive=True)


def _png(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path, "PNG")


def _strips(path: Path, pixels: np.ndarray) -> None:
    tifffile.imwrite(path, pixels, photometric="rgb", rowsperstrip=7, metadata=None)


def _tiles(path: Path, pixels: np.ndarray) -> None:
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(16, 16), compression="zlib", metadata=None)


WRITERS: dict[str, Callable[[Path, np.ndarray], None]] = {
    "a.jpg": _jpeg,
    "b.jpg": _progressive,
    "c.png": _png,
    "d.tif": _strips,
    "e.tif": _tiles,
}


def rate(path: Path) -> None:
    """Write stars and keywords, as a catalogue program does."""
    image = exiv2.ImageFactory.open(str(path))
    image.readMetadata()
    xmp, exif = image.xmpData(), image.exifData()
    xmp["Xmp.xmp.Rating"] = "4"
    xmp["Xmp.dc.description"] = "beetle " * 400
    exif["Exif.Image.Artist"] = "Somebody " * 40
    exif["Exif.Photo.DateTimeOriginal"] = "2024:05:04 10:15:00"
    image.setXmpData(xmp)
    image.setExifData(exif)
    image.writeMetadata()


@pytest.mark.parametrize("name", WRITERS)
def test_a_rating_changes_the_file_and_not_its_picture(tmp_path: Path, name: str):
    path = tmp_path / name
    WRITERS[name](path, PIXELS)
    before = hash_file(path)
    rate(path)
    rate(path)

    after = hash_file(path)

    assert after.content_sha256 != before.content_sha256
    assert before.picture is not None
    assert before.picture.startswith(f"{SCHEME}:")
    assert after.picture == before.picture


@pytest.mark.parametrize("name", WRITERS)
def test_another_picture_has_another_hash(tmp_path: Path, name: str):
    other = PIXELS.copy()
    other[30:, 40:] //= 2
    WRITERS[name](tmp_path / name, PIXELS)
    before = hash_file(tmp_path / name)
    WRITERS[name](tmp_path / name, other)

    assert hash_file(tmp_path / name).picture != before.picture


def test_previews_and_films_behind_a_jpeg_do_not_count(tmp_path: Path):
    path = tmp_path / "a.jpg"
    _jpeg(path, PIXELS)
    before = hash_file(path)
    preview = BytesIO()
    Image.fromarray(PIXELS[:20, :30]).save(preview, "JPEG")
    path.write_bytes(path.read_bytes() + preview.getvalue())

    assert hash_file(path).picture == before.picture


def _boxes(metadata: bytes, picture: bytes) -> bytes:
    """A CR3 in outline: its kind, what is written about it, the picture."""
    kind = struct.pack(">I4s4s", 24, b"ftyp", b"crx ") + bytes(12)
    return (
        kind
        + struct.pack(">I4s", 8 + len(metadata), b"moov")
        + metadata
        + struct.pack(">I4s", 8 + len(picture), b"mdat")
        + picture
    )


def test_a_cr3_is_known_by_its_media_box(tmp_path: Path):
    first, rated, other = tmp_path / "a.cr3", tmp_path / "b.cr3", tmp_path / "c.cr3"
    first.write_bytes(_boxes(b"no stars", bytes(range(256)) * 8))
    rated.write_bytes(_boxes(b"four stars, beetle", bytes(range(256)) * 8))
    other.write_bytes(_boxes(b"no stars", bytes(reversed(range(256))) * 8))

    pictures = [hash_file(path).picture for path in (first, rated, other)]

    assert pictures[0] is not None
    assert pictures[0] == pictures[1]
    assert pictures[2] != pictures[0]


@pytest.mark.parametrize("content", [b"no picture at all", b"", b"\xff\xd8\xff\xe0" + bytes(40)])
def test_what_is_not_understood_is_known_by_its_bytes_alone(tmp_path: Path, content: bytes):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)

    hashes = hash_file(path)

    assert hashes.picture is None
    assert len(hashes.content_sha256) == 64
