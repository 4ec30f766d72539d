"""Open RAW files with LibRaw, and tell how large they are once developed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from stackd.adapters.formats.image_headers import checked_size
from stackd.adapters.formats.opened_image import DECODER_ERRORS, OpenedImage, damaged
from stackd.adapters.formats.wholeness.completeness import check_raw_is_complete
from stackd.errors import UnreadableFrame
from stackd.model.names import shown
from stackd.model.tags import FileKind, Header

if TYPE_CHECKING:
    import rawpy

ON_ITS_SIDE: Final = 4
"""Bit in LibRaw's `flip` that swaps rows and columns."""


def read_raw_header(image: OpenedImage) -> Header:
    """Tell the size a RAW file has once developed, without decoding it.

    Raises
    ------
    UnreadableFrame
        If the file is cut off or no RAW file this program knows.
    """
    check_raw_is_complete(image)
    with opened_raw(image) as raw:
        sizes = raw.sizes
        width, height = sizes.width, sizes.height
        if 0 < sizes.pixel_aspect < 1:
            height = round(height / sizes.pixel_aspect)
        elif sizes.pixel_aspect > 1:
            width = round(width * sizes.pixel_aspect)
        if sizes.flip & ON_ITS_SIDE:
            width, height = height, width
    # Developed frames come out upright.
    return checked_size(Header(kind=FileKind.RAW, width_px=width, height_px=height), image.path)


@contextmanager
def opened_raw(image: OpenedImage) -> "Iterator[rawpy.RawPy]":
    """Open with LibRaw; whatever it cannot do with the file inside the block is told in plain words."""
    import rawpy

    # The name may hold bytes that are no UTF-8; and this is surely the file that was looked at.
    name = f"/proc/self/fd/{image.file.fileno()}" if sys.platform == "linux" else os.fspath(image.path)
    try:
        with rawpy.imread(name) as raw:
            yield raw
    except (rawpy.LibRawError, *DECODER_ERRORS) as error:
        raise _undecodable(image, error) from error


def _undecodable(image: OpenedImage, error: Exception) -> UnreadableFrame:
    import rawpy

    if isinstance(error, (rawpy.LibRawIOError, rawpy.LibRawDataError)):
        return damaged(image.path, "its pixels cannot be read")
    told = error.args[0].decode("utf-8", "replace") if error.args and isinstance(error.args[0], bytes) else str(error)
    return UnreadableFrame(
        f"{shown(image.path.name)} cannot be decoded as RAW: {told}.", hint="Convert it to DNG or TIFF, or leave it out."
    )
