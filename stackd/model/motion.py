"""What moved while a stack was shot, and what became of it."""

from dataclasses import dataclass
from enum import StrEnum

from stackd.model.composite import Rectangle


class MotionKind(StrEnum):
    """What was done about something that moved."""

    PARALLAX = "parallax"
    """The camera moved sideways: frames were displaced by depth."""
    MOVED = "moved"
    """A thing moved: it is shown as one frame shows it."""
    UNRESOLVED = "unresolved"
    """Frames contradict each other in the composite still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionRegion:
    """One place where something moved."""

    kind: MotionKind
    area: Rectangle
    """Px of the grid fused."""
    moment: int | None
    """Frame whose moment is shown, among those aligned; None where several are."""
    misfit: float
    """RMS by which the frame taken and its neighbours contradict each other there still, display units."""
    displaced_px: float = 0.0
    """Largest displacement that was taken back, full-size px."""
    detail: float = 1.0
    """Detail that is shown at the moment over the most that any frames show there, 0–1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionFound:
    """All that was found of motion in a stack."""

    regions: tuple[MotionRegion, ...] = ()
    moved_share: float = 0.0
    """Of the picture where frames contradicted each other before anything was done."""
    unresolved_share: float = 0.0
    """Of the picture where frames that contradict each other are still mixed."""
