"""What is known of a rendered stack: the image all in focus, where it can be judged, and where judging it is hardest."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import dilation, footprint_rectangle, isotropic_dilation

from stackd.imaging.ground.frames import AlignedFrames
from stackd.imaging.ground.robust import MAD_TO_SIGMA
from stackd.imaging.lay_over.warp import covered
from stackd.model.pixels import Gray, Image, Mask, Matrix
from stackd.rendering.scenes import RenderedStack

DETAIL_SIGMA_PX = 2.0
FLAT_CONTRAST = 0.4 / 255
FLAT_REACH_PX = 7
"""A pixel is flat when nothing within this reach differs from its blurred surroundings by half a grey level of 8 bit."""

SMALLEST_JUMP = 0.5
"""Frames between neighbouring pixels; less is a slope, not an edge."""

CHOICE_SIGMA_PX = 1.5
"""`nearest_frames` chooses by the error around a pixel, not of it alone, which would be luck with the noise."""

MOVED = 0.03
"""Display units by which moments differ where something moves: less, nobody sees."""
MOVED_REACH_PX = 3
"""Px around, which the blur of what moves reaches in the frames that have it nearly in focus."""

LEAST_FLAT_PX = 500
"""Fewer pixels give no reliable grain (guess)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What a perfect composite of a stack looks like, on the grid of its reference frame, shape (H, W)."""

    image: Image
    depth_position: NDArray[np.float32]
    """Where in the stack (0 to N − 1) each pixel is sharp."""
    valid: Mask
    """Pixels that every frame covers."""
    halo: Mask
    """Valid pixels that the blur of something at another depth reaches in some frame."""
    flat: Mask
    """Valid pixels without any detail: what is seen there is noise."""
    matrices: tuple[Matrix, ...]
    """Frame → reference px, near → far."""
    gains: tuple[tuple[float, float, float], ...]
    """How much more red, green and blue light each frame got than the reference."""
    reference: int
    reference_grain: float
    """Noise of the reference frame (see `grain`)."""
    moments: tuple[Image, ...] = ()
    """Where something moves: what a perfect composite would look like at each of several moments."""
    moving: Mask | None = None
    """Where moments differ; None where nothing moves."""


def truth_of(stack: RenderedStack, *, blur_px: float) -> Truth:
    """Gather what is known of a rendered stack; `blur_px` is what it was rendered with."""
    valid = np.logical_and.reduce([covered(matrix, stack.shape, stack.shape) for matrix in stack.matrices])
    halo = near_jumps(stack.depth_position, blur_px=blur_px)
    flat = flat_areas(stack.truth) & ~halo & valid
    return Truth(
        image=stack.truth,
        depth_position=stack.depth_position,
        valid=valid,
        halo=halo & valid,
        flat=flat,
        matrices=stack.matrices,
        gains=tuple((gain, gain, gain) for gain in stack.gains),
        reference=stack.reference,
        reference_grain=grain(stack.read_gray(stack.reference, 1), flat),
        moments=stack.moments,
        moving=where_moving(stack.moments),
    )


def where_moving(moments: Sequence[Image]) -> Mask | None:
    """Mark where moments differ, and what lies around; None without moments."""
    if not moments:
        return None
    spread = np.ptp(np.stack([moment.max(axis=2) for moment in moments]), axis=0)
    return np.asarray(isotropic_dilation(spread > MOVED, MOVED_REACH_PX), np.bool_)


def near_jumps(depth_position: NDArray[np.float32], *, blur_px: float) -> Mask:
    """Mark what lies within the blur radius of a jump in depth: where halos, ghosts and eaten edges show.

    Parameters
    ----------
    depth_position : ndarray of float32, shape (H, W)
        In frames.
    blur_px : float
        Radius by which a point one frame out of focus is blurred: a jump over three frames reaches three times as far.
    """
    jump = np.zeros_like(depth_position)
    for axis in (0, 1):
        step = np.abs(np.diff(depth_position, axis=axis))
        before = [slice(None), slice(None)]
        after = [slice(None), slice(None)]
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        for side in (tuple(before), tuple(after)):
            jump[side] = np.maximum(jump[side], step)
    near = np.zeros(jump.shape, bool)
    for low, high in pairwise([SMALLEST_JUMP, *range(1, int(np.ceil(jump.max())) + 2)]):
        edge = (jump >= low) & (jump < high)
        if edge.any():
            near |= isotropic_dilation(edge, max(blur_px * high, 1.0))
    return near


def flat_areas(image: Image) -> Mask:
    """Mark where the true image has no detail."""
    luminance = gray_of(image)
    detail = np.abs(luminance - cv2.GaussianBlur(luminance, (0, 0), DETAIL_SIGMA_PX))
    side_px = 2 * FLAT_REACH_PX + 1
    return np.asarray(dilation(detail, footprint_rectangle((side_px, side_px), decomposition="separable")) < FLAT_CONTRAST)


def grain(luminance: Gray, flat: Mask) -> float:
    """Robust standard deviation of what is finer than 2 px in flat areas; NaN where there are next to none."""
    fine = (luminance - cv2.GaussianBlur(luminance, (0, 0), DETAIL_SIGMA_PX))[flat]
    if fine.size < LEAST_FLAT_PX:
        return float("nan")
    return MAD_TO_SIGMA * float(np.median(np.abs(fine - np.median(fine))))


def gray_of(image: Image) -> Gray:
    """Luminance of display-encoded RGB (ITU-R BT.601 weights)."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)


def nearest_frames(frames: AlignedFrames, truth: Truth) -> Image:
    """Pick for each pixel the frame that is nearest to the truth: about what choosing frames can reach at all.

    Parameters
    ----------
    frames : AlignedFrames
        Laid over the reference by the true matrices, brightness matched by the true gains.
    truth : Truth
        Of the same stack.

    Returns
    -------
    ndarray of float32, shape (H, W, 3)
    """
    least = np.full(truth.valid.shape, np.inf, np.float32)
    best = np.zeros_like(truth.image)
    for position in range(len(frames)):
        frame = frames.read(position)
        error = cv2.GaussianBlur(((frame - truth.image) ** 2).sum(axis=2), (0, 0), CHOICE_SIGMA_PX)
        wins = error < least
        least[wins], best[wins] = error[wins], frame[wins]
    return best


def registration_error_px(found: Sequence[Matrix | None], truth: Truth, *, reference: int) -> float:
    """Root mean square distance at the frames' corners between found and true places, px.

    Parameters
    ----------
    found : sequence of ndarray of float64, shape (3, 3), or None
        Frame → the reference frame that was chosen; None for frames left out.
    reference : int
        That frame.

    Returns
    -------
    float
        NaN when no frame but the reference has a place.
    """
    height, width = truth.valid.shape
    corners = np.array([[x, y, 1] for x in (0, width - 1) for y in (0, height - 1)], np.float64).T
    to_reference = np.linalg.inv(truth.matrices[reference])
    squares = [
        ((_moved(matrix, corners) - _moved(to_reference @ true, corners)) ** 2).sum(axis=0)
        for index, (matrix, true) in enumerate(zip(found, truth.matrices, strict=True))
        if matrix is not None and index != reference
    ]
    return float(np.sqrt(np.mean(squares))) if squares else float("nan")


def _moved(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    moved = matrix @ points
    return np.asarray(moved[:2] / moved[2])
