"""Frames that did not come out: so much darker or brighter than the frames around them that no gain would bring them back."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from stackd.imaging.match.brightness import LARGEST_GAIN, Brightness

AROUND: Final = 6
"""Nearest frames that a frame is compared with: two in a row may fail while a flash recharges, and are outvoted."""

LEAST_FRAMES: Final = 4
"""Of fewer nobody can say which one failed."""


def misfires(brightness: Mapping[int, Brightness], used: Sequence[int]) -> dict[int, str]:
    """Find frames that differ from those around them by more than matching would even out.

    Parameters
    ----------
    brightness : mapping of int to Brightness
        By frame.
    used : sequence of int
        Frames that fit together, in order.

    Returns
    -------
    dict of int to str
        Frames that failed, and why they are left out, in words.
    """
    if len(used) < LEAST_FRAMES:
        return {}
    stops = np.array([_stops(brightness[position]) for position in used])
    found = {}
    for place, position in enumerate(used):
        nearest = sorted(range(len(used)), key=lambda other: abs(other - place))[1 : AROUND + 1]
        difference = stops[place] - float(np.median(stops[nearest]))
        if abs(difference) > np.log2(LARGEST_GAIN):
            kind = "darker" if difference < 0 else "brighter"
            found[position] = (
                f"It is {abs(difference):.1f} stops {kind} than the frames around it: a flash did not fire, or fired twice,"
                " or something came before the lens."
            )
    return found


def _stops(brightness: Brightness) -> float:
    """Mean linear light of a frame, in stops below white."""
    return float(np.log2(max(float(brightness.cells.mean()), float(np.finfo(np.float32).tiny))))
