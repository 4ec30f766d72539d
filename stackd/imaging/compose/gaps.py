"""Weights of frames where these show nothing: what is lost there is made up for by the frames that do."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.compose.boxes import CELL_PX, Box, cells_of
from stackd.imaging.compose.coverage import Coverage
from stackd.imaging.ground.frames import AlignedFrames
from stackd.model.pixels import Image, Mask

LEAST_SHARE = 0.01
"""Of the weights: where frames that show something have less, they are no measure of what belongs there (guess)."""


class Gaps:
    """Takes weight away where a frame shows nothing, and brings the sum back to one when all frames were seen.

    Parameters
    ----------
    frames : AlignedFrames
        All frames of the stack.
    """

    def __init__(self, frames: AlignedFrames) -> None:
        self._frames = frames
        self.coverage = Coverage(frames)
        self._lost: dict[tuple[int, int], NDArray[np.float32]] = {}  # by the top left corner of a cell; kept where there is any

    def cut(self, weight: Image, whole: NDArray[np.float32], covered: Mask, box: Box) -> Image:
        """Take a frame's weight away where it shows nothing, and remember how much of its `whole` weight that was."""
        lost = np.where(covered[box], np.float32(0), whole)
        for cell, in_box, in_cell in cells_of(box):
            if lost[in_box].any():
                self._lost.setdefault(cell, np.zeros((CELL_PX, CELL_PX), np.float32))[in_cell] += lost[in_box]
        return np.asarray(cv2.copyTo(weight, covered[box].view(np.uint8)), np.float32)

    def fill(self, fused: Image) -> None:
        """Bring the sum of weights back to one where some was lost; where hardly any is left, show a frame near the middle."""
        for box, share in self._shares():
            fused[box] /= np.maximum(share, LEAST_SHARE)[..., None]
        for position, places in self._shown_instead():
            native = self._frames.read_native(position)
            for box, found in places:
                np.copyto(fused[box], self._frames.warp_tile(native, position, *box), where=found[..., None])

    def made_up(self, weight: NDArray[np.float32], position: int) -> None:
        """Do to one frame's weight what `fill` does to the sum of all frames, in place."""
        for box, share in self._shares():
            weight[box] = np.where(share < LEAST_SHARE, np.float32(0), weight[box] / np.maximum(share, LEAST_SHARE))
        for shown, places in self._shown_instead():
            for box, found in places if shown == position else ():
                weight[box][found] = 1

    def _shares(self) -> Iterator[tuple[Box, NDArray[np.float32]]]:
        """Where weight was lost, and what is left of it."""
        for (top, left), lost in self._lost.items():
            height, width = self._frames.shape
            box = slice(top, min(top + CELL_PX, height)), slice(left, min(left + CELL_PX, width))
            yield box, 1 - lost[: box[0].stop - top, : box[1].stop - left]

    def _shown_instead(self) -> Iterator[tuple[int, list[tuple[Box, Mask]]]]:
        """Which frames are shown where hardly any weight is left, and where: those nearest to the middle that show something."""
        empty = [(box, share < LEAST_SHARE) for box, share in self._shares() if (share < LEAST_SHARE).any()]
        for position in self.coverage.from_the_middle():
            if not empty:
                return
            covered = self._frames.covered(position)
            yield position, [(box, missing & covered[box]) for box, missing in empty]
            empty = [(box, missing & ~covered[box]) for box, missing in empty if not covered[box][missing].all()]
