"""What the camera itself says: sequence ids, frame numbers within a bracket, announced totals, bracket flags."""

from collections.abc import Sequence
from itertools import pairwise

from stackd.intake.evidence.verdict import Evidence, Link, Verdict
from stackd.intake.shot import Shot
from stackd.model.frame import BracketKind

_FOR_ONE_SUBJECT = frozenset({BracketKind.FOCUS})


def neighbours_verdict(first: Shot, second: Shot) -> Verdict | None:
    """Cut where the camera began another sequence, keep where it counts on."""
    one, two = first.frame.meta, second.frame.meta
    if one.sequence_id is not None and two.sequence_id is not None and one.sequence_id != two.sequence_id:
        return Verdict(link=Link.CUT, because="the camera began another sequence")
    kinds = {one.bracket_kind, two.bracket_kind}
    if BracketKind.FOCUS in kinds and kinds & {BracketKind.NONE, BracketKind.EXPOSURE}:
        change = "on" if two.bracket_kind is BracketKind.FOCUS else "off"
        return Verdict(link=Link.CUT, because=f"focus bracketing was switched {change}")
    if one.sequence_number is None or two.sequence_number is None:
        return None
    counted = one.sequence_id is not None or kinds <= _FOR_ONE_SUBJECT
    if not counted:
        return None
    if one.sequence_total is not None and one.sequence_total_is_exact and one.sequence_number >= one.sequence_total:
        return Verdict(link=Link.CUT, because=f"it is the last of {one.sequence_total} frames the camera was set to")
    if two.sequence_number <= one.sequence_number:
        return Verdict(
            link=Link.CUT, because=f"the camera's frame number went back from {one.sequence_number} to {two.sequence_number}"
        )
    if two.sequence_number == one.sequence_number + 1:
        return Verdict(link=Link.KEEP, because="the camera counts on")
    return None


def run_evidence(shots: Sequence[Shot]) -> tuple[Evidence, ...]:
    """Say whether the camera calls the run a focus bracket, and whether it is whole."""
    found: list[Evidence] = []
    metas = [shot.frame.meta for shot in shots]
    if is_flagged(shots):
        found.append(Evidence(points=6.0, sentence="the camera marked the frames as a focus bracket"))
    numbers = [meta.sequence_number for meta in metas]
    if all(number is not None for number in numbers) and all(
        b == a + 1 for a, b in pairwise(n for n in numbers if n is not None)
    ):
        identified = metas[0].sequence_id is not None or is_flagged(shots)
        if identified and len(shots) > 1:
            found.append(Evidence(points=2.0, sentence=f"the camera numbered them {numbers[0]} to {numbers[-1]} without a hole"))
    return tuple(found)


def is_flagged(shots: Sequence[Shot]) -> bool:
    """Tell whether the camera marked every frame as part of a focus bracket."""
    return all(shot.frame.meta.bracket_kind is BracketKind.FOCUS for shot in shots)


def announced(shots: Sequence[Shot]) -> tuple[int, bool] | None:
    """Say how many frames the camera announced, and whether it takes exactly as many; None when it announced nothing."""
    totals = {(shot.frame.meta.sequence_total, shot.frame.meta.sequence_total_is_exact) for shot in shots}
    if len(totals) != 1:
        return None
    total, exact = totals.pop()
    return None if total is None else (total, exact)
