"""Write a JPEG with its metadata in front: 8 bits a channel, full colour resolution."""

import struct
from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from stackd.adapters.formats.structures.jpeg_structure import APP1, APP2, EXIF_INTRODUCTION, XMP_INTRODUCTION
from stackd.adapters.output.carried_metadata import CarriedMetadata
from stackd.adapters.output.staging import StagingFile
from stackd.errors import OutputBlocked

GRAY_DIMENSIONS: Final = 2

MAX_SIDE_PX: Final = 65_500
"""libjpeg's limit."""
MAX_PAYLOAD_BYTES: Final = 65_533
"""A segment's length has 16 bits and counts itself."""
ICC_INTRODUCTION: Final = b"ICC_PROFILE\x00"
JFIF_SEGMENT_ENDS: Final = 20
"""Beginning and JFIF segment of the encoder's output; a file with Exif does without the latter."""


def write_jpeg(
    file: StagingFile, pixels: NDArray[np.uint8] | NDArray[np.uint16], *, quality: int, metadata: CarriedMetadata
) -> None:
    """Write an RGB or gray JPEG.

    Parameters
    ----------
    file : StagingFile
        Written from front to back.
    pixels : ndarray of uint8, shape (H, W, 3) or (H, W)
        RGB or gray.
    quality : int
        1–100. Colour is never subsampled: fine coloured detail is what a focus stack is for.
    metadata : CarriedMetadata
        Blocks longer than a segment are left out, except the colour profile, which may take several.

    Raises
    ------
    OutputBlocked
        If a side is longer than a JPEG allows.
    """
    if max(pixels.shape[:2]) > MAX_SIDE_PX:
        raise OutputBlocked(f"A JPEG side has at most {MAX_SIDE_PX} px.", hint="Export the composite as tiff or png.")
    if pixels.ndim == GRAY_DIMENSIONS:
        encoded = simplejpeg.encode_jpeg(pixels[..., np.newaxis], quality=quality, colorspace="GRAY", colorsubsampling="Gray")
    else:
        encoded = simplejpeg.encode_jpeg(pixels, quality=quality, colorspace="RGB", colorsubsampling="444")
    segments = [
        _segment(APP1, introduction + block)
        for introduction, block in (
            (EXIF_INTRODUCTION, metadata.exif),
            (XMP_INTRODUCTION, metadata.xmp),
        )
        if block and len(introduction) + len(block) <= MAX_PAYLOAD_BYTES
    ]
    segments += _profile_segments(metadata.icc or b"")
    body = memoryview(encoded)
    file.write(body[:2])
    for segment in segments:
        file.write(segment)
    file.write(body[JFIF_SEGMENT_ENDS if segments and bytes(body[2:4]) == b"\xff\xe0" else 2 :])


def with_profile(encoded: bytes, icc: bytes) -> bytes:
    """Put a colour profile into the encoder's output; none where it is empty."""
    return b"".join((encoded[:JFIF_SEGMENT_ENDS], *_profile_segments(icc), encoded[JFIF_SEGMENT_ENDS:])) if icc else encoded


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _profile_segments(icc: bytes) -> list[bytes]:
    room = MAX_PAYLOAD_BYTES - len(ICC_INTRODUCTION) - 2
    pieces = [icc[start : start + room] for start in range(0, len(icc), room)]
    return [
        _segment(APP2, ICC_INTRODUCTION + bytes((number, len(pieces))) + piece) for number, piece in enumerate(pieces, start=1)
    ]
