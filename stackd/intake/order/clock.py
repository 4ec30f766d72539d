"""A camera's clock that was set while a stack was shot: counters go on over a jump of time, and focus does too."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Final

from stackd.intake.evidence import continuity, counter
from stackd.intake.settings import GroupingSettings
from stackd.intake.shot import Shot, focus_scale

QUARTER_S: Final = 900.0
"""Summer time and time zones move a clock by whole quarters of an hour, and by days."""

UNSURE_S: Final = 5.0
"""How far a jump forward may be from whole quarters, beside the beat of shooting (a guess)."""

BACKWARD_S: Final = 2.0
"""Time that runs back by less may be files written out of order, or whole seconds."""

STEPS_A_SETTING: Final = 10
"""A clock is set at most once in so many frames, beside the first time (a guess)."""

AROUND: Final = 8
"""Frames on each side of a jump that tell rhythm and focus."""


def with_one_clock(shots: Sequence[Shot], settings: GroupingSettings) -> list[Shot]:
    """Give frames the times of one clock where it was set within a run.

    Time that runs back while the camera's counter goes on proves that the clock was set; a jump forward by whole quarters of an
    hour may come of it. In both cases focus has to go straight on over the jump, as the camera or the pictures tell; then all
    later frames are moved to the time at which they must have been taken.

    Parameters
    ----------
    shots : sequence of Shot
        Of one camera body and picture size, with the counters of their names.
    """
    by_series: dict[str, list[Shot]] = defaultdict(list)
    for shot in shots:
        if shot.time_s is not None and shot.number is not None:
            by_series[shot.series].append(shot)
    moved: dict[tuple[str, int | None], float] = {}
    for members in by_series.values():
        counts = Counter(shot.number for shot in members)
        if len(members) < continuity.FEWEST_SIDES or max(counts.values()) > 1:
            continue
        for shot, shift_s in _shifts(sorted(members, key=lambda each: each.number or 0), settings):
            moved[shot.path, shot.frame.page] = shift_s
    if not moved:
        return list(shots)
    return [
        shot
        if shot.time_s is None or (shot.path, shot.frame.page) not in moved
        else replace(shot, time_s=shot.time_s + moved[shot.path, shot.frame.page])
        for shot in shots
    ]


def _shifts(counted: Sequence[Shot], settings: GroupingSettings) -> list[tuple[Shot, float]]:
    """Find by how much each frame's time is to be moved."""
    steps_s = [_time(b) - _time(a) for a, b in pairwise(counted)]
    found: list[tuple[Shot, float]] = []
    shift_s = 0.0
    if sum(_runs_back(step_s, counted[0].resolution_s) for step_s in steps_s) > max(1, len(steps_s) // STEPS_A_SETTING):
        # Somebody renamed the frames: nobody sets a clock so often.
        return []
    for index, shot in enumerate(counted):
        if index and _is_jump(counted, steps_s, index, settings):
            shift_s += _beat_s(steps_s, index, settings) - steps_s[index - 1]
        if shift_s:
            found.append((shot, shift_s))
    return found


def _is_jump(counted: Sequence[Shot], steps_s: Sequence[float], index: int, settings: GroupingSettings) -> bool:
    """Tell whether the clock was set between two frames that follow each other by number."""
    step_s = steps_s[index - 1]
    backward = _runs_back(step_s, counted[index].resolution_s)
    if not backward and step_s <= settings.max_gap_s:
        return False
    if counter.step(counted[index - 1], counted[index]) != 1:
        return False
    beat_s = _beat_s(steps_s, index, settings)
    off_s = (step_s - beat_s) % QUARTER_S
    if not backward and min(off_s, QUARTER_S - off_s) > UNSURE_S + beat_s:
        return False
    left, right = _row_before(counted, steps_s, index, settings), _row_behind(counted, steps_s, index, settings)
    return continuity.goes_on(left, right, focus_scale([*left, *right]))


def _runs_back(step_s: float, resolution_s: float) -> bool:
    return step_s < -max(BACKWARD_S, resolution_s)


def _row_before(counted: Sequence[Shot], steps_s: Sequence[float], index: int, settings: GroupingSettings) -> list[Shot]:
    """Frames before the jump that were shot in one go."""
    start = index - 1
    while start > 0 and index - start < AROUND and 0.0 <= steps_s[start - 1] <= settings.max_gap_s:
        start -= 1
    return list(counted[start:index])


def _row_behind(counted: Sequence[Shot], steps_s: Sequence[float], index: int, settings: GroupingSettings) -> list[Shot]:
    stop = index + 1
    while stop < len(counted) and stop - index < AROUND and 0.0 <= steps_s[stop - 1] <= settings.max_gap_s:
        stop += 1
    return list(counted[index:stop])


def _beat_s(steps_s: Sequence[float], index: int, settings: GroupingSettings) -> float:
    """Usual time from frame to frame around a jump."""
    around = [*steps_s[max(index - 1 - AROUND, 0) : index - 1], *steps_s[index : index + AROUND]]
    usual = [step_s for step_s in around if 0.0 <= step_s <= settings.max_gap_s]
    return median(usual) if usual else 0.0


def _time(shot: Shot) -> float:
    return 0.0 if shot.time_s is None else shot.time_s
