"""What grouping hands back: candidate stacks, other sequences, singles, files set aside, and the boundary between neighbours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from stackd.model.frame import Frame
from stackd.model.stack import Decision, FocusMotion, SealReason, Stack, StackKind, stack_id


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateStack:
    """Frames that belong together as far as is known now: more may arrive."""

    frames: tuple[Frame, ...]
    """Near → far."""
    kind: StackKind
    confidence: float
    """0–1."""
    decision: Decision
    evidence: tuple[str, ...]
    """Sentences, strongest first."""
    captured: tuple[Frame, ...] = ()
    """The same frames in order of capture."""
    folder: str = ""
    """Folder of the frames, relative to the watched folder; empty for the folder itself."""
    name: str | None = None
    recipe: str | None = None
    expected_count: int | None = None
    """How many frames the camera or a manifest announced."""
    expected_count_is_exact: bool = False
    """False when the camera may stop earlier."""
    decided_by: SealReason | None = None
    """MANIFEST, FOLDER or ASKED when one of these, not evidence, made the stack."""
    missing: tuple[str, ...] = ()
    """Frames a manifest names that have not arrived."""
    outliers: tuple[str, ...] = ()
    """Paths of frames that belong by time and number but look or are exposed unlike their neighbours."""
    focus_motion: FocusMotion = FocusMotion.UNKNOWN
    linked: tuple[str, ...] = ()
    """Finished results that belong to the stack and are not fused (an in-camera composite)."""

    @property
    def id(self) -> str:
        """The id the stack has once it is sealed with these frames."""
        return stack_id(self.frames)

    def sealed(self, reason: SealReason) -> Stack:
        """Close the stack: this set of frames, for this reason."""
        return Stack(
            id=self.id,
            frames=self.frames,
            kind=self.kind,
            reason=self.decided_by or reason,
            confidence=self.confidence,
            decision=self.decision,
            evidence=self.evidence,
            name=self.name,
            recipe=self.recipe,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSequence:
    """Frames that belong together but are no focus stack: an exposure bracket, a burst, a panorama, a time-lapse.

    UNKNOWN when too little speaks for a focus stack and nothing for anything else.
    """

    frames: tuple[Frame, ...]
    kind: StackKind
    evidence: tuple[str, ...]
    confidence: float = 0.0
    """That it is a focus stack after all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """Why two neighbours in order of capture lie in different groups."""

    after: str
    """Path of the last frame before the cut."""
    before: str
    """Path of the first frame after it."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """The whole folder, sorted out. Every file is in exactly one of `stacks`, `singles` and `ignored`."""

    stacks: tuple[CandidateStack, ...] = ()
    """Focus stacks to process or to hold, in order of capture."""
    others: tuple[OtherSequence, ...] = ()
    """Recognised sequences that are left alone; their frames are among `singles`."""
    singles: tuple[Frame, ...] = ()
    ignored: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Path → reason."""
    boundaries: tuple[Boundary, ...] = ()


__all__ = ["Boundary", "CandidateStack", "Grouping", "OtherSequence"]
