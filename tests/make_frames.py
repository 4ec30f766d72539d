"""Write frames of every kind from pixels: with metadata, as Bayer DNGs, cut off, in disguise."""

import struct
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import imagecodecs
import numpy as np
import simplejpeg
import tifffile
from numpy.typing import NDArray

from stackd.adapters.formats.exiv2_library import exiv2_library

BLACK_LEVEL = 512
WHITE_LEVEL = 16_383

XYZ_TO_LINEAR_SRGB = ((3.2404542, -1.5371385, -0.4985314), (-0.9692660, 1.8760108, 0.0415560), (0.0556434, -0.2040259, 1.0572252))
"""IEC 61966-2-1: as a DNG colour matrix it makes a camera whose colours are those of sRGB."""

D65 = 21


def textured(height: int, width: int, *, seed: int = 0, bits: int = 8) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Smooth random colours that survive JPEG and demosaicing: RGB, shape (height, width, 3)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    image = np.stack(
        [0.5 + 0.35 * np.sin(rows / rng.uniform(6, 14) + phase) * np.cos(columns / rng.uniform(6, 14)) for phase in (0, 1, 2)],
        axis=-1,
    )
    highest = (1 << bits) - 1
    return np.rint(image * highest).astype(np.uint8 if bits == 8 else np.uint16)


def write_jpeg(path: Path, pixels: NDArray[np.uint8], *, quality: int = 95, tags: Mapping[str, str] | None = None) -> Path:
    """Write a JPEG with full colour resolution."""
    path.write_bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorsubsampling="444"))
    return add_tags(path, tags)


def write_png(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Path:
    """Write a PNG."""
    path.write_bytes(imagecodecs.png_encode(pixels, level=1))
    return path


def write_tiff(path: Path, pixels: NDArray[np.generic], *, tags: Mapping[str, str] | None = None, **options: object) -> Path:
    """Write a TIFF; options are tifffile's."""
    tifffile.imwrite(path, pixels, **options)
    return add_tags(path, tags)


def write_bayer_dng(
    path: Path, pixels: NDArray[np.uint16], *, orientation: int = 1, neutral: tuple[float, float, float] = (1, 1, 1),
    tags: Mapping[str, str] | None = None,
) -> Path:  # fmt: skip
    """Write a RAW frame as a camera with a Bayer sensor would have seen it.

    Parameters
    ----------
    path : Path
        Ends in .dng.
    pixels : ndarray of uint16, shape (H, W, 3)
        sRGB, display-encoded; developing the file with the camera's white balance gives it back, blurred as demosaicing blurs.
    neutral : tuple of float
        How the sensor sees gray: its channels are multiplied by this, and the file tells so.
    """
    display = pixels.astype(np.float64) / 65_535
    linear = np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4) * np.array(neutral)
    sensor = np.empty(pixels.shape[:2])
    sensor[0::2, 0::2] = linear[0::2, 0::2, 0]
    sensor[0::2, 1::2] = linear[0::2, 1::2, 1]
    sensor[1::2, 0::2] = linear[1::2, 0::2, 1]
    sensor[1::2, 1::2] = linear[1::2, 1::2, 2]
    counts = np.rint(BLACK_LEVEL + sensor * (WHITE_LEVEL - BLACK_LEVEL)).astype(np.uint16)
    matrix = [part for row in XYZ_TO_LINEAR_SRGB for value in row for part in (round(value * 10_000), 10_000)]
    extra = [
        (271, "s", 0, "Testa", True),
        (272, "s", 0, "Bayer 1", True),
        (274, "H", 1, orientation, True),
        (33421, "H", 2, (2, 2), True),
        (33422, "B", 4, bytes((0, 1, 1, 2)), True),
        (50706, "B", 4, bytes((1, 4, 0, 0)), True),
        (50707, "B", 4, bytes((1, 1, 0, 0)), True),
        (50708, "s", 0, "Testa Bayer 1", True),
        (50714, "H", 1, BLACK_LEVEL, True),
        (50717, "H", 1, WHITE_LEVEL, True),
        (50721, 10, 9, tuple(matrix), True),
        (
            50728,
            5,
            3,
            tuple(part for value in neutral for part in Fraction(value).limit_denominator(1000).as_integer_ratio()),
            True,
        ),
        (50778, "H", 1, D65, True),
    ]
    tifffile.imwrite(path, counts, photometric=32803, extratags=extra, metadata=None, software="make_frames")
    return add_tags(path, tags)


def add_tags(path: Path, tags: Mapping[str, str] | None) -> Path:
    """Write Exif and XMP tags, named as exiv2 names them, into a file."""
    if not tags:
        return path
    with exiv2_library() as exiv2:
        image = exiv2.ImageFactory.open(str(path))
        image.readMetadata()
        exif, xmp = image.exifData(), image.xmpData()
        for key, value in tags.items():
            (xmp if key.startswith("Xmp.") else exif)[key] = value
        image.setExifData(exif)
        image.setXmpData(xmp)
        image.writeMetadata()
    return path


def shot_at(second: int, *, distance: str | None = None) -> dict[str, str]:
    """Tags of a frame taken `second` seconds into a shoot, focused at `distance` metres (a fraction such as "25/100")."""
    tags = {
        "Exif.Image.Make": "Testa",
        "Exif.Image.Model": "Bayer 1",
        "Exif.Photo.DateTimeOriginal": f"2024:05:01 12:00:{second:02d}",
        "Exif.Photo.SubSecTimeOriginal": "04",
        "Exif.Photo.ExposureTime": "1/50",
        "Exif.Photo.FNumber": "56/10",
    }
    return tags if distance is None else tags | {"Xmp.aux.ApproximateFocusDistance": distance}


def cut(path: Path, share: float) -> Path:
    """Write a copy that ends after a share of the file, as an interrupted copy does."""
    content = path.read_bytes()
    shorter = path.with_name(f"cut-{path.name}")
    shorter.write_bytes(content[: int(len(content) * share)])
    return shorter


def png_header_only(path: Path, *, width: int, height: int) -> Path:
    """Write a PNG that claims a size and holds nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = b""
    for kind, payload in ((b"IHDR", header), (b"IDAT", b""), (b"IEND", b"")):
        checksum = imagecodecs.zlib_crc32(kind + payload)
        chunks += struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", checksum)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


def tiff_header_only(path: Path, *, width: int, height: int) -> Path:
    """Write a TIFF that claims a size and holds nothing."""
    entries = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 8), (262, 3, 1), (273, 4, 8), (277, 3, 1), (279, 4, 8)]
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries
    )
    path.write_bytes(b"II*\x00" + struct.pack("<I", 16) + bytes(8) + directory + bytes(4))
    return path
