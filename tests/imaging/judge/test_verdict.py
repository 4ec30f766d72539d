"""From measures to a judgement."""

import math

import pytest

from stackd.imaging.judge.verdict import CAUSES, REJECT_FROM, REVIEW_FROM, judged
from stackd.model.composite import Noticed, Severity
from stackd.model.verdict import Judgement


def _noticed(code: str, severity: Severity = Severity.WARNING) -> Noticed:
    return Noticed(code=code, severity=severity, sentence="x")


def test_a_stack_with_nothing_against_it_passes() -> None:
    verdict = judged({}, ())
    assert (verdict.judgement, verdict.rejection_probability, verdict.reasons) == (Judgement.PASS, 0.0, ())


@pytest.mark.parametrize("name", CAUSES)
def test_at_half_of_a_cause_half_of_those_reject_who_ever_do(name: str) -> None:
    verdict = judged({name: CAUSES[name].half_at}, ())
    assert verdict.rejection_probability == pytest.approx(CAUSES[name].at_most / 2)
    assert verdict.judgement is Judgement.REVIEW


def test_what_moved_and_was_treated_is_never_thrown_away_unseen() -> None:
    assert judged({"moved_share": 1.0}, ()).judgement is Judgement.REVIEW


@pytest.mark.parametrize("name", CAUSES)
def test_more_of_a_cause_is_never_better(name: str) -> None:
    odds = [judged({name: share / 100}, ()).rejection_probability for share in range(101)]
    assert odds == sorted(odds)


def test_causes_add_up() -> None:
    """Two that each leave eight of ten content leave 64 of a hundred."""
    measures = {
        name: cause.half_at * (0.2 / 0.8) ** (1 / cause.steepness)
        for name, cause in CAUSES.items()
        if name in {"gap", "contradiction"}
    }
    assert judged(measures, ()).rejection_probability == pytest.approx(0.36)


@pytest.mark.parametrize(
    ("probability", "judgement"),
    [
        (REVIEW_FROM - 0.01, Judgement.PASS),
        (REVIEW_FROM + 0.01, Judgement.REVIEW),
        (REJECT_FROM - 0.01, Judgement.REVIEW),
        (REJECT_FROM + 0.01, Judgement.REJECT),
    ],
)
def test_judgements_begin_where_they_say(probability: float, judgement: Judgement) -> None:
    cause = CAUSES["contradiction"]
    measure = cause.half_at * math.pow(probability / (1 - probability), 1 / cause.steepness)
    assert judged({"contradiction": measure}, ()).judgement is judgement


def test_the_weightiest_reason_comes_first_and_notes_are_none() -> None:
    findings = [_noticed("hot-pixels"), _noticed("focus-gap"), _noticed("subject-moved"), _noticed("clipped", Severity.NOTE)]
    verdict = judged({"contradiction": 0.05, "gap": 0.02}, findings)
    assert verdict.reasons == ("subject-moved", "focus-gap", "hot-pixels")


def test_frames_left_out_are_a_reason_though_others_tell_of_them() -> None:
    assert judged({"left_out": 0.6}, ()).reasons == ("frame-left-out",)
