"""Tell how large the pixels of an image file are, and whether all of it has arrived, without decoding it.

A picture with 60,000 × 60,000 px is refused here, before a byte of memory is spent on it.
"""

import struct
from pathlib import Path
from typing import Final

from stackd.adapters.formats.opened_image import COPY_AGAIN, OpenedImage, cut_off, damaged, open_image
from stackd.adapters.formats.png_structure import png_header
from stackd.adapters.formats.structures import tiff_structure
from stackd.adapters.formats.structures.jpeg_structure import (
    APP1,
    END_OF_IMAGE,
    EXIF_INTRODUCTION,
    FRAME_MARKERS,
    SIZE_BYTES,
    START_OF_SCAN,
    jpeg_segments,
)
from stackd.adapters.formats.structures.tiff_structure import exif_orientation
from stackd.adapters.formats.wholeness.completeness import check_boxes_are_complete, check_pixels_are_there, check_raw_is_complete
from stackd.adapters.formats.wholeness.jpeg_ends import with_its_end
from stackd.errors import UnreadableFrame
from stackd.model.names import shown
from stackd.model.tags import FileKind, Header

MAX_PIXELS: Final = 600_000_000
"""Largest picture taken: 400 MP pixel-shift frames pass, and 16-bit RGB of this size still fits the 4 GiB of a classic TIFF."""

MAX_CHANNELS: Final = 5
"""CMYK with transparency, which is then told by name; spectral images have dozens and would only fill the memory."""


def read_header(path: Path) -> Header:
    """Tell kind, size, orientation and page count of an image file, and make sure it is complete as far as that is cheap.

    RAW files get kind and orientation only; `raw_headers.read_raw_header` knows their size.

    Raises
    ------
    UnreadableFrame
        If the file is no image of a supported format, is cut off, or is larger than `MAX_PIXELS`.
    """
    with open_image(path) as image:
        return header_of(image)


def header_of(image: OpenedImage) -> Header:
    """Tell what `read_header` tells of an image already open."""
    match image.kind:
        case FileKind.JPEG:
            header = _jpeg_header(image)
        case FileKind.PNG:
            header = png_header(image)
        case FileKind.TIFF:
            header = _tiff_header(image)
        case FileKind.RAW:
            check_raw_is_complete(image)
            header = Header(kind=FileKind.RAW)
        case FileKind.CZI | FileKind.LIF:
            header = Header(kind=image.kind)
        case FileKind.HEIF | FileKind.UNKNOWN:
            check_boxes_are_complete(image)
            header = Header(kind=image.kind)
    return checked_size(header, image.path)


def checked_size(header: Header, path: Path) -> Header:
    """Refuse sizes that no frame has.

    Raises
    ------
    UnreadableFrame
        If the header claims no pixels, or more than `MAX_PIXELS`.
    """
    if header.width_px is None or header.height_px is None:
        return header
    if header.width_px <= 0 or header.height_px <= 0:
        raise UnreadableFrame(f"{shown(path.name)} says it is {header.width_px}×{header.height_px} px.", hint=COPY_AGAIN)
    if header.width_px * header.height_px > MAX_PIXELS:
        raise UnreadableFrame(
            f"{shown(path.name)} says it is {header.width_px}×{header.height_px} px; frames may have at most"
            f" {MAX_PIXELS // 1_000_000} million px.",
            hint="Export it smaller, or leave it out.",
        )
    return header


def _jpeg_header(image: OpenedImage) -> Header:
    """Tell size and orientation of a JPEG, and make sure that it has an end, or that nothing but the mark of it is missing.

    Raises
    ------
    UnreadableFrame
        If it is cut off or never says its size.
    """
    image.file.seek(0)
    content = image.file.read()
    size: tuple[int, int] | None = None
    orientation = 1
    is_gray = False
    for marker, start, end in jpeg_segments(content):
        if marker in FRAME_MARKERS and end - start >= SIZE_BYTES:
            size = struct.unpack_from(">HH", content, start + 1)
            is_gray = end - start > SIZE_BYTES and content[start + SIZE_BYTES] == 1
        elif marker == APP1 and content.startswith(EXIF_INTRODUCTION, start):
            orientation = exif_orientation(content[start + len(EXIF_INTRODUCTION) : end])
        elif marker == START_OF_SCAN:
            if size is None:
                raise damaged(image.path, "it never says its size")
            if content.rfind(END_OF_IMAGE, end) < 0 and with_its_end(content) is None:
                break
            return Header(kind=FileKind.JPEG, width_px=size[1], height_px=size[0], orientation=orientation, is_gray=is_gray)
    raise cut_off(image.path, f"after {len(content)} bytes the picture is not complete")


def _tiff_header(image: OpenedImage) -> Header:
    if not image.directories:
        raise cut_off(image.path, "it holds no picture")
    main = image.directories[0]
    if (channels := main.first(tiff_structure.SAMPLES_PER_PIXEL, 1)) > MAX_CHANNELS:
        raise UnreadableFrame(
            f"{shown(image.path.name)} holds {channels} channels; pictures have 1 to 4.", hint="Export it as RGB."
        )
    header = checked_size(
        Header(
            kind=FileKind.TIFF,
            width_px=main.first(tiff_structure.WIDTH),
            height_px=main.first(tiff_structure.HEIGHT),
            orientation=main.orientation,
            is_gray=main.is_gray,
            is_decimal=main.first(tiff_structure.SAMPLE_FORMAT) == tiff_structure.DECIMAL,
        ),
        image.path,
    )
    check_pixels_are_there(image, [directory for directory in image.directories if directory.in_chain])
    return header


__all__ = ["MAX_PIXELS", "OpenedImage", "checked_size", "header_of", "open_image", "read_header"]
