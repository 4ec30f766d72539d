"""Fuse by depth from defocus: the frame in focus is the one that, blurred, explains all the others.

Sharpness alone is a poor witness. The rim of a defocused highlight, a bright wall seen through a defocused leaf and grain are
sharp too, in the wrong frame. Defocus is known physics, though: if a surface is in focus in frame k, then frame j shows it
blurred by a disc whose radius is proportional to the distance of their focus positions (`stackd.imaging.depth.focus_fit`), which
is |j − k| where frames are evenly focused. So every frame is blurred, in linear light, and compared with witnesses
spread through the stack; what is left over, plus what a frame lacks in fine detail beside its neighbours, is its cost. Frames
whose costs are as good as equal are averaged, which lowers grain where nothing decides; where nothing is ever in focus, the least
blurred end of the stack is taken (`stackd.imaging.depth.unfocused`), and beside edges in depth fine detail may come from another
frame than the rest (`stackd.imaging.depth.edge_detail`).

Subbarao, Surya, "Depth from defocus: a spatial domain approach", IJCV 13 (1994), for the comparison by re-blurring; the
combination with detail, the treatment of highlights and the averaging are ours: docs/decisions/0010-fusion-by-depth-from-
defocus.md.
"""

from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.compose.blending import Blending, BlendingByWeight
from stackd.imaging.compose.fused import Fused, Means
from stackd.imaging.depth.surface import Texture, enlarged, visible_surface
from stackd.imaging.fuse.depth_from_defocus.grid import Grid, reduction_of
from stackd.imaging.fuse.depth_from_defocus.moving import shown, with_motion
from stackd.imaging.fuse.depth_from_defocus.weighing import weighed
from stackd.imaging.ground.frames import AlignedFrames, Steps
from stackd.model.composite import MotionFound


class DepthFromDefocus(BaseModel):
    """The frame that explains the others best when blurred (Subbarao & Surya, IJCV 13, 1994), averaged where several do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["depth_from_defocus"] = "depth_from_defocus"
    averaging: Annotated[
        float,
        Field(
            ge=0,
            le=10,
            description=(
                "Frames whose misfits differ by no more than this many times the grain are averaged."
                " More: less grain; too much: softer. 0 averages next to nothing."
            ),
        ),
    ] = 2.0
    witnesses: Annotated[
        int,
        Field(
            ge=2, le=32, description="Frames, spread through the stack, each frame is compared with. More: slower, more memory."
        ),
    ] = 8
    motion: Annotated[
        bool,
        Field(
            description=(
                "Where something moved, show one moment; where the camera wandered, take that back."
                " Without it, things that moved may show twice or in pieces."
            )
        ),
    ] = True
    blur_px_per_frame: Annotated[
        float | None,
        Field(gt=0, le=100, description="Growth in px of the blur's radius from frame to frame. Leave out to have it measured."),
    ] = None

    makes_depth_map: ClassVar[bool] = True

    def reduction_looked_at(self, shape: tuple[int, int]) -> int | None:
        """Tell how reduced the luminance is that is looked at; None for colours alone."""
        # Detail is measured twice as finely as decisions are made.
        return reduction_of(shape) // 2

    def fuse(self, frames: AlignedFrames, means: Means) -> Fused:
        """Fuse aligned frames."""
        return fuse_by_depth_from_defocus(frames, self, means)


def fuse_by_depth_from_defocus(frames: AlignedFrames, settings: DepthFromDefocus, means: Means = Means()) -> Fused:  # noqa: B008  (frozen)
    """Weigh every frame at every pixel by how well it explains the others, then put the frames together.

    Parameters
    ----------
    frames : AlignedFrames
        Read reduced and gray twice, then once in full where used.
    settings : DepthFromDefocus
        Tolerance, number of witnesses, blur per frame.
    means : Means
        Places for reduced planes take together about a byte per pixel of a frame for each frame; progress is told after about
        every frame's work, whatever is done.

    Returns
    -------
    Fused
        With the depth of the visible surface; its confidence is 1 amid texture in focus, 0 where depth is only continued.
    """
    weigh = partial(
        weighed,
        frames,
        means=means,
        averaging=settings.averaging,
        witnesses=settings.witnesses,
        blur_px_per_frame=settings.blur_px_per_frame,
        motion=settings.motion,
    )
    found = weigh(Grid.of(frames))
    motion: MotionFound | None = None
    if settings.motion:
        found, motion = with_motion(found, frames, weigh)
    grid, settled, grain_detail = found.grid, found.settled, found.grain_detail
    focus, per_step = found.focus, found.per_step
    del found
    measured = settled.depth
    blending: Blending = BlendingByWeight(frames=shown(frames, grid), weights=settled, reduction=grid.reduction)
    image = blending.image(progress=means.progress)
    del settled, blending
    if not means.with_depth:
        return Fused(image=image, depth=None, focus=focus, blur_px_per_step=per_step, motion=motion)
    step = Steps(means.progress, "depth", 3)
    texture = Texture.of(image, reduction=grid.reduction, grain_detail=grain_detail, brightness=grid.brightness)
    step()
    surface = visible_surface(measured, texture)
    step()
    depth = enlarged(surface, reduction=grid.reduction, shape=grid.full_shape)
    step()
    return Fused(image=image, depth=depth, focus=focus, blur_px_per_step=per_step, motion=motion)
