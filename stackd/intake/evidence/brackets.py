"""Exposure brackets: frames that step through exposures, alone or at every focus step of a stack."""

from collections.abc import Sequence
from itertools import pairwise

from stackd.intake.evidence.verdict import Evidence
from stackd.intake.shot import Shot, exposure_difference_ev
from stackd.model.frame import BracketKind

BRACKET_STEP_EV = 0.6
"""Smallest step that is a decision: cameras bracket by 0.7 EV and more, or by 0.3 EV which automatic exposure does too."""

SAME_EV = 0.34
"""Exposures within a third of a stop are the same setting."""

MAX_PERIOD = 9
"""Longest exposure bracket cameras offer."""

MIN_LEVELS = 3
MIN_ALTERNATIONS = 4


def bracketed(shots: Sequence[Shot], joined: Sequence[bool]) -> list[bool]:
    """Mark the frames that are part of an exposure bracket.

    Parameters
    ----------
    shots : sequence of Shot
        In order of capture.
    joined : sequence of bool
        For every pair of neighbours, whether nothing but their exposure could part them.
    """
    marked = [False] * len(shots)
    start = 0
    for index in range(len(shots)):
        is_last = index == len(shots) - 1
        if not is_last and joined[index] and _steps(shots[index], shots[index + 1]):
            continue
        if _is_bracket(shots[start : index + 1]):
            marked[start : index + 1] = [True] * (index + 1 - start)
        start = index + 1
    return marked


def period(shots: Sequence[Shot]) -> int | None:
    """Find after how many frames the exposures repeat; None when they do not."""
    levels = levels_ev(shots)
    if levels is None:
        return None
    for candidate in range(2, min(MAX_PERIOD, len(levels) // 2) + 1):
        repeats = all(abs(levels[i] - levels[i + candidate]) <= SAME_EV for i in range(len(levels) - candidate))
        cycle = levels[:candidate]
        if repeats and max(cycle) - min(cycle) >= BRACKET_STEP_EV:
            return candidate
    return None


def levels_ev(shots: Sequence[Shot]) -> list[float] | None:
    """Give the exposure of every frame in stops relative to the first; None when one is unknown."""
    levels = [0.0]
    for first, second in pairwise(shots):
        difference_ev = exposure_difference_ev(first, second)
        if difference_ev is None:
            return None
        levels.append(levels[-1] + difference_ev)
    return levels


def run_evidence(shots: Sequence[Shot]) -> Evidence | None:
    """Say whether a run is an exposure bracket."""
    if is_exposure_bracket(shots):
        levels = levels_ev(shots)
        span = "" if levels is None else f" over {max(levels) - min(levels):.1f} stops"
        return Evidence(points=-6.0, sentence=f"the exposure steps from frame to frame{span}: an exposure bracket")
    return None


def is_exposure_bracket(shots: Sequence[Shot]) -> bool:
    """Tell whether all frames of a run step through exposures, by their settings or by the camera's own word."""
    if len(shots) < 2:  # noqa: PLR2004
        return False
    if all(shot.frame.meta.bracket_kind is BracketKind.EXPOSURE for shot in shots):
        return True
    return all(_steps(a, b) for a, b in pairwise(shots)) and _is_bracket(shots)


def _steps(first: Shot, second: Shot) -> bool:
    difference_ev = exposure_difference_ev(first, second)
    return difference_ev is not None and abs(difference_ev) >= BRACKET_STEP_EV


def _is_bracket(shots: Sequence[Shot]) -> bool:
    levels = levels_ev(shots)
    if levels is None or len(shots) < MIN_LEVELS:
        return False
    distinct = 1 + sum(b - a > SAME_EV for a, b in pairwise(sorted(levels)))
    return distinct >= MIN_LEVELS or (distinct == 2 and len(shots) > MIN_ALTERNATIONS)  # noqa: PLR2004
