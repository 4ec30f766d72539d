"""Walk the directories of a TIFF, or of a RAW file built like one, without decoding pixels.

Tells what a file is, how large its pictures are, and where in the file they end.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Final

MAX_DIRECTORIES: Final = 65_536
"""More planes than any z-stack has; ends loops and hostile chains."""

MAX_VALUES: Final = 4_194_304
"""Most strip or tile offsets believed of one picture: 600 MP in tiles of 16 × 16 px have 2.4 million."""

TYPE_FORMATS: Final[Mapping[int, str]] = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
"""Integer field types of TIFF 6.0 and their struct letters; 16–18 belong to BigTIFF. The wanted tags have no others."""

NEW_SUBFILE_TYPE: Final = 254
WIDTH: Final = 256
HEIGHT: Final = 257
BITS_PER_SAMPLE: Final = 258
COMPRESSION: Final = 259
PHOTOMETRIC: Final = 262
DESCRIPTION: Final = 270
STRIP_OFFSETS: Final = 273
ORIENTATION: Final = 274
SAMPLES_PER_PIXEL: Final = 277
ROWS_PER_STRIP: Final = 278
STRIP_BYTE_COUNTS: Final = 279
PLANAR_CONFIGURATION: Final = 284
TILE_WIDTH: Final = 322
TILE_HEIGHT: Final = 323
TILE_OFFSETS: Final = 324
TILE_BYTE_COUNTS: Final = 325
SUB_DIRECTORIES: Final = 330
JPEG_OFFSET: Final = 513
JPEG_BYTE_COUNT: Final = 514
SAMPLE_FORMAT: Final = 339
ICC_PROFILE: Final = 34675

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
"""Values of the tag for what samples mean."""
GRAY_AND_ALPHA: Final = 2
DECIMAL: Final = 3
"""Value of the tag for how samples are stored."""

PIXELS_LIE_AT: Final = ((STRIP_OFFSETS, STRIP_BYTE_COUNTS), (TILE_OFFSETS, TILE_BYTE_COUNTS), (JPEG_OFFSET, JPEG_BYTE_COUNT))
"""Pairs of tags: where pieces of a picture begin, and how long they are."""

WANTED: Final = frozenset(
    {
        NEW_SUBFILE_TYPE, WIDTH, HEIGHT, BITS_PER_SAMPLE, COMPRESSION, PHOTOMETRIC, STRIP_OFFSETS, ORIENTATION, SAMPLES_PER_PIXEL,
        STRIP_BYTE_COUNTS, TILE_OFFSETS, TILE_BYTE_COUNTS, SUB_DIRECTORIES, JPEG_OFFSET, JPEG_BYTE_COUNT, SAMPLE_FORMAT,
        ROWS_PER_STRIP, PLANAR_CONFIGURATION, TILE_WIDTH, TILE_HEIGHT,
    }
)  # fmt: skip

ORIENTATIONS: Final = range(1, 9)

START_BYTES: Final = 4
"""Byte order and magic number."""
MAGIC_NUMBERS: Final = frozenset({42, 43, 0x55, 0x4F52, 0x5352})
"""TIFF, BigTIFF, Panasonic RW2, Olympus ORF (two spellings)."""

BIG_TIFF: Final = 43


class BrokenStructure(ValueError):
    """The directories contradict themselves or point beyond the end of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The tags of one picture that matter here, and where it hangs in the file."""

    values: Mapping[int, tuple[int, ...]]
    icc: bytes = b""
    """Colour profile, of the first directory only: planes of one file share it."""
    description: str = ""
    """ImageDescription, where microscopes write what the planes are."""
    in_chain: bool
    """True for the pages of the main chain, False for pictures hung below one of them."""

    def first(self, tag: int, default: int = 0) -> int:
        """First value of a tag."""
        return self.values.get(tag, (default,))[0]

    @property
    def orientation(self) -> int:
        """EXIF orientation of the stored pixels, 1–8; 1 where the file says nothing or nonsense."""
        value = self.first(ORIENTATION, 1)
        return value if value in ORIENTATIONS else 1

    @property
    def is_gray(self) -> bool:
        """Whether pixels have one channel, transparency aside."""
        return (
            self.first(PHOTOMETRIC, RGB) in {WHITE_IS_ZERO, BLACK_IS_ZERO} and self.first(SAMPLES_PER_PIXEL, 1) <= GRAY_AND_ALPHA
        )

    @property
    def is_reduced(self) -> bool:
        """Whether this is a smaller copy of another picture."""
        return bool(self.first(NEW_SUBFILE_TYPE) & 1)

    def end_bytes(self) -> int:
        """Where in the file the last strip, tile or embedded JPEG of this picture ends; 0 when it has none."""
        ends = [0]
        for offsets, counts in PIXELS_LIE_AT:
            pieces = zip(self.values.get(offsets, ()), self.values.get(counts, ()), strict=False)
            ends.extend(offset + count for offset, count in pieces if count)
        return max(ends)


def is_tiff_like(start: bytes) -> bool:
    """Whether the first bytes of a file are those of a TIFF or of a RAW file built like one."""
    if start[:2] not in {b"II", b"MM"} or len(start) < START_BYTES:
        return False
    return struct.unpack("<H" if start[:2] == b"II" else ">H", start[2:4])[0] in MAGIC_NUMBERS


def read_directories(file: BinaryIO) -> tuple[Directory, ...]:
    """Read every directory of the main chain and those hung below it.

    Raises
    ------
    BrokenStructure
        If a directory lies beyond the end of the file, the chain loops, or the file is no TIFF.
    """
    walk = _Walk(file)
    found: list[Directory] = []
    seen: set[int] = set()
    offset = walk.first_offset()
    while offset:
        directory, offset = walk.directory(offset, seen, in_chain=True)
        found.append(directory)
        for below in directory.values.get(SUB_DIRECTORIES, ()):
            if below and below not in seen:
                found += [walk.directory(below, seen, in_chain=False)[0]]
    return tuple(found)


def exif_orientation(block: bytes) -> int:
    """Read the orientation, 1–8, out of an Exif block (a TIFF without pixels); 1 where it does not say."""
    try:
        directories = read_directories(BytesIO(block))
    except BrokenStructure:
        return 1
    return directories[0].orientation if directories else 1


class _Walk:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        start = self._read(0, 16, at_least=8)
        if not is_tiff_like(start):
            raise BrokenStructure("it does not begin like a TIFF")
        self._order = "<" if start[:2] == b"II" else ">"
        self._big = struct.unpack(self._order + "H", start[2:4])[0] == BIG_TIFF
        self._first: int = struct.unpack_from(self._order + ("Q" if self._big else "I"), start, 8 if self._big else 4)[0]

    def first_offset(self) -> int:
        return self._first

    def directory(self, offset: int, seen: set[int], *, in_chain: bool) -> tuple[Directory, int]:
        if offset in seen:
            raise BrokenStructure("its directories point at each other in a circle")
        if len(seen) >= MAX_DIRECTORIES:
            raise BrokenStructure(f"it has more than {MAX_DIRECTORIES} directories")
        seen.add(offset)
        count_format, entry_bytes, next_format = ("Q", 20, "Q") if self._big else ("H", 12, "I")
        count_bytes = struct.calcsize("=" + count_format)
        count: int = struct.unpack(self._order + count_format, self._read(offset, count_bytes))[0]
        next_bytes = struct.calcsize("=" + next_format)
        # Some cameras leave out the pointer behind the last directory: it may be missing, entries may not.
        block = self._read(offset + count_bytes, count * entry_bytes + next_bytes, at_least=count * entry_bytes)
        values = {}
        description, icc = "", b""
        for start in range(0, count * entry_bytes, entry_bytes):
            tag = struct.unpack_from(self._order + "H", block, start)[0]
            entry = block[start : start + entry_bytes]
            if tag in WANTED:
                values[tag] = self._values(entry)
            elif tag == DESCRIPTION:
                description = self._content(entry, 1).rstrip(b"\x00").decode("utf-8", "replace")
            elif tag == ICC_PROFILE and len(seen) == 1:
                icc = self._profile(entry)
        rest = block[count * entry_bytes :]
        following = struct.unpack(self._order + next_format, rest)[0] if len(rest) == next_bytes else 0
        found = {tag: numbers for tag, numbers in values.items() if numbers}
        return Directory(values=found, icc=icc, description=description, in_chain=in_chain), following

    def _values(self, entry: bytes) -> tuple[int, ...]:
        kind, count = struct.unpack_from(self._order + ("HQ" if self._big else "HI"), entry, 2)
        letter = TYPE_FORMATS.get(kind)
        if letter is None or count > MAX_VALUES:
            return ()
        layout = f"{self._order}{count}{letter}"
        return struct.unpack_from(layout, self._content(entry, struct.calcsize(self._order + letter)))

    def _profile(self, entry: bytes) -> bytes:
        try:
            return self._content(entry, 1)
        except BrokenStructure:
            # Pixels are there without it: whoever needs the profile tells that it is damaged.
            return entry

    def _content(self, entry: bytes, value_bytes: int) -> bytes:
        (count,) = struct.unpack_from(self._order + ("Q" if self._big else "I"), entry, 4)
        inline = entry[12:] if self._big else entry[8:]
        size_bytes = count * value_bytes
        if size_bytes <= len(inline):
            return inline[:size_bytes]
        if size_bytes > MAX_VALUES * value_bytes:
            return b""
        return self._read(struct.unpack(self._order + ("Q" if self._big else "I"), inline)[0], size_bytes)

    def _read(self, offset: int, size_bytes: int, *, at_least: int | None = None) -> bytes:
        self._file.seek(offset)
        block = self._file.read(size_bytes)
        if len(block) < (size_bytes if at_least is None else at_least):
            raise BrokenStructure("the file ends before its directory does")
        return block
