"""Open an image file and tell what it is by its content, never by its name: a web page saved as .jpg is refused here."""

import errno
import os
import stat
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, Final, Self

from stackd.adapters.beneath import open_frame
from stackd.adapters.formats.structures import tiff_structure
from stackd.adapters.formats.structures.tiff_structure import BrokenStructure, Directory
from stackd.errors import UnreachableFrame, UnreadableFrame
from stackd.intake.arrival.admit import RAW_SUFFIXES
from stackd.model.names import shown
from stackd.model.tags import FileKind

START_BYTES: Final = 64
"""Enough of the beginning to tell every supported format."""

PHOTOMETRIC_CFA: Final = 32803
PHOTOMETRIC_LINEAR_RAW: Final = 34892
JPEG_MAGIC: Final = b"\xff\xd8\xff"
PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
FUJI_MAGIC: Final = b"FUJIFILMCCD-RAW"
CANON_HEAP_MAGIC: Final = b"II\x1a\x00\x00\x00HEAPCCDR"
MINOLTA_MAGIC: Final = b"\x00MRM"
SIGMA_MAGIC: Final = b"FOVb"
TIFF_OF_PANASONIC_AND_OLYMPUS: Final = frozenset({b"U\x00", b"RO", b"RS", b"OR", b"SR"})
"""What stands where a TIFF has its 42."""
CZI_MAGIC: Final = b"ZISRAWFILE"
LIF_MAGIC: Final = b"\x70\x00\x00\x00"
LIF_TEXT_AT: Final = 8
LIF_TEXT: Final = b"\x2a"
"""A LIF begins with a block whose length comes before the mark of its text."""
BOX_TYPE: Final = b"ftyp"
HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif")
BRANDS: Final = MappingProxyType({b"crx ": FileKind.RAW} | dict.fromkeys(HEIF_BRANDS, FileKind.HEIF))
"""What a file made of boxes says it is; `crx` is Canon's CR3."""
MAGICS: Final = MappingProxyType(
    {
        JPEG_MAGIC: FileKind.JPEG,
        PNG_MAGIC: FileKind.PNG,
        FUJI_MAGIC: FileKind.RAW,
        CZI_MAGIC: FileKind.CZI,
        CANON_HEAP_MAGIC: FileKind.RAW,
        MINOLTA_MAGIC: FileKind.RAW,
        SIGMA_MAGIC: FileKind.RAW,
    }
)

DECODER_ERRORS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)
"""What the image libraries raise for damaged files, found by feeding them damaged files. All of it means one thing: damaged."""

BEHIND_A_LINK: Final = frozenset({errno.ELOOP, errno.ENOTDIR})
"""What the system answers where a link stands in the way and is not to be followed."""

COPY_AGAIN: Final = "Copy it again from the card, or leave it out."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedImage:
    """An open file of known kind. Its position is anybody's: seek before reading."""

    file: BinaryIO
    path: Path
    kind: FileKind
    size_bytes: int
    mtime_ns: int
    changed_ns: int
    inode: int
    directories: tuple[Directory, ...] = ()
    """Of a TIFF or a RAW file built like one."""
    remarks: list[str] = field(default_factory=list)
    """What was odd about it though it could be read, in sentences for the user."""

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
        file = open(path, "rb", opener=open_frame)  # noqa: SIM115  the caller closes
    except FileNotFoundError as error:
        raise UnreachableFrame(f"{shown(path.name)} is no longer there.", hint="Put it back, or leave it out.") from error
    except OSError as error:
        if error.errno in BEHIND_A_LINK:
            raise UnreachableFrame(
                f"{shown(path.name)} is a link or lies behind one, and links are not followed.",
                hint="Put the frame itself there.",
            ) from error
        raise UnreachableFrame(
            f"{shown(path.name)} cannot be opened: {error.strerror}.", hint="Check its permissions and the disk."
        ) from error
    try:
        return _opened(file, path)
    except OSError as error:
        file.close()
        raise UnreachableFrame(
            f"{shown(path.name)} cannot be read: {error.strerror}.", hint="Check the disk or the network."
        ) from error
    except BaseException:
        file.close()
        raise


def _opened(file: BinaryIO, path: Path) -> OpenedImage:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableFrame(f"{shown(path.name)} is no ordinary file.", hint="Leave it out.")
    if not status.st_size:
        raise UnreadableFrame(f"{shown(path.name)} is empty (0 bytes).", hint=COPY_AGAIN)
    kind, directories = _tell(file, path)
    return OpenedImage(
        file=file,
        path=path,
        kind=kind,
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
        inode=status.st_ino,
        directories=directories,
    )


def cut_off(path: Path, why: str) -> UnreadableFrame:
    """Say that a file is not all there."""
    return UnreadableFrame(f"{shown(path.name)} is cut off: {why}.", hint=COPY_AGAIN)


def damaged(path: Path, why: object) -> UnreadableFrame:
    """Say that a file is all there but not in order."""
    return UnreadableFrame(f"{shown(path.name)} is damaged: {why}.", hint=COPY_AGAIN)


def _tell(file: BinaryIO, path: Path) -> tuple[FileKind, tuple[Directory, ...]]:
    start = file.read(START_BYTES)
    is_named_raw = path.suffix.lower() in RAW_SUFFIXES
    if tiff_structure.is_tiff_like(start):
        try:
            directories = tiff_structure.read_directories(file)
        except BrokenStructure as error:
            raise cut_off(path, str(error)) from error
        return (FileKind.RAW if is_named_raw or _holds_raw(start, directories) else FileKind.TIFF), directories
    for magic, kind in MAGICS.items():
        if start.startswith(magic):
            return kind, ()
    if start.startswith(LIF_MAGIC) and start[LIF_TEXT_AT : LIF_TEXT_AT + 1] == LIF_TEXT:
        return FileKind.LIF, ()
    if start[4:8] == BOX_TYPE and start[8:12] in BRANDS:
        return BRANDS[start[8:12]], ()
    if is_named_raw and not _is_text(start):
        # A few old cameras write pixels without any header; the RAW library knows them by their length.
        return FileKind.RAW, ()
    found = "text or a web page" if _is_text(start) else "no image this program knows"
    raise UnreadableFrame(
        f"{shown(path.name)} is {found}, whatever its name says.",
        hint="Frames are JPEG, TIFF, PNG, HEIC, camera RAW, CZI or LIF files.",
    )


def _holds_raw(start: bytes, directories: Sequence[Directory]) -> bool:
    return start[2:4] in TIFF_OF_PANASONIC_AND_OLYMPUS or any(
        directory.first(tiff_structure.PHOTOMETRIC) in {PHOTOMETRIC_CFA, PHOTOMETRIC_LINEAR_RAW} for directory in directories
    )


def _is_text(start: bytes) -> bool:
    # The last character may be cut in two.
    text = start.decode("utf-8", "ignore") if start.isascii() else start[:-3].decode("utf-8", "surrogateescape")
    return all(character in "\t\n\r\ufeff" or character.isprintable() for character in text)
