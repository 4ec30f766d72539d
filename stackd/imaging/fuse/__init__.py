"""The fusion methods: one file each, chosen by the type of their settings.

Adding a method: its settings class joins `Fusion`, its function the `match` below. Everything else (configuration, help, the
tests every method must pass) follows from that.
"""

from typing import Annotated, TypeAlias, assert_never

from pydantic import Field

from stackd.imaging.compose.fused import Fused
from stackd.imaging.fuse import depth_from_defocus, depth_map
from stackd.imaging.fuse.average import Average, fuse_by_average
from stackd.imaging.fuse.depth_from_defocus import DepthFromDefocus, fuse_by_depth_from_defocus
from stackd.imaging.fuse.depth_map import DepthMapFusion, fuse_by_depth_map
from stackd.imaging.fuse.pyramid import PyramidFusion, fuse_by_pyramid
from stackd.imaging.ground.frames import AlignedFrames, MakePlaneStore, PlanesInMemory, Progress, ignore_progress

Fusion: TypeAlias = Annotated[Average | DepthFromDefocus | DepthMapFusion | PyramidFusion, Field(discriminator="method")]
"""Settings of any method; the field `method` says which."""


def fuse(
    frames: AlignedFrames,
    settings: Fusion,
    *,
    make_store: MakePlaneStore = PlanesInMemory,
    progress: Progress = ignore_progress,
    with_depth: bool = True,
) -> Fused:
    """Fuse aligned frames by the method the settings name.

    Parameters
    ----------
    frames : AlignedFrames
        At least one frame, near → far.
    settings : Fusion
        The method and its choices.
    make_store : MakePlaneStore
        Opens a place for planes that do not fit in memory, one a frame.
    progress : Progress
        Told as work goes on; may raise `Cancelled`.
    with_depth : bool
        False where nobody wants the depth map: finding the visible surface costs a twentieth of the whole work.
    """
    match settings:
        case Average():
            return fuse_by_average(frames, settings, progress=progress)
        case DepthFromDefocus():
            return fuse_by_depth_from_defocus(frames, settings, make_store=make_store, progress=progress, with_depth=with_depth)
        case DepthMapFusion():
            return fuse_by_depth_map(frames, settings, progress=progress)
        case PyramidFusion():
            return fuse_by_pyramid(frames, settings, progress=progress)
        case _:
            assert_never(settings)


def reduction_looked_at(settings: Fusion, shape: tuple[int, int]) -> int | None:
    """Tell how reduced the luminance is that a method looks at, for frames of that shape; None if it looks at colours alone."""
    match settings:
        case DepthFromDefocus():
            return depth_from_defocus.reduction_looked_at(shape)
        case DepthMapFusion():
            return depth_map.REDUCTION
        case Average() | PyramidFusion():
            return None
        case _:
            assert_never(settings)


def makes_depth_map(settings: Fusion) -> bool:
    """Tell whether a method decides where the subject is sharp; averages and pyramids never do."""
    return isinstance(settings, DepthFromDefocus | DepthMapFusion)
