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
    detail: NDArray[np.int8]
    """Fine structure with local contrast evened out, a square grid over the whole picture: what is sharp where, in any tones.

    Tells files of one exposure from the next exposure; all zero where the picture is smaller than the grid.
    """
    brightness: float
    """Mean luminance, 0–1, display-encoded."""
