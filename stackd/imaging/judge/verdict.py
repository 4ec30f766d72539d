"""From measures to a judgement."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from stackd.model.composite import Noticed, Severity
from stackd.model.verdict import Judgement, Verdict

REVIEW_FROM: Final = 0.2
REJECT_FROM: Final = 0.8
"""Probability that a person would reject from which somebody should look, and from which nobody need."""

BIAS: Final = -6.0
WEIGHTS: Final[Mapping[str, float]] = MappingProxyType({})
"""Log odds of being rejected for each unit of a measure."""


def judged(measures: Mapping[str, float], findings: Sequence[Noticed]) -> Verdict:
    """Judge a composite.

    Parameters
    ----------
    measures : mapping of str to float
        What was measured of the stack, by name.
    findings : sequence of Noticed
        What was noticed.
    """
    odds = BIAS + sum(weight * measures.get(name, 0.0) for name, weight in WEIGHTS.items())
    probability = 1 / (1 + math.exp(-odds))
    return Verdict(
        judgement=_judgement(probability),
        rejection_probability=probability,
        reasons=tuple(dict.fromkeys(finding.code for finding in findings if finding.severity is Severity.WARNING)),
        measures=MappingProxyType(dict(measures)),
    )


def _judgement(probability: float) -> Judgement:
    if probability < REVIEW_FROM:
        return Judgement.PASS
    return Judgement.REVIEW if probability < REJECT_FROM else Judgement.REJECT
