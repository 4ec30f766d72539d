"""Whether a composite is right, as far as its own stack can tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Judgement(StrEnum):
    """What becomes of a composite that nobody has looked at."""

    PASS = "pass"  # noqa: S105  (no password)
    REVIEW = "review"
    REJECT = "reject"


SUBFOLDERS: Final = (Judgement.REVIEW.value, Judgement.REJECT.value)
"""Folders inside an output folder for composites that do not pass, named by the judgement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A judgement with what speaks for it."""

    judgement: Judgement
    rejection_probability: float
    """0–1: how likely a person who looks at the composite would reject it, as `stackd bench findings` holds it to."""
    reasons: tuple[str, ...] = ()
    """Codes of the findings that speak against it, the weightiest first."""
    measures: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """What was measured of the stack, by name: what the probability was made from, and what explains it."""

    @property
    def likely(self) -> str:
        """How likely a person would reject it, as sentences say it."""
        percent = round(100 * self.rejection_probability)
        return f"{percent or 'less than 1'} % likely that you would reject it"
