"""The numbers in file names: without holes they speak for one run, a large hole for two."""

from collections.abc import Sequence
from itertools import pairwise

from stackd.intake.evidence.verdict import Evidence, Link, Verdict
from stackd.intake.shot import Shot

WRAP = 10_000
"""Cameras count to 9999 and begin again, at 0000 or 0001."""

LARGE_HOLE = 0.20
"""Share of the run: so many frames are not deleted from one place of a stack (a guess)."""

SMALL_HOLE = 2
"""Missing numbers that are never a large hole: a stray frame deleted from a short stack."""


def step(first: Shot, second: Shot) -> int | None:
    """Count from one frame's number to the next, over the wrap at 9999; None when the names are of different series."""
    if first.number is None or second.number is None or first.series != second.series:
        return None
    plain = second.number - first.number
    if plain < 0 and first.number < WRAP and second.number < WRAP and plain < -WRAP // 2:
        # 9999 is followed by 0000 on some cameras and by 0001 on others: both count as the next.
        wrapped = plain + WRAP
        return max(wrapped - 1, 1) if second.number > 0 else wrapped
    return plain


def neighbours_verdict(first: Shot, second: Shot, run_length: int, before: Verdict | None) -> Verdict | None:
    """Confirm a pause where many numbers are missing at it as well."""
    counted = step(first, second)
    if counted is None or before is None or before.link is not Link.SOFT_CUT:
        return None
    missing = counted - 1
    if missing > max(SMALL_HOLE, LARGE_HOLE * run_length):
        return Verdict(link=Link.CUT, because=f"{before.because}, and {missing} numbers lie between them")
    return None


NAMED_POINTS = 2.0
"""What names are worth in `weigh` that count several stacks and their frames: somebody, or a program, wrote them for that."""


def naming_evidence(shots: Sequence[Shot]) -> Evidence | None:
    """Say whether the names make the run one of several stacks."""
    stacks = shots[0].stacks_named
    if stacks < 2 or any(shot.series != shots[0].series for shot in shots):  # noqa: PLR2004
        return None
    return Evidence(points=NAMED_POINTS, sentence=f"their names make them one of {stacks} stacks")


def run_evidence(shots: Sequence[Shot]) -> Evidence | None:
    """Say whether the names count evenly through the run."""
    steps = [step(a, b) for a, b in pairwise(shots)]
    known = {counted for counted in steps if counted is not None}
    if len(steps) < 2 or None in steps:  # noqa: PLR2004  two frames always count evenly
        return None
    if len(known) == 1 and 0 not in known:
        return Evidence(points=1.0, sentence="their names count on without a hole")
    return None
