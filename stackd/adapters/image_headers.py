"""Tell what an image file is, how large its pixels are, and whether all of it has arrived, without decoding it.

The content decides, never the name: a web page saved as .jpg is refused here, and a picture with 60,000 × 60,000 px is refused
before a byte of memory is spent on it.
"""

import os
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, Self

from stackd.adapters import tiff_structure
from stackd.adapters.tiff_structure import BrokenStructure, Directory
from stackd.errors import UnreadableFrame
from stackd.model.names import shown
from stackd.model.tags import FileKind, Header

MAX_PIXELS: Final = 600_000_000
"""Largest picture taken: 400 MP pixel-shift frames pass, and a 16-bit RGB TIFF of this size still fits the 4 GiB of classic TIFF."""

START_BYTES: Final = 64
"""Enough of the beginning to tell every supported format."""

RAW_SUFFIXES: Final = frozenset(
    ".3fr .ari .arw .bay .cr2 .cr3 .crw .cs1 .dc2 .dcr .dng .drf .eip .erf .fff .iiq .k25 .kdc .mdc .mef .mos .mrw .nef .nrw .orf "
    ".pef .ptx .pxn .qtk .raf .raw .rdc .rw2 .rwl .rwz .sr2 .srf .srw .sti .x3f".split()
)
"""Names of camera originals. Only needed where content cannot tell: many RAW files are built like a TIFF."""

IMAGE_SUFFIXES: Final = frozenset(".jpg .jpeg .jpe .tif .tiff .btf .ome .png .heic .heif .hif .avif".split()) | RAW_SUFFIXES
"""Names a frame can have."""

PHOTOMETRIC_CFA: Final = 32803
PHOTOMETRIC_LINEAR_RAW: Final = 34892
JPEG_MAGIC: Final = b"\xff\xd8\xff"
PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
RAW_MAGICS: Final = (b"FUJIFILMCCD-RAW", b"II\x1a\x00\x00\x00HEAPCCDR", b"\x00MRM", b"FOVb")
"""Fuji RAF, Canon CRW, Minolta MRW, Sigma X3F."""
CANON_BRAND: Final = b"crx "
HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif"})

JPEG_END: Final = b"\xff\xd9"
JPEG_START_OF_SCAN: Final = 0xDA
JPEG_FRAME_MARKERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
JPEG_APP1: Final = 0xE1
EXIF_INTRODUCTION: Final = b"Exif\x00\x00"
XMP_INTRODUCTION: Final = b"http://ns.adobe.com/xap/1.0/\x00"
PNG_END: Final = b"\x00\x00\x00\x00IEND\xaeB`\x82"

COPY_AGAIN: Final = "Copy it again from the card, or leave it out."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedImage:
    """An open file that has been told apart, positioned anywhere."""

    file: BinaryIO
    path: Path
    kind: FileKind
    size_bytes: int
    mtime_ns: int
    directories: tuple[Directory, ...] = ()
    """Of a TIFF or a RAW file built like one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


def open_image(path: Path) -> OpenedImage:
    """Open a file for reading and tell what it is.

    Raises
    ------
    UnreadableFrame
        If it is missing, empty, no regular file, or no image.
    """
    try:
        file = open(path, "rb", opener=_open_without_waiting)  # noqa: PTH123, SIM115  Path.open has no opener; the caller closes
    except FileNotFoundError as error:
        raise UnreadableFrame(f"{shown(path.name)} is no longer there.", hint="Put it back, or leave it out.") from error
    except OSError as error:
        raise UnreadableFrame(
            f"{shown(path.name)} cannot be opened: {error.strerror}.", hint="Check its permissions and the disk."
        ) from error
    try:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableFrame(f"{shown(path.name)} is no ordinary file.", hint="Leave it out.")
        if not status.st_size:
            raise UnreadableFrame(f"{shown(path.name)} is empty (0 bytes).", hint=COPY_AGAIN)
        kind, directories = _tell(file, path)
    except OSError as error:
        file.close()
        raise UnreadableFrame(
            f"{shown(path.name)} cannot be read: {error.strerror}.", hint="Check the disk or the network."
        ) from error
    except BaseException:
        file.close()
        raise
    return OpenedImage(
        file=file, path=path, kind=kind, size_bytes=status.st_size, mtime_ns=status.st_mtime_ns, directories=directories
    )


def _open_without_waiting(path: str, flags: int) -> int:
    # Opening a FIFO would otherwise wait for a writer for ever.
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def read_header(path: Path) -> Header:
    """Tell kind, size, orientation and page count of an image file, and make sure it is complete as far as that is cheap.

    RAW files get kind and orientation only; `raw_files.read_raw_header` knows their size.

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
            header = _png_header(image)
        case FileKind.TIFF:
            header = _tiff_header(image)
        case FileKind.RAW:
            check_raw_is_complete(image)
            header = Header(kind=FileKind.RAW)
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


def cut_off(path: Path, why: str) -> UnreadableFrame:
    """Say that a file is not all there."""
    return UnreadableFrame(f"{shown(path.name)} is cut off: {why}.", hint=COPY_AGAIN)


# ------------------------------------------------------------ what is it


def _tell(file: BinaryIO, path: Path) -> tuple[FileKind, tuple[Directory, ...]]:
    start = file.read(START_BYTES)
    suffix = path.suffix.lower()
    if start.startswith(JPEG_MAGIC):
        return FileKind.JPEG, ()
    if start.startswith(PNG_MAGIC):
        return FileKind.PNG, ()
    if tiff_structure.is_tiff_like(start):
        try:
            directories = tiff_structure.read_directories(file)
        except BrokenStructure as error:
            raise cut_off(path, str(error)) from error
        return (FileKind.RAW if suffix in RAW_SUFFIXES or _holds_raw(start, directories) else FileKind.TIFF), directories
    if start.startswith(RAW_MAGICS):
        return FileKind.RAW, ()
    if start[4:8] == b"ftyp":
        if start[8:12] == CANON_BRAND:
            return FileKind.RAW, ()
        if start[8:12] in HEIF_BRANDS:
            return FileKind.HEIF, ()
    if suffix in RAW_SUFFIXES and not _is_text(start):
        # A few old cameras write pixels without any header; the RAW library knows them by their length.
        return FileKind.RAW, ()
    found = "text or a web page" if _is_text(start) else "no image this program knows"
    raise UnreadableFrame(
        f"{shown(path.name)} is {found}, whatever its name says.", hint="Frames are JPEG, TIFF, PNG, HEIC or camera RAW files."
    )


def _holds_raw(start: bytes, directories: Sequence[Directory]) -> bool:
    return start[2:4] in {b"U\x00", b"RO", b"RS", b"OR", b"SR"} or any(
        directory.first(tiff_structure.PHOTOMETRIC) in {PHOTOMETRIC_CFA, PHOTOMETRIC_LINEAR_RAW} for directory in directories
    )


def _is_text(start: bytes) -> bool:
    # The last character may be cut in two.
    text = start.decode("utf-8", "ignore") if start.isascii() else start[:-3].decode("utf-8", "surrogateescape")
    return all(character in "\t\n\r\ufeff" or character.isprintable() for character in text)


# ------------------------------------------------------------------ JPEG


def _jpeg_header(image: OpenedImage) -> Header:
    data = image.file
    data.seek(0)
    content = data.read()
    size: tuple[int, int] | None = None
    orientation = 1
    for marker, start, end in jpeg_segments(content):
        if marker in JPEG_FRAME_MARKERS and end - start >= 5:
            size = struct.unpack_from(">HH", content, start + 1)
        elif marker == JPEG_APP1 and content.startswith(EXIF_INTRODUCTION, start):
            orientation = exif_orientation(content[start + len(EXIF_INTRODUCTION) : end])
        elif marker == JPEG_START_OF_SCAN:
            if size is None:
                raise UnreadableFrame(f"{shown(image.path.name)} is a damaged JPEG: it never says its size.", hint=COPY_AGAIN)
            if content.rfind(JPEG_END, end) < 0:
                raise cut_off(image.path, f"after {len(content)} bytes the picture is not complete")
            return Header(kind=FileKind.JPEG, width_px=size[1], height_px=size[0], orientation=orientation)
    raise cut_off(image.path, f"its {len(content)} bytes hold no picture")


def jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Walk the segments of a JPEG up to the first scan: (marker, first byte of the payload, byte behind it)."""
    position = 2
    while position + 4 <= len(content):
        if content[position] != 0xFF:
            position += 1
            continue
        marker = content[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in JPEG_ALONE:
            position += 2
            continue
        length = struct.unpack_from(">H", content, position + 2)[0]
        yield marker, position + 4, position + 2 + length
        if marker == JPEG_START_OF_SCAN:
            return
        position += 2 + length


def exif_orientation(block: bytes) -> int:
    """Read the orientation, 1–8, out of an Exif block (a TIFF without pixels); 1 where it does not say."""
    try:
        directories = tiff_structure.read_directories(BytesIO(block))
    except BrokenStructure:
        return 1
    return _legal_orientation(directories[0].first(tiff_structure.ORIENTATION, 1)) if directories else 1


def _legal_orientation(value: int) -> int:
    return value if 1 <= value <= 8 else 1


# ------------------------------------------------------------------- PNG


def _png_header(image: OpenedImage) -> Header:
    file = image.file
    file.seek(0)
    start = file.read(33)
    if len(start) < 33 or start[12:16] != b"IHDR":
        raise cut_off(image.path, "it ends within its header")
    width, height = struct.unpack_from(">II", start, 16)
    header = checked_size(Header(kind=FileKind.PNG, width_px=width, height_px=height), image.path)
    orientation, ended = 1, False
    for kind, offset, length in png_chunks(file):
        if offset + length + 4 > image.size_bytes:
            raise cut_off(image.path, f"after {image.size_bytes} bytes the picture is not complete")
        if kind == b"eXIf":
            file.seek(offset)
            orientation = exif_orientation(file.read(length))
        ended = kind == b"IEND"
    if not ended:
        raise cut_off(image.path, f"after {image.size_bytes} bytes the picture is not complete")
    return replace(header, orientation=orientation)


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Walk the chunks of a PNG: (type, first byte of the payload, length)."""
    position = len(PNG_MAGIC)
    while True:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        yield kind, position + 8, length
        if kind == b"IEND":
            return
        position += 12 + length


def png_icc(file: BinaryIO) -> bytes | None:
    """Read the colour profile of a PNG."""
    for kind, offset, length in png_chunks(file):
        if kind == b"iCCP":
            file.seek(offset)
            _, _, rest = file.read(length).partition(b"\x00")
            try:
                return zlib.decompress(rest[1:])
            except zlib.error:
                return None
        if kind == b"IDAT":
            break
    return None


# ------------------------------------------------------------------ TIFF


def _tiff_header(image: OpenedImage) -> Header:
    pictures = [directory for directory in image.directories if directory.in_chain]
    if not pictures:
        raise cut_off(image.path, "it holds no picture")
    main = pictures[0]
    header = checked_size(
        Header(
            kind=FileKind.TIFF,
            width_px=main.first(tiff_structure.WIDTH),
            height_px=main.first(tiff_structure.HEIGHT),
            orientation=_legal_orientation(main.first(tiff_structure.ORIENTATION, 1)),
        ),
        image.path,
    )
    _check_strips(image, pictures)
    return header


def _check_strips(image: OpenedImage, pictures: Sequence[Directory]) -> None:
    end_bytes = max((picture.end_bytes() for picture in pictures), default=0)
    if end_bytes > image.size_bytes:
        raise cut_off(image.path, f"its pixels end at byte {end_bytes}, the file at byte {image.size_bytes}")


# ------------------------------------------------------------------- RAW


def check_raw_is_complete(image: OpenedImage) -> None:
    """Make sure that a RAW file is all there, as far as its structure tells.

    RAW libraries decode what is missing as black without a word, so this look comes first.

    Raises
    ------
    UnreadableFrame
        If strips, tiles, previews or boxes lie beyond the end of the file.
    """
    if image.directories:
        _check_strips(image, image.directories)
        return
    image.file.seek(0)
    start = image.file.read(START_BYTES * 2)
    if start[4:8] == b"ftyp":
        check_boxes_are_complete(image)
    elif start.startswith(b"FUJIFILMCCD-RAW") and len(start) >= 108:
        for offset, length in (struct.unpack_from(">II", start, position) for position in (84, 92, 100)):
            if offset + length > image.size_bytes:
                raise cut_off(image.path, f"its pixels end at byte {offset + length}, the file at byte {image.size_bytes}")
    elif start.startswith(b"II\x1a\x00\x00\x00HEAPCCDR"):
        _check_heap(image)


def _check_heap(image: OpenedImage) -> None:
    # A Canon CRW ends with the offset of its directory, counted from behind the header.
    image.file.seek(2)
    (header_bytes,) = struct.unpack("<I", image.file.read(4))
    image.file.seek(image.size_bytes - 4)
    (directory,) = struct.unpack("<I", image.file.read(4))
    where = header_bytes + directory
    if where + 2 > image.size_bytes:
        raise cut_off(image.path, "its directory is missing")
    image.file.seek(where)
    (count,) = struct.unpack("<H", image.file.read(2))
    if where + 2 + count * 10 + 4 != image.size_bytes:
        raise cut_off(image.path, "its directory is missing")


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
        head = image.file.read(16)
        if len(head) < 8:
            raise cut_off(image.path, f"it ends within a box at byte {position}")
        (length,) = struct.unpack_from(">I", head)
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack_from(">Q", head, 8)
        if length == 0:
            return
        if length < 8 or position + length > image.size_bytes:
            raise cut_off(image.path, f"a box that begins at byte {position} is not complete")
        position += length
