"""Walk the segments of a JPEG without decoding it."""

import struct
from collections.abc import Iterator
from typing import Final

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
