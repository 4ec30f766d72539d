"""Make sure that a TIFF, RAW or HEIF file is all there, as far as its structure tells.

RAW libraries decode what is missing as black without a word, so this look comes first.
"""

import struct
from collections.abc import Sequence
from typing import Final

from stackd.adapters.formats.opened_image import BOX_TYPE, CANON_HEAP_MAGIC, FUJI_MAGIC, START_BYTES, OpenedImage, cut_off
from stackd.adapters.formats.structures.tiff_structure import Directory

FUJI_HEADER_BYTES: Final = 108
FUJI_BLOCKS_AT: Final = (84, 92, 100)
"""Where a RAF says offset and length of its preview, its metadata and its pixels."""

HEAP_ENTRY_BYTES: Final = 10
POINTER_BYTES: Final = 4
COUNT_BYTES: Final = 2

BOX_HEAD_BYTES: Final = 8
LONG_BOX_HEAD_BYTES: Final = 16


def check_raw_is_complete(image: OpenedImage) -> None:
    """Make sure that a RAW file ends where its structure says.

    Raises
    ------
    UnreadableFrame
        If strips, tiles, previews or boxes lie beyond the end of the file.
    """
    image.file.seek(0)
    start = image.file.read(max(START_BYTES, FUJI_HEADER_BYTES))
    if image.directories:
        check_pixels_are_there(image, image.directories)
    elif start[4:8] == BOX_TYPE:
        check_boxes_are_complete(image)
    elif start.startswith(FUJI_MAGIC):
        _check_fuji(image, start)
    elif start.startswith(CANON_HEAP_MAGIC):
        _check_heap(image)


def check_pixels_are_there(image: OpenedImage, pictures: Sequence[Directory]) -> None:
    """Make sure that the pixels of TIFF directories lie within the file.

    Raises
    ------
    UnreadableFrame
        If they end behind it.
    """
    end_bytes = max((picture.end_bytes() for picture in pictures), default=0)
    if end_bytes > image.size_bytes:
        raise cut_off(image.path, f"its pixels end at byte {end_bytes}, the file at byte {image.size_bytes}")


def check_boxes_are_complete(image: OpenedImage) -> None:
    """Make sure that the boxes of a CR3 or HEIF file end with the file.

    Raises
    ------
    UnreadableFrame
        If a box is longer than the file.
    """
    position = 0
    while position < image.size_bytes:
        image.file.seek(position)
        head = image.file.read(LONG_BOX_HEAD_BYTES)
        if len(head) < BOX_HEAD_BYTES:
            raise cut_off(image.path, f"it ends within a box at byte {position}")
        (length,) = struct.unpack_from(">I", head)
        if length == 0:
            # By definition this box takes the rest of the file, however much there is of it.
            return
        if length == 1 and len(head) == LONG_BOX_HEAD_BYTES:
            (length,) = struct.unpack_from(">Q", head, BOX_HEAD_BYTES)
        if length < BOX_HEAD_BYTES or position + length > image.size_bytes:
            raise cut_off(image.path, f"a box that begins at byte {position} is not complete")
        position += length


def _check_fuji(image: OpenedImage, start: bytes) -> None:
    if len(start) < FUJI_HEADER_BYTES:
        raise cut_off(image.path, "it ends within its header")
    for position in FUJI_BLOCKS_AT:
        offset, length = struct.unpack_from(">II", start, position)
        if offset + length > image.size_bytes:
            raise cut_off(image.path, f"its pixels end at byte {offset + length}, the file at byte {image.size_bytes}")


def _check_heap(image: OpenedImage) -> None:
    """Make sure that a Canon CRW ends with its directory; the last bytes say where it begins, counted from behind the header."""
    image.file.seek(2)
    (header_bytes,) = struct.unpack("<I", image.file.read(POINTER_BYTES))
    image.file.seek(image.size_bytes - POINTER_BYTES)
    directory_at = header_bytes + struct.unpack("<I", image.file.read(POINTER_BYTES))[0]
    image.file.seek(min(directory_at, image.size_bytes))
    count = image.file.read(COUNT_BYTES)
    entries_end = directory_at + COUNT_BYTES + HEAP_ENTRY_BYTES * int.from_bytes(count, "little")
    if len(count) < COUNT_BYTES or entries_end + POINTER_BYTES != image.size_bytes:
        raise cut_off(image.path, "its directory is missing")
