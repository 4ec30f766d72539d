"""When is a stack complete? At once when its count is known, else when arrivals have been quiet for long enough."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median_low

from stackd.intake.grouping.candidates import CandidateStack
from stackd.intake.settings import IntakeSettings
from stackd.intake.shot import WEAK_TIME_SOURCES
from stackd.model.frame import Frame
from stackd.model.stack import SealReason

QUIET_INTERVALS = 4.0
"""Arrival intervals without a frame after which the next would have come, even with two frames missing (a guess)."""


INTERVALS_OF_A_RHYTHM = 2
"""One interval is none: it may be the time that a single late frame took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """The stack can be sealed now."""

    reason: SealReason
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitUntil:
    """More frames may come."""

    at_s: float
    """Monotonic time at which to ask again; infinity when only another event (a frame, a marker) can change the answer."""
    sentence: str


def when_complete(
    candidate: CandidateStack,
    arrivals_s: Mapping[str, float],
    now_s: float,
    settings: IntakeSettings,
    *,
    folder_arrivals_s: Mapping[str, float] | None = None,
    is_done_marked: bool = False,
    is_still_arriving: bool = False,
    is_followed: bool = False,
) -> Complete | WaitUntil:
    """Decide whether a stack takes more frames.

    Parameters
    ----------
    candidate : CandidateStack
        As `group` gave it for everything that has arrived.
    arrivals_s : mapping of str to float
        Frame path → monotonic time at which it was first seen. Frames without an entry count as having arrived long ago.
    now_s : float
        Monotonic.
    settings : IntakeSettings
    folder_arrivals_s : mapping of str to float, optional
        The same for every frame of the stack's folder, other stacks' frames included: those that came since the stack's first
        frame set the rhythm of arrival, and a frame that comes for one stack shows that its neighbours may still get some,
        because exporters write in parallel.
    is_done_marked : bool
        A `.done` file lies in the stack's folder.
    is_still_arriving : bool
        A file in the stack's folder is growing, being written or not settled, or bears a temporary name.
    is_followed : bool
        A frame of a later group has arrived, and so far everything arrived in order of capture (see `is_followed_in_order`):
        nothing more is likely to come for this stack, half the quiet time since its own last frame is enough.
    """
    count = len(candidate.frames)
    if candidate.missing:
        names = ", ".join(candidate.missing[:3]) + (" …" if len(candidate.missing) > 3 else "")  # noqa: PLR2004
        waiting = f"waits for {len(candidate.missing)} frames that the manifest names ({names})"
        return _wait_at_most(candidate, arrivals_s, now_s, settings, waiting)
    if candidate.expected_count is not None and candidate.expected_count_is_exact and count >= candidate.expected_count:
        reason = SealReason.MANIFEST if candidate.decided_by is SealReason.MANIFEST else SealReason.COUNT
        return Complete(reason=reason, sentence=f"all {candidate.expected_count} announced frames have arrived")
    if is_done_marked and not is_still_arriving:
        return Complete(reason=SealReason.FOLDER, sentence="the .done file says that all frames have arrived")
    if candidate.expected_count is not None and not candidate.expected_count_is_exact and count >= candidate.expected_count:
        return Complete(reason=SealReason.COUNT, sentence=f"the camera took all {candidate.expected_count} frames it was set to")
    if candidate.expected_count is not None and candidate.expected_count_is_exact:
        waiting = f"waits for {candidate.expected_count - count} more of {candidate.expected_count} announced frames"
        return _wait_at_most(candidate, arrivals_s, now_s, settings, waiting)

    own_s = [arrivals_s[frame.path] for frame in candidate.frames if frame.path in arrivals_s]
    first_s = min(own_s, default=float("-inf"))
    # What came before the stack's first frame says nothing about its rhythm.
    around_s = [at_s for at_s in (arrivals_s if folder_arrivals_s is None else folder_arrivals_s).values() if at_s >= first_s]
    quiet_s = quiet_time_s(around_s, settings)
    last_s = max(around_s, default=float("-inf"))
    if is_followed:
        quiet_s, last_s = quiet_s / 2.0, max(own_s, default=float("-inf"))
    oldest_s = first_s + settings.max_wait_s
    if now_s >= last_s + quiet_s and not is_still_arriving:
        return Complete(reason=SealReason.GAP, sentence=f"no new frame came for {quiet_s:.0f} seconds")
    if now_s >= oldest_s:
        minutes = settings.max_wait_s / 60.0
        return Complete(reason=SealReason.GAP, sentence=f"its first frame came {minutes:.0f} minutes ago, the most it may wait")
    if is_still_arriving:
        return WaitUntil(at_s=oldest_s, sentence="waits for files that are still being written")
    return WaitUntil(at_s=min(last_s + quiet_s, oldest_s), sentence=f"waits until no new frame came for {quiet_s:.0f} seconds")


def is_followed_in_order(candidate: CandidateStack, others: Iterable[Frame], arrivals_s: Mapping[str, float]) -> bool:
    """Tell whether a later group has begun to arrive while everything came in order of capture so far.

    Only moments that the camera wrote count; a frame without one proves nothing, and then the answer is no.

    Parameters
    ----------
    candidate : CandidateStack
    others : iterable of Frame
        All other frames of the folder.
    arrivals_s : mapping of str to float
        Frame path → monotonic time at which it arrived.
    """
    own = [_moment(frame) for frame in candidate.frames]
    last = max((moment for moment in own if moment is not None), default=None)
    first_s = min((arrivals_s[frame.path] for frame in candidate.frames if frame.path in arrivals_s), default=float("inf"))
    around = [frame for frame in (*candidate.frames, *others) if arrivals_s.get(frame.path, float("-inf")) >= first_s]
    moments = [(arrivals_s[frame.path], moment) for frame in around if (moment := _moment(frame)) is not None]
    if last is None or len(moments) < len(around):
        return False
    by_arrival = [(at_s, min(group), max(group)) for at_s, group in _grouped(moments)]
    in_order = all(earlier[2] <= later[1] for earlier, later in pairwise(by_arrival))
    return in_order and max(moment for _, moment in moments) > last


def _grouped(moments: Iterable[tuple[float, datetime]]) -> list[tuple[float, list[datetime]]]:
    """Gather what one look found: within it there is no order."""
    found: dict[float, list[datetime]] = {}
    for at_s, moment in moments:
        found.setdefault(at_s, []).append(moment)
    return sorted(found.items())


def _moment(frame: Frame) -> datetime | None:
    return None if frame.meta.sources.get("captured_at") in WEAK_TIME_SOURCES else frame.meta.captured_at


def quiet_time_s(arrivals_s: Iterable[float], settings: IntakeSettings) -> float:
    """Say how long nothing must arrive before a stack counts as complete: four arrival intervals, within the configured bounds.

    Arrival, not capture: a slow network or an exporter that takes half a minute a frame sets the rhythm.
    """
    # Frames found by one look came together: an exporter that writes four at once every minute has the rhythm of a minute.
    times_s = sorted(set(arrivals_s))
    intervals_s = [later - earlier for earlier, later in pairwise(times_s)]
    if len(intervals_s) < INTERVALS_OF_A_RHYTHM:
        return settings.quiet_s
    # Of two middle ones the shorter: a few frames at once and one that came late are no slow rhythm.
    return min(max(QUIET_INTERVALS * median_low(intervals_s), settings.quiet_s), max(settings.max_quiet_s, settings.quiet_s))


def _wait_at_most(
    candidate: CandidateStack, arrivals_s: Mapping[str, float], now_s: float, settings: IntakeSettings, waiting: str
) -> Complete | WaitUntil:
    """Wait for announced frames, but not for ever: after `max_wait_s` without any the stack is taken as it is."""
    last_s = max((arrivals_s[frame.path] for frame in candidate.frames if frame.path in arrivals_s), default=float("-inf"))
    limit_s = last_s + settings.max_wait_s
    if now_s < limit_s:
        return WaitUntil(at_s=limit_s, sentence=waiting)
    return Complete(reason=SealReason.GAP, sentence=f"it {waiting}, but none came for {settings.max_wait_s / 60.0:.0f} minutes")
