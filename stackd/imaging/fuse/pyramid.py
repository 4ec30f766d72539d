"""Fuse by Laplacian pyramids: at every scale, the detail of the frame where it is strongest.

The classic method [1]_. It needs no depth map and is at its best in tangles of hairs, but it also collects the grain of all
frames and mixes the base from defocused light.

.. [1] Ogden, Adelson, Bergen, Burt, "Pyramid-based computer graphics", RCA Engineer 30-5 (1985); multi-focus use after
   Li, Manjunath, Mitra, "Multisensor image fusion using the wavelet transform", GMIP 57 (1995): choose by local energy.
"""

from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.compose.coverage import Coverage
from stackd.imaging.compose.fused import Fused, Means
from stackd.imaging.compose.laplacian import decompose, level_count, recompose
from stackd.imaging.ground.frames import AlignedFrames, Progress, Steps, ignore_progress
from stackd.model.pixels import Image

CHOICE_SIGMA_PX = 1.0
"""Window in which neighbours vote for one frame, in pixels of the level. Measured: wider costs hairs, narrower collects grain."""
SHOWN_FROM = np.float32(0.5)
"""Share of what a pixel of a level is made from that a frame must show to be chosen there. With nearly all of it, what lies
within a hundred pixels of a frame's edge loses coarse detail: 0.3 dB on one of two stacks (measured)."""
UNSEEN = np.float32(-1)
"""Below every strength: what a frame does not show is never taken from it."""


class PyramidFusion(BaseModel):
    """Strongest detail at every scale (Burt & Adelson pyramids)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["pyramid"] = "pyramid"
    levels: Annotated[
        int,
        Field(ge=1, le=12, description="Scales of detail, each twice as coarse. More: larger defocused areas are judged too."),
    ] = 6

    makes_depth_map: ClassVar[bool] = False

    def reduction_looked_at(self, shape: tuple[int, int]) -> int | None:
        """Tell how reduced the luminance is that is looked at; None for colours alone."""
        del shape
        return None

    def fuse(self, frames: AlignedFrames, means: Means) -> Fused:
        """Fuse aligned frames."""
        return fuse_by_pyramid(frames, self, progress=means.progress)


def fuse_by_pyramid(frames: AlignedFrames, settings: PyramidFusion, *, progress: Progress = ignore_progress) -> Fused:
    """Keep, at every scale and place, the detail of the frame where it is strongest.

    Parameters
    ----------
    frames : AlignedFrames
        Read once, in order.
    settings : PyramidFusion
        Number of levels; fewer are used when the image is small.
    progress : Progress
        Told after every frame.

    Returns
    -------
    Fused
        Without a depth map: scales may disagree.
    """
    levels = level_count(frames.shape, settings.levels)
    kept: list[Image] = []
    strongest: list[NDArray[np.float32]] = []
    base_weight = np.zeros(0, np.float32)
    coverage = Coverage(frames)
    step = Steps(progress, "fuse", len(frames))
    for index in range(len(frames)):
        strength = np.ones((1, 1), np.float32)
        covered = coverage.take_part(index)
        shown = None if covered is None else covered.astype(np.float32)
        for level, part in enumerate(decompose(frames.read(index), levels)):
            if level < levels:
                strength = _strength(part)
                if shown is not None:
                    strength[shown <= SHOWN_FROM] = UNSEEN
                    shown = np.asarray(cv2.pyrDown(shown), np.float32)
                if index == 0:
                    kept.append(part)
                    strongest.append(strength)
                else:
                    np.copyto(kept[level], part, where=(strength > strongest[level])[..., None])
                    np.maximum(strongest[level], strength, out=strongest[level])
            else:
                # What is left has no detail to choose by: the coarsest detail says which frame is in focus here.
                halved = cv2.resize(strength, part.shape[1::-1], interpolation=cv2.INTER_LINEAR)
                weight = np.square(np.maximum(halved, 0)) + np.finfo(np.float32).eps
                if shown is not None:
                    weight[shown <= SHOWN_FROM] *= np.finfo(np.float32).eps
                if index == 0:
                    kept.append(part * weight[..., None])
                    base_weight = weight
                else:
                    kept[level] += part * weight[..., None]
                    base_weight = base_weight + weight
        step()
    kept[-1] /= base_weight[..., None]
    image = recompose(kept)
    return Fused(image=np.clip(image, 0, 1, out=image), depth=None)


def _strength(detail: Image) -> NDArray[np.float32]:
    strength = cv2.transform(np.abs(detail), np.full((1, 3), 1 / 3, np.float32))
    return cv2.GaussianBlur(strength, (0, 0), CHOICE_SIGMA_PX, dst=strength).astype(np.float32, copy=False)
