"""From measures to a judgement.

Each cause may ruin a composite by itself, so probabilities are joined as those of causes that do not know one another: a person
rejects unless every single one leaves the picture good. How a cause's probability rises with its measure is given by two numbers:
where half of all people would reject, and how steeply it goes from none to all.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from stackd.model.composite import Noticed, Severity
from stackd.model.verdict import Judgement, Verdict

REVIEW_FROM: Final = 0.2
REJECT_FROM: Final = 0.8
"""Probability that a person would reject from which somebody should look, and from which nobody need."""

MOST_CERTAIN: Final = 0.99
"""No measure knows what somebody wants a picture for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Something that can ruin a composite."""

    half_at: float
    """Measure at which half of all people would reject who ever do."""
    steepness: float
    """Exponent: of 3, half the measure leaves a ninth of them."""
    findings: tuple[str, ...]
    """Codes of what tells of it."""
    at_most: float = 1.0
    """Share of people who ever reject for it, however large the measure."""

    def probability(self, measure: float) -> float:
        """Tell how likely a person would reject for this cause alone."""
        return self.at_most / (1 + (self.half_at / measure) ** self.steepness) if measure > 0 else 0.0


CAUSES: Final[Mapping[str, Cause]] = MappingProxyType(
    {
        "contradiction": Cause(half_at=0.008, steepness=3, findings=("subject-moved",)),
        "moved_share": Cause(
            half_at=0.03, steepness=2, findings=("moment-taken", "motion-unresolved", "parallax-compensated"), at_most=0.7
        ),
        "motion_unresolved_share": Cause(half_at=0.02, steepness=2, findings=("motion-unresolved",)),
        "gap": Cause(half_at=0.05, steepness=3, findings=("focus-gap",)),
        "beyond": Cause(half_at=0.15, steepness=3, findings=("near-end-early", "far-end-early")),
        "clipped_subject": Cause(half_at=0.06, steepness=3, findings=("clipped",)),
        "left_out": Cause(half_at=0.5, steepness=3, findings=("frame-left-out",)),
        "uncovered": Cause(half_at=0.6, steepness=6, findings=("small-valid-area",)),
    }
)
"""By measure: shares of the picture, of its texture, or of the frames. Good real stacks end with up to 0.08 of their texture soft
beyond an end, as seen at a glance, and with 0.02 of it white (fifteen, measured). What moved and was treated may have come out
well: somebody should look, but nobody throw it away unseen."""


def judged(measures: Mapping[str, float], findings: Sequence[Noticed]) -> Verdict:
    """Judge a composite.

    Parameters
    ----------
    measures : mapping of str to float
        What was measured of the stack, by name.
    findings : sequence of Noticed
        What was noticed.
    """
    risks = {name: cause.probability(measures.get(name, 0.0)) for name, cause in CAUSES.items()}
    probability = min(1 - math.prod(1 - risk for risk in risks.values()), MOST_CERTAIN)
    return Verdict(
        judgement=_judgement(probability),
        rejection_probability=probability,
        reasons=_reasons(risks, findings),
        measures=MappingProxyType(dict(measures)),
    )


def _reasons(risks: Mapping[str, float], findings: Sequence[Noticed]) -> tuple[str, ...]:
    """Order the codes of what was noticed: what speaks most against the composite first."""
    ranked = sorted((name for name, risk in risks.items() if risk > 0), key=lambda name: -risks[name])
    causes = [code for name in ranked for code in CAUSES[name].findings]
    noticed = {finding.code: finding.severity for finding in findings}
    warned = [code for code, severity in noticed.items() if severity is Severity.WARNING]
    return tuple(dict.fromkeys(code for code in (*causes, *warned) if code in noticed or code == "frame-left-out"))


def _judgement(probability: float) -> Judgement:
    if probability < REVIEW_FROM:
        return Judgement.PASS
    return Judgement.REVIEW if probability < REJECT_FROM else Judgement.REJECT
