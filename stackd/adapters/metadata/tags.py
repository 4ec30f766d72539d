"""Fetch the tags of a frame as a plain value; what they mean is decided by `intake/brands`.

A frame never fails for bad metadata: what cannot be read is missing.
"""

import os
import sys
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Final

from stackd.adapters.formats.exiv2_library import exiv2_library, open_by_exiv2, read_metadata
from stackd.adapters.formats.frame_headers import frame_header
from stackd.adapters.formats.opened_image import OpenedImage, open_image
from stackd.adapters.metadata.exiftool import ExiftoolProcess
from stackd.model.names import encodable
from stackd.model.tags import FileKind, Tags

MAX_VALUE_BYTES: Final = 4096
"""Longer values are tables (strip offsets, curves, previews): they say nothing of focus, and spelling them out takes seconds."""
MAX_RAW_BYTES: Final = 1 << 20
"""Longer undefined values are previews; maker notes have some ten kilobytes."""

BYTES: Final = frozenset({"Byte", "SByte", "Undefined"})
"""Types whose bytes are handed on as they are."""

EXIFTOOL_PREFIX: Final = "ExifTool."
MAKER_NOTE: Final = "Exif.Photo.MakerNote"


def fetch_tags(path: Path, *, exiftool: ExiftoolProcess | None = None) -> Tags:
    """Read what a frame says of itself.

    Parameters
    ----------
    path : Path
        A frame of any supported format, under any name.
    exiftool : ExiftoolProcess or None
        Asked about files with a maker note, which it understands best.

    Raises
    ------
    UnreadableFrame
        If the file is no image of a supported format, or is cut off where that can be told cheaply.
    """
    with open_image(path) as image:
        header = frame_header(image)
        with exiv2_library() as exiv2:
            values, raw, icc = _read(exiv2, image)
        if exiftool is not None and (MAKER_NOTE in raw or header.kind is FileKind.RAW):
            # By a name of the file that is open: what has its path may be another one by now, or a link.
            name = Path(f"/proc/{os.getpid()}/fd/{image.file.fileno()}") if sys.platform == "linux" else path
            answer = exiftool.ask([name]).get(name, {})
            values |= {EXIFTOOL_PREFIX + key: value for key, value in answer.items()}
    # The door for text from files: journal, XMP and page must encode it, and exiftool's JSON can hold what cannot be.
    values = {key: encodable(value) for key, value in values.items()}
    return Tags(values=MappingProxyType(values), raw=MappingProxyType(raw), header=header, icc=icc)


def _read(exiv2: ModuleType, image: OpenedImage) -> tuple[dict[str, str], dict[str, bytes], bytes | None]:
    values: dict[str, str] = {}
    raw: dict[str, bytes] = {}
    try:
        opened = open_by_exiv2(exiv2, image.file, image.path)
        read_metadata(exiv2, opened)
        for datum in opened.exifData():
            _take(datum, values, raw)
        for datum in (*opened.xmpData(), *opened.iptcData()):
            if datum.size() <= MAX_VALUE_BYTES:
                values[datum.key()] = datum.toString()
        icc = bytes(opened.iccProfile().data()) if opened.iccProfileDefined() else None
    except (exiv2.Exiv2Error, UnicodeDecodeError, OSError):
        # What was read before the damage is kept.
        icc = None
    return values, raw, icc


def _take(datum: Any, values: dict[str, str], raw: dict[str, bytes]) -> None:
    key, size_bytes = datum.key(), datum.size()
    if datum.typeName() in BYTES and size_bytes <= MAX_RAW_BYTES:
        raw[key] = bytes(datum.value().data())
    if size_bytes <= MAX_VALUE_BYTES:
        try:
            # Some maker notes repeat a tag; the first one is the picture's.
            values.setdefault(key, datum.toString())
        except UnicodeDecodeError:
            return
