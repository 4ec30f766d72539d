"""Tell how large the pixels of an image file are, and whether all of it has arrived, without decoding it.

A picture with 60,000 × 60,000 px is refused here, before a byte of memory is spent on it.
"""

from pathlib import Path
from typing import Final

from stackd.adapters.formats import tiff_structure
from stackd.adapters.formats.completeness import check_boxes_are_complete, check_pixels_are_there, check_raw_is_complete
from stackd.adapters.formats.jpeg_headers import jpeg_header
from stackd.adapters.formats.opened_image import COPY_AGAIN, OpenedImage, cut_off, open_image
from stackd.adapters.formats.png_structure import png_header
from stackd.errors import UnreadableFrame
from stackd.model.names import shown
from stackd.model.tags import FileKind, Header

MAX_PIXELS: Final = 600_000_000
"""Largest picture taken: 400 MP pixel-shift frames pass, and 16-bit RGB of this size still fits the 4 GiB of a classic TIFF."""

MAX_CHANNELS: Final = 5
"""CMYK with transparency, which is then told by name; spectral images have dozens and would only fill the memory."""


def read_header(path: Path) -> Header:
    """Tell kind, size, orientation and page count of an image file, and make sure it is complete as far as that is cheap.

    RAW files get kind and orientation only; `raw_headers.read_raw_header` knows their size.

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
            header = jpeg_header(image)
        case FileKind.PNG:
            header = png_header(image)
        case FileKind.TIFF:
            header = _tiff_header(image)
        case FileKind.RAW:
            check_raw_is_complete(image)
            header = Header(kind=FileKind.RAW)
        case FileKind.CZI | FileKind.LIF:
            header = Header(kind=image.kind)
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


def _tiff_header(image: OpenedImage) -> Header:
    if not image.directories:
        raise cut_off(image.path, "it holds no picture")
    main = image.directories[0]
    if (channels := main.first(tiff_structure.SAMPLES_PER_PIXEL, 1)) > MAX_CHANNELS:
        raise UnreadableFrame(
            f"{shown(image.path.name)} holds {channels} channels; pictures have 1 to 4.", hint="Export it as RGB."
        )
    header = checked_size(
        Header(
            kind=FileKind.TIFF,
            width_px=main.first(tiff_structure.WIDTH),
            height_px=main.first(tiff_structure.HEIGHT),
            orientation=main.orientation,
            is_gray=main.is_gray,
            is_decimal=main.first(tiff_structure.SAMPLE_FORMAT) == tiff_structure.DECIMAL,
        ),
        image.path,
    )
    check_pixels_are_there(image, [directory for directory in image.directories if directory.in_chain])
    return header


__all__ = ["MAX_PIXELS", "OpenedImage", "checked_size", "header_of", "open_image", "read_header"]
