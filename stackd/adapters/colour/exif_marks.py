"""The two Exif tags by which cameras tell a colour space, read without a metadata library: every frame is asked."""

import struct
from typing import BinaryIO, Final

EXIF_DIRECTORY: Final = 34665
COLOUR_SPACE: Final = 40961
INTEROPERABILITY_DIRECTORY: Final = 40965
INTEROPERABILITY_INDEX: Final = 1

CLASSIC: Final = 42
"""BigTIFF, which no camera writes, has no marks."""
MOST_ENTRIES: Final = 4096
ENTRY_BYTES: Final = 12


def colour_marks(file: BinaryIO) -> tuple[int | None, str]:
    """Read ColorSpace and InteroperabilityIndex of an Exif block, or of a TIFF; None and nothing where it does not say."""
    try:
        return _marks(file)
    except struct.error:
        return None, ""


def _marks(file: BinaryIO) -> tuple[int | None, str]:
    file.seek(0)
    start = file.read(8)
    order = {b"II": "<", b"MM": ">"}.get(start[:2], "")
    if not order or struct.unpack(f"{order}H", start[2:4])[0] != CLASSIC:
        return None, ""
    main = _directory(file, order, struct.unpack(f"{order}I", start[4:])[0])
    if EXIF_DIRECTORY not in main:
        return None, ""
    exif = _directory(file, order, struct.unpack(f"{order}I", main[EXIF_DIRECTORY])[0])
    space = struct.unpack(f"{order}H", exif[COLOUR_SPACE][:2])[0] if COLOUR_SPACE in exif else None
    index = b""
    if INTEROPERABILITY_DIRECTORY in exif:
        below = _directory(file, order, struct.unpack(f"{order}I", exif[INTEROPERABILITY_DIRECTORY])[0])
        index = below.get(INTEROPERABILITY_INDEX, b"")
    return space, index.rstrip(b"\x00 ").decode("ascii", "replace")


def _directory(file: BinaryIO, order: str, offset: int) -> dict[int, bytes]:
    """The four bytes of each entry that hold its value, or where it lies."""
    file.seek(offset)
    (count,) = struct.unpack(f"{order}H", file.read(2))
    block = file.read(min(count, MOST_ENTRIES) * ENTRY_BYTES)
    return {
        struct.unpack_from(f"{order}H", block, start)[0]: block[start + 8 : start + ENTRY_BYTES]
        for start in range(0, len(block) - ENTRY_BYTES + 1, ENTRY_BYTES)
    }
