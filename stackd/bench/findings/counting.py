"""How often stackd noticed what was wrong, and how often it spoke of what was not."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from stackd.bench.findings.trials import Said
from stackd.model.verdict import Judgement
from stackd.rendering.faults import FAULTS, Fault

REJECTED_FROM = 0.03
"""Share of a composite that looks wrong or soft, beyond what does in the same stack without the fault, from which a person would
not keep it. Seen from as far as its diagonal a picture is 53° across; a patch of this share is as large as the middle 6° to 7° of
sight, all that is looked at at once. Whoever looks there sees nothing that is right (reasoned, not asked of people)."""
VISIBLE_FROM = 0.01
"""Share from which somebody who looks for it sees a fault: six cells, a patch of a tenth of either side. Fewer are specks."""


LEAST_CONCERNED = 0.03
"""Share of the picture that a fault must touch to be counted: a frame that shows nothing sharp may as well be missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """How a fault was noticed."""

    fault: str
    findings: tuple[str, ...]
    unit: str
    noticed_from: float | None
    """Strength from which a person notices; None where those stacks are counted whose composites show it."""
    by_strength: tuple[tuple[float, int, int], ...]
    """Strength, stacks that had it, and those of them it was noticed in."""
    false_alarms: int
    """Stacks without any fault in which it was noticed all the same."""
    without_fault: int

    @property
    def recall(self) -> float:
        """Share noticed of those a person would notice; NaN without any."""
        least = self.noticed_from or 0
        strong = [(tried, found) for strength, tried, found in self.by_strength if strength >= least]
        tried = sum(count for count, _ in strong)
        return sum(found for _, found in strong) / tried if tried else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How verdicts agree with what composites look like."""

    ruined: int
    ruined_told: int
    """Of those, not passed."""
    good: int
    good_stopped: int
    """Of those, not passed."""
    bins: tuple[tuple[float, float, int], ...]
    """Mean probability, share ruined, and count, of stacks sorted by probability."""


def recalls(said: Sequence[Said]) -> tuple[Recall, ...]:
    """Count for each fault how often its finding came."""
    clean = [one for one in said if one.trial.fault is None]
    found = []
    for name, fault in FAULTS.items():
        mine = [one for one in said if one.trial.fault == name and _touches(one, fault)]
        strengths = sorted({one.trial.strength for one in mine})
        found.append(
            Recall(
                fault=name,
                findings=tuple(sorted(fault.findings)),
                unit=fault.unit,
                noticed_from=fault.noticed_from,
                by_strength=tuple(
                    (
                        strength,
                        sum(one.trial.strength == strength for one in mine),
                        sum(one.trial.strength == strength and bool(fault.findings & one.codes) for one in mine),
                    )
                    for strength in strengths
                ),
                false_alarms=sum(bool(fault.findings & one.codes) for one in clean),
                without_fault=len(clean),
            )
        )
    return tuple(found)


def judged(said: Sequence[Said]) -> Judged:
    """Compare verdicts with what composites look like."""
    ruined = [one for one in said if is_ruined(one)]
    good = [one for one in said if not is_ruined(one)]
    ranked = sorted(said, key=lambda one: one.probability)
    edges = (0.0, 0.05, 0.2, 0.5, 0.8, 1.0001)
    bins = []
    for low, high in pairwise(edges):
        inside = [one for one in ranked if low <= one.probability < high]
        if inside:
            mean = sum(one.probability for one in inside) / len(inside)
            bins.append((mean, sum(map(is_ruined, inside)) / len(inside), len(inside)))
    return Judged(
        ruined=len(ruined),
        ruined_told=sum(one.judgement is not Judgement.PASS for one in ruined),
        good=len(good),
        good_stopped=sum(one.judgement is not Judgement.PASS for one in good),
        bins=tuple(bins),
    )


def is_ruined(said: Said) -> bool:
    """Whether a person would not keep the composite."""
    return said.damage - said.usual_damage >= REJECTED_FROM


def _touches(said: Said, fault: Fault) -> bool:
    """Whether there is anything to notice."""
    if fault.noticed_from is None:
        return said.damage - said.usual_damage >= VISIBLE_FROM
    return said.concerned >= LEAST_CONCERNED
