"""The part of the reference grid that every frame covers, as the largest upright rectangle."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.matrices import inverse
from stackd.model.composite import Rectangle
from stackd.model.pixels import Mask, Matrix

ROUNDING_PX = 1e-3
"""Outlines are pulled in by less than this when rounding alone put them outside: nobody sees a thousandth of a pixel."""

COARSE_ROWS = 256
"""Rows tried as top and bottom first; then every row near the best is. Cost is the square of this."""

RECTANGLE_SIDE = 400
"""Blocks along the long side among which the largest marked rectangle is sought: a sixth of a second, then it grows by pixels."""

ALONG_ROW = 1e-12
"""A border whose slope is below this runs along the rows, for any image that fits in memory."""


def common_rectangle(matrices: Iterable[Matrix], shape: tuple[int, int], *, margin_px: float = 0.0) -> Rectangle:
    """Find the largest upright rectangle of pixels whose value comes from inside every frame.

    A frame's outline on the reference grid is a convex quadrilateral, so the common area is convex, and a rectangle lies inside
    as soon as its four corners do.

    Parameters
    ----------
    matrices : iterable of ndarray of float64, shape (3, 3)
        Frame → reference px, one a frame.
    shape : (int, int)
        Rows and columns of the frames and of the reference grid.
    margin_px : float
        Keep this far from the border of frames that moved, where interpolation reaches outside.

    Returns
    -------
    Rectangle
        Empty (all zero) when the frames have nothing in common.
    """
    height, width = shape
    left = np.zeros(height)
    right = np.full(height, width - 1.0)
    for matrix in matrices:
        if np.array_equal(matrix, np.eye(3)):
            continue
        frame_left, frame_right = row_spans(inverse(matrix), shape, height, margin_px=margin_px)
        np.maximum(left, frame_left, out=left)
        np.minimum(right, frame_right, out=right)
    first = np.ceil(left - ROUNDING_PX).astype(np.int64)
    last = np.floor(right + ROUNDING_PX).astype(np.int64)
    rows = np.flatnonzero(last >= first)
    if rows.size == 0:
        return Rectangle(left=0, top=0, right=0, bottom=0)
    step = max(1, rows.size // COARSE_ROWS)
    top, bottom = _best_rows(first, last, _with_ends(rows, step), _with_ends(rows, step))
    tops = np.arange(max(top - step, rows[0]), min(top + step, rows[-1]) + 1)
    bottoms = np.arange(max(bottom - step, rows[0]), min(bottom + step, rows[-1]) + 1)
    top, bottom = _best_rows(first, last, tops, bottoms)
    return Rectangle(
        left=int(max(first[top], first[bottom])),
        top=int(top),
        right=int(min(last[top], last[bottom])) + 1,
        bottom=int(bottom) + 1,
    )


def largest_rectangle(shown: Mask) -> Rectangle:
    """Find the largest upright rectangle of which every pixel is marked, whatever the outline.

    Every row in turn is taken for the bottom; above each column stands a bar of marked pixels, and the largest rectangle below
    the bars is found with a stack of rising ones [1]_. Of a large picture blocks are taken that are marked all over.

    Parameters
    ----------
    shown : ndarray of bool, shape (H, W)

    Returns
    -------
    Rectangle
        Empty (all zero) where nothing is marked.

    References
    ----------
    .. [1] D. Vandevoorde, "The maximal rectangle problem", Dr. Dobb's Journal, April 1998.
    """
    step = max(1, -(-max(shown.shape) // RECTANGLE_SIDE))
    rows, columns = shown.shape[0] // step, shown.shape[1] // step
    blocks: Mask = shown[: rows * step, : columns * step].reshape(rows, step, columns, step).min(axis=(1, 3))
    best, found = 0, Rectangle(left=0, top=0, right=0, bottom=0)
    bars = np.zeros(columns, np.int64)
    for bottom in range(rows):
        bars = np.where(blocks[bottom], bars + 1, 0)
        rising: list[tuple[int, int]] = []  # left end and height of bars that go on
        for column, height in enumerate([*bars.tolist(), 0]):
            left = column
            while rising and rising[-1][1] >= height:
                left, tall = rising.pop()
                if tall * (column - left) > best:
                    best = tall * (column - left)
                    found = Rectangle(
                        left=left * step, top=(bottom + 1 - tall) * step, right=column * step, bottom=(bottom + 1) * step
                    )
            rising.append((left, height))
    return _grown(found, shown) if best else found


def _grown(found: Rectangle, shown: Mask) -> Rectangle:
    """Move each side outward while the row or column it takes in is marked: blocks end before the picture does."""
    left, top, right, bottom = found.left, found.top, found.right, found.bottom
    while top > 0 and shown[top - 1, left:right].all():
        top -= 1
    while bottom < shown.shape[0] and shown[bottom, left:right].all():
        bottom += 1
    while left > 0 and shown[top:bottom, left - 1].all():
        left -= 1
    while right < shown.shape[1] and shown[top:bottom, right].all():
        right += 1
    return Rectangle(left=left, top=top, right=right, bottom=bottom)


def row_spans(
    sampling: Matrix, frame_shape: tuple[int, int], rows: int, *, margin_px: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First and last x px, one a row of the reference grid, that `sampling` (reference → frame) maps into the frame."""
    height, width = frame_shape
    y = np.arange(rows, dtype=np.float64)
    left, right = np.full(rows, -np.inf), np.full(rows, np.inf)
    u, v, w = (sampling[k, 0] for k in range(3))
    u0, v0, w0 = (sampling[k, 1] * y + sampling[k, 2] for k in range(3))
    # Each border is linear in x once multiplied by w > 0: slope · x + offset ≥ 0.
    low, x_high, y_high = margin_px, width - 1 - margin_px, height - 1 - margin_px
    borders = (
        (u - low * w, u0 - low * w0),
        (x_high * w - u, x_high * w0 - u0),
        (v - low * w, v0 - low * w0),
        (y_high * w - v, y_high * w0 - v0),
        (w, w0),
    )
    for slope, offset in borders:
        if abs(slope) < ALONG_ROW:  # the border runs along the row: it keeps the whole row or none of it
            outside = offset < -ROUNDING_PX
            left[outside], right[outside] = np.inf, -np.inf
        elif slope > 0:
            np.maximum(left, -offset / slope, out=left)
        else:
            np.minimum(right, -offset / slope, out=right)
    return left.clip(-1e9, 1e9), right.clip(-1e9, 1e9)


def _with_ends(rows: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    return np.unique(np.append(rows[::step], rows[-1]))


def _best_rows(
    first: NDArray[np.int64], last: NDArray[np.int64], tops: NDArray[np.int64], bottoms: NDArray[np.int64]
) -> tuple[int, int]:
    """Top and bottom row of the largest rectangle among the candidates."""
    widths = np.minimum(last[tops][:, None], last[bottoms]) - np.maximum(first[tops][:, None], first[bottoms]) + 1
    areas = np.clip(widths, 0, None) * np.clip(bottoms - tops[:, None] + 1, 0, None)
    best = np.unravel_index(int(np.argmax(areas)), areas.shape)
    return int(tops[best[0]]), int(bottoms[best[1]])
