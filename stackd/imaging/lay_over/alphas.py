"""Which pixels of the frames are picture: kept outside memory, laid over the reference, and put together for the composite."""

from collections.abc import Iterable
from typing import cast

import cv2
import numpy as np

from stackd.imaging.ground.frames import AlignedFrames, MakePlaneStore, PlaneStore
from stackd.imaging.ground.matrices import inverse, rescale_matrix
from stackd.imaging.lay_over.crop import largest_rectangle
from stackd.imaging.lay_over.transparency import OPAQUE, opaque
from stackd.model.composite import Rectangle
from stackd.model.pixels import Alpha, Mask, Matrix

CROPPED_FROM = 0.8
"""Share of what all frames show that a rectangle must hold for the composite to be cropped to it. Frames that another program
laid over each other end along straight borders: turned by 3° a rectangle still holds 0.89 of them (3:2). What was cut out along
its outline does not: an ellipse holds 0.64 in its largest rectangle, a diamond 0.5, a frame with a hole in its middle half."""


class KeptAlphas:
    """Alpha of the frames of a source that have any, one byte a pixel, outside memory; nothing for the others.

    Parameters
    ----------
    make_store : MakePlaneStore
        Opens a place for them when the first comes.
    """

    def __init__(self, make_store: MakePlaneStore) -> None:
        self._make_store = make_store
        self._store: PlaneStore | None = None
        self._places: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self._places)

    def note(self, position: int, alpha: Alpha | None) -> None:
        """Keep the alpha of a frame of the source."""
        if alpha is None:
            return
        if self._store is None:
            self._store = self._make_store()
        self._places[position] = len(self._store)
        self._store.append(alpha)

    def read(self, position: int) -> Alpha | None:
        """Alpha on the frame's own grid, shape (H, W); None where all is picture."""
        if self._store is None or position not in self._places:
            return None
        return cast("Alpha", self._store.read(self._places[position], slice(None)))

    def opaque(self, position: int, matrix: Matrix, *, reduction: int, shape: tuple[int, int]) -> Mask | None:
        """Mark what a frame shows on a reduced grid of the reference, of that shape; None where it has no alpha."""
        alpha = self.read(position)
        if alpha is None:
            return None
        small = opaque(alpha, reduction).astype(np.uint8) * np.uint8(OPAQUE)
        return np.asarray(laid_over(small, rescale_matrix(matrix, 1 / reduction), shape) == OPAQUE)


def laid_over(alpha: Alpha, matrix: Matrix, shape: tuple[int, int]) -> Alpha:
    """Lay alpha over the reference, moving → reference px: 0 outside the frame, linear in between."""
    if np.array_equal(matrix, np.eye(3)) and alpha.shape == shape:
        return alpha
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(alpha, inverse(matrix), (shape[1], shape[0]), flags=flags), np.uint8)


def composite_alpha(frames: AlignedFrames) -> Alpha | None:
    """Tell how much of each pixel any frame shows, shape (H, W); None where all of it is picture."""
    most: Alpha | None = None
    for position in range(len(frames)):
        alpha = frames.alpha(position)
        if alpha is None:
            alpha = frames.covered(position).astype(np.uint8) * np.uint8(OPAQUE)
        most = alpha if most is None else np.maximum(most, alpha)
        if (most == OPAQUE).all():
            return None
    return most


def common_part(alphas: Iterable[tuple[Alpha, Matrix]], area: Rectangle, shape: tuple[int, int]) -> Rectangle:
    """Crop an area to the rectangle that all frames show, where alpha is no more than the border of frames laid over before.

    Parameters
    ----------
    alphas : iterable of (Alpha, Matrix)
        Of every frame that has any, and where it lies: frame → reference px.
    area : Rectangle
        What the outlines of all frames have in common, px of the reference.
    shape : (int, int)
        Rows and columns of the reference.

    Returns
    -------
    Rectangle
        `area` itself where things were cut out along their outline, which no rectangle fits.
    """
    common = np.zeros(shape, np.bool_)
    common[area.top : area.bottom, area.left : area.right] = True
    for alpha, matrix in alphas:
        common &= laid_over(alpha, matrix, shape) == OPAQUE
    shown = int(common.sum())
    found = largest_rectangle(common)
    return found if found.width_px * found.height_px > CROPPED_FROM * shown else area
