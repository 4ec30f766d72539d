"""What a fusion method is, what it works with, and what it hands back."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.ground.frames import AlignedFrames, MakePlaneStore, PlanesInMemory, Progress, ignore_progress
from stackd.model.composite import DepthMap, MotionFound
from stackd.model.pixels import Image


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fused:
    """One image out of many.

    `image` is display-encoded float32 (H, W, 3) in [0, 1] on the reference grid; `depth` is None when the method never decides
    where anything is sharp, or nobody wants to know; `motion` is None when the method does not look for it.
    """

    image: Image
    depth: DepthMap | None
    focus: FocusPositions | None = None
    """Where each of the frames is focused; None when the method does not ask."""
    blur_px_per_step: float | None = None
    """Growth of the blur's radius per usual step of focus, full-size px; None when nothing tells, or the method does not ask."""
    motion: MotionFound | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a method works with beside the frames."""

    make_store: MakePlaneStore = PlanesInMemory
    """Opens a place for planes that do not fit in memory, one a frame."""
    progress: Progress = ignore_progress
    """Told as work goes on; may raise `Cancelled`."""
    with_depth: bool = True
    """False where nobody wants the depth map: finding the visible surface costs a twentieth of the whole work."""


class FusionMethod(Protocol):
    """The settings of a method, which know how to fuse. A recipe's `[fuse]` table is one of these."""

    @property
    def method(self) -> str:
        """Name the method, as recipes do."""
        ...

    makes_depth_map: ClassVar[bool]
    """Whether the method decides where the subject is sharp; averages and pyramids never do."""

    def reduction_looked_at(self, shape: tuple[int, int]) -> int | None:
        """Tell how reduced the luminance is that the method looks at, for frames of that shape; None if at colours alone."""
        ...

    def fuse(self, frames: AlignedFrames, means: Means) -> Fused:
        """Fuse aligned frames, near → far, at least one."""
        ...
