"""Walk the chunks of a PNG without decoding it."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from stackd.adapters.formats.opened_image import PNG_MAGIC, OpenedImage, cut_off
from stackd.adapters.formats.structures.tiff_structure import exif_orientation
from stackd.model.tags import FileKind, Header

CHUNK_HEAD_BYTES: Final = 8
CHECKSUM_BYTES: Final = 4
HEADER_BYTES: Final = 13
GRAY_KINDS: Final = frozenset({0, 4})
"""Colour types without colour: gray, and gray with transparency."""
HEADER_CHUNK_ENDS: Final = len(PNG_MAGIC) + CHUNK_HEAD_BYTES + HEADER_BYTES + CHECKSUM_BYTES
"""The header chunk always comes first."""
COLOUR_TYPE_AT: Final = 9
ALPHA_BIT: Final = 4
"""Of the colour type."""


def png_header(image: OpenedImage) -> Header:
    """Tell size and orientation of a PNG, and make sure that it has an end.

    Raises
    ------
    UnreadableFrame
        If it is cut off.
    """
    size: tuple[int, int] | None = None
    orientation = 1
    is_gray = False
    for kind, offset, length in png_chunks(image.file):
        if offset + length + CHECKSUM_BYTES > image.size_bytes:
            break
        if kind == b"IHDR" and length == HEADER_BYTES:
            image.file.seek(offset)
            *size_px, _, colour_type = struct.unpack(">IIBB", image.file.read(10))
            size, is_gray = (size_px[0], size_px[1]), colour_type in GRAY_KINDS
        elif kind == b"eXIf":
            image.file.seek(offset)
            orientation = exif_orientation(image.file.read(length))
        elif kind == b"IEND" and size is not None:
            return Header(kind=FileKind.PNG, width_px=size[0], height_px=size[1], orientation=orientation, is_gray=is_gray)
    raise cut_off(image.path, f"after {image.size_bytes} bytes the picture is not complete")


def png_has_alpha(image: OpenedImage) -> bool:
    """Whether a PNG has an alpha channel, or a colour or palette entries that are transparent."""
    for kind, offset, _ in png_chunks(image.file):
        if kind == b"IHDR":
            image.file.seek(offset + COLOUR_TYPE_AT)
            if image.file.read(1)[0] & ALPHA_BIT:
                return True
        elif kind in {b"tRNS", b"IDAT"}:
            return kind == b"tRNS"
    return False


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Walk the chunks of a PNG: (type, first byte of the payload, length)."""
    position = len(PNG_MAGIC)
    while True:
        file.seek(position)
        head = file.read(CHUNK_HEAD_BYTES)
        if len(head) < CHUNK_HEAD_BYTES:
            return
        length, kind = struct.unpack(">I4s", head)
        if not kind.isalpha():
            # No chunk at all; what was never written would otherwise be walked through twelve zeros at a time.
            return
        yield kind, position + CHUNK_HEAD_BYTES, length
        if kind == b"IEND":
            return
        position += CHUNK_HEAD_BYTES + length + CHECKSUM_BYTES
