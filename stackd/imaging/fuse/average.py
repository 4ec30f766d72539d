"""Fuse by averaging: every frame counts the same everywhere.

The template of a method: a frozen settings class that says everything a user can choose, and one function that pulls the frames
it needs, one at a time. Nothing becomes sharper, but grain goes down with the square root of the number of frames, so it is the
right choice for bursts that do not differ in focus, and the yardstick every other method must beat.
"""

from typing import ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from stackd.imaging.compose.coverage import Coverage
from stackd.imaging.compose.fused import Fused, Means
from stackd.imaging.ground.frames import AlignedFrames, Progress, Steps, ignore_progress


class Average(BaseModel):
    """Mean of all frames: least grain, no gain in sharpness."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["average"] = "average"

    makes_depth_map: ClassVar[bool] = False

    def reduction_looked_at(self, shape: tuple[int, int]) -> int | None:
        """Tell how reduced the luminance is that is looked at; None for colours alone."""
        del shape
        return None

    def fuse(self, frames: AlignedFrames, means: Means) -> Fused:
        """Fuse aligned frames."""
        return fuse_by_average(frames, progress=means.progress)


def fuse_by_average(frames: AlignedFrames, *, progress: Progress = ignore_progress) -> Fused:
    """Average the aligned frames, each where it shows something.

    Parameters
    ----------
    frames : AlignedFrames
        At least one frame.
    progress : Progress
        Told after every frame.

    Returns
    -------
    Fused
        The mean, without a depth map.
    """
    total = np.zeros((*frames.shape, 3), np.float32)
    missing = np.zeros((*frames.shape, 1), np.uint16)
    coverage = Coverage(frames)
    step = Steps(progress, "fuse", len(frames))
    for position in range(len(frames)):
        image, covered = frames.read(position), coverage.take_part(position)
        if covered is not None:
            image[~covered] = 0
            missing += ~covered[..., None]
        total += image
        step()
    total /= len(frames) - missing
    return Fused(image=np.clip(total, 0, 1, out=total), depth=None)
