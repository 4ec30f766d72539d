"""When is a stack complete? At once when its count is known, else when arrivals have been quiet for long enough."""

from collections.abc import Mapping
from dataclasses import dataclass

from stackd.intake.grouping.arrivals import Arrivals
from stackd.intake.grouping.candidates import CandidateStack
from stackd.intake.settings import IntakeSettings
from stackd.model.stack import SealReason


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
    around: Arrivals | None = None,
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
