"""How bright a page shows its pictures: frames as bright as the composite, and all of a dark stack brighter than it is."""

from collections.abc import Sequence
from math import log2
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.colour import decode_srgb, encode_srgb

BRIGHT_PERCENTILE: Final = 99.5
"""What counts as the bright end of a picture: glints of a few pixels do not tell how dark the rest is."""

DARK_BELOW: Final = 0.35
"""Display-encoded bright end below which a picture is brightened: it uses a tenth of the light a screen gives (a guess)."""

SHOWN_AT: Final = 0.8
"""Display-encoded, where the bright end then lies: some room is left above it for glints."""

MOST_STOPS: Final = 8.0
"""More would show nothing but grain and the steps of 8 bit."""


def factor_for(image: NDArray[np.float32]) -> float:
    """Tell by which factor on linear light a picture should be shown brighter; 1 for one that can be seen as it is.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
        Display-encoded, range [0, 1]; small is enough.
    """
    bright = float(np.percentile(image.max(axis=2), BRIGHT_PERCENTILE))
    if not 0 < bright < DARK_BELOW:
        return 1.0
    wanted, found = decode_srgb(np.array([SHOWN_AT, bright]))
    return float(min(wanted / found, 2.0**MOST_STOPS))


def stops_of(factor: float) -> float:
    """Express a factor on linear light as a photographer does."""
    return log2(factor)


def lit(image: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Multiply the light of a display-encoded picture; what gets brighter than white is clipped."""
    if factor == 1:
        return image
    light = decode_srgb(np.clip(image, 0, 1)) * np.float32(factor)
    return np.asarray(encode_srgb(np.minimum(light, 1)), np.float32)


def lit_preview(pixels: NDArray[np.uint8], factors: Sequence[float]) -> NDArray[np.uint8]:
    """Multiply the light of an 8-bit picture by a factor a channel."""
    if all(factor == 1 for factor in factors):
        return pixels
    light = decode_srgb(np.arange(256) / 255)[:, None] * np.asarray(factors, np.float64)
    table = np.rint(255 * encode_srgb(np.clip(light, 0, 1))).astype(np.uint8)
    return np.asarray(cv2.LUT(np.ascontiguousarray(pixels), table[None]), np.uint8)
