"""Time: a pause in the rhythm of shooting parts two stacks. The rhythm is taken from the frames themselves, never assumed."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from stackd.intake.evidence.verdict import Evidence, Link, Verdict
from stackd.intake.settings import GroupingSettings
from stackd.intake.shot import Shot

LEFT_GAPS = 6
RIGHT_GAPS = 4
"""Gaps that make a rhythm: enough for a median, few enough to follow a photographer who slows down."""

MIN_GAPS = 2

IRREGULAR_MAD = 0.35
"""A rhythm is regular when the median deviation from the median gap is at most this share of it …"""
SHORTEST_RHYTHM_S = 0.3
"""… where shorter gaps count as this: a burst jitters by its shutter and buffer."""

PAUSE_FACTOR = 3.0
"""A gap of more than three beats is a pause: one or two deleted frames leave two or three."""

SHORTEST_PAUSE_S = 2.0
"""A shorter wait is never a pause: cameras write, focus and fire flashes."""

LONG_PAUSE_FACTOR = 10.0
"""After ten beats even the same picture is another stack: so many frames are not deleted from the middle of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """The time between two neighbours beside the rhythm around them."""

    gap_s: float
    threshold_s: float
    beat_s: float | None
    """The shorter of the rhythms before and after; None when neither is regular."""

    @property
    def is_pause(self) -> bool:
        """Whether the gap breaks the rhythm."""
        return self.gap_s > self.threshold_s

    @property
    def is_long(self) -> bool:
        """Whether the gap is far beyond a few missing frames."""
        return self.beat_s is not None and self.gap_s > max(LONG_PAUSE_FACTOR * self.beat_s, SHORTEST_PAUSE_S)


def gap_s(first: Shot, second: Shot) -> float | None:
    """Time from the end of one exposure to the start of the next; None when a moment is unknown."""
    if first.time_s is None or second.time_s is None:
        return None
    return max(second.time_s - first.time_s - first.exposure_s, 0.0)


def beat_s(gaps_s: Sequence[float]) -> float | None:
    """Find the rhythm in some gaps; None when they are too few or too uneven."""
    if len(gaps_s) < MIN_GAPS:
        return None
    middle = median(gaps_s)
    deviation = median(abs(gap - middle) for gap in gaps_s)
    return middle if deviation <= IRREGULAR_MAD * max(middle, SHORTEST_RHYTHM_S) else None


def pause(
    gap: float, left_gaps_s: Sequence[float], right_gaps_s: Sequence[float], resolution_s: float, settings: GroupingSettings
) -> Pause:
    """Hold a gap against the rhythm before and after it."""
    beats = [beat for beat in (beat_s(left_gaps_s[-LEFT_GAPS:]), beat_s(right_gaps_s[:RIGHT_GAPS])) if beat is not None]
    coarse_s = 2.0 * resolution_s if resolution_s >= 1.0 else 0.0
    if beats:
        threshold = max(SHORTEST_PAUSE_S, coarse_s, PAUSE_FACTOR * min(beats) + resolution_s)
    else:
        threshold = max(settings.gap_s, coarse_s)
    return Pause(gap_s=gap, threshold_s=threshold, beat_s=min(beats, default=None))


def neighbours_verdict(found: Pause | None, settings: GroupingSettings) -> Verdict | None:
    """Cut at a pause, softly where the pictures may know better."""
    if found is None:
        return None
    if found.gap_s > settings.max_gap_s:
        return Verdict(link=Link.CUT, because=f"the next frame was taken {in_words(found.gap_s)} later")
    if not found.is_pause:
        return None
    rhythm = "" if found.beat_s is None else f", while the frames around it are {in_words(found.beat_s)} apart"
    return Verdict(link=Link.SOFT_CUT, because=f"the next frame was taken {in_words(found.gap_s)} later{rhythm}")


def run_evidence(gaps_s: Sequence[float | None]) -> Evidence | None:
    """Say whether a run was shot in one rhythm."""
    known = [gap for gap in gaps_s if gap is not None]
    if len(known) < MIN_GAPS or len(known) < len(gaps_s):
        return None
    beat = beat_s(known)
    if beat is None:
        return Evidence(points=0.0, sentence=f"the frames were taken {in_words(min(known))} to {in_words(max(known))} apart")
    return Evidence(points=1.0, sentence=f"the frames were taken in one rhythm, {in_words(beat)} apart")


def in_words(seconds: float) -> str:
    """Write a duration as a photographer would."""
    if seconds < 9.95:  # noqa: PLR2004  one decimal up to ten seconds
        return f"{seconds:.1f} s"
    if seconds < 120.0:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    if seconds < 7200.0:  # noqa: PLR2004
        return f"{seconds / 60.0:.0f} min"
    if seconds < 172800.0:  # noqa: PLR2004
        return f"{seconds / 3600.0:.0f} h"
    return f"{seconds / 86400.0:.0f} days"
