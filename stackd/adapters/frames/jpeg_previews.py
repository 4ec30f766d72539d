"""Find the preview that a camera put behind a JPEG, so that a small picture does not cost decoding the large one.

Cameras append previews of 640 to 1920 px and list them in a block named MPF (CIPA DC-007, Multi-Picture Format).
"""

import struct
from typing import BinaryIO, Final

HEAD_BYTES: Final = 1 << 18
"""EXIF, maker notes and the list lie within the first 256 KiB; what does not is not looked for."""

MOST_PREVIEW_BYTES: Final = 8 << 20
"""Larger "previews" are none."""

APP2: Final = 0xE2
SCAN: Final = 0xDA
INTRODUCTION: Final = b"MPF\x00"
ENTRIES_TAG: Final = 0xB002
ENTRY_BYTES: Final = 16
MOST_PICTURES: Final = 16

PREVIEW_TYPES: Final = frozenset({0x010001, 0x010002})
"""Large thumbnails in VGA and full-HD class. Other entries are other pictures: gain maps, depth maps, second views."""


def find_preview(file: BinaryIO) -> bytes | None:
    """Read the largest preview of a JPEG; None where it lists none."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    block = _mpf_block(head)
    if block is None:
        return None
    begin, end = block
    best: bytes | None = None
    for offset, length in _previews(head[begin:end]):
        if length <= MOST_PREVIEW_BYTES and (best is None or length > len(best)):
            # Offsets count from the byte order mark of the list.
            file.seek(begin + offset)
            content = file.read(length)
            if content.startswith(b"\xff\xd8") and len(content) == length:
                best = content
    return best


def _mpf_block(head: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 4 <= len(head) and head[position] == 0xFF:  # noqa: PLR2004  every marker begins so
        marker = head[position + 1]
        (length,) = struct.unpack_from(">H", head, position + 2)
        payload, after = position + 4, position + 2 + length
        if marker == APP2 and head.startswith(INTRODUCTION, payload):
            return payload + len(INTRODUCTION), min(after, len(head))
        if marker == SCAN or length < 2:  # noqa: PLR2004  a length counts itself
            return None
        position = after
    return None


def _previews(block: bytes) -> list[tuple[int, int]]:
    """Read (offset, length) of every preview in the list; nothing where it is damaged."""
    try:
        order = {b"MM": ">", b"II": "<"}[block[:2]]
        (directory,) = struct.unpack_from(f"{order}I", block, 4)
        (count,) = struct.unpack_from(f"{order}H", block, directory)
        for entry in range(min(count, MOST_PICTURES)):
            tag, _, size_bytes, where = struct.unpack_from(f"{order}HHII", block, directory + 2 + 12 * entry)
            if tag == ENTRIES_TAG:
                return [
                    (offset, length)
                    for picture in range(min(size_bytes // ENTRY_BYTES, MOST_PICTURES))
                    for attribute, length, offset in [struct.unpack_from(f"{order}3I", block, where + ENTRY_BYTES * picture)]
                    if attribute & 0xFFFFFF in PREVIEW_TYPES and offset
                ]
    except (struct.error, KeyError):
        return []
    return []
