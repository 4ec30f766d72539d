"""Tags: what a file says of itself, exactly as fetched; `intake/brands` turns it into a `FrameMeta`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class FileKind(StrEnum):
    """What a file is, told by its content, never by its name."""

    JPEG = "jpeg"
    TIFF = "tiff"
    PNG = "png"
    RAW = "raw"
    HEIF = "heif"
    CZI = "czi"
    LIF = "lif"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The pixels a file holds, as its header tells without decoding them.

    Width and height are those of the stored pixels, before `orientation` (EXIF, 1–8) turns them upright.
    """

    kind: FileKind = FileKind.UNKNOWN
    width_px: int | None = None
    height_px: int | None = None
    orientation: int = 1
    is_gray: bool = False
    """Whether pixels have one channel, transparency aside."""
    is_decimal: bool = False
    """Whether pixels are decimal (floating-point) numbers."""
    pages: int = 1
    """Planes of one z-stack in one file (OME-TIFF, ImageJ, plain multi-page TIFF); 1 for an ordinary picture."""
    page_positions_m: tuple[float, ...] = ()
    """Stage height of every plane where the file tells it, else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """Everything metadata says, undecoded.

    `values` maps a key to its value as a string, in machine form: numbers and fractions ("1/50", "0 5474"), not translated words.
    Keys are those of exiv2 ("Exif.Photo.DateTimeOriginal", "Exif.Panasonic.0x00bd", "Xmp.aux.ApproximateFocusDistance").
    Where exiftool is installed its answers are added as "ExifTool.<family 1 group>.<tag>" ("ExifTool.Nikon.FocusShiftShooting"),
    numeric (`-n`), leading zeros of sub-seconds kept.

    `raw` maps exiv2 keys of undefined-type tags to their bytes ("Exif.Photo.MakerNote" whole, Nikon lens data, the Apple note).
    """

    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    raw: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    header: Header = field(default_factory=Header)
    icc: bytes | None = None
    """The embedded colour profile."""
