"""Write pictures made to be looked at, marked so that the next run knows which files it may replace."""

import struct
import zlib
from pathlib import Path
from typing import Final

import imagecodecs
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from stackd.adapters.formats.png_structure import HEADER_CHUNK_ENDS
from stackd.errors import NameTaken, OutputBlocked, WrongUse
from stackd.model.names import shown

JPEG_SUFFIXES: Final = frozenset({".jpg", ".jpeg"})
PNG_SUFFIX: Final = ".png"

MAX_SIDE_PX: Final = 65_000
"""A JPEG can have 65535 px at most."""

JPEG_COMMENT: Final = b"\xff\xfe"
MARK_WITHIN_BYTES: Final = 128
"""Both formats carry the mark right behind their header."""


def check_target(output: Path, *, mark: bytes) -> None:
    """Make sure, before any work, that a picture can be written there.

    Raises
    ------
    WrongUse
        If the name is none of a PNG or JPEG, or the folder is missing.
    NameTaken
        If a file of that name is there that does not bear the mark.
    """
    if output.suffix.lower() not in {*JPEG_SUFFIXES, PNG_SUFFIX}:
        raise WrongUse(f"{shown(output)} has no extension for a picture.", hint="Use .png or .jpg.")
    if not output.parent.is_dir():
        raise WrongUse(f"{shown(output.parent)} is no folder.", hint="Create it, or choose another.")
    if output.exists() and not is_marked(output, mark=mark):
        raise NameTaken(f"{shown(output)} is already there, and stackd did not make it.", hint="Choose another name.")


def is_marked(path: Path, *, mark: bytes) -> bool:
    """Tell whether a file bears the mark."""
    with path.open("rb") as file:
        return mark in file.read(MARK_WITHIN_BYTES)


def write_picture(pixels: NDArray[np.uint8], output: Path, *, mark: bytes, quality: int) -> None:
    """Write an RGB picture: a PNG if its name ends so, else a JPEG of that quality. A file of that name is replaced.

    Raises
    ------
    OutputBlocked
        If it cannot be written.
    """
    pixels = np.ascontiguousarray(pixels[:MAX_SIDE_PX, :MAX_SIDE_PX])
    if output.suffix.lower() == PNG_SUFFIX:
        content = _marked_png(bytes(imagecodecs.png_encode(pixels)), mark)
    else:
        content = _marked_jpeg(bytes(simplejpeg.encode_jpeg(pixels, quality=quality, colorsubsampling="420")), mark)
    temporary = output.with_name(f".{output.name}.stackd-part")
    try:
        temporary.write_bytes(content)
        temporary.replace(output)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputBlocked(
            f"{shown(output)} cannot be written: {error.strerror}.", hint="Check the folder and the disk."
        ) from error


def _marked_jpeg(content: bytes, mark: bytes) -> bytes:
    return content[:2] + JPEG_COMMENT + struct.pack(">H", len(mark) + 2) + mark + content[2:]


def _marked_png(content: bytes, mark: bytes) -> bytes:
    chunk = b"tEXtComment\x00" + mark
    framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return content[:HEADER_CHUNK_ENDS] + framed + content[HEADER_CHUNK_ENDS:]
