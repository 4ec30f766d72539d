"""What pixel values mean: the colour spaces a recipe can name, and the one a stack is in."""

from dataclasses import dataclass
from enum import StrEnum


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
