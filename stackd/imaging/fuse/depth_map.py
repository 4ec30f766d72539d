"""Fuse by a depth map: each pixel from the frame that is sharpest around it.

Quick and predictable. It keeps the true contrast of the frames, but where several surfaces share a pixel's surroundings (hairs,
rims, glints) the sharpest frame is not always the right one.
"""

from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.compose.blending import Blending, BlendingByPosition
from stackd.imaging.compose.coverage import Coverage
from stackd.imaging.compose.focus_measure import focus_measure, lay_over_reference
from stackd.imaging.compose.fused import Fused, Means
from stackd.imaging.ground.frames import AlignedFrames, Progress, Steps, ignore_progress
from stackd.model.composite import DepthMap

REDUCTION = 2
"""The measure is smooth over several pixels, so half size loses nothing and costs a quarter."""

UNSEEN = np.float32(-1)
"""Below every measure: what a frame does not show is never taken from it."""


class DepthMapFusion(BaseModel):
    """Sharpest frame a pixel, by the smoothed squared Laplacian (Pertuz et al., Pattern Recognition 46, 2013)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["depth_map"] = "depth_map"
    window_px: Annotated[
        float,
        Field(
            ge=2,
            le=100,
            description="Sigma in px of the window sharpness is judged in. Wider: calmer in flat areas, blind to fine hairs.",
        ),
    ] = 6.0
    feather_px: Annotated[
        float, Field(ge=0, le=50, description="Sigma in px of the transition between two frames. Wider: softer seams.")
    ] = 2.0

    makes_depth_map: ClassVar[bool] = True

    def reduction_looked_at(self, shape: tuple[int, int]) -> int | None:
        """Tell how reduced the luminance is that is looked at; None for colours alone."""
        del shape
        return REDUCTION

    def fuse(self, frames: AlignedFrames, means: Means) -> Fused:
        """Fuse aligned frames."""
        return fuse_by_depth_map(frames, self, progress=means.progress)


def fuse_by_depth_map(frames: AlignedFrames, settings: DepthMapFusion, *, progress: Progress = ignore_progress) -> Fused:
    """Find the sharpest frame for each pixel, then put the frames together.

    Parameters
    ----------
    frames : AlignedFrames
        Read twice: once gray and reduced, once in full where used.
    settings : DepthMapFusion
        Window and feather.
    progress : Progress
        Told after every frame of both passes.

    Returns
    -------
    Fused
        With a depth map; its confidence is the share by which the sharpest frame exceeds the mean of all.
    """
    depth = _sharpest_positions(frames, settings, progress)
    blending: Blending = BlendingByPosition(frames=frames, position=depth.position, feather_px=settings.feather_px)
    image = blending.image(progress=progress)
    return Fused(image=image, depth=depth)


def _sharpest_positions(frames: AlignedFrames, settings: DepthMapFusion, progress: Progress) -> DepthMap:
    height_px, width_px = frames.shape
    shape = (-(-height_px // REDUCTION), -(-width_px // REDUCTION))
    most = np.full(shape, UNSEEN, np.float32)
    total = np.zeros(shape, np.float32)
    position = np.zeros(shape, np.float32)
    coverage = Coverage(frames)
    step = Steps(progress, "measure", len(frames))
    for index in range(len(frames)):
        gray = frames.read_gray_native(index, REDUCTION)
        measure = focus_measure(gray, window_px=settings.window_px / REDUCTION)
        measure = lay_over_reference(measure, frames.matrices[index], reduction=REDUCTION, shape=shape)
        covered = coverage.take_part(index)
        if covered is not None:
            measure[~covered[::REDUCTION, ::REDUCTION]] = UNSEEN
        position[measure > most] = index
        np.maximum(most, measure, out=most)
        total += np.maximum(measure, 0)
        step()
    # Frames that show nothing there do not count as blurred.
    confidence = np.where(most > 0, 1 - total / len(frames) / np.maximum(most, np.finfo(np.float32).tiny), 0)
    return DepthMap(
        position=_enlarged(position, frames.shape, cv2.INTER_NEAREST),
        confidence=_enlarged(confidence.astype(np.float32), frames.shape, cv2.INTER_LINEAR),
        frame_count=len(frames),
    )


def _enlarged(plane: NDArray[np.float32], shape: tuple[int, int], interpolation: int) -> NDArray[np.float32]:
    full = cv2.resize(plane, None, fx=REDUCTION, fy=REDUCTION, interpolation=interpolation)
    return np.ascontiguousarray(full[: shape[0], : shape[1]], np.float32)
