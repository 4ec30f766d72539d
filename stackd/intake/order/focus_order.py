"""The frames of a stack near → far: from distances or counted steps, else in order of capture, unless the pictures contradict."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stackd.intake.evidence import sharpness
from stackd.intake.order import pictures
from stackd.intake.shot import FocusScale, Shot, focus_scale

MONOTONE_SHARE = 0.8
"""Share of the moving steps that must go one way for capture order to be kept (turned round when it goes far → near); and of the
frames that a mended order must leave in order of capture for that to be an order at all."""

STRONG_STEPS = 3.0
"""So many usual steps a change of capture order must gain. Under right names none gains more than 1.7 (15 real
stacks, 64 rendered with noise up to ISO 6400, gaps, walkers and unsteady hands). From 2 to 6 no right name is overruled, and of
frames named wrong between 85 and 89 in 100 are put right."""

VERY_STRONG_STEPS = 9.0
"""The same where frames take part that show nothing sharp: their blur alone tells which end they lie beyond. Right names gain
2.9 at most on the same stacks; a stack whose frames of the near end were numbered beyond the far one gains 27."""

CONTRADICTED_SHARE = 0.5
"""Where the pictures' own order leaves less than this share of the contradiction, capture order as a whole is wrong. On the same
stacks right names leave 0.63 and more of anything worth mentioning, shuffled ones below 0.38 in 99 of 100 cases."""

FEWEST_TO_CONTRADICT = 5
"""With fewer frames many an order is as good as another."""


def near_to_far(shots: Sequence[Shot]) -> tuple[Shot, ...]:
    """Order the frames of one stack from near to far.

    Capture order is finer than most focus distances, which repeat for several frames: where the two agree, capture order stands
    and the distances only tell its direction. Where the camera stepped to both sides in turn, the steps decide. Without distances
    the pictures are asked, where they have been looked at: they can contradict capture order, and stand in for it where there is
    none. Where nothing tells the direction, the first frame counts as nearest: cameras and people mostly begin in front.

    Parameters
    ----------
    shots : sequence of Shot
        In order of capture.
    """
    if focus_is_known(shots):
        return _by_focus(shots)
    matrix = sharpness.sharpness_matrix(shots)
    if matrix is None:
        return tuple(shots)
    if not capture_is_known(shots):
        return _by_pictures(shots, matrix)
    return tuple(shots) if len(shots) < FEWEST_TO_CONTRADICT else _by_capture(shots, matrix)


def focus_is_known(shots: Sequence[Shot]) -> bool:
    """Tell whether distances or counted steps of all frames are known, and differ."""
    scale = focus_scale(shots)
    positions = {scale.at(shot) for shot in shots}
    return None not in positions and len(positions) > 1


def capture_is_known(shots: Sequence[Shot]) -> bool:
    """Tell whether anything but the alphabet orders the frames."""
    return any(shot.time_s is not None or shot.number is not None for shot in shots)


def is_suspicious(shots: Sequence[Shot]) -> bool:
    """Tell whether a few frames, in order of capture, have any better order by their pictures: reason to look at all of them."""
    matrix = sharpness.sharpness_matrix(shots)
    if matrix is None:
        return False
    shown = list(pictures.picture_order(matrix).places)
    return shown not in (list(range(len(shots))), list(reversed(range(len(shots)))))


def _by_focus(shots: Sequence[Shot]) -> tuple[Shot, ...]:
    scale: FocusScale = focus_scale(shots)
    positions = [position for shot in shots if (position := scale.at(shot)) is not None]
    steps = [b - a for a, b in pairwise(positions) if abs(b - a) > 0.5 * scale.quantum]
    outward = sum(step > 0 for step in steps)
    if steps and max(outward, len(steps) - outward) >= MONOTONE_SHARE * len(steps):
        return tuple(shots) if outward * 2 > len(steps) else tuple(reversed(shots))
    ranked = sorted(range(len(shots)), key=lambda index: (positions[index], index))
    return tuple(shots[index] for index in ranked)


def _by_pictures(shots: Sequence[Shot], matrix: NDArray[np.float64]) -> tuple[Shot, ...]:
    ranked = pictures.picture_order(matrix).places
    backwards = shots[ranked[-1]].sort_key < shots[ranked[0]].sort_key
    return tuple(shots[index] for index in (reversed(ranked) if backwards else ranked))


def _by_capture(shots: Sequence[Shot], matrix: NDArray[np.float64]) -> tuple[Shot, ...]:
    """Keep capture order but for what the pictures contradict strongly; frames that show nothing sharp contradict nothing."""
    shown = pictures.picture_order(matrix)
    risen = pictures.rises(matrix)
    captured = sorted(shown.sharp)
    by_pictures = _as_captured(shown.sharp_places)
    against, left = (pictures.contradiction(risen[order]) for order in (captured, by_pictures))
    if left < CONTRADICTED_SHARE * against and against - left > sharpness.MOVED:
        kept = by_pictures
    else:
        strong = max(STRONG_STEPS * pictures.usual_step(risen[by_pictures]), pictures.LEAST_GAIN)
        kept = _as_captured(pictures.mended(risen, captured, least_gain=strong))
    if kept == captured:
        everything = list(range(len(shots)))
        gain = pictures.contradiction(risen) - pictures.contradiction(risen[list(shown.places)])
        sure = gain >= max(VERY_STRONG_STEPS * pictures.usual_step(risen[list(shown.places)]), pictures.LEAST_GAIN)
        return tuple(shots[index] for index in (_as_captured(shown.places) if sure else everything))
    in_order = longest_rise(kept)
    if len(in_order) < max(FEWEST_TO_CONTRADICT, MONOTONE_SHARE * len(kept)):
        # Shuffled, or there and back: order of capture says nothing, not even where the frames belong that show nothing sharp.
        return tuple(shots[index] for index in _as_captured(shown.places))
    return tuple(shots[index] for index in _with_the_rest(kept, in_order, len(shots)))


def _as_captured(ranked: Sequence[int]) -> list[int]:
    """Turn an order round where that agrees more with capture: which end is near, the pictures cannot tell."""
    places = np.argsort(np.argsort(ranked)) - (len(ranked) - 1) / 2
    return list(ranked) if float(places @ np.arange(len(ranked))) >= 0 else list(reversed(ranked))


def _with_the_rest(kept: Sequence[int], in_order: Sequence[int], count: int) -> list[int]:
    """Put the frames that show nothing sharp behind the frame they were captured after, among those still in order of capture."""
    rest = sorted(set(range(count)) - set(kept))
    anchors = [-1, *in_order]
    behind: dict[int, list[int]] = {anchor: [] for anchor in anchors}
    for frame in rest:
        behind[anchors[bisect_left(anchors, frame) - 1]].append(frame)
    merged: list[int] = behind[-1]
    waiting: list[int] = []
    for frame in kept:
        # Frames moved in between stay beside those that are sharp where they are.
        if frame in behind:
            merged = [*merged, *waiting]
            waiting = behind[frame]
        merged = [*merged, frame]
    return [*merged, *waiting]


def longest_rise(numbers: Sequence[int]) -> list[int]:
    """Pick as many numbers as can be, in the order given, that grow."""
    ends: list[int] = []  # ends[k]: the place of the least number that k others lead up to
    least: list[int] = []  # that number
    led_by: list[int] = []
    for place, number in enumerate(numbers):
        length = bisect_left(least, number)
        led_by.append(ends[length - 1] if length else -1)
        ends[length : length + 1], least[length : length + 1] = [place], [number]
    picked: list[int] = []
    place = ends[-1] if ends else -1
    while place >= 0:
        picked.append(numbers[place])
        place = led_by[place]
    return picked[::-1]
