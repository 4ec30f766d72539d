"""Small pictures of the frames, laid over the reference as the composite is: to compare it with what it was made from.

They are made from what is decoded anyway while frames are registered, and kept outside memory until it is known where they lie.
"""

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.blocks import reduced
from stackd.imaging.ground.frames import MakePlaneStore
from stackd.imaging.ground.matrices import enlarging, inverse
from stackd.model.composite import Preview, Rectangle
from stackd.model.pixels import Matrix, Pixels

MOST_PREVIEWS = 60
"""Frames of one stack that get a preview, evenly spread: a strip of more is no longer looked through one by one (guess)."""

SIDE_PX = 1600
"""Long side of a preview at most: what a window on a usual screen shows."""

PIXELS_OF_ALL = 24_000_000
"""Px of all previews of a stack together: as JPEG of frames that are mostly blurred about 2 MB (60 frames of 24 megapixels), and
72 MB of memory while they are written, a quarter of what a composite of 24 megapixels takes."""

DEEP_TO_SHALLOW = 1 / 257
"""Full range of 16 bit to full range of 8 bit."""


class KeptPreviews:
    """Takes frames as they are decoded, and gives them back small and laid over the reference.

    Parameters
    ----------
    make_store : MakePlaneStore
        Opens the place where small frames wait.
    shape : tuple of int
        Rows and columns of the frames.
    frames : int
        How many there are; of more than `MOST_PREVIEWS` some are left out.
    reduction : int
        Px of a frame that one px of what is noted is the mean of, along each side.
    """

    def __init__(self, make_store: MakePlaneStore, *, shape: tuple[int, int], frames: int, reduction: int) -> None:
        self._store = make_store()
        self._shape = shape
        count = min(frames, MOST_PREVIEWS)
        self._wanted = frozenset(np.rint(np.linspace(0, frames - 1, count)).astype(int).tolist()) if frames else frozenset()
        self._places: dict[int, int] = {}
        self._factor = 1
        while not self._is_small_enough(reduction * self._factor, count):
            self._factor *= 2
        self._reduction = reduction * self._factor

    def note(self, position: int, pixels: Pixels) -> None:
        """Keep a frame, if it is one of those that get a preview."""
        if position not in self._wanted:
            return
        small = reduced(pixels, self._factor)
        if small.dtype == np.uint16:
            small = cv2.convertScaleAbs(small, alpha=DEEP_TO_SHALLOW).astype(np.uint8, copy=False)
        self._places[position] = len(self._store)
        self._store.append(small)

    def preview(self, position: int, matrix: Matrix | None, area: Rectangle) -> Preview | None:
        """Give the preview of a frame; None of one that has none.

        Parameters
        ----------
        position : int
            As it was noted.
        matrix : ndarray of float64, shape (3, 3), or None
            Frame → reference, full-size px; None of a frame that was left out, which then is shown as it was shot.
        area : Rectangle
            What the composite shows of the reference's grid.
        """
        place = self._places.get(position)
        if place is None:
            return None
        stored = cast("NDArray[np.uint8]", self._store.read(place, slice(None)))
        if matrix is None:
            return Preview(pixels=stored, is_laid_over=False)
        rows, columns = (max(round(side / self._reduction), 1) for side in (area.height_px, area.width_px))
        # Areas are no multiple of the reduction: previews are a little stretched, so that they end where the composite does.
        across, down = area.width_px / columns, area.height_px / rows
        to_reference = np.array(
            [[across, 0, area.left + (across - 1) / 2], [0, down, area.top + (down - 1) / 2], [0, 0, 1]], np.float64
        )
        sampling = inverse(enlarging(self._reduction)) @ inverse(matrix) @ to_reference
        size, inverted = (columns, rows), cv2.WARP_INVERSE_MAP
        # The kernel must not mix in what lies outside; that is black all the same.
        laid_over = cv2.warpPerspective(stored, sampling, size, flags=cv2.INTER_CUBIC | inverted, borderMode=cv2.BORDER_REPLICATE)
        covered = cv2.warpPerspective(np.ones(stored.shape[:2], np.uint8), sampling, size, flags=cv2.INTER_NEAREST | inverted)
        if not covered.all():
            laid_over[covered == 0] = 0
        return Preview(pixels=np.asarray(laid_over, np.uint8), is_laid_over=True)

    def _is_small_enough(self, reduction: int, count: int) -> bool:
        rows, columns = (-(-side // reduction) for side in self._shape)
        return max(rows, columns) <= SIDE_PX and rows * columns * count <= PIXELS_OF_ALL
