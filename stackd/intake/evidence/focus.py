"""Place of focus, from distances and counted steps: moving on speaks for a stack, jumping back begins the next one.

A constant distance is no veto: in the only real camera stack with full maker notes all 53 frames carry the same one, because the
camera measures too coarsely to see the steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from stackd.intake.evidence.verdict import Evidence, Link, Verdict
from stackd.intake.shot import FocusScale, Shot, describe_focus, describe_focus_span

RESET_STEPS = 3.0
RESET_SHARE = 0.5
"""A step back by more than three usual steps and half the way covered begins another stack; less is noise or correction."""

FULL_RETURN = 0.9
"""A step back over nearly the whole way is a reset however short the run."""

LANDING_SHARE = 0.35
"""How far beyond the start, as a share of the way covered, a reset may land and still be a return."""

TURNED_FOR = 3
"""Steps in the other direction that show the focus really turned round."""

MIN_STEPS = 2
NET_SHARE = 0.5
"""Steps, and the share of all stepping that went one way, that show a direction."""

REMEMBERED_STEPS = 32
"""Steps that tell what is usual: enough for a median, and a thousand frames cost no more than a hundred each."""

MONOTONE_SHARE = 0.7

STEADY_POINTS = 4.0
VARIED_POINTS = 3.0
"""What a moving focus is worth in `weigh`: most when every step moves on."""

CONTINUES_FROM = -0.5
CONTINUES_TO = 3.0
"""In usual steps: where the next run may begin and still continue this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusCourse:
    """Where the focus has gone in a run so far."""

    last: float | None = None
    low: float = 0.0
    high: float = 0.0
    steps: tuple[float, ...] = field(default=())
    """The latest non-zero steps, oldest first."""

    def extended(self, position: float | None, quantum: float) -> "FocusCourse":
        """Take in the next frame; one without a known place of focus changes nothing."""
        if position is None:
            return self
        if self.last is None:
            return FocusCourse(last=position, low=position, high=position)
        change = position - self.last
        moved = abs(change) > quantum * 0.5
        return FocusCourse(
            last=position,
            low=min(self.low, position),
            high=max(self.high, position),
            steps=(*self.steps[1 - REMEMBERED_STEPS :], change) if moved else self.steps,
        )

    @property
    def usual_step(self) -> float:
        """Median size of the steps."""
        return median(abs(change) for change in self.steps) if self.steps else 0.0

    @property
    def direction(self) -> int:
        """+1 or −1 where most of the way went, 0 while unknown."""
        if len(self.steps) < MIN_STEPS:
            return 0
        way = sum(self.steps)
        if abs(way) < NET_SHARE * sum(abs(change) for change in self.steps):
            return 0
        return 1 if way > 0 else -1

    @property
    def alternates(self) -> bool:
        """Whether the camera steps to both sides in turn (0, −1, +1, −2, +2 …)."""
        return len(self.steps) >= MIN_STEPS and all((a > 0) != (b > 0) for a, b in pairwise(self.steps))


def neighbours_verdict(
    course: FocusCourse, first: Shot, second: Shot, following: Sequence[Shot], scale: FocusScale
) -> Verdict | None:
    """Cut where the focus jumps back, or turns round for good.

    Parameters
    ----------
    course : FocusCourse
        Of the run up to and including `first`.
    first, second : Shot
        Neighbours.
    following : sequence of Shot
        Frames after `second`, a few are enough.
    scale : FocusScale
        Of the whole sequence.
    """
    position = scale.at(second)
    if position is None or course.last is None or not course.direction or course.alternates:
        return None
    change = position - course.last
    covered = course.high - course.low
    if change * course.direction < 0.0 and abs(change) > max(RESET_SHARE * covered, scale.quantum):
        overshoot = max(course.low - position, position - course.high, 0.0)
        is_long = abs(change) > RESET_STEPS * course.usual_step or abs(change) >= FULL_RETURN * covered
        if is_long and overshoot <= LANDING_SHARE * covered:
            return Verdict(link=Link.CUT, because=f"focus jumped back {describe_focus_span(first, second)}")
    if _turns_round(course, [scale.at(shot) for shot in (second, *following)], scale.quantum):
        return Verdict(link=Link.CUT, because=f"focus turned round at {describe_focus(first)}")
    return None


def _turns_round(course: FocusCourse, positions: Sequence[float | None], quantum: float) -> bool:
    if len(course.steps) < TURNED_FOR:
        return False
    turned: list[float] = []
    last = course.last
    for position in positions:
        if position is None or last is None:
            continue
        if abs(position - last) > quantum * 0.5:
            turned.append(position - last)
        last = position
    last_was_forward = course.steps[-1] * course.direction > 0.0
    back = turned[:TURNED_FOR]
    return len(back) == TURNED_FOR and last_was_forward and all(change * course.direction < 0.0 for change in back)


def continues(left: FocusCourse, right: Sequence[float], scale: FocusScale) -> bool:
    """Tell whether a run goes on where another stopped: same direction, next step, wider range."""
    if not left.direction or left.last is None or not right or not left.usual_step:
        return False
    onward = (right[0] - left.last) * left.direction / left.usual_step
    way = sum(b - a for a, b in pairwise(right))
    grows = max(right) > left.high if left.direction > 0 else min(right) < left.low
    return CONTINUES_FROM <= onward <= CONTINUES_TO and way * left.direction >= 0.0 and grows and not scale.is_distance


def run_evidence(shots: Sequence[Shot], scale: FocusScale) -> Evidence | None:
    """Say whether the focus moved on through the run."""
    known = [position for shot in shots if (position := scale.at(shot)) is not None]
    if len(known) < len(shots) or len(known) < MIN_STEPS:
        return None
    steps = [b - a for a, b in pairwise(known)]
    moving = [change for change in steps if abs(change) > scale.quantum * 0.5]
    if not moving:
        return Evidence(points=0.0, sentence=f"the camera reports one focus distance for all frames ({describe_focus(shots[0])})")
    forward = sum(change > 0 for change in moving)
    one_way = max(forward, len(moving) - forward)
    span = describe_focus_span(shots[0], shots[-1])
    # Three frames go one way by chance once in three times, five once in sixty.
    chance_allows = max(float(len(shots)) - 2.0, 1.0)
    if one_way >= MONOTONE_SHARE * len(steps):
        return Evidence(points=min(STEADY_POINTS, chance_allows), sentence=f"focus moved step by step {span}")
    course = FocusCourse()
    for position in known:
        course = course.extended(position, scale.quantum)
    if course.alternates and len(set(known)) == len(known):
        return Evidence(points=min(STEADY_POINTS, chance_allows), sentence="focus moved step by step to both sides in turn")
    if one_way >= MONOTONE_SHARE * len(moving):
        return Evidence(points=min(VARIED_POINTS, chance_allows), sentence=f"focus moved {span}, several frames at a time")
    if course.direction and len(set(known)) == len(known):
        return Evidence(points=min(VARIED_POINTS, chance_allows), sentence=f"focus moved {span}, with frames out of order")
    return Evidence(points=0.0, sentence="the reported focus distance goes to and fro")
