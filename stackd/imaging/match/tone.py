"""Match the tones of frames by curves, where a camera changed more than the exposure from frame to frame.

Phones and cameras with automatic tone mapping lift shadows and hold highlights as they see fit, frame by frame. No factor on
linear light undoes that. Here cells that lie over each other are compared by their histograms: the darkest of one with the
darkest of the other, and so on. Only even cells take part, which focus leaves alone; the histogram of whole frames changes with
focus.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.colour import encode_srgb
from stackd.imaging.ground.frames import Progress, Step, Steps, ignore_progress
from stackd.imaging.ground.linked import NormalEquations
from stackd.imaging.ground.matrices import inverse
from stackd.imaging.match.brightness import HOPS, LEAST_CELLS, Brightness, Gain, compared_cells, reached
from stackd.model.pixels import Matrix

KNOTS = tuple(knot / 10 for knot in range(11))
"""Display values between which a curve is straight; tone curves of cameras bend no more than that (guess)."""

QUANTILES = np.linspace(0.01, 0.99, 30)
"""Places in both histograms that are laid over one another: the outermost hundredths are outliers (guess)."""

EVENEST_SHARE = 0.5
"""Share of cells that are compared, the evenest: where brightness changes steeply, focus carries light across (guess)."""

STIFFNESS = 0.5
"""Weight of a straight course of the change against one compared quantile: it fills tones that no cell shows. More follows
drifting tones less well, less bends where focus alone changed (measured: 0.3 and 1 differ by half a dB, one way or the other)."""

LARGEST_CHANGE = 0.25
"""Display values; frames that differ more are different exposures, and matching them would amplify noise."""

STEADY = 0.002
"""Display value that nobody sees: half a step of 255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneCurve:
    """What red, green and blue become at `KNOTS`, display-encoded; never falling."""

    red: tuple[float, ...]
    green: tuple[float, ...]
    blue: tuple[float, ...]

    @property
    def channels(self) -> tuple[tuple[float, ...], ...]:
        """Red, green, blue."""
        return (self.red, self.green, self.blue)

    @property
    def is_one(self) -> bool:
        """Whether applying it changes nothing."""
        return self.channels == (KNOTS, KNOTS, KNOTS)

    def for_all(self) -> "ToneCurve":
        """The same curve for all channels, their mean: brightness is matched, white balance is not."""
        mean = tuple(np.mean(self.channels, axis=0).tolist())
        return ToneCurve(red=mean, green=mean, blue=mean)

    def without_brightness(self) -> "ToneCurve":
        """What the channels change beyond their mean: white balance is matched, brightness is not."""
        return _curve(np.asarray(self.channels) - np.mean(self.channels, axis=0))


def match_tones(
    brightness: Mapping[int, Brightness],
    matrices: Sequence[Matrix | None],
    reference: int,
    *,
    progress: Progress = ignore_progress,
) -> list[Gain | ToneCurve]:
    """Find the curves that give every frame of a stack the tones of the reference.

    All frames are compared with neighbours at the distances that gains are compared over, and all curves are found together: what
    two cells that show the same become must be the same.

    Parameters
    ----------
    brightness : mapping of position to Brightness
        Of the frames that take part.
    matrices : sequence of ndarray of float64, shape (3, 3), or None
        Frame → reference px, one a frame; None for frames left out.
    reference : int
        Position of the frame whose tones all take on.
    progress : Progress
        Told after every frame.

    Returns
    -------
    list of Gain or ToneCurve
        One a frame; a gain of one for the reference, for frames that cannot be compared, and for all when nobody would see a
        difference.
    """
    placed = [(i, matrix) for i, matrix in enumerate(matrices) if matrix is not None and i in brightness]
    links = list(_links(brightness, placed, Steps(progress, "match", len(placed))))
    together = reached([(link.other, link.moving) for link in links], reference)
    order = {frame: number for number, frame in enumerate(sorted(together - {reference}))}
    changes = [_solved([link for link in links if link.moving in together], order, channel) for channel in range(3)]
    if not order or np.abs(changes).max() < STEADY:
        return [Gain() for _ in matrices]
    return [
        _curve(np.stack([change[order[frame]] for change in changes]))
        if frame in order
        else Gain(reason="" if frame == reference else "No neighbour could be compared; its tones are kept.")
        for frame in range(len(matrices))
    ]


def apply_curve(values: NDArray[np.floating], curve: Sequence[float]) -> NDArray[np.float32]:
    """Look display-encoded values up in one channel of a `ToneCurve`."""
    return np.asarray(np.interp(values, KNOTS, curve), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Link:
    """Display values that show the same in two frames, float64 (quantiles, 3)."""

    other: int
    moving: int
    others: NDArray[np.float64]
    movings: NDArray[np.float64]


def _links(brightness: Mapping[int, Brightness], placed: Sequence[tuple[int, Matrix]], step: Step) -> Iterator[_Link]:
    for far, (moving, moving_matrix) in enumerate(placed):
        for hop in HOPS:
            if hop > far:
                break
            other, other_matrix = placed[far - hop]
            target, laid, evenness = compared_cells(brightness[other], brightness[moving], inverse(other_matrix) @ moving_matrix)
            if len(evenness) < LEAST_CELLS:
                continue
            even = evenness >= np.quantile(evenness, 1 - EVENEST_SHARE)
            values = [
                np.asarray(np.quantile(encode_srgb(cells[even]), QUANTILES, axis=0), np.float64) for cells in (target, laid)
            ]
            if np.abs(values[0] - values[1]).max() <= LARGEST_CHANGE:
                yield _Link(other=other, moving=moving, others=values[0], movings=values[1])
        step()


def _solved(links: Sequence[_Link], order: Mapping[int, int], channel: int) -> NDArray[np.float64]:
    """Find the change of each frame at each knot, shape (frames, knots); that of the reference is none."""
    inner = len(KNOTS) - 2  # black stays black and white white
    equations = NormalEquations(len(order), inner)
    for link in links:
        others, movings = link.others[:, channel], link.movings[:, channel]
        # moving + its change = other + its change
        sides = ((link.moving, _hats(movings)), (link.other, -_hats(others)))
        parts = {order[frame]: weights[:, 1:-1] for frame, weights in sides if frame in order}
        if parts:
            equations.add(parts, others - movings)
    straight = STIFFNESS * (2 * np.eye(inner) - np.eye(inner, k=1) - np.eye(inner, k=-1))
    for number in order.values():
        equations.add({number: straight}, np.zeros(inner))
    changes = np.zeros((len(order), len(KNOTS)))
    changes[:, 1:-1] = equations.solve()[0]
    return changes


def _hats(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each knot counts at each value, shape (values, knots)."""
    return np.asarray(np.maximum(1 - np.abs(values[:, None] - np.asarray(KNOTS)) * (len(KNOTS) - 1), 0), np.float64)


def _curve(changes: NDArray[np.float64]) -> ToneCurve:
    red, green, blue = (tuple(np.maximum.accumulate(np.clip(KNOTS + change, 0, 1)).tolist()) for change in changes)
    return ToneCurve(red=red, green=green, blue=blue)
