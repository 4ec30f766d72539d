"""Tell how large the picture of a JPEG is, and whether all of it has arrived."""

import struct

from stackd.adapters.formats.jpeg_ends import with_its_end
from stackd.adapters.formats.jpeg_structure import (
    APP1,
    END_OF_IMAGE,
    EXIF_INTRODUCTION,
    FRAME_MARKERS,
    SIZE_BYTES,
    START_OF_SCAN,
    jpeg_segments,
)
from stackd.adapters.formats.opened_image import OpenedImage, cut_off, damaged
from stackd.adapters.formats.tiff_structure import exif_orientation
from stackd.model.tags import FileKind, Header


def jpeg_header(image: OpenedImage) -> Header:
    """Tell size and orientation of a JPEG, and make sure that it has an end, or that nothing but the mark of it is missing.

    Raises
    ------
    UnreadableFrame
        If it is cut off or never says its size.
    """
    image.file.seek(0)
    content = image.file.read()
    size: tuple[int, int] | None = None
    orientation = 1
    for marker, start, end in jpeg_segments(content):
        if marker in FRAME_MARKERS and end - start >= SIZE_BYTES:
            size = struct.unpack_from(">HH", content, start + 1)
        elif marker == APP1 and content.startswith(EXIF_INTRODUCTION, start):
            orientation = exif_orientation(content[start + len(EXIF_INTRODUCTION) : end])
        elif marker == START_OF_SCAN:
            if size is None:
                raise damaged(image.path, "it never says its size")
            if content.rfind(END_OF_IMAGE, end) < 0 and with_its_end(content) is None:
                break
            return Header(kind=FileKind.JPEG, width_px=size[1], height_px=size[0], orientation=orientation)
    raise cut_off(image.path, f"after {len(content)} bytes the picture is not complete")
