"""The frames of a stack near → far: from distances or counted steps, else sequence, else time, else the pictures."""

from collections.abc import Sequence
from itertools import pairwise

from stackd.intake.evidence import sharpness
from stackd.intake.shot import FocusScale, Shot, focus_scale

MONOTONE_SHARE = 0.8
"""Share of the moving steps that must go one way for capture order to be kept (turned round when it goes far → near)."""


def near_to_far(shots: Sequence[Shot]) -> tuple[Shot, ...]:
    """Order the frames of one stack from near to far.

    Capture order is finer than most focus distances, which repeat for several frames: where the two agree, capture order stands
    and the distances only tell its direction. Where the camera stepped to both sides in turn, the steps decide. Where nothing
    tells the direction, the first frame counts as nearest: cameras and people mostly begin in front.

    Parameters
    ----------
    shots : sequence of Shot
        In order of capture.
    """
    scale = focus_scale(shots)
    positions = [scale.at(shot) for shot in shots]
    known = [position for position in positions if position is not None]
    if len(known) == len(shots) and len(set(known)) > 1:
        return _by_focus(shots, known, scale)
    if all(shot.time_s is None and shot.number is None for shot in shots):
        return _by_pictures(shots)
    return tuple(shots)


def _by_focus(shots: Sequence[Shot], positions: Sequence[float], scale: FocusScale) -> tuple[Shot, ...]:
    steps = [b - a for a, b in pairwise(positions) if abs(b - a) > 0.5 * scale.quantum]
    outward = sum(step > 0 for step in steps)
    if steps and max(outward, len(steps) - outward) >= MONOTONE_SHARE * len(steps):
        return tuple(shots) if outward * 2 > len(steps) else tuple(reversed(shots))
    ranked = sorted(range(len(shots)), key=lambda index: (positions[index], index))
    return tuple(shots[index] for index in ranked)


def _by_pictures(shots: Sequence[Shot]) -> tuple[Shot, ...]:
    matrix = sharpness.sharpness_matrix(shots)
    if matrix is None:
        return tuple(shots)
    scores = sharpness.principal_order(matrix)
    # The sign of a pattern is arbitrary: begin with the frame whose name comes first of the two ends.
    ranked = sorted(range(len(shots)), key=lambda index: (float(scores[index]), shots[index].sort_key))
    if shots[ranked[-1]].sort_key < shots[ranked[0]].sort_key:
        ranked.reverse()
    return tuple(shots[index] for index in ranked)
