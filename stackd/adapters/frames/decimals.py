"""Bring decimal (floating-point) values to integers of 16 bit: 0 is black, 1 is white."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackd.errors import UnreadableFrame
from stackd.model.names import shown

MOST_BEYOND: Final = 0.5
"""Share of values above white, or below black, from which they must be on another scale: 0 to 255, counts of photons … A picture
that is mostly burnt out would be of no use either."""

WHITE: Final = 65_535

Tell = Callable[[float], None]
"""Called with the share of values that were above white and are now clipped, 0–1."""


def tell_nobody(share: float) -> None:
    """Stand in where nobody asks what was clipped."""


def decimals_to_integers(values: NDArray[np.generic], path: Path, tell: Tell = tell_nobody) -> NDArray[np.uint16]:
    """Round to 16 bit, and clip what is beyond black and white.

    White is 1 for every frame alike: a scale found for each would make frames of one stack differ.

    Raises
    ------
    UnreadableFrame
        If values are no numbers, or most of them lie outside 0 to 1.
    """
    decimals = values.astype(np.float32, copy=False)
    low, high = float(decimals.min()), float(decimals.max())
    if not np.isfinite(low + high):
        raise UnreadableFrame(
            f"{shown(path.name)} holds values that are no numbers (NaN or infinity).",
            hint="Export it as RGB with 8 or 16 bit, or leave it out.",
        )
    beyond = _share(decimals > 1) if high > 1 else 0.0
    if max(beyond, _share(decimals < 0) if low < 0 else 0.0) > MOST_BEYOND:
        raise UnreadableFrame(
            f"{shown(path.name)} holds decimal values from {low:g} to {high:g}, most of them outside 0 to 1: black is 0 and white"
            " is 1 here.",
            hint="Scale it to 0 to 1, or export it with 16 bit.",
        )
    tell(beyond)
    return np.asarray(np.rint(np.clip(decimals, 0, 1) * np.float32(WHITE)), np.uint16)


def _share(mask: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(mask) / max(mask.size, 1))
