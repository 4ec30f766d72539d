"""Bring pixels from one ICC profile to another by LittleCMS: relative colorimetric with black point compensation, 16 bit.

LittleCMS, left to itself, replaces a transform of 16-bit values by a coarse table: up to 1200 of 65,535 steps off, measured from
sRGB to Adobe RGB. Told not to, it is exact to a step or two. For 8-bit values it has an exact shortcut of its own.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Final, cast

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from stackd.adapters.colour.spaces import linear_profile
from stackd.imaging.ground.colour import decode_srgb, encode_srgb
from stackd.model.pixels import Pixels

RELATIVE_COLORIMETRIC: Final = 1
BLACK_POINT_COMPENSATION: Final = 0x2000
EXACT: Final = 0x0100
"""lcms2: cmsFLAGS_NOOPTIMIZE."""
GRAY_SIGNATURE: Final = b"GRAY"
SPACE: Final = slice(16, 20)
"""Where an ICC profile tells what its values are."""
MATRIX_TAG: Final = b"rXYZ"
TABLE_TAG: Final = b"A2B0"
TAG_TABLE: Final = slice(128, 2048)
BLOCK_PIXELS: Final = 1 << 19
"""Converted at once: 3 MB in and out, which caches hold, and far more than setting a transform up costs."""
THREADS: Final = 2
LEVELS: Final = 65_536


def is_gray_profile(icc: bytes) -> bool:
    """Whether a profile is one of gray values."""
    return icc[SPACE] == GRAY_SIGNATURE


def transformed(values: NDArray[np.generic], source: bytes, target: bytes, *, dtype: type[np.generic]) -> NDArray[np.generic]:
    """Transform (H, W) gray or (H, W, 3) RGB values, as the profiles are.

    Raises
    ------
    RuntimeError
        If a profile cannot be used for such values.
    """
    exact = values.dtype != np.uint8 or not (_is_matrix(source) and _is_matrix(target))
    return cast(
        "NDArray[np.generic]",
        imagecodecs.cms_transform(
            values,
            source,
            target,
            colorspace="gray" if is_gray_profile(source) else "rgb",
            outcolorspace="gray" if is_gray_profile(target) else "rgb",
            outdtype=dtype,
            intent=RELATIVE_COLORIMETRIC,
            flags=BLACK_POINT_COMPENSATION | (EXACT if exact else 0),
        ),
    )


def _is_matrix(icc: bytes) -> bool:
    tags = icc[TAG_TABLE]
    return MATRIX_TAG in tags and TABLE_TAG not in tags


@dataclass(frozen=True)
class LinearValues:
    """Values of a profile that is linear in light, or nearly, and the same encoded by the sRGB curve."""

    icc: bytes

    @cached_property
    def encoding(self) -> NDArray[np.uint16]:
        """Encoded value of every stored one, both 0–65535."""
        return np.rint(encode_srgb(np.clip(light_of(self.icc), 0, 1)) * (LEVELS - 1)).astype(np.uint16)

    @cached_property
    def decoding(self) -> NDArray[np.uint16]:
        """Stored value of every encoded one, both 0–65535."""
        light = np.maximum.accumulate(light_of(self.icc))
        wanted = decode_srgb(np.arange(LEVELS) / (LEVELS - 1))
        return np.rint(np.interp(wanted, light, np.arange(LEVELS))).astype(np.uint16)


def light_of(icc: bytes) -> NDArray[np.float64]:
    """Light of every gray of a profile, stored as 0–65535: relative to white."""
    ramp = np.linspace(0, 1, LEVELS, dtype=np.float32)[None]
    values = ramp if is_gray_profile(icc) else np.repeat(ramp[..., None], 3, axis=2)
    light = transformed(values, icc, linear_profile(is_gray=True), dtype=np.float32)
    return np.asarray(light, np.float64).ravel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How stored pixels of one frame become those of its stack.

    Both steps may be left out: from the frame's profile to the stack's, and from linear values to encoded ones.
    """

    source: bytes | None = None
    target: bytes | None = None
    encode: LinearValues | None = None

    def __call__(self, pixels: Pixels) -> Pixels:
        """Convert RGB (H, W, 3), or gray three times, to 16 bit. The argument is left as it is."""
        converted = np.empty(pixels.shape, np.uint16)
        in_blocks(pixels.shape, lambda rows: _put(converted, rows, self._block(pixels[rows])))
        return converted

    def _block(self, pixels: Pixels) -> NDArray[np.generic]:
        block: NDArray[np.generic] = pixels
        if self.source is not None and self.target is not None:
            block = converted_block(pixels, self.source, self.target)
        elif pixels.dtype == np.uint8:
            block = pixels * np.uint16(257)
        return block if self.encode is None else self.encode.encoding[block]


def converted_block(pixels: Pixels, source: bytes, target: bytes) -> NDArray[np.generic]:
    """Transform RGB (H, W, 3), or gray three times, to uint16: (H, W, 1) where the target is gray."""
    values = np.ascontiguousarray(pixels[..., 1]) if is_gray_profile(source) else np.ascontiguousarray(pixels)
    result = transformed(values, source, target, dtype=np.uint16)
    return result.reshape(*pixels.shape[:2], -1)


def as_depth(values: NDArray[np.generic], dtype: np.dtype[np.generic]) -> Pixels:
    """Round 16 bit to 8 where that is the type wanted."""
    if dtype == np.uint16:
        return np.asarray(values, np.uint16)
    return np.asarray(np.rint(np.multiply(values, np.float32(1 / 257))), np.uint8)


def in_blocks(shape: tuple[int, ...], work: Callable[[slice], None]) -> None:
    """Work through an image in blocks of rows, on two threads; each block's memory is gone when it is done."""
    blocks = list(_blocks(shape))
    if len(blocks) == 1:
        work(blocks[0])
        return
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in threads.map(work, blocks):
            pass


def _put(whole: NDArray[np.uint16], rows: slice, block: NDArray[np.generic]) -> None:
    # Gray is spread over the three channels by itself.
    whole[rows] = block


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    rows = max(BLOCK_PIXELS // max(shape[1], 1), 1)
    for start in range(0, max(shape[0], 1), rows):
        yield slice(start, min(start + rows, shape[0]))
