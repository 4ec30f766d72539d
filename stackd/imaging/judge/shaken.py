"""Frames that are less sharp than both their neighbours, in some direction.

Sharpness rises to one peak from frame to frame and falls again; and so does the sharpness of slopes in any one direction, since
a lens blurs alike in all of them. A hand that moves smears along one, and leaves what lies across: by detail of all directions
5 px of smear in a stack of fine steps look no worse than the focus of the frames beside.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackd.imaging.judge.cells import FLOOR_PERCENTILE, LEAST_ENERGY, Cells
from stackd.model.composite import Noticed, Severity

Plane = NDArray[np.float32]

DIRECTIONS: Final = 8
"""Asked, evenly over half a turn."""
DIP: Final = 0.5
"""Natural logarithm of energy by which a frame's slopes are weaker than both its neighbours'."""
DIP_SHARE: Final = 0.55
"""Of the cells sharpest there or next to it that must show the dip. Twenty rendered stacks without a fault have up to 0.44,
fourteen real ones up to 0.1, twelve with 5 px of smear 0.66 to 1 (measured, seeds from 700000 and 810000)."""
FEWEST_CELLS: Final = 8
"""Cells in focus in a frame that can speak for it."""


def dips(cells: Cells) -> list[float]:
    """Tell of every frame in which share of the cells sharpest there or next to it both neighbours are sharper; 0 at ends.

    Parameters
    ----------
    cells : Cells
        Detail of all frames, near → far.

    Returns
    -------
    list of float
        One a frame, for the direction in which it is most.
    """
    best = cells.energy.argmax(axis=0)
    found = [0.0] * len(cells.energy)
    near = [cells.textured & (np.abs(best - place) <= 1) for place in range(len(found))]
    for log in _along(cells.slopes):
        for place in range(1, len(log) - 1):
            dip = near[place] & (log[place] < np.minimum(log[place - 1], log[place + 1]) - DIP)
            if dip.sum() >= FEWEST_CELLS:
                found[place] = max(found[place], float(dip.sum() / near[place].sum()))
    return found


def shaken(shares: Sequence[float], positions: Sequence[int]) -> Iterator[Noticed]:
    """Tell of frames that were shaken.

    Parameters
    ----------
    shares : sequence of float
        What `dips` gave.
    positions : sequence of int
        What the frames that took part are called by.
    """
    for place, share in enumerate(shares):
        if share > DIP_SHARE:
            yield Noticed(
                code="frame-shaken",
                severity=Severity.WARNING,
                sentence=(
                    "{0} is less sharp than the frames before and after it: the camera moved while it was taken, or it missed"
                    " its focus. Wait longer between frames, or use an electronic shutter."
                ),
                positions=(positions[place],),
            )


def _along(slopes: Plane) -> Iterator[Plane]:
    """Give for each direction the natural logarithm of slopes' energy along it, without that of grain, shape (N, h, w)."""
    across, down, both = (slopes[..., channel] for channel in range(3))
    floor = np.percentile((across + down).min(axis=0), FLOOR_PERCENTILE) / 2 if slopes.size else 0.0
    for angle in np.pi * np.arange(DIRECTIONS) / DIRECTIONS:
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        energy = cosine**2 * across + sine**2 * down + 2 * sine * cosine * both
        bare = np.maximum(energy - np.float32(floor), 0) + np.float32(floor / 2 + LEAST_ENERGY / 100)
        yield np.asarray(np.log(bare), np.float32)
