"""Matrices between frames, and the small motions from which they are put together.

Coordinates are (x, y) px, pixel centres at integers. Around the centre of a frame they are measured in half its long side, so
that one set of motions serves every size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import atan2, degrees, sqrt
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stackd.model.pixels import Matrix
from stackd.model.registration import MotionModel

Vectors: TypeAlias = NDArray[np.float64]
"""Numbers of points, one row a point or a parameter."""

Rows: TypeAlias = NDArray[np.float32]
"""Numbers of many points, one column a point: float32 in long rows is what makes comparing them fast."""

AFFINE_PARAMETERS = 6
"""With more motions free, the last row of a matrix counts too."""

# Motions around the centre of the frame, in units of half its long side, ordered so that each model uses the first few.
GENERATORS: Vectors = np.array(
    [
        [[0, 0, 1], [0, 0, 0], [0, 0, 0]],  # x shift
        [[0, 0, 0], [0, 0, 1], [0, 0, 0]],  # y shift
        [[1, 0, 0], [0, 1, 0], [0, 0, 0]],  # scale
        [[0, -1, 0], [1, 0, 0], [0, 0, 0]],  # rotation
        [[1, 0, 0], [0, -1, 0], [0, 0, 0]],  # stretch along the axes
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]],  # stretch along the diagonals
        [[0, 0, 0], [0, 0, 0], [1, 0, 0]],  # keystone, x
        [[0, 0, 0], [0, 0, 0], [0, 1, 0]],  # keystone, y
    ],
    dtype=np.float64,
)

PARAMETERS: Mapping[MotionModel, int] = MappingProxyType({"translation": 2, "similarity": 4, "affine": 6, "homography": 8})
"""How many of `GENERATORS` each model leaves free."""


def rescale_points(points: Vectors, reduction: float) -> Vectors:
    """Express in full-resolution px points (x, y) found on a copy reduced by `reduction`; see `rescale_matrix`."""
    return np.asarray((points + 0.5) * reduction - 0.5)


def rescale_matrix(matrix: Matrix, reduction: float, *, onto: float | None = None) -> Matrix:
    """Express in full-resolution px a matrix found on copies reduced by `reduction`.

    Pixel centres are at integers on both grids: x_full = (x_reduced + 0.5) · reduction − 0.5.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Moving → reference on the reduced grid.
    reduction : float
        Full-resolution px per reduced px; below 1 goes the other way.
    onto : float, optional
        The same of the copy that the matrix maps onto, where it is reduced by another factor.

    Returns
    -------
    ndarray of float64, shape (3, 3)
        Moving → reference on the full grid, exact.
    """
    from_full = np.linalg.inv(enlarging(reduction))
    return normalised(enlarging(onto or reduction) @ matrix @ from_full)


def enlarging(reduction: float) -> Matrix:
    """Map px of a copy reduced by `reduction` to px of the full grid."""
    offset = (reduction - 1) / 2
    return np.array([[reduction, 0, offset], [0, reduction, offset], [0, 0, 1]], dtype=np.float64)


def normalised(matrix: Matrix) -> Matrix:
    """Scale a homogeneous matrix so that its last element is 1."""
    scaled: Matrix = matrix / matrix[2, 2]
    return scaled


def inverse(matrix: Matrix) -> Matrix:
    """Turn moving → reference into reference → moving, or back."""
    return normalised(np.asarray(np.linalg.inv(matrix), dtype=np.float64))


def transformed(matrix: Matrix, points: Vectors) -> Vectors:
    """Map (x, y) points, shape (N, 2)."""
    # Written out: a threaded matrix product of so small a matrix spends more on its threads than on the work.
    x, y = points.T
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    scale = 1 / (g * x + h * y + i) if g or h else 1 / i
    return np.stack([(a * x + b * y + c) * scale, (d * x + e * y + f) * scale], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """What a matrix does to the middle of a frame, in words a photographer has for it."""

    shift_x_px: float
    shift_y_px: float
    """To the right and down."""
    rotation_deg: float
    """Clockwise, as one looks at the picture."""
    magnification: float
    """1 where sizes stay."""


def motion_at_centre(matrix: Matrix, shape: tuple[int, int]) -> Motion:
    """Take apart what was done to lay a frame over the reference.

    At the centre, because what a corner does mixes shift, rotation and breathing.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Moving → reference px.
    shape : tuple of int
        Rows and columns of the frame.

    Returns
    -------
    Motion
        Of a homography that at the centre.
    """
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    x, y = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    scale = 1 / (g * x + h * y + i)
    to_x, to_y = (a * x + b * y + c) * scale, (d * x + e * y + f) * scale
    # Derivatives of where a point comes to lie.
    xx, xy, yx, yy = ((a - g * to_x) * scale, (b - h * to_x) * scale, (d - g * to_y) * scale, (e - h * to_y) * scale)
    return Motion(
        shift_x_px=to_x - x,
        shift_y_px=to_y - y,
        rotation_deg=degrees(atan2(yx - xy, xx + yy)),
        magnification=sqrt(abs(xx * yy - xy * yx)),
    )


def corners(shape: tuple[int, int]) -> Vectors:
    """Centres of the four corner pixels, (x, y), shape (4, 2)."""
    height, width = shape
    return np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], dtype=np.float64)


def px_to_unit(shape: tuple[int, int]) -> Matrix:
    """Map px to coordinates with the frame's centre at 0 and half its long side as unit."""
    height, width = shape
    half = max(width, height) / 2
    return np.array([[1 / half, 0, -(width - 1) / 2 / half], [0, 1 / half, -(height - 1) / 2 / half], [0, 0, 1]])


def mapped(matrix: Matrix, points: Rows) -> Rows:
    """Map points (x, y), shape (2, N)."""
    x, y = points
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    mapped = np.stack([a * x + b * y + c, d * x + e * y + f])
    if g or h:
        mapped /= g * x + h * y + i
    return mapped


def displacements(u: Vectors, parameters: int) -> Vectors:
    """Displacement of points `u` per generator, shape (N, P, 2)."""
    points = np.column_stack([u, np.ones(len(u))])
    moved = np.einsum("pij,nj->npi", GENERATORS[:parameters], points)
    return np.asarray(moved[..., :2] - u[:, None, :] * moved[..., 2:])


def coefficients(change: Matrix, parameters: int) -> Vectors:
    """Generator coefficients of a transform close to the identity, unit coordinates."""
    flat = GENERATORS[:parameters].reshape(parameters, 9)
    difference = (change / np.cbrt(np.linalg.det(change)) - np.eye(3)).ravel()
    if parameters <= AFFINE_PARAMETERS:
        difference = (normalised(change) - np.eye(3)).ravel()
    return np.asarray(np.linalg.lstsq(flat.T, difference, rcond=None)[0])
