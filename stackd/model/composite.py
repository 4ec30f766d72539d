"""What comes out of a stack: the composite, its depth map, and what was noticed on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stackd.model.pixels import Alpha, Colour, Image, Matrix
from stackd.model.provenance import Provenance
from stackd.model.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Rectangle:
    """Pixels left ≤ x < right, top ≤ y < bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width_px(self) -> int:
        """Columns inside."""
        return self.right - self.left

    @property
    def height_px(self) -> int:
        """Rows inside."""
        return self.bottom - self.top


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DepthMap:
    """Per pixel, where in the stack the subject is sharp.

    `position` is float32 (H, W), 0 for the first (nearest) frame to N − 1, fractions between frames; `confidence` is float32
    (H, W), 1 where the pixels themselves decide, 0 where depth is a guess.
    """

    position: NDArray[np.float32]
    confidence: NDArray[np.float32]
    frame_count: int


class Severity(StrEnum):
    """How much a finding matters."""

    NOTE = "note"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something a photographer should know about a stack."""

    code: str
    """Stable short name for programs, such as `frame-left-out`."""
    severity: Severity
    sentence: str
    """What was found and what to do, in plain words."""
    frames: tuple[str, ...] = ()
    region: Rectangle | None = None
    """Where it is, px of the uncropped reference frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """A finding by someone who knows frames by their position alone."""

    code: str
    severity: Severity
    sentence: str
    """As a finding's, with `{0}`, `{1}` … where the first, second … of `positions` is named."""
    positions: tuple[int, ...] = ()
    region: Rectangle | None = None

    def told(self, names: Sequence[str]) -> Finding:
        """Name the frames."""
        frames = tuple(names[position] for position in self.positions)
        return Finding(
            code=self.code,
            severity=self.severity,
            sentence=self.sentence.format(*frames) if frames else self.sentence,
            frames=frames,
            region=self.region,
        )


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Preview:
    """A small picture of a frame, made to be looked at: RGB uint8, shape (h, w, 3)."""

    pixels: NDArray[np.uint8]
    is_laid_over: bool
    """Whether it lies on the reference and shows what the composite shows; otherwise it is all of the frame, as it was shot."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameReport:
    """What became of one frame in a composite."""

    path: str
    used: bool
    reason: str
    """Why it was left out; empty when used."""
    matrix: Matrix | None = None
    """Moving → reference px of the uncropped reference frame; none when left out."""
    residual_px: float | None = None
    overlap: float | None = None
    gain: tuple[float, float, float] | None = None
    """Factors on linear red, green and blue by which it was matched to the reference; none where curves did that, or nothing."""
    preview: Preview | None = None
    """None where none was asked for, and of frames between others in a very long stack."""
    focus_position: float | None = None
    """Where it is focused, near → far, in usual steps from the first frame; None where nothing tells."""
    focus_error: float | None = None
    """Standard error of that, in steps."""
    sharpness: float | None = None
    """Detail over that of the frame of the stack that shows most, 0–1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Composite:
    """The finished image with where it came from."""

    image: Image
    valid_area: Rectangle
    """What was kept of the reference frame's grid, as large as `image`: the crop, or all of it where the recipe does not crop.
    What every frame covers is the region of the finding `small-valid-area`, where that is worth one."""
    frame_shape: tuple[int, int]
    """Rows and columns of every frame, so also of the reference's grid."""
    reference_path: str
    frames: tuple[FrameReport, ...]
    depth: DepthMap | None
    findings: tuple[Finding, ...]
    provenance: Provenance
    method: str
    """Fusion method, as it stands in the recipe."""
    verdict: Verdict
    alpha: Alpha | None = None
    """How much of each pixel of `image` is picture, shape (H, W); None where all of it is."""
    codes: tuple[str, ...] = ()
    """Different barcodes in the picture, where the recipe asks for them: one that names it, or what stands in the way."""
    seconds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    colour: Colour = field(default_factory=Colour)
    """What the values of `image` mean."""
