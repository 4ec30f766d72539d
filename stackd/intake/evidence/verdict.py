"""What a piece of evidence says: about a boundary between two neighbours, or about a whole run."""

from dataclasses import dataclass
from enum import Enum


class Link(Enum):
    """How strongly two neighbours in order of capture hold together."""

    KEEP = "keep"
    """They are one stack, whatever weaker evidence says."""
    SOFT_CUT = "soft cut"
    """They seem to be parted; what they look like decides."""
    CUT = "cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one kind of evidence says about two neighbours, as the end of the sentence "cut after IMG_0412: …"."""

    link: Link
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one kind of evidence says about a run being a focus stack."""

    points: float
    """Positive for, negative against; the scale is that of `weigh.confidence`."""
    sentence: str
