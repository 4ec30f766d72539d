"""What a composite is written in: its frames' colours, or the space a recipe names; and what screens are shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.adapters.colour.conversion import LinearValues, as_depth, converted_block, in_blocks
from stackd.adapters.colour.profiles import same_colours
from stackd.adapters.colour.spaces import gray_profile_of, profile_of
from stackd.model.pixels import Colour, ColourSpace, Image

MAX_PROFILE_BYTES: Final = 4096
"""Of a colour profile that is put into each picture of a page: those of cameras and of usual colour spaces have 0.5 to 4 kB."""

Integers = NDArray[np.uint8] | NDArray[np.uint16]


def as_integers(image: Image, bit_depth: int) -> Integers:
    """Round to the full range of 8 or 16 bit; values outside [0, 1] are clipped."""
    highest, kind = (255.0, cv2.CV_8U) if bit_depth == 8 else (65535.0, cv2.CV_16U)  # noqa: PLR2004  bits are bits
    # The one OpenCV call that scales, rounds and clips at once, whatever the number of channels.
    return cast("Integers", cv2.addWeighted(image, highest, image, 0, 0, dtype=kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenColour:
    """How the values of a composite become those of its file."""

    icc: bytes | None = None
    """Profile of the file; None where nothing is known, as of its frames."""
    space: ColourSpace | None = None
    is_gray: bool = False
    stored: LinearValues | None = None
    """Brings values back to linear light, where that is how frames were stored."""
    source: bytes | None = None
    """Profile to convert from, None where values stay what they are."""

    def integers(self, image: Image, bit_depth: int) -> Integers:
        """Turn display-encoded float32 (H, W, 3) into what the file holds: (H, W, 3), or (H, W) of gray.

        A file in the colours of its frames costs nothing but the rounding; otherwise rows are converted block by block.
        """
        if self.source is None and self.stored is None:
            # The three channels of gray are one.
            return as_integers(np.ascontiguousarray(image[..., 1]) if self.is_gray else image, bit_depth)
        height, width, channels = image.shape
        dtype = np.dtype(np.uint8 if bit_depth == 8 else np.uint16)  # noqa: PLR2004
        result = np.empty((height, width, 1 if self.is_gray else channels), dtype)

        def work(rows: slice) -> None:
            result[rows] = self._block(image[rows], dtype)

        in_blocks(image.shape, work)
        return cast("Integers", result[..., 0] if self.is_gray else result)

    def _block(self, image: Image, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
        block: NDArray[np.generic] = as_integers(image, 16)
        if self.stored is not None:
            block = self.stored.decoding[block]
        if self.source is not None and self.icc is not None:
            block = converted_block(cast("NDArray[np.uint16]", block), self.source, self.icc)
        block = block[..., :1] if self.is_gray else block
        return as_depth(block, dtype)


def written_colour(colour: Colour, wanted: ColourSpace | None) -> WrittenColour:
    """Tell how a composite is written in the colours of its frames, or in those that are `wanted`. Gray stays gray."""
    stored = LinearValues(colour.icc) if colour.is_linear and colour.icc is not None else None
    if wanted is None:
        return WrittenColour(icc=colour.icc, space=colour.space, is_gray=colour.is_gray, stored=stored)
    target = (gray_profile_of if colour.is_gray else profile_of)(wanted)
    source = _meant(colour)
    return WrittenColour(
        icc=target,
        space=None if colour.is_gray else wanted,
        is_gray=colour.is_gray,
        stored=stored,
        source=None if same_colours(source, target) else source,
    )


def for_screens(colour: Colour) -> tuple[bytes, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]:
    """Tell what profile a small picture for the browser carries, and how its 8-bit RGB values are brought there.

    They stay as they are where the profile of the stack is short enough to be carried by every picture, or where there is none;
    else they become sRGB.
    """
    if colour.icc is None:
        return b"", _unchanged
    if not colour.is_linear:
        if not colour.is_gray and len(colour.icc) <= MAX_PROFILE_BYTES:
            return colour.icc, _unchanged
        if same_colours(colour.icc, profile_of(ColourSpace.SRGB)):
            return b"", _unchanged
    source, stored = colour.icc, LinearValues(colour.icc) if colour.is_linear else None

    def to_srgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        values: Integers = pixels if stored is None else stored.decoding[pixels.astype(np.uint16) * np.uint16(257)]
        return cast(
            "NDArray[np.uint8]", as_depth(converted_block(values, source, profile_of(ColourSpace.SRGB)), np.dtype(np.uint8))
        )

    return b"", to_srgb


def _unchanged(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels


def _meant(colour: Colour) -> bytes:
    if colour.icc is not None:
        return colour.icc
    return (gray_profile_of if colour.is_gray else profile_of)(ColourSpace.SRGB)
