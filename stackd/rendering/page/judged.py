"""What stands at the top of a page: what was judged of the composite, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from stackd.model.composite import Finding
from stackd.model.verdict import Judgement, Verdict
from stackd.rendering.page.naming import FrameNames

WORDS: Final[Mapping[Judgement, tuple[str, str, str]]] = MappingProxyType(
    {
        Judgement.PASS: ("✓", "Pass", "stackd trusts this composite"),
        Judgement.REVIEW: ("!", "To review", "Look at this composite before you use it"),
        Judgement.REJECT: ("✕", "Reject", "This composite is most likely no good"),
    }
)
"""Sign, heading and sentence."""

MOST_OF_A_KIND: Final = 3
"""Findings of one kind that are told at the top; the rest is counted, and told below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict as the page tells of it."""

    judgement: str
    sign: str
    heading: str
    sentence: str
    likely: str
    """How likely a person would reject the composite."""
    reasons: tuple[str, ...]


def judged_words(verdict: Verdict, findings: Sequence[Finding], names: FrameNames) -> Judged:
    """Put a verdict into words; its reasons in the words of the findings, the weightiest first."""
    sign, heading, sentence = WORDS[verdict.judgement]
    reasons: list[str] = []
    for code in verdict.reasons:
        told = [names.sentence(finding.sentence) for finding in findings if finding.code == code]
        reasons += told[:MOST_OF_A_KIND] or [code]
        if len(told) > MOST_OF_A_KIND:
            reasons.append(f"{len(told) - MOST_OF_A_KIND} more like that are told below.")
    return Judged(
        judgement=verdict.judgement.value,
        sign=sign,
        heading=heading,
        sentence=sentence,
        likely=verdict.likely,
        reasons=tuple(reasons),
    )
