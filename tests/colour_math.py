"""Colours computed from published numbers alone, to judge what a library does with profiles. All in float64, RGB last."""

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from stackd.model.pixels import ColourSpace

D50 = (0.9642, 1.0, 0.8249)


def encode_srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def decode_srgb(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


CURVES = {
    ColourSpace.SRGB: (decode_srgb, encode_srgb),
    ColourSpace.DISPLAY_P3: (decode_srgb, encode_srgb),
    ColourSpace.ADOBE_RGB: (lambda v: v ** (563 / 256), lambda v: v ** (256 / 563)),
    ColourSpace.PROPHOTO: (lambda v: v ** (461 / 256), lambda v: v ** (256 / 461)),
}
"""Decode and encode, 0–1."""

TO_D50 = {
    ColourSpace.SRGB: [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]],
    ColourSpace.ADOBE_RGB: [
        [0.6097559, 0.2052401, 0.1492240],
        [0.3111242, 0.6256560, 0.0632197],
        [0.0194811, 0.0608902, 0.7448387],
    ],
    ColourSpace.DISPLAY_P3: [[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]],
    ColourSpace.PROPHOTO: [
        [0.7976749, 0.1351917, 0.0313534],
        [0.2880402, 0.7118741, 0.0000857],
        [0.0000000, 0.0000000, 0.8252100],
    ],
}
"""Published matrices, light to XYZ under D50 (Lindbloom; Apple's profile of Display P3)."""


def to_d50(space: ColourSpace) -> NDArray[np.float64]:
    return np.array(TO_D50[space])


def srgb_by_a_table() -> bytes:
    """A profile of sRGB as scanners and old programs have it: its curve is a table of 1024 values."""
    ramp = np.linspace(0, 1, 1024)
    return bytes(
        imagecodecs.cms_profile(
            "rgb",
            whitepoint=(0.3127, 0.3290),
            primaries=(0.64, 0.33, 0.30, 0.60, 0.15, 0.06),
            transferfunction=np.rint(65_535 * decode_srgb(ramp)).astype(np.uint16),
        )
    )


def in_space(values: NDArray[np.float64], source: ColourSpace, target: ColourSpace) -> NDArray[np.float64]:
    """Convert display values, 0–1, from one space to another; what the target cannot hold is clipped."""
    light = CURVES[source][0](values) @ (np.linalg.inv(to_d50(target)) @ to_d50(source)).T
    return CURVES[target][1](np.clip(light, 0, 1))
