"""Frames that stand out of turn: where detail would go the shorter way if one of them stood elsewhere.

From frame to frame detail comes and goes a little. So the stack is a path through the space of all cells' detail, and a frame out
of turn is a detour. Taking it out shortens the path, and where it belongs it hardly lengthens it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackd.imaging.judge.cells import Cells

CELLS_ASKED: Final = 400
"""Cells with texture, evenly spread: more say the same."""
FEWEST_CELLS: Final = 12
"""Fewer say little of an order."""
FEWEST_FRAMES: Final = 5
"""Of fewer frames each is as far from the others."""
SAVED_STEPS: Final = 1.0
"""Usual steps of the path that moving a frame must save: one place aside saves about one, two places three. Right orders of
thirteen real stacks and ten rendered ones save 0.6 at most (measured)."""
FITS_STEPS: Final = 1.25
"""Usual steps by which the path may grow where a frame is put: none in the stack, one at its ends. A shaken one fits nowhere."""
MOST_SHARE: Final = 0.25
"""Of the frames that are moved at most: if more are out of turn, it is the order that is not known."""


def in_turn(cells: Cells) -> tuple[int, ...]:
    """Find the order in which no frame stands far out of turn.

    Parameters
    ----------
    cells : Cells
        Detail of all frames, in the order they are thought to have.

    Returns
    -------
    tuple of int
        Places as they were, in the order they should have: 0, 1, 2, … where nothing is out of turn, or too much to tell.
    """
    count = len(cells.energy)
    as_it_is = tuple(range(count))
    textured = np.flatnonzero(cells.textured)
    if count < FEWEST_FRAMES or textured.size < FEWEST_CELLS:
        return as_it_is
    asked = textured[np.unique(np.linspace(0, textured.size - 1, min(CELLS_ASKED, textured.size)).astype(int))]
    apart = _distances(cells.log_energy.reshape(count, -1)[:, asked])
    usual = _usual_step(apart)
    order = list(as_it_is)
    for _ in range(int(MOST_SHARE * count) + 1):
        saved, place, target = _best_move(apart, order, fits=FITS_STEPS * usual)
        if saved < SAVED_STEPS * usual:
            return tuple(order)
        frame = order.pop(place)
        order.insert(target, frame)
    return as_it_is


def _distances(detail: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean absolute difference of every two frames."""
    return np.stack([np.abs(detail - one).mean(axis=1, dtype=np.float64) for one in detail])


def _usual_step(apart: NDArray[np.float64]) -> float:
    """Tell how far a frame is from the one most like it: about a step, whatever the order."""
    return float(np.median(np.sort(apart, axis=1)[:, 1]))


def _best_move(apart: NDArray[np.float64], order: Sequence[int], *, fits: float) -> tuple[float, int, int]:
    """Find the move of one frame that shortens the path most: what it saves, from which place, and to which of the others.

    Where a frame is put it must fit: the path may grow by no more than `fits`.
    """
    best = (0.0, 0, 0)
    for place, frame in enumerate(order):
        rest = np.asarray([*order[:place], *order[place + 1 :]])
        steps = apart[rest[:-1], rest[1:]]
        before, after = apart[rest[:-1], frame], apart[rest[1:], frame]
        # At either end a frame costs the way to the end alone.
        costs = np.concatenate([[apart[rest[0], frame]], before + after - steps, [apart[rest[-1], frame]]])
        saved = float(costs[place] - costs.min())
        if saved > best[0] and costs.min() <= fits:
            best = (saved, place, int(costs.argmin()))
    return best
