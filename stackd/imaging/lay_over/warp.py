"""Lay a frame over the reference grid, whole or one tile, and tell what it covers.

Pixels between the frame's pixel centres are interpolated with OpenCV's cubic kernel; a test holds it to scikit-image's. A matrix
that is exactly the identity copies pixels untouched.
"""

from enum import Enum
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.matrices import inverse
from stackd.imaging.lay_over.crop import row_spans
from stackd.model.pixels import Mask, Matrix

if TYPE_CHECKING:
    from skimage.transform import ProjectiveTransform

SLACK_PX = 1e-6
"""Rounding must not take the border from a frame that lies exactly on the grid."""

WARPED = TypeVar("WARPED", NDArray[np.uint8], NDArray[np.uint16], NDArray[np.float32])


class Interpolation(Enum):
    """How values between pixel centres are found; the value is OpenCV's flag."""

    LINEAR = cv2.INTER_LINEAR
    CUBIC = cv2.INTER_CUBIC


def warp(
    image: WARPED,
    matrix: "Matrix | ProjectiveTransform",
    shape: tuple[int, int],
    *,
    rows: slice | None = None,
    columns: slice | None = None,
    interpolation: Interpolation = Interpolation.CUBIC,
) -> WARPED:
    """Resample a frame onto the reference grid, or onto a tile of it.

    Parameters
    ----------
    image : ndarray of uint8, uint16 or float32, shape (H, W) or (H, W, C)
        The moving frame.
    matrix : ndarray of float64, shape (3, 3), or a transform of scikit-image
        Moving → reference px.
    shape : (int, int)
        Rows and columns of the reference grid.
    rows, columns : slice, optional
        Tile of the reference grid to compute; the whole by default. Values are those of the whole image cut to the tile.
    interpolation : Interpolation
        Cubic by default.

    Returns
    -------
    ndarray of the type of `image`
        Outside the frame its border is replicated.
    """
    top, bottom, _ = (rows or slice(None)).indices(shape[0])
    left, right, _ = (columns or slice(None)).indices(shape[1])
    matrix = np.asarray(matrix, dtype=np.float64)
    if np.array_equal(matrix, np.eye(3)) and image.shape[:2] == shape:
        return image[top:bottom, left:right].copy()
    to_tile = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], dtype=np.float64)
    return sample(image, np.linalg.inv(matrix) @ to_tile, (bottom - top, right - left), interpolation=interpolation)


def sample(
    image: WARPED, sampling: Matrix, shape: tuple[int, int], *, interpolation: Interpolation = Interpolation.CUBIC
) -> WARPED:
    """Resample a frame where `sampling` says each pixel of a grid comes from.

    Parameters
    ----------
    image : ndarray of uint8, uint16 or float32, shape (H, W) or (H, W, C)
        The frame, or a part of it.
    sampling : ndarray of float64, shape (3, 3)
        Grid → frame px, the inverse of what `warp` takes.
    shape : (int, int)
        Rows and columns of the grid.
    interpolation : Interpolation
        Cubic by default.

    Returns
    -------
    ndarray of the type of `image`
        Outside the frame its border is replicated.
    """
    sampling = sampling / sampling[2, 2]
    size = (shape[1], shape[0])
    flags = interpolation.value | cv2.WARP_INVERSE_MAP
    if sampling[2, 0] == 0 and sampling[2, 1] == 0:
        warped = cv2.warpAffine(image, sampling[:2], size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    else:
        warped = cv2.warpPerspective(image, sampling, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return warped  # type: ignore[return-value]  # OpenCV keeps the type but does not say so


def covered(matrix: Matrix, frame_shape: tuple[int, int], shape: tuple[int, int]) -> Mask:
    """Mark the pixels of the reference grid whose value comes from inside the frame.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Moving → reference px.
    frame_shape, shape : (int, int)
        Rows and columns of the frame and of the reference grid.

    Returns
    -------
    ndarray of bool, shape `shape`
    """
    width = shape[1]
    left, right = row_spans(inverse(matrix), frame_shape, shape[0])
    first = np.ceil(left - SLACK_PX).clip(0, width).astype(np.intp)
    stop = (np.floor(right + SLACK_PX) + 1).clip(0, width).astype(np.intp)
    shown = first < stop
    mask = np.ones(shape, np.bool_)
    mask[~shown] = False
    if shown.any():
        # Only the strips in which something ends are looked at: this is done for every frame of a stack.
        columns = np.arange(width)
        inner, outer = int(first[shown].max()), int(stop[shown].min())
        mask[:, :inner] &= columns[:inner] >= first[:, None]
        mask[:, outer:] &= columns[outer:] < stop[:, None]
    return mask
