"""The order that pictures show: as focus passes through a subject, every place in it gets sharper and then softer, once.

What gets sharper twice speaks against an order. A frame before or behind all of the subject is softer everywhere than its
neighbour: at the end of an order it says nothing against it, in the middle it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackd.intake.evidence.sharpness import STRONG, principal_order

FAINT = 2.3
"""Natural logarithm: a place whose detail is never a tenth as strong as that of the strongest is not looked at. Out of focus, the
soft halo of an edge makes more detail on an empty background than the background has itself."""

LEAST_GAIN = 1e-9
"""A better order has to be so much better: rounding must not go in circles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOrder:
    """The frames as their pictures order them; which end is near, pictures cannot tell."""

    places: tuple[int, ...]
    """Places of all frames in the order given."""
    sharp: frozenset[int]
    """Those from the first to the last that has something sharpest. The others lie beyond both ends of the subject, as far as
    can be seen: they show nothing sharp."""

    @property
    def sharp_places(self) -> tuple[int, ...]:
        """The frames that show something sharp, in their order."""
        return tuple(place for place in self.places if place in self.sharp)


def rises(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Prepare log sharpness for the functions below: how far each place is above its softest frame, weighed.

    A place counts by how much focus changes it; all together make a mean. Sums over places are thus changes of detail, natural
    logarithm, as in `sharpness`.

    Parameters
    ----------
    matrix : ndarray of float64, shape (frames, places)
        From `sharpness_matrix`.

    Returns
    -------
    ndarray of float64, shape (frames, places)
        0 where a place is softest.
    """
    above = matrix - matrix.min(axis=0)
    ranges = above.max(axis=0)
    total = float(ranges.sum())
    return np.asarray(above * (ranges / total if total > 0.0 else ranges), np.float64)


def contradiction(risen: NDArray[np.float64]) -> float:
    """Add up what gets sharper more than once through the rows as they lie: 0 for an order without contradiction."""
    once = 2.0 * risen.max(axis=0) - risen[0] - risen[-1]
    return float(np.abs(np.diff(risen, axis=0)).sum() - once.sum())


def usual_step(risen: NDArray[np.float64]) -> float:
    """Tell how much neighbouring rows usually differ."""
    return float(np.median(np.abs(np.diff(risen, axis=0)).sum(axis=1))) if len(risen) > 1 else 0.0


def picture_order(matrix: NDArray[np.float64]) -> PictureOrder:
    """Order frames so that pictures contradict the order least.

    Starts from the order given or from the strongest pattern of sharpness, whichever is contradicted less, and mends it (see
    `mended`).

    Parameters
    ----------
    matrix : ndarray of float64, shape (frames, places)
        From `sharpness_matrix`.
    """
    risen = rises(matrix)
    starts = np.arange(len(matrix)), np.argsort(principal_order(matrix), kind="stable")
    places = mended(risen, min(starts, key=lambda order: contradiction(risen[order])), least_gain=LEAST_GAIN)
    most = matrix.max(axis=0)
    telling = (most - matrix.min(axis=0) >= STRONG) & (most >= most.max() - FAINT)
    sharpest = set(matrix[:, telling].argmax(axis=0).tolist())
    at = [index for index, place in enumerate(places) if place in sharpest]
    # Without two frames that differ in what they show best there is no inside and no beyond.
    within = places[at[0] : at[-1] + 1] if len(at) > 1 else places
    return PictureOrder(places=places, sharp=frozenset(within))


def mended(risen: NDArray[np.float64], order: Sequence[int] | NDArray[np.intp], *, least_gain: float) -> tuple[int, ...]:
    """Turn round parts of an order and move single frames while each such change takes away enough of what contradicts it.

    Each round makes the best change (2-opt and Or-opt [1]_).

    Parameters
    ----------
    risen : ndarray of float64, shape (frames, places)
        From `rises`.
    order : sequence of int
        Rows of `risen`, not necessarily all of them.
    least_gain : float
        What a change has to take away, as `contradiction` counts; above 0.

    References
    ----------
    .. [1] Croes, "A method for solving traveling-salesman problems", Operations Research 6 (1958); Or, thesis, 1976.
    """
    rows = risen[np.asarray(order, np.intp)]
    count = len(rows)
    # A picture without anything sharp closes the order to a ring: that is where every place has to rise from and fall to.
    costs = np.zeros((count + 1, count + 1))
    costs[:count, :count] = [np.abs(rows - row).sum(axis=1) for row in rows]
    costs[count, :count] = costs[:count, count] = rows.sum(axis=1)
    ring = np.arange(count + 1)
    while (better := _better_ring(costs, ring, least_gain)) is not None:
        ring = better
    opened = np.roll(ring, -1 - int(np.flatnonzero(ring == count)[0]))[:count]
    return tuple(int(order[place]) for place in opened)


def _better_ring(costs: NDArray[np.float64], ring: NDArray[np.intp], least_gain: float) -> NDArray[np.intp] | None:
    """Make the one change that makes a ring cheapest; None when none gains enough."""
    before, after = np.roll(ring, 1), np.roll(ring, -1)
    count = len(ring)
    first, last = np.triu_indices(count, 1)
    kept = (last - first) < count - 1  # turning round everything, or everything but one, changes nothing
    first, last = first[kept], last[kept]
    turned = costs[before[first], ring[last]] + costs[ring[first], after[last]]
    turned -= costs[before[first], ring[first]] + costs[ring[last], after[last]]
    # Row: what is moved; column: the place it is moved behind.
    moved = costs[ring[:, None], ring[None]] + costs[ring[:, None], after[None]] - costs[ring, after][None]
    moved += (costs[before, after] - costs[before, ring] - costs[ring, after])[:, None]
    places = np.arange(count)
    moved[places, places] = moved[places, places - 1] = np.inf
    best_turn = int(np.argmin(turned)) if turned.size else -1
    what, behind = np.unravel_index(int(np.argmin(moved)), moved.shape)
    if turned.size and turned[best_turn] < min(-least_gain, float(moved[what, behind])):
        part = slice(first[best_turn], last[best_turn] + 1)
        better = ring.copy()
        better[part] = ring[part][::-1]
        return better
    if moved[what, behind] < -least_gain:
        rest = np.delete(ring, what)
        return np.insert(rest, int(behind) + (0 if behind > what else 1), ring[what])
    return None
