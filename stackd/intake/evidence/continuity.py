"""Does focus go straight on over a doubtful place, or does it begin anew there? Asked of a clock that jumps and of blank frames.

Where focus goes on, the frame behind the place is more like the last one before it than like any earlier one, the other way
round too, and none of those that follow has its like further back. A second stack of the subject begins like the first; one shot
backwards finds the partner of every frame further and further back.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from stackd.intake.evidence import content, sharpness
from stackd.intake.evidence import settings as camera_settings
from stackd.intake.shot import FocusScale, Shot, focus_scale

REACH = 8
"""Frames on each side that are compared: more than a stack takes to change its looks."""

WITNESSES = 3
"""Frames on each side that must not have a partner further off …"""

PARTNER_SHARE = 0.5
"""… one from which they differ at most this much of what they differ from the nearest: at one focus frames differ by noise."""

FEWEST_SIDES = 3
"""Frames on both sides together that can tell an order."""

MOST_STEPS = 3.0
"""In usual steps: how far focus may go over the place for each frame that is missing there."""

SAME_SUBJECT_FROM = content.DIFFERENT_BELOW


def goes_on(left: Sequence[Shot], right: Sequence[Shot], scale: FocusScale, *, missing: int = 0) -> bool:
    """Tell whether focus goes straight on from one row of frames to the next.

    Parameters
    ----------
    left, right : sequence of Shot
        Frames before and behind the place, in order of capture; nothing but the place parts them.
    scale : FocusScale
        Of the whole sequence.
    missing : int
        Frames between the two that show nothing.
    """
    if not left or not right or len(left) + len(right) < FEWEST_SIDES:
        return False
    before, after = left[-REACH:], right[:REACH]
    first, second = before[-1], after[0]
    if camera_settings.framing_verdict(first, second) or camera_settings.exposure_verdict(first, second):
        return False
    alike = content.look_alike(first, second)
    if alike is not None and alike.correlation < SAME_SUBJECT_FROM:
        return False
    counted = _counted_steps_go_on(before, after, scale, missing)
    return _pictures_go_on(before, after) if counted is None else counted


def are_one_subject_at_several_focus(shots: Sequence[Shot]) -> bool:
    """Tell whether a few frames show one subject, framed and exposed alike, each focused elsewhere."""
    scale = focus_scale(shots)
    for first, second in pairwise(shots):
        alike = content.look_alike(first, second)
        if alike is None or alike.correlation < content.SAME_FROM:
            return False
        if camera_settings.framing_verdict(first, second) or camera_settings.exposure_verdict(first, second):
            return False
        places = scale.at(first), scale.at(second)
        moved = places[0] is not None and places[1] is not None and abs(places[1] - places[0]) > scale.quantum * 0.5
        matrix = sharpness.sharpness_matrix([first, second])
        if not moved and (matrix is None or sharpness.distance(matrix[0], matrix[1]) < sharpness.MOVED):
            return False
    return True


def _counted_steps_go_on(left: Sequence[Shot], right: Sequence[Shot], scale: FocusScale, missing: int) -> bool | None:
    """Ask the camera's own focus positions; None where they do not move or are not known."""
    places = [[scale.at(shot) for shot in side] for side in (left, right)]
    known = [[place for place in side if place is not None] for side in places]
    if len(known[0]) < len(left) or len(known[1]) < len(right):
        return None
    steps = [b - a for side in known for a, b in pairwise(side)]
    moving = [step for step in steps if abs(step) > scale.quantum * 0.5]
    if not moving or len(moving) < 0.5 * len(steps):
        return None
    direction = 1.0 if sum(moving) > 0 else -1.0
    if any(step * direction < 0.0 for step in moving):
        return False
    over = (known[1][0] - known[0][-1]) * direction
    return bool(0.0 <= over <= MOST_STEPS * (missing + 1) * median(abs(step) for step in moving))


def _pictures_go_on(left: Sequence[Shot], right: Sequence[Shot]) -> bool:
    vectors = [[content.detail_vector(shot.content, shot.frame.meta.orientation) for shot in side] for side in (left, right)]
    one = [vector for vector in vectors[0] if vector is not None]
    two = [vector for vector in vectors[1] if vector is not None]
    if len(one) < len(left) or len(two) < len(right):
        return False
    alike: NDArray[np.float32] = np.stack(one) @ np.stack(two).T
    if alike[:, 0].argmax() != len(left) - 1 or alike[-1].argmax() != 0:
        return False
    unlike = 1.0 - alike
    behind, ahead = unlike[:, :WITNESSES], unlike[-WITNESSES:]
    return bool(
        (behind.min(axis=0) >= PARTNER_SHARE * behind[-1]).all() and (ahead.min(axis=1) >= PARTNER_SHARE * ahead[:, 0]).all()
    )
