"""The reduced grid of the reference on which decisions are made, and frames as they are seen on it."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.compose.focus_measure import lay_over_reference
from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.frames import AlignedFrames
from stackd.imaging.ground.matrices import rescale_matrix
from stackd.imaging.lay_over.transparency import OPAQUE
from stackd.imaging.lay_over.warp import covered
from stackd.imaging.motion.moments import View
from stackd.imaging.motion.treatment import Treatment
from stackd.model.pixels import Alpha, Gray, Mask

REDUCTIONS = (2, 4, 8)
DECISION_PX = 4_000_000
"""Decisions are made on the least reduced grid of at most so many pixels. Half size loses nothing (measured on 1–2 megapixels). A
quarter loses hairs there, but on 24 megapixels no lens draws hairs that fine, and time and memory stay bounded."""

DETAIL_SIGMA_PX = 1.0
"""Px: detail is what this Gaussian takes away."""
DETAIL_REACH_PX, BAND_ROWS = 6, 64
"""How far that Gaussian looks, and rows worked on at once: even numbers."""


def reduction_of(shape: tuple[int, int]) -> int:
    """Tell how reduced the grid is on which frames of so many rows and columns are decided on."""
    return next((k for k in REDUCTIONS if shape[0] * shape[1] <= DECISION_PX * k**2), REDUCTIONS[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The reduced grid of the reference on which decisions are made."""

    reduction: int
    shape: tuple[int, int]
    full_shape: tuple[int, int]
    brightness: float = 1.0
    treatment: Treatment | None = None
    """What is done about motion."""

    @classmethod
    def of(cls, frames: AlignedFrames) -> "Grid":
        """Lay the grid over the frames."""
        height, width = frames.shape
        reduction = reduction_of(frames.frame_shape)  # as the stacker was told, however little of the frames is kept
        return cls(reduction=reduction, shape=(-(-height // reduction), -(-width // reduction)), full_shape=(height, width))

    def view(self, frames: AlignedFrames, position: int) -> "GridView":
        """Luminance and fine detail of a frame laid over the grid."""
        native = frames.read_gray_native(position, self.reduction // 2)
        own_shape = (-(-native.shape[0] // 2), -(-native.shape[1] // 2))
        gray, fine_detail = (
            lay_over_reference(
                plane, frames.matrices[position], reduction=self.reduction, shape=self.shape, interpolation=interpolation
            )
            for plane, interpolation in (
                (block_means(native, 2, edge=Edge.REPEATED), cv2.INTER_CUBIC),
                # From the frame's own grid: interpolation would cost sharpness that differs from frame to frame.
                (halved_detail(native), cv2.INTER_LINEAR),
            )
        )
        alpha = frames.alpha(position)
        if alpha is not None:
            alpha = block_means(alpha, self.reduction, edge=Edge.REPEATED)
        view = GridView(gray=gray, fine_detail=fine_detail, own_shape=own_shape, alpha=alpha).brightened(self.brightness)
        if self.treatment is None:
            return view
        seen, kept_back = self.treatment.seen(View(gray=view.gray, fine_detail=view.fine_detail), position)
        return replace(view, gray=seen.gray, fine_detail=seen.fine_detail, kept_back=kept_back)

    def gray(self, frames: AlignedFrames, position: int) -> Gray:
        """Luminance of a frame laid over the grid."""
        # As finely as it was kept when the frame was added: on any other grid it would have to be decoded again.
        native = block_means(frames.read_gray_native(position, self.reduction // 2), 2, edge=Edge.REPEATED)
        return lay_over_reference(
            native, frames.matrices[position], reduction=self.reduction, shape=self.shape, interpolation=cv2.INTER_CUBIC
        ) * np.float32(self.brightness)

    def outside(self, view: "GridView", frames: AlignedFrames, position: int) -> NDArray[np.bool_]:
        """Mark what a frame does not show, or less than half of."""
        inside = cv2.warpPerspective(
            np.ones(view.own_shape, np.uint8),
            rescale_matrix(frames.matrices[position], 1 / self.reduction),
            (self.shape[1], self.shape[0]),
            flags=cv2.INTER_NEAREST,
        )
        outside = np.asarray(inside == 0)
        if view.alpha is not None:
            outside |= view.alpha <= OPAQUE // 2
        return outside if view.kept_back is None else outside | view.kept_back

    def hidden(self, view: "GridView", frames: AlignedFrames, position: int) -> Mask:
        """Mark what a frame does not show all of."""
        hidden = ~covered(rescale_matrix(frames.matrices[position], 1 / self.reduction), view.own_shape, self.shape)
        if view.shown is not None:
            hidden |= ~view.shown
        return hidden if view.kept_back is None else hidden | view.kept_back


def detail_of(gray: Gray) -> NDArray[np.float32]:
    """Squared detail."""
    rest = cv2.subtract(gray, cv2.GaussianBlur(gray, (0, 0), DETAIL_SIGMA_PX))
    return np.asarray(cv2.multiply(rest, rest, dst=rest), np.float32)


def halved_detail(gray: Gray) -> NDArray[np.float32]:
    """Squared detail, mean of 2×2 px; band by band, so that what lies between stays in the processor's cache."""
    height, width = gray.shape
    halved = np.empty((-(-height // 2), -(-width // 2)), np.float32)
    for top in range(0, height, BAND_ROWS):
        above = min(top, DETAIL_REACH_PX)
        bottom = min(top + BAND_ROWS, height)
        detail = detail_of(gray[top - above : bottom + DETAIL_REACH_PX])
        halved[top // 2 : -(-bottom // 2)] = block_means(detail[above : above + bottom - top], 2, edge=Edge.REPEATED)
    return halved


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GridView:
    """A frame on the grid: luminance, display-encoded, and mean squared detail of a grid twice as fine.

    `own_shape` is that of the frame itself, equally reduced: the grid may be of a part of the reference.
    """

    gray: Gray
    fine_detail: NDArray[np.float32]
    own_shape: tuple[int, int]
    kept_back: Mask | None = None
    """Where the frame must not take part, since it shows another moment."""
    alpha: Alpha | None = None
    """How much of the grid is picture; None where the frame has no alpha."""

    @property
    def shown(self) -> Mask | None:
        """What of the grid is wholly picture; None where the frame has no alpha."""
        return None if self.alpha is None else self.alpha == OPAQUE

    def brightened(self, times: float) -> "GridView":
        """Multiply the luminance."""
        if times == 1:
            return self
        return replace(self, gray=self.gray * np.float32(times), fine_detail=self.fine_detail * np.float32(times**2))
