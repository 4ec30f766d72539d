"""Which ICC profiles can be used, and what they say: gray or colour, linear or encoded, and which of two are the same."""

import struct
from functools import lru_cache
from typing import Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from stackd.adapters.colour.conversion import SPACE, is_gray_profile, light_of, transformed
from stackd.adapters.colour.spaces import linear_profile, profile_of
from stackd.imaging.ground.colour import encode_srgb
from stackd.model.pixels import TITLES, ColourSpace

RGB_SIGNATURE: Final = b"RGB "
SPACES: Final = {b"CMYK": "CMYK", b"Lab ": "Lab", b"GRAY": "gray", b"RGB ": "RGB", b"XYZ ": "XYZ"}
SMALLEST_BYTES: Final = 128 + 4
LARGEST_BYTES: Final = 8 << 20
"""Profiles of printers have up to 3 MB; larger ones are none."""

SAME_WITHIN: Final = 0.002
"""Largest difference of display values between profiles that count as the same: half a step of 8 bit, which nobody sees. The many
profiles that are called sRGB differ by less."""

LINEAR_BELOW_GAMMA: Final = 1.4
"""Gamma of middle gray below which values are linear in light: it is 1 of linear profiles and 1.8 to 2.4 of all others."""

MIDDLE: Final = 32_768

STEPS: Final = 5
"""Values a channel at which two profiles are compared: with their mixtures, 125 colours."""

CACHED: Final = 64
"""Profiles and pairs remembered; a stack has one or two."""

HEADER_BYTES: Final = 128
MOST_TAGS: Final = 200


@lru_cache(CACHED)
def trouble_with(icc: bytes, *, is_gray: bool) -> str:
    """Tell why a profile cannot be used for gray or for RGB pixels, as the end of "its colour profile …"; empty if it can."""
    if not SMALLEST_BYTES <= len(icc) <= LARGEST_BYTES or icc[36:40] != b"acsp":
        return "is damaged"
    if struct.unpack(">I", icc[:4])[0] > len(icc):
        return f"is cut off after {len(icc)} bytes"
    wanted = b"GRAY" if is_gray else RGB_SIGNATURE
    if icc[SPACE] != wanted:
        found = SPACES.get(icc[SPACE], "other")
        return f"is one for {found} values, not for {SPACES[wanted]}"
    try:
        imagecodecs.cms_profile_validate(icc)
        light_of(icc)
        seen = _seen(icc)
    except RuntimeError:
        return "is damaged"
    return "" if np.ptp(seen[..., 1]) > SAME_WITHIN else "makes all colours one"


@lru_cache(CACHED)
def same_colours(one: bytes, other: bytes) -> bool:
    """Whether equal values mean equal colours in both profiles, as far as anybody sees. Gray and RGB can be compared."""
    if one == other:
        return True
    return (
        float(np.abs(_seen(one, as_gray=is_gray_profile(other)) - _seen(other, as_gray=is_gray_profile(one))).max()) < SAME_WITHIN
    )


@lru_cache(CACHED)
def is_linear(icc: bytes) -> bool:
    """Whether the values of a profile are linear in light, or nearly."""
    middle = float(light_of(icc)[MIDDLE])
    return middle > 0 and float(np.log(middle) / np.log(0.5)) < LINEAR_BELOW_GAMMA


@lru_cache(CACHED)
def space_of(icc: bytes) -> ColourSpace | None:
    """Tell which of the spaces with a name a profile of RGB values is, if any."""
    if is_gray_profile(icc):
        return None
    return next((space for space in ColourSpace if same_colours(icc, profile_of(space))), None)


def name_of(icc: bytes) -> str:
    """Read how a profile calls itself; a space with a name is called by that."""
    space = space_of(icc)
    return TITLES[space] if space is not None else _description(icc) or "a profile without a name"


def _description(icc: bytes) -> str:
    try:
        (count,) = struct.unpack_from(">I", icc, HEADER_BYTES)
        for number in range(min(count, MOST_TAGS)):
            tag, begin, length = struct.unpack_from(">4sII", icc, HEADER_BYTES + 4 + 12 * number)
            if tag == b"desc":
                return _text(icc[begin : begin + length])
    except struct.error:
        return ""
    return ""


def _text(content: bytes) -> str:
    match content[:4]:
        case b"desc":
            (length,) = struct.unpack_from(">I", content, 8)
            text = content[12 : 12 + length].decode("ascii", "replace")
        case b"mluc":
            length, begin = struct.unpack_from(">II", content, 20)
            text = content[begin : begin + length].decode("utf-16-be", "replace")
        case _:
            text = ""
    return "".join(character for character in text if character.isprintable()).strip()


def _seen(icc: bytes, *, as_gray: bool = False) -> NDArray[np.float64]:
    """Look at a grid of colours: their light in the primaries of sRGB, beyond 0 and 1 too, encoded by its curve."""
    ramp = np.linspace(0, 1, STEPS, dtype=np.float32)
    if is_gray_profile(icc):
        values = ramp[None]
    elif as_gray:
        values = np.repeat(ramp[None, :, None], 3, axis=2)
    else:
        values = np.stack(np.meshgrid(ramp, ramp, ramp, indexing="ij"), axis=-1).reshape(1, -1, 3)
    light = np.asarray(transformed(values, icc, linear_profile(is_gray=False), dtype=np.float32), np.float64)
    return np.asarray(np.sign(light) * encode_srgb(np.abs(light)), np.float64)
