"""What a file says of its colours: an ICC profile, or what stands in its place in files of cameras, phones and web pictures."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Final

from stackd.adapters.colour.exif_marks import colour_marks
from stackd.adapters.colour.profiles import is_linear, same_colours, trouble_with
from stackd.adapters.colour.spaces import (
    D65,
    P3_PRIMARIES,
    REC2020_PRIMARIES,
    SRGB_CURVE,
    SRGB_PRIMARIES,
    XY,
    Curve,
    Primaries,
    gray_profile,
    gray_profile_of,
    profile_of,
    rgb_profile,
)
from stackd.adapters.formats.heif_files import heif_colour
from stackd.adapters.formats.opened_image import OpenedImage
from stackd.adapters.formats.png_structure import png_chunks
from stackd.adapters.formats.structures.jpeg_structure import APP1, APP2, EXIF_INTRODUCTION, START_OF_SCAN, jpeg_segments
from stackd.model.pixels import ColourSpace
from stackd.model.tags import FileKind, Header

ICC_INTRODUCTION: Final = b"ICC_PROFILE\x00"
NUMBERED_FROM: Final = len(ICC_INTRODUCTION)
HEAD_BYTES: Final = 1 << 18
"""Of a JPEG that are looked at first: metadata lies there, and the rest is read only where it does not."""
MOST_PROFILE_BYTES: Final = 8 << 20

SRGB_IN_EXIF, ADOBE_RGB_IN_EXIF, UNCALIBRATED = 1, 2, 65_535
"""Exif ColorSpace; 2 is no standard, but some cameras write it."""
DCF_OPTION_FILE: Final = "R03"
"""Exif InteroperabilityIndex by which cameras mark Adobe RGB (DCF 2.0)."""
DCF_OPTION_NAME: Final = "_"
"""How their names begin (DCF 2.0)."""
CODED_PRIMARIES: Final[Mapping[int, tuple[XY, XY, XY]]] = {1: SRGB_PRIMARIES, 9: REC2020_PRIMARIES, 12: P3_PRIMARIES}
LIKE_SRGB: Final = frozenset({1, 6, 13, 14, 15})
"""Transfer characteristics that are shown by sRGB's curve: those of BT.709 and its kin stand in files that were made for such a
screen."""
CODED_GAMMAS: Final[Mapping[int, float]] = {4: 2.2, 5: 2.8, 8: 1.0}
HDR_CURVES: Final[Mapping[int, str]] = {16: "PQ", 18: "HLG"}
"""Code points of ITU-T H.273, as in PNG (cICP), HEIC and AVIF (nclx)."""

PNG_UNIT: Final = 100_000
SRGB_PNG_GAMMA: Final = 45_455
"""1 / 2.2: what PNG files of sRGB pictures state for programs that know no better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a file says of its colours."""

    icc: bytes | None = None
    """ICC profile that fits its pixels; None where it says nothing, or nothing that can be used."""
    trouble: str = ""
    """Why the profile it has cannot be used, as the end of "its colour profile …"."""
    hdr: str = ""
    """PQ or HLG, where values mean light brighter than paper white."""


def declared_colour(image: OpenedImage, header: Header) -> Declared:
    """Read what a frame says of its colours. Never fails: what cannot be used is told.

    In this order: code points of a PNG or HEIC, an embedded ICC profile, other chunks of a PNG, the marks by which cameras tell
    Adobe RGB. RAW files say nothing here: their colours are made by developing.
    """
    exif: BinaryIO | None = None
    match image.kind:
        case FileKind.JPEG:
            icc, exif = _of_jpeg(image)
            found = _usable(icc, header)
        case FileKind.TIFF:
            exif = image.file
            found = _usable(image.directories[0].icc if image.directories else b"", header)
        case FileKind.PNG:
            found, exif = _of_png(image, header)
        case FileKind.HEIF:
            return _of_heif(image, header)
        case _:
            return Declared()
    if found == Declared() and _is_adobe_by_dcf(image.path.name, exif):
        return Declared(icc=(gray_profile_of if header.is_gray else profile_of)(ColourSpace.ADOBE_RGB))
    return found


def _usable(icc: bytes, header: Header) -> Declared:
    if not icc:
        return Declared()
    trouble = trouble_with(icc, is_gray=header.is_gray)
    if not trouble:
        return Declared(icc=icc)
    if header.is_gray and not trouble_with(icc, is_gray=False):
        # Scanners and editors put profiles of RGB into gray files: their curve is what was meant.
        return _gray_like(icc) or Declared(trouble=trouble)
    return Declared(trouble=trouble)


def _gray_like(icc: bytes) -> Declared | None:
    for space in ColourSpace:
        if same_colours(gray_profile_of(space), icc):
            return Declared(icc=gray_profile_of(space))
    return Declared(icc=gray_profile("Gray, linear", 1.0)) if is_linear(icc) else None


def _of_jpeg(image: OpenedImage) -> tuple[bytes, BinaryIO | None]:
    """Read the colour profile and the Exif block."""
    image.file.seek(0)
    content = image.file.read(HEAD_BYTES)
    pieces, exif, is_all = _segments(content)
    if not is_all:
        pieces, exif, _ = _segments(content + image.file.read())
    return b"".join(pieces[number] for number in sorted(pieces)), exif


def _segments(content: bytes) -> tuple[dict[int, bytes], BinaryIO | None, bool]:
    """Profile pieces by their number, the Exif block, and whether all that stands before the pixels was seen."""
    pieces: dict[int, bytes] = {}
    exif: BinaryIO | None = None
    for marker, start, end in jpeg_segments(content):
        if end > len(content) or marker == START_OF_SCAN:
            return pieces, exif, end <= len(content)
        if marker == APP2 and content.startswith(ICC_INTRODUCTION, start) and end - start > NUMBERED_FROM + 1:
            pieces.setdefault(content[start + NUMBERED_FROM], content[start + NUMBERED_FROM + 2 : end])
        elif marker == APP1 and exif is None and content.startswith(EXIF_INTRODUCTION, start):
            exif = BytesIO(content[start + len(EXIF_INTRODUCTION) : end])
    return pieces, exif, False


def _of_png(image: OpenedImage, header: Header) -> tuple[Declared, BinaryIO | None]:
    chunks: dict[bytes, bytes] = {}
    for kind, offset, length in png_chunks(image.file):
        if kind == b"IDAT":
            break
        if kind in {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf"} and length <= MOST_PROFILE_BYTES:
            image.file.seek(offset)
            chunks[kind] = image.file.read(length)
    return _by_chunks(chunks, header), BytesIO(chunks[b"eXIf"]) if b"eXIf" in chunks else None


def _by_chunks(chunks: Mapping[bytes, bytes], header: Header) -> Declared:
    if len(codes := chunks.get(b"cICP", b"")) == 4 and (coded := _by_codes(codes[0], codes[1], header)) is not None:  # noqa: PLR2004
        return coded
    if b"iCCP" in chunks:
        return _usable(_unpacked(chunks[b"iCCP"]), header)
    if b"sRGB" in chunks:
        return Declared(icc=(gray_profile_of if header.is_gray else profile_of)(ColourSpace.SRGB))
    return _by_numbers(chunks, header)


def _unpacked(chunk: bytes) -> bytes:
    packed = chunk.partition(b"\x00")[2][1:]
    try:
        return zlib.decompressobj().decompress(packed, MOST_PROFILE_BYTES)
    except zlib.error:
        return packed


def _by_numbers(chunks: Mapping[bytes, bytes], header: Header) -> Declared:
    """Read gamma and primaries that a PNG states; the usual ones say no more than that nothing is known."""
    try:
        (exponent,) = struct.unpack(">I", chunks.get(b"gAMA", b""))
    except struct.error:
        return Declared()
    if not exponent:
        return Declared()
    curve: Curve = SRGB_CURVE if exponent == SRGB_PNG_GAMMA else PNG_UNIT / exponent
    if header.is_gray:
        return (
            Declared()
            if exponent == SRGB_PNG_GAMMA
            else Declared(icc=gray_profile(f"Gray, gamma {PNG_UNIT / exponent:g}", curve))
        )
    try:
        numbers = [number / PNG_UNIT for number in struct.unpack(">8I", chunks.get(b"cHRM", b""))]
    except struct.error:
        numbers = [*D65, *(part for xy in SRGB_PRIMARIES for part in xy)]
    white, red, green, blue = ((numbers[i], numbers[i + 1]) for i in range(0, 8, 2))
    return _stated("as its PNG states", Primaries(white=white, red=red, green=green, blue=blue), curve)


def _stated(name: str, primaries: Primaries, curve: Curve) -> Declared:
    try:
        icc = rgb_profile(name, primaries, curve)
    except (ValueError, ArithmeticError, struct.error):
        return Declared(trouble="states primaries that span no space")
    trouble = trouble_with(icc, is_gray=False)
    if trouble:
        return Declared(trouble=trouble)
    return Declared(icc=next((profile_of(space) for space in ColourSpace if same_colours(icc, profile_of(space))), icc))


def _of_heif(image: OpenedImage, header: Header) -> Declared:
    icc, codes = heif_colour(image)
    if icc:
        return _usable(icc, header)
    return (None if codes is None else _by_codes(*codes, header)) or Declared()


def _by_codes(primaries: int, transfer: int, header: Header) -> Declared | None:
    """Understand code points for primaries and curve; None where they say nothing."""
    if transfer in HDR_CURVES:
        return Declared(hdr=HDR_CURVES[transfer])
    if primaries not in CODED_PRIMARIES or (transfer not in LIKE_SRGB and transfer not in CODED_GAMMAS):
        return None
    curve: Curve = SRGB_CURVE if transfer in LIKE_SRGB else CODED_GAMMAS[transfer]
    if header.is_gray:
        return Declared(icc=gray_profile("Gray", curve))
    red, green, blue = CODED_PRIMARIES[primaries]
    name = "Rec. 2020 primaries" if primaries == 9 else "as its code points state"  # noqa: PLR2004
    return _stated(name, Primaries(white=D65, red=red, green=green, blue=blue), curve)


def _is_adobe_by_dcf(name: str, exif: BinaryIO | None) -> bool:
    if exif is None:
        return False
    space, index = colour_marks(exif)
    if space == SRGB_IN_EXIF:
        return False
    is_named_so = space == UNCALIBRATED and name.startswith(DCF_OPTION_NAME)
    return index == DCF_OPTION_FILE or is_named_so or space == ADOBE_RGB_IN_EXIF
