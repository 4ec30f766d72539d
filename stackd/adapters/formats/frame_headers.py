"""The header of a frame of any format: kind, size, orientation, planes."""

from typing import Final

from stackd.adapters.formats import image_headers
from stackd.adapters.formats.heif_files import read_heif_header
from stackd.adapters.formats.microscope_files import read_microscope_header
from stackd.adapters.formats.opened_image import OpenedImage
from stackd.adapters.formats.raw_headers import read_raw_header
from stackd.adapters.formats.wholeness.zero_ends import check_no_zero_end
from stackd.adapters.formats.z_stacks import with_planes
from stackd.model.tags import FileKind, Header

ENDS_IN_PIXELS: Final = frozenset({FileKind.TIFF, FileKind.RAW, FileKind.HEIF})
"""Formats that say at their beginning how long they are; JPEG and PNG have an end mark instead."""


def frame_header(image: OpenedImage) -> Header:
    """Tell kind, size, orientation and planes of a frame.

    Raises
    ------
    UnreadableFrame
        If the file is cut off, not written to its end, too large, or no frame.
    """
    if image.kind in ENDS_IN_PIXELS:
        check_no_zero_end(image)
    match image.kind:
        case FileKind.RAW:
            return read_raw_header(image)
        case FileKind.HEIF:
            return read_heif_header(image)
        case FileKind.TIFF:
            return with_planes(image_headers.header_of(image), image)
        case FileKind.CZI | FileKind.LIF:
            return read_microscope_header(image)
        case _:
            return image_headers.header_of(image)
