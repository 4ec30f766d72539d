"""The profiles stackd makes itself: colour spaces with a name, gray curves, and whatever primaries and curve a file states.

Nothing is copied from a vendor: a profile of three primaries and a curve is a few numbers (ICC.1:2022, three-component
matrix-based), and those of these spaces are published.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from stackd.model.pixels import ColourSpace

XY = tuple[float, float]
"""Chromaticity, CIE 1931."""

D65: Final[XY] = (0.3127, 0.3290)
D50: Final[XY] = (0.3457, 0.3585)
SRGB_PRIMARIES: Final[tuple[XY, XY, XY]] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
P3_PRIMARIES: Final[tuple[XY, XY, XY]] = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
REC2020_PRIMARIES: Final[tuple[XY, XY, XY]] = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
PROPHOTO_PRIMARIES: Final[tuple[XY, XY, XY]] = ((0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105))
"""IEC 61966-2-1, SMPTE EG 432-1, ITU-R BT.2020, ISO 22028-2."""

SRGB_CURVE: Final = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""As a parametric curve of type 3: (a·x + b)^g above d, c·x below (IEC 61966-2-1)."""
PROPHOTO_GAMMA: Final = 461 / 256
"""1.8 as profiles of ProPhoto RGB have it, in units of 1/256; RAW frames are developed by the same."""
ADOBE_RGB_GAMMA: Final = 563 / 256

PCS_WHITE: Final = np.array([0.9642, 1.0, 0.8249])
"""D50 as ICC profiles connect in."""
BRADFORD: Final = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
FIXED_ONE: Final = 65_536
VERSION: Final = 0x04300000
PROFILE_DATE: Final = slice(24, 36)
"""Where an ICC profile tells when it was made."""
MADE_ANY_TIME: Final = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
"""Stands there instead of the time of day: the same frames give the same bytes whenever they are fused. Any date will do."""
HEADER_BYTES: Final = 128

Curve = float | tuple[float, float, float, float, float]
"""A power, or the five numbers of a parametric curve of type 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Primaries:
    """Chromaticities of white, red, green and blue."""

    white: XY
    red: XY
    green: XY
    blue: XY


@cache
def profile_of(space: ColourSpace) -> bytes:
    """Give the ICC profile of a space with a name."""
    match space:
        case ColourSpace.SRGB:
            return _dated(imagecodecs.cms_profile("srgb"))
        case ColourSpace.ADOBE_RGB:
            return _dated(imagecodecs.cms_profile("adobergb"))
        case ColourSpace.DISPLAY_P3:
            return rgb_profile("Display P3 (compatible)", _with_white(D65, P3_PRIMARIES), SRGB_CURVE)
        case ColourSpace.PROPHOTO:
            return rgb_profile("ProPhoto RGB (compatible)", _with_white(D50, PROPHOTO_PRIMARIES), PROPHOTO_GAMMA)


@cache
def gray_profile_of(space: ColourSpace) -> bytes:
    """Give the ICC profile of gray with the curve of a space."""
    match space:
        case ColourSpace.SRGB | ColourSpace.DISPLAY_P3:
            return gray_profile("Gray, sRGB curve", SRGB_CURVE)
        case ColourSpace.ADOBE_RGB:
            return gray_profile("Gray, gamma 2.2", ADOBE_RGB_GAMMA)
        case ColourSpace.PROPHOTO:
            return gray_profile("Gray, gamma 1.8", PROPHOTO_GAMMA)


@cache
def linear_profile(*, is_gray: bool) -> bytes:
    """Give the ICC profile of values that are linear in light: gray, or with the primaries of sRGB."""
    if is_gray:
        return gray_profile("Gray, linear", 1.0)
    return rgb_profile("sRGB primaries, linear", _with_white(D65, SRGB_PRIMARIES), 1.0)


def rec2020_profile(curve: Curve) -> bytes:
    """Give the ICC profile of the primaries of ITU-R BT.2020 with some curve."""
    return rgb_profile("Rec. 2020 primaries", _with_white(D65, REC2020_PRIMARIES), curve)


def rgb_profile(name: str, primaries: Primaries, curve: Curve) -> bytes:
    """Make a matrix-based ICC profile (version 4.3, display device).

    Raises
    ------
    ValueError
        If the primaries span no space.
    """
    to_pcs = _adaptation(primaries.white) @ _rgb_to_xyz(primaries)
    # White must come out as exactly that of the connection space, or gray would not stay gray.
    columns = np.rint(to_pcs * FIXED_ONE).astype(int)
    columns[:, 1] += np.rint(PCS_WHITE * FIXED_ONE).astype(int) - columns.sum(axis=1)
    encoded_curve = _curve(curve)
    return _profile(
        b"RGB ",
        {
            b"desc": _text(name),
            b"cprt": _text("No copyright, use freely"),
            b"wtpt": _xyz(np.rint(PCS_WHITE * FIXED_ONE)),
            b"chad": b"sf32" + bytes(4) + _fixed(_adaptation(primaries.white).ravel() * FIXED_ONE),
            b"rXYZ": _xyz(columns[:, 0]),
            b"gXYZ": _xyz(columns[:, 1]),
            b"bXYZ": _xyz(columns[:, 2]),
            b"rTRC": encoded_curve,
            b"gTRC": encoded_curve,
            b"bTRC": encoded_curve,
        },
    )


def gray_profile(name: str, curve: Curve) -> bytes:
    """Make an ICC profile of gray (version 4.3)."""
    return _profile(
        b"GRAY",
        {
            b"desc": _text(name),
            b"cprt": _text("No copyright, use freely"),
            b"wtpt": _xyz(np.rint(PCS_WHITE * FIXED_ONE)),
            b"kTRC": _curve(curve),
        },
    )


def _with_white(white: XY, primaries: tuple[XY, XY, XY]) -> Primaries:
    red, green, blue = primaries
    return Primaries(white=white, red=red, green=green, blue=blue)


def _dated(profile: bytes) -> bytes:
    dated = bytearray(profile)
    dated[PROFILE_DATE] = MADE_ANY_TIME
    return bytes(dated)


def _rgb_to_xyz(primaries: Primaries) -> NDArray[np.float64]:
    directions = np.stack([_xyz_of(xy) for xy in (primaries.red, primaries.green, primaries.blue)], axis=1)
    if abs(np.linalg.det(directions)) < 1e-6:  # noqa: PLR2004  three colours on one line
        msg = "the primaries span no space"
        raise ValueError(msg)
    return np.asarray(directions * np.linalg.solve(directions, _xyz_of(primaries.white)), np.float64)


def _xyz_of(xy: XY) -> NDArray[np.float64]:
    x, y = xy
    if y <= 0:
        # The blue of ProPhoto RGB lies nearly there; nothing real lies below.
        msg = "a primary has no luminance"
        raise ValueError(msg)
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _adaptation(white: XY) -> NDArray[np.float64]:
    """Matrix that brings XYZ under a white to the white of the connection space (Bradford, as ICC.1 asks for)."""
    cones = BRADFORD @ PCS_WHITE / (BRADFORD @ _xyz_of(white))
    return np.asarray(np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD, np.float64)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body = [], bytearray()
    begins = HEADER_BYTES + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    for tag, content in tags.items():
        if content not in places:
            places[content] = begins + len(body)
            body += content + bytes(-len(content) % 4)
        table.append(struct.pack(">4sII", tag, places[content], len(content)))
    header = struct.pack(
        ">I4sI4s4s4s12s4s", begins + len(body), bytes(4), VERSION, b"mntr", space, b"XYZ ", MADE_ANY_TIME, b"acsp"
    )
    header += bytes(28) + _fixed(np.rint(PCS_WHITE * FIXED_ONE))
    return header.ljust(HEADER_BYTES, b"\x00") + struct.pack(">I", len(tags)) + b"".join(table) + bytes(body)


def _text(text: str) -> bytes:
    content = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II4sII", 1, 12, b"enUS", len(content), 28) + content


def _xyz(fixed: Sequence[float] | NDArray[np.generic]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(fixed)


def _curve(curve: Curve) -> bytes:
    numbers = (curve,) if isinstance(curve, float | int) else curve
    kind = 0 if len(numbers) == 1 else 3
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + _fixed([number * FIXED_ONE for number in numbers])


def _fixed(values: Sequence[float] | NDArray[np.generic]) -> bytes:
    whole = [round(float(value)) for value in values]
    return struct.pack(f">{len(whole)}i", *whole)
