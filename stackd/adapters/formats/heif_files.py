"""Read HEIC frames, where pillow-heif is installed."""

from types import ModuleType
from typing import Any, Final

import numpy as np

from stackd.adapters.formats.image_headers import checked_size
from stackd.adapters.formats.opened_image import DECODER_ERRORS, OpenedImage, damaged
from stackd.adapters.formats.wholeness.completeness import check_boxes_are_complete
from stackd.errors import UnreadableFrame
from stackd.model.names import shown
from stackd.model.pixels import Pixels
from stackd.model.tags import FileKind, Header

GRAY_MODES: Final = ("L", "I")
"""How modes of one channel begin, as Pillow names them."""


def read_heif_header(image: OpenedImage) -> Header:
    """Tell the size of a HEIF picture; the decoder turns it upright itself.

    Raises
    ------
    UnreadableFrame
        If it is cut off or damaged, or pillow-heif is not installed.
    """
    heif = _opened(image)
    try:
        width, height = heif.size
        is_gray = heif.mode.startswith(GRAY_MODES)
    except DECODER_ERRORS as error:
        raise damaged(image.path, error) from error
    return checked_size(Header(kind=FileKind.HEIF, width_px=width, height_px=height, is_gray=is_gray), image.path)


def heif_colour(image: OpenedImage) -> tuple[bytes, tuple[int, int] | None]:
    """Read what a HEIF picture says of its colours: an ICC profile, and code points (ITU-T H.273) of primaries and curve.

    Raises
    ------
    UnreadableFrame
        As `read_heif_header`.
    """
    info = _opened(image).info
    codes = info.get("nclx_profile") or {}
    primaries, transfer = codes.get("color_primaries"), codes.get("transfer_characteristics")
    icc = bytes(info.get("icc_profile") or b"")
    return icc, None if primaries is None or transfer is None else (int(primaries), int(transfer))


def decode_heif(image: OpenedImage) -> tuple[Pixels, bool]:
    """Decode a HEIF picture to upright RGB, or RGB and alpha; more than 8 bits a channel become 16.

    Returns
    -------
    ndarray of uint8 or uint16, shape (H, W, 3) or (H, W, 4)
    bool
        Whether colours are multiplied by alpha.

    Raises
    ------
    UnreadableFrame
        As `read_heif_header`.
    """
    heif = _opened(image)
    try:
        pixels = np.asarray(heif)
    except DECODER_ERRORS as error:
        raise damaged(image.path, error) from error
    is_associated = bool(getattr(heif, "premultiplied_alpha", False))
    return (pixels if pixels.dtype == np.uint8 else pixels.astype(np.uint16, copy=False)), is_associated


def _opened(image: OpenedImage) -> Any:
    pillow_heif = _library(image)
    check_boxes_are_complete(image)
    image.file.seek(0)
    try:
        return pillow_heif.open_heif(image.file.read(), convert_hdr_to_8bit=False)
    except DECODER_ERRORS as error:
        raise damaged(image.path, error) from error


def _library(image: OpenedImage) -> ModuleType:
    try:
        import pillow_heif
    except ImportError as error:
        raise UnreadableFrame(
            f"{shown(image.path.name)} is a HEIC picture, and what reads those is not installed.",
            hint="Install it with `pip install stackd[heif]`.",
        ) from error
    module: ModuleType = pillow_heif
    return module
