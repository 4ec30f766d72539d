"""The frames of a stack near → far: from distances or counted steps, else in order of capture, unless the pictures contradict."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from stackd.intake.evidence import sharpness
from stackd.intake.shot import FocusScale, Shot, focus_scale

MONOTONE_SHARE = 0.8
"""Share of the moving steps that must go one way for capture order to be kept (turned round when it goes far → near)."""

DETOUR = 1.25
"""Where sharpness wanders this many times as far in order of capture as it needs to, that is not the order of focus. Real and
rendered stacks reach 1.09; a random order of seven frames is hardly ever below 1.3."""

SUSPECT_DETOUR = 1.01
"""Where a few frames are compared to see whether a look at all is worth it, the least detour is reason enough."""

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
    return tuple(shots) if not pictures_contradict(shots) else _by_pictures(shots)


def focus_is_known(shots: Sequence[Shot]) -> bool:
    """Tell whether distances or counted steps of all frames are known, and differ."""
    scale = focus_scale(shots)
    positions = {scale.at(shot) for shot in shots}
    return None not in positions and len(positions) > 1


def capture_is_known(shots: Sequence[Shot]) -> bool:
    """Tell whether anything but the alphabet orders the frames."""
    return any(shot.time_s is not None or shot.number is not None for shot in shots)


def pictures_contradict(shots: Sequence[Shot], *, detour: float = DETOUR) -> bool:
    """Tell whether sharpness shows that the order of the frames is not that of focus; no where nobody looked at them."""
    matrix = sharpness.sharpness_matrix(shots)
    if matrix is None:
        return False
    if not capture_is_known(shots):
        return True
    shortest = sharpness.path_length(matrix[sharpness.shortest_path(matrix)])
    return len(shots) >= FEWEST_TO_CONTRADICT and sharpness.path_length(matrix) > detour * shortest


def _by_focus(shots: Sequence[Shot]) -> tuple[Shot, ...]:
    scale: FocusScale = focus_scale(shots)
    positions = [position for shot in shots if (position := scale.at(shot)) is not None]
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
    ranked = [int(index) for index in sharpness.shortest_path(matrix)]
    if capture_is_known(shots):
        # Which end is near, the pictures cannot tell: the direction that agrees more with capture.
        backwards = float(np.dot(np.argsort(ranked) - (len(ranked) - 1) / 2, np.arange(len(ranked)))) < 0
    else:
        backwards = shots[ranked[-1]].sort_key < shots[ranked[0]].sort_key
    return tuple(shots[index] for index in (reversed(ranked) if backwards else ranked))
