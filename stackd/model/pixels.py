"""Names for the arrays that travel through the house, and what the values of pixels mean.

Arrays are (row, column, channel); points are (x, y) px with pixel centres at integers.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.float32]
"""RGB, shape (H, W, 3), nominal range [0, 1], display-encoded (docs/decisions/0001)."""

Gray: TypeAlias = NDArray[np.float32]
"""Luminance, shape (H, W), nominal range [0, 1], display-encoded."""

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""RGB as decoded from a file, shape (H, W, 3), upright, full range of its integer type."""

Alpha: TypeAlias = NDArray[np.uint8]
"""How much of each pixel of a frame or composite is picture, shape (H, W): 255 all of it, 0 nothing."""

Mask: TypeAlias = NDArray[np.bool_]
"""Truth per pixel, shape (H, W)."""

Matrix: TypeAlias = NDArray[np.float64]
"""Homogeneous transform of (x, y, 1) px, shape (3, 3)."""


class ColourSpace(StrEnum):
    """The colour spaces that a recipe can name."""

    SRGB = "srgb"
    ADOBE_RGB = "adobe-rgb"
    DISPLAY_P3 = "display-p3"
    PROPHOTO = "prophoto"


TITLES = {
    ColourSpace.SRGB: "sRGB",
    ColourSpace.ADOBE_RGB: "Adobe RGB",
    ColourSpace.DISPLAY_P3: "Display P3",
    ColourSpace.PROPHOTO: "ProPhoto RGB",
}
"""How photographers write them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """What the pixel values of a stack mean, and so those of its composite."""

    icc: bytes | None = None
    """ICC profile of the stored values; None where nothing tells, which then counts as sRGB."""
    space: ColourSpace | None = ColourSpace.SRGB
    """Which of the spaces with a name it is; None for any other, and for gray."""
    is_gray: bool = False
    """Whether frames have one channel; the pipeline carries it three times."""
    is_linear: bool = False
    """Whether stored values are linear in light. The pipeline then carries them encoded by the sRGB curve (docs/decisions/0001),
    with the primaries they have."""
