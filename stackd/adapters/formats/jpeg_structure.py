"""Walk the segments of a JPEG without decoding it."""

import struct
from collections.abc import Iterator
from typing import Final

from stackd.adapters.formats.opened_image import OpenedImage, cut_off, damaged
from stackd.adapters.formats.tiff_structure import exif_orientation
from stackd.model.tags import FileKind, Header

MARKER: Final = 0xFF
SEGMENT_HEAD_BYTES: Final = 4
START_OF_IMAGE: Final = b"\xff\xd8"
END_OF_IMAGE: Final = b"\xff\xd9"
START_OF_SCAN: Final = 0xDA
FRAME_MARKERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Segments that say the size; the three between them hold tables."""
WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})
APP1: Final = 0xE1
APP2: Final = 0xE2
EXIF_INTRODUCTION: Final = b"Exif\x00\x00"
XMP_INTRODUCTION: Final = b"http://ns.adobe.com/xap/1.0/\x00"
SIZE_BYTES: Final = 5
"""Bits a sample, height and width at the beginning of a frame segment."""


def jpeg_header(image: OpenedImage) -> Header:
    """Tell size and orientation of a JPEG, and make sure that it has an end.

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
            if content.rfind(END_OF_IMAGE, end) < 0:
                break
            return Header(kind=FileKind.JPEG, width_px=size[1], height_px=size[0], orientation=orientation, is_gray=is_gray)
    raise cut_off(image.path, f"after {len(content)} bytes the picture is not complete")


def jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Walk the segments of a JPEG up to the first scan: (marker, first byte of the payload, byte behind it)."""
    position = len(START_OF_IMAGE)
    while position + SEGMENT_HEAD_BYTES <= len(content):
        marker = content[position + 1]
        if content[position] != MARKER or marker == MARKER:
            # Stray and filling bytes may stand between segments.
            position += 1
        elif marker in WITHOUT_LENGTH:
            position += 2
        else:
            (length,) = struct.unpack_from(">H", content, position + 2)
            yield marker, position + SEGMENT_HEAD_BYTES, position + 2 + length
            if marker == START_OF_SCAN:
                return
            position += 2 + length
