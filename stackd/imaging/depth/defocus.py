"""Defocus as a lens makes it: a point becomes a disc that grows with the distance from focus, and light adds linearly.

Subbarao, Surya, "Depth from defocus: a spatial domain approach", IJCV 13 (1994).
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.colour import to_display, to_light
from stackd.model.pixels import Gray

NARROWEST_BOXES = 2.5
"""Variance, px squared: two boxes of less, 3 px and 5 px wide, resemble no disc; a Gaussian does."""

COARSE_FROM_PX = 4.5
"""Radius from which frames are blurred at half size, which takes a quarter of the time. Measured: nothing is lost."""
HALVING_RADIUS_PX = 1.9
"""Radius of the disc as wide as halving and enlarging blur: variances 3/12 and 4/6 px², a disc's is a quarter of its square."""

TILE_PX = 48
"""Side of a patch in which blur is measured: small enough for one depth, large enough for texture."""
LARGEST_RADIUS_PX = 24
"""Blur beyond this says little about the radius; it is also the margin around a patch, so that what comes in by blur is there."""
TILES_AT_MOST = 40
"""Patches measured; more do not move the median."""
EXPLAINED = 0.2
"""A blur counts only when it leaves less than this share of the difference of two frames: then it is defocus, not occlusion.
Where grain is known, both are taken above it, and so much of it is allowed."""
RADII_PX = np.geomspace(0.4, LARGEST_RADIUS_PX, 22).astype(np.float32)
"""Radii tried: steps of a fifth, refined by a parabola."""


def blurred(light: NDArray[np.float32], radius_px: float) -> NDArray[np.float32]:
    """Spread light as a lens does whose circle of confusion has this radius.

    Two box filters with the disc's variance: the cost does not grow with the radius, and the difference to a true disc costs
    0.1 dB in the composite (measured).

    Parameters
    ----------
    light : ndarray of float32, shape (H, W)
        Linear.
    radius_px : float
        Radius of the circle of confusion.

    Returns
    -------
    ndarray of float32, shape (H, W)
    """
    disc_variance = radius_px**2 / 4  # along one axis
    if disc_variance >= NARROWEST_BOXES:
        return _spread(light, disc_variance)
    if disc_variance < 0.01:  # noqa: PLR2004  # a hundredth of a pixel squared: nothing happens
        return light
    return np.asarray(cv2.GaussianBlur(light, (0, 0), float(np.sqrt(disc_variance))), np.float32)


def _spread(light: NDArray[np.float32], variance: float) -> NDArray[np.float32]:
    """Blur with two boxes that together have this variance along one axis, px squared."""
    first_px, second_px = _box_sides(variance)
    once = cv2.blur(light, (first_px, first_px))
    return np.asarray(cv2.blur(once, (second_px, second_px), dst=once), np.float32)


def _box_sides(variance: float) -> tuple[int, int]:
    """Sides of the two boxes, odd and alike or neighbours, that together come nearest to a variance.

    With two equal ones alone, blur would grow in steps of up to two fifths: a radius of 4 px and one of 5 px would be the same.
    """
    side_px = 2 * int((np.sqrt(1 + 6 * variance) - 1) / 2) + 1  # a box of side n has variance (n² − 1) / 12
    sides = ((side_px, side_px), (side_px, side_px + 2), (side_px + 2, side_px + 2))
    return min(sides, key=lambda pair: abs((pair[0] ** 2 + pair[1] ** 2 - 2) / 12 - variance))


def predicted(light: NDArray[np.float32], coarse: NDArray[np.float32], radius_px: float) -> Gray:
    """Show what light looks like through a blur; where nothing fine is left of it, from the same light at half size.

    Parameters
    ----------
    light : ndarray of float32, shape (H, W)
        Linear.
    coarse : ndarray of float32, shape (ceil(H / 2), ceil(W / 2))
        The same, mean of 2×2 px.
    radius_px : float
        Radius of the circle of confusion, px of `light`.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Display-encoded, a new array.
    """
    if radius_px < COARSE_FROM_PX:
        return to_display(blurred(light, radius_px))
    height, width = light.shape
    display = to_display(_spread(coarse, (radius_px**2 - HALVING_RADIUS_PX**2) / 4**2))
    return np.asarray(cv2.resize(display, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)[:height, :width], np.float32)


def estimate_blur_per_frame(grays: Sequence[Gray], positions: Sequence[int]) -> float | None:
    """Estimate by how many pixels the circle of confusion grows from one frame to the next.

    In textured patches the sharpest frame is blurred until it looks like each of the others. Variances of blurs add, so with
    focus at z the blur between frames p and q satisfies s² = c² ((q − z)² − (p − z)²): linear in c² and c² z, solved by least
    squares for each patch. The median over patches is robust against those with several depths.

    Parameters
    ----------
    grays : sequence of ndarray of float32, shape (H, W)
        Frames on one grid, display-encoded.
    positions : sequence of int
        Where in the stack they stand.

    Returns
    -------
    float or None
        Radius in px of this grid per frame; None when nothing has texture enough.
    """
    found = [step for tile in _textured_tiles(grays) if (step := _blur_per_frame(grays, positions, *tile)) is not None]
    return float(np.median(found)) if found else None


def _textured_tiles(grays: Sequence[Gray]) -> Iterator[tuple[int, int, int]]:
    """Yield sharpest frame, top and left of the patches whose sharpness changes most through the stack."""
    energies = np.stack([_tile_energy(gray) for gray in grays])
    gain = energies.max(axis=0) - energies.min(axis=0)
    order = np.argsort(gain, axis=None, kind="stable")[::-1][:TILES_AT_MOST]
    for flat in order:
        row, column = np.unravel_index(flat, gain.shape)
        yield int(energies[:, row, column].argmax()), int(row) * TILE_PX, int(column) * TILE_PX


def _tile_energy(gray: Gray) -> NDArray[np.float32]:
    energy = np.square(gray - cv2.GaussianBlur(gray, (0, 0), 1.0))
    return block_means(energy, TILE_PX, edge=Edge.LEFT_OUT)


def _blur_per_frame(grays: Sequence[Gray], positions: Sequence[int], sharpest: int, top: int, left: int) -> float | None:
    rows, inner_rows = _with_margin(top, grays[0].shape[0])
    columns, inner_columns = _with_margin(left, grays[0].shape[1])
    inner = (inner_rows, inner_columns)
    light = to_light(grays[sharpest][rows, columns])
    shown = [grays[sharpest][rows, columns][inner]]
    shown += [to_display(blurred(light, float(radius)))[inner] for radius in RADII_PX]
    predictions = np.stack(shown).reshape(len(shown), -1)
    equations, spreads = [], []
    start = positions[sharpest]
    for gray, position in zip(grays, positions, strict=True):
        if position == start:
            continue
        actual = gray[rows, columns][inner].ravel()
        misfit = np.square(predictions - actual).mean(axis=1).astype(np.float64)
        best = int(misfit.argmin())
        if 0 < best < len(RADII_PX) and misfit[best] < EXPLAINED * misfit[0]:
            equations.append((position**2 - start**2, position - start))
            spreads.append(float(_refined(misfit, best)) ** 2)
    return _solved(np.array(equations, float), np.array(spreads), start)


def _with_margin(first: int, length: int) -> tuple[slice, slice]:
    margin = LARGEST_RADIUS_PX
    start, stop = max(first - margin, 0), min(first + TILE_PX + margin, length)
    return slice(start, stop), slice(first - start, min(first + TILE_PX, length) - start)


def _refined(misfit: NDArray[np.float64], best: int) -> np.float32:
    """Radius at the vertex of the parabola through the best radius (log scale) and its neighbours."""
    low, middle, high = misfit[best - 1], misfit[best], misfit[best + 1]
    bend = low - 2 * middle + high
    shift = 0.0 if best == 1 or bend <= 0 else float(np.clip(0.5 * (low - high) / bend, -0.5, 0.5))
    step = RADII_PX[1] / RADII_PX[0]
    return np.float32(RADII_PX[best - 1] * step**shift)


def _solved(equations: NDArray[np.float64], spreads: NDArray[np.float64], start: int) -> float | None:
    if len(spreads) == 0:
        return None
    if len(spreads) == 1:  # the patch is taken to be sharpest exactly in its sharpest frame
        return float(np.sqrt(spreads[0])) / abs(float(equations[0, 1]))
    # Long blurs have large errors in s²: weigh every equation by its size.
    weight = 1 / spreads
    (squared, shift), *_ = np.linalg.lstsq(equations * weight[:, None], spreads * weight, rcond=None)
    if squared <= 0 or abs(-shift / (2 * squared) - start) > float(np.ptp(equations[:, 1])) + 1:
        return None
    return float(np.sqrt(squared))
