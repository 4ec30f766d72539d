"""What a frame looks like in a few kilobytes: enough to tell the subject and where it is sharp."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContentSignature:
    """A frame reduced to what grouping needs of its pixels.

    Depends on the file's content alone, so it can be kept for as long as the fingerprint stays the same.
    """

    thumbnail: NDArray[np.float32]
    """Low-passed luminance, shape (H, W), range [0, 1]: soft enough that a change of focus hardly shows."""
    sharpness: NDArray[np.float32]
    """Natural logarithm of the fine detail in each tile, shape (rows, columns); comparable between frames of one stack only."""
    brightness: float
    """Mean luminance, 0–1, display-encoded."""


_SIDE_BYTES = 2
_HEADER_BYTES = 4 * _SIDE_BYTES + 4


def pack(content: ContentSignature) -> bytes:
    """Write a signature as a few kilobytes for a cache."""
    sides = (*content.thumbnail.shape, *content.sharpness.shape)
    header = b"".join(side.to_bytes(_SIDE_BYTES, "little") for side in sides) + np.float32(content.brightness).tobytes()
    return header + content.thumbnail.astype("<f4").tobytes() + content.sharpness.astype("<f4").tobytes()


def unpack(packed: bytes) -> ContentSignature | None:
    """Read a signature back; None when the bytes are not those of `pack`."""
    if len(packed) < _HEADER_BYTES:
        return None
    sides = [int.from_bytes(packed[i : i + _SIDE_BYTES], "little") for i in range(0, 4 * _SIDE_BYTES, _SIDE_BYTES)]
    values = np.frombuffer(packed, dtype="<f4", offset=4 * _SIDE_BYTES) if len(packed) % 4 == 0 else np.empty(0, np.float32)
    thumbnail_size, sharpness_size = sides[0] * sides[1], sides[2] * sides[3]
    if len(values) != 1 + thumbnail_size + sharpness_size:
        return None
    return ContentSignature(
        thumbnail=values[1 : 1 + thumbnail_size].reshape(sides[0], sides[1]).astype(np.float32),
        sharpness=values[1 + thumbnail_size :].reshape(sides[2], sides[3]).astype(np.float32),
        brightness=float(values[0]),
    )
