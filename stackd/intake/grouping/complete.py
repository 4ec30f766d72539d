"""When is a stack complete? At once when its count is known, else when arrivals have been quiet for long enough."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

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
    around: "Arrivals | None" = None,
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
    around : Arrivals, optional
        Every frame of the stack's folder, other stacks' frames included: those that came since the stack's first frame set the
        rhythm of arrival, and a frame that comes for one stack shows that its neighbours may still get some, because exporters
        write in parallel. Of the stack's own frames alone where it is left out.
    is_done_marked : bool
        A `.done` file lies in the stack's folder.
    is_still_arriving : bool
        A file in the stack's folder is growing, being written or not settled, or bears a temporary name.
    is_followed : bool
        A frame of a later group has arrived, and so far everything arrived in order of capture (see `Arrivals.is_followed`):
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
    around = Arrivals(arrivals_s) if around is None else around
    quiet_s, last_s = around.quiet_time_s(first_s, settings), around.last_s(first_s)
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


def _wait_at_most(
    candidate: CandidateStack, arrivals_s: Mapping[str, float], now_s: float, settings: IntakeSettings, waiting: str
) -> Complete | WaitUntil:
    """Wait for announced frames, but not for ever: after `max_wait_s` without any the stack is taken as it is."""
    last_s = max((arrivals_s[frame.path] for frame in candidate.frames if frame.path in arrivals_s), default=float("-inf"))
    limit_s = last_s + settings.max_wait_s
    if now_s < limit_s:
        return WaitUntil(at_s=limit_s, sentence=waiting)
    return Complete(reason=SealReason.GAP, sentence=f"it {waiting}, but none came for {settings.max_wait_s / 60.0:.0f} minutes")


# ------------------------------------------------- rhythm and order of arrival


class Arrivals:
    """When the frames of some folders arrived. What came before a stack's first frame says nothing about it.

    Preparing takes about as long as sorting; every question after it is one search.

    Parameters
    ----------
    arrivals_s : mapping of str to float
        Frame path → monotonic time at which it arrived.
    frames : iterable of Frame
        Those of them that are sorted into stacks, singles included; order of capture is told by them.
    """

    def __init__(self, arrivals_s: Mapping[str, float], frames: Iterable[Frame] = ()) -> None:
        # Frames found by one look came together: an exporter that writes four at once every minute has the rhythm of a minute.
        self._times_s = sorted(set(arrivals_s.values()))
        self._beats_s: list[float | None] | None = None
        self._order = _Order(arrivals_s, frames)

    def quiet_time_s(self, first_s: float, settings: IntakeSettings) -> float:
        """Say how long nothing must arrive before a stack counts as complete that began at `first_s`.

        Four arrival intervals since then, within the configured bounds. Arrival, not capture: a slow network or an exporter that
        takes half a minute a frame sets the rhythm.
        """
        if self._beats_s is None:
            self._beats_s = _beats_s(self._times_s)
        index = bisect_left(self._times_s, first_s)
        beat_s = self._beats_s[index] if index < len(self._beats_s) else None
        if beat_s is None:
            return settings.quiet_s
        return min(max(QUIET_INTERVALS * beat_s, settings.quiet_s), max(settings.max_quiet_s, settings.quiet_s))

    def last_s(self, first_s: float) -> float:
        """Say when the last file arrived, from `first_s` on; minus infinity when none did."""
        return self._times_s[-1] if self._times_s and self._times_s[-1] >= first_s else float("-inf")

    def is_followed(self, frames: Iterable[Frame], first_s: float) -> bool:
        """Tell whether a later group than these frames has begun to arrive, while everything came in order of capture so far.

        Only moments that the camera wrote count; a frame without one proves nothing, and then the answer is no.
        """
        last = max((moment for frame in frames if (moment := _moment(frame)) is not None), default=None)
        return last is not None and self._order.goes_beyond(last, first_s)


class _Order:
    """Whether frames arrived as they were captured: for every arrival, whether all from it on did, and how far they go."""

    def __init__(self, arrivals_s: Mapping[str, float], frames: Iterable[Frame]) -> None:
        found: dict[float, list[datetime | None]] = {}
        for frame in frames:
            at_s = arrivals_s.get(frame.path)
            if at_s is not None:
                found.setdefault(at_s, []).append(_moment(frame))
        self._times_s = sorted(found)
        self._latest: list[datetime | None] = [None] * len(self._times_s)
        """From each arrival on: the latest moment; none where something is out of order or has no moment."""
        later: tuple[datetime, datetime] | None = None
        for index in reversed(range(len(self._times_s))):
            # Within what one look found there is no order.
            moments = [moment for moment in found[self._times_s[index]] if moment is not None]
            if len(moments) < len(found[self._times_s[index]]) or (later is not None and max(moments) > later[0]):
                break
            later = (min(moments), max(moments) if later is None else later[1])
            self._latest[index] = later[1]

    def goes_beyond(self, moment: datetime, first_s: float) -> bool:
        index = bisect_left(self._times_s, first_s)
        latest = self._latest[index] if index < len(self._latest) else None
        return latest is not None and latest > moment


def _beats_s(times_s: list[float]) -> list[float | None]:
    """Give the median interval from each time on; none where there are too few."""
    beats_s: list[float | None] = [None] * len(times_s)
    intervals_s: list[float] = []
    for index, (earlier, later) in reversed(list(enumerate(pairwise(times_s)))):
        insort(intervals_s, later - earlier)
        if len(intervals_s) >= INTERVALS_OF_A_RHYTHM:
            # Of two middle ones the shorter: a few frames at once and one that came late are no slow rhythm.
            beats_s[index] = intervals_s[(len(intervals_s) - 1) // 2]
    return beats_s


def _moment(frame: Frame) -> datetime | None:
    return None if frame.meta.sources.get("captured_at") in WEAK_TIME_SOURCES else frame.meta.captured_at
