"""Hash a file as it is read, and the picture in it apart from all that is written around: ratings, keywords, thumbnails.

Nothing is decoded: what is hashed is the entropy-coded data of a JPEG with its tables, the chunks of a PNG that hold pixels, the
strips or tiles of a TIFF or of a RAW file built like one, the media box of a CR3 and the sensor block of a RAF.
"""

import hashlib
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final

from stackd.adapters.beneath import open_frame
from stackd.adapters.formats.opened_image import BOX_TYPE, FUJI_MAGIC, OpenedImage, open_image
from stackd.adapters.formats.png_structure import png_chunks
from stackd.adapters.formats.structures import tiff_structure
from stackd.adapters.formats.structures.jpeg_structure import END_OF_IMAGE, MARKER, START_OF_IMAGE, START_OF_SCAN, WITHOUT_LENGTH
from stackd.adapters.formats.structures.tiff_structure import Directory
from stackd.adapters.formats.wholeness.completeness import FUJI_BLOCKS_AT, FUJI_HEADER_BYTES
from stackd.errors import UnreadableFrame
from stackd.model.tags import FileKind

SCHEME: Final = "1"
"""Begins every picture hash: hashes of different schemes say nothing of each other. Count up when anything below changes them."""

CHUNK_BYTES: Final = 1 << 20
"""Read size: large enough that calls do not cost, small enough to stay in the cache."""

LEAST_SHARE: Final = 0.25
"""Of the file that its picture takes at least; less, and the pixels lie where this module does not know (a guess)."""

PIXEL_CHUNKS: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT"})
APPLICATION_MARKERS: Final = frozenset({*range(0xE0, 0xF0), 0xFE})
"""Segments of programs, and comments: everything that a rating changes lies there."""

_MARKER_IN_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

Piece = tuple[int, int]
"""First byte and byte behind the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashes:
    """What tells a file, and what tells its picture."""

    content_sha256: str
    picture: str | None
    """None where the format is not known well enough; then only the whole file tells."""


def hash_file(path: Path) -> Hashes:
    """Hash a file and its picture, reading it once.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    try:
        with open_image(path) as image:
            return _hashed(image.file, _pieces(image))
    except UnreadableFrame:
        with open(path, "rb", opener=open_frame) as file:
            return _hashed(file, ())


def _hashed(file: BinaryIO, pieces: Sequence[Piece]) -> Hashes:
    """Hash the whole, and each piece; the pieces' own hashes make that of the picture, wherever in the file they lie."""
    whole = hashlib.sha256()
    by_place = sorted(range(len(pieces)), key=lambda number: pieces[number])
    digests: dict[int, bytes] = {}
    open_piece = hashlib.sha256()
    following = 0
    position = 0
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        whole.update(chunk)
        while following < len(by_place):
            start, stop = pieces[by_place[following]]
            if start >= position + len(chunk):
                break
            open_piece.update(memoryview(chunk)[max(start - position, 0) : stop - position])
            if stop > position + len(chunk):
                break
            digests[by_place[following]] = open_piece.digest()
            open_piece = hashlib.sha256()
            following += 1
        position += len(chunk)
    if not pieces or len(digests) < len(pieces):
        return Hashes(content_sha256=whole.hexdigest(), picture=None)
    picture = hashlib.sha256(b"".join(digests[number] for number in range(len(pieces))))
    return Hashes(content_sha256=whole.hexdigest(), picture=f"{SCHEME}:{picture.hexdigest()}")


def _pieces(image: OpenedImage) -> tuple[Piece, ...]:
    """Find where in a file its picture lies, in the order of its parts; nothing where that is not sure."""
    try:
        pieces = tuple(_found(image))
    except (ValueError, struct.error, OSError):
        return ()
    ordered = sorted(pieces)
    overlap = any(first[1] > second[0] for first, second in pairwise(ordered))
    size_bytes = sum(stop - start for start, stop in pieces)
    if overlap or not pieces or size_bytes < LEAST_SHARE * image.size_bytes or ordered[-1][1] > image.size_bytes:
        return ()
    return pieces


def _found(image: OpenedImage) -> Iterator[Piece]:
    if image.kind is FileKind.JPEG:
        return _of_jpeg(image.file)
    if image.kind is FileKind.PNG:
        return _of_png(image.file)
    if image.directories:
        return _of_directories(image.directories)
    image.file.seek(0)
    start = image.file.read(FUJI_HEADER_BYTES)
    if start.startswith(FUJI_MAGIC):
        offset, length = struct.unpack_from(">II", start, FUJI_BLOCKS_AT[-1])
        return iter([(offset, offset + length)])
    if image.kind is FileKind.RAW and start[4:8] == BOX_TYPE:
        return _of_boxes(image)
    return iter(())


def _of_jpeg(file: BinaryIO) -> Iterator[Piece]:
    """Everything from the first byte to the end of the first picture but the segments of programs."""
    file.seek(0)
    content = file.read()
    position = len(START_OF_IMAGE)
    while position + 4 <= len(content):
        marker = content[position + 1]
        if content[position] != MARKER or marker == MARKER:
            position += 1
            continue
        if content.startswith(END_OF_IMAGE, position):
            return
        if marker in WITHOUT_LENGTH:
            position += 2
            continue
        (length,) = struct.unpack_from(">H", content, position + 2)
        stop = position + 2 + length
        if marker == START_OF_SCAN:
            found = _MARKER_IN_SCAN.search(content, stop)
            if found is None:
                yield position, len(content) + 1
                return
            stop = found.start()
        if marker not in APPLICATION_MARKERS:
            yield position, stop
        position = stop


def _of_png(file: BinaryIO) -> Iterator[Piece]:
    for kind, offset, length in png_chunks(file):
        if kind in PIXEL_CHUNKS and length:
            yield offset, offset + length


def _of_directories(directories: Sequence[Directory]) -> Iterator[Piece]:
    """Strips and tiles of the full pictures; previews are drawn anew when a program develops or rates a file."""
    full = [each for each in directories if not each.is_reduced]
    for directory in full or directories:
        for offsets, counts in (
            (tiff_structure.STRIP_OFFSETS, tiff_structure.STRIP_BYTE_COUNTS),
            (tiff_structure.TILE_OFFSETS, tiff_structure.TILE_BYTE_COUNTS),
        ):
            found = directory.values.get(offsets, ()), directory.values.get(counts, ())
            for offset, count in zip(*found, strict=False):
                if count:
                    yield offset, offset + count


def _of_boxes(image: OpenedImage) -> Iterator[Piece]:
    position = 0
    while position < image.size_bytes:
        image.file.seek(position)
        head = image.file.read(16)
        length, kind = struct.unpack_from(">I4s", head)
        head_bytes = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", head, 8)
            head_bytes = 16
        length = length or image.size_bytes - position
        if length < head_bytes:
            return
        if kind == b"mdat":
            yield position + head_bytes, position + length
        position += length
