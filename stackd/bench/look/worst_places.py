"""Find the places where composites of the same frames differ most: what to look at when two programs are to be compared.

Three kinds of place are looked for, because faults are of three kinds. Halos, doubled and eaten edges, and patches taken from
the wrong frame differ in *structure*. Noise, or fine detail that one program lost, shows best where all around is *smooth*. And
streaks, copied pixels and blurred rims lie along the *border*. All differences are RMS values of luminance over a few cells, in
levels of 8 bit, so that a place of one kind can be weighed against one of another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle, islice

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import dilation, erosion, footprint_rectangle

from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.lay_over.warp import Interpolation, covered, warp
from stackd.model.pixels import Gray, Mask, Matrix

FINE_SIGMA_PX = 1.5
"""What a blur of this width takes away is fine detail or noise; what it leaves is structure."""

SLOW_CELLS = 2.0
"""Differences broader than this many cells are tone, or light falling off, and no structure."""

SMOOTH_SHARE = 1 / 3
"""Cells that count as smooth: the smoothest third of the picture. Pictures without any flat area have a smoothest third too."""

CONTRAST_SIGMA_PX = 2.0
"""Blur before a cell's contrast is measured, so that noise is no contrast."""

BORDER_SHARE = 0.02
"""Width of the border, as a share of the picture's shorter side: hand-held frames are displaced by about so much."""

LEAST_COVERED = 0.5
"""Cells of which a composite covers less are not compared."""

SPREAD = 0.2
"""Places of one kind lie further apart than this share of the picture's shorter side, or one fault would take all rows."""

LEVELS = 255

CellMap = NDArray[np.float32]
"""One value a cell, shape (rows of cells, columns of cells)."""


class PlaceKind(StrEnum):
    """What differs at a place."""

    STRUCTURE = "structure"
    SMOOTH = "smooth"
    BORDER = "border"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place worth looking at, on the grid of the picture that everything is compared with."""

    kind: PlaceKind
    x_px: int
    y_px: int
    program: str
    """Whose composite differs there."""
    difference: float
    """RMS, in levels of 8 bit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """The picture that composites are compared with."""

    gray: Gray
    valid: Mask
    """Where it may be compared."""
    cell_px: int
    fine: CellMap
    """Energy of its fine detail."""
    contrast: CellMap
    border: NDArray[np.bool_]
    """Cells along the outline of the valid area."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Differences:
    """How much a composite differs, cell by cell; zero where there is nothing to compare."""

    structure: CellMap
    fine: CellMap
    smooth: NDArray[np.bool_]
    border: NDArray[np.bool_]

    def of(self, kind: PlaceKind) -> CellMap:
        """Give the difference that makes a place of a kind; zero where no such place can be."""
        match kind:
            case PlaceKind.STRUCTURE:
                return np.where(self.border, np.float32(0), self.structure)
            case PlaceKind.SMOOTH:
                return np.where(self.smooth & ~self.border, self.fine, np.float32(0))
            case PlaceKind.BORDER:
                return np.where(self.border, np.hypot(self.structure, self.fine), np.float32(0))


def to_compare_with(gray: Gray, valid: Mask, *, cell_px: int) -> Compared:
    """Measure the picture that composites will be compared with.

    Parameters
    ----------
    gray : ndarray of float32, shape (H, W)
        Luminance, 0–1.
    valid : ndarray of bool, shape (H, W)
        Where it may be compared.
    cell_px : int
        Side of the cells that the picture is divided into; the last of a row or column may be cut.
    """
    width_px = max(cell_px, round(BORDER_SHARE * min(gray.shape)))
    framed = cv2.copyMakeBorder(valid.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth_px = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_3)[1:-1, 1:-1]
    return Compared(
        gray=gray,
        valid=valid,
        cell_px=cell_px,
        fine=_per_cell(_fine_energy(gray), cell_px),
        contrast=_contrast(gray, cell_px),
        border=_per_cell((valid & (depth_px <= width_px)).astype(np.float32), cell_px) >= LEAST_COVERED,
    )


def differences(compared: Compared, gray: Gray, to_compared: Matrix) -> Differences:
    """Measure where a composite differs.

    Parameters
    ----------
    compared : Compared
        What it is compared with.
    gray : ndarray of float32, shape (H, W)
        Its luminance, brightness already matched.
    to_compared : ndarray of float64, shape (3, 3)
        Where it lies (see `place_on`).
    """
    shape, cell_px = (compared.gray.shape[0], compared.gray.shape[1]), compared.cell_px
    inside = covered(to_compared, (gray.shape[0], gray.shape[1]), shape) & compared.valid
    share = _per_cell(inside.astype(np.float32), cell_px)
    laid_over = warp(gray, to_compared, shape)
    off = np.where(inside, laid_over - compared.gray, np.float32(0))
    structural = cv2.GaussianBlur(off, (0, 0), FINE_SIGMA_PX) - _slow(off, cell_px)
    # Fine detail is measured on the composite's own pixels: between them, interpolation would take some of it away.
    fine = warp(_fine_energy(gray), to_compared, shape, interpolation=Interpolation.LINEAR)
    there = share >= LEAST_COVERED
    structure, fine = (
        np.divide(_per_cell(energy * inside, cell_px), share, out=np.zeros_like(share), where=there)
        for energy in (structural**2, fine)
    )
    # Smooth in one of the two is enough: in the other, noise may have taken its place, or the detail the first one lost.
    contrast = np.minimum(compared.contrast, _contrast(laid_over, cell_px))
    amplitude = np.abs(np.sqrt(_around(fine, there)) - np.sqrt(_around(compared.fine, there)))
    return Differences(
        structure=np.where(there, LEVELS * np.sqrt(_around(structure, there)), np.float32(0)),
        fine=np.where(there, LEVELS * amplitude, np.float32(0)),
        smooth=contrast <= np.quantile(contrast[there], SMOOTH_SHARE) if there.any() else there,
        border=compared.border,
    )


def worst_places(found: Mapping[str, Differences], compared: Compared, *, each: int, apart_px: int) -> tuple[Place, ...]:
    """Choose places of every kind, worst first, spread over the picture.

    The programs take turns, so that one that is bad everywhere leaves places to the others.

    Parameters
    ----------
    found : mapping of str to Differences
        By program.
    compared : Compared
        What all of them were compared with.
    each : int
        How many places of a kind are wanted; there are fewer where nothing differs, or where there is no room.
    apart_px : int
        Least distance between places of one kind, so that crops do not overlap; a place of another kind may lie half as far away.
    """
    reach_px = max(apart_px, SPREAD * min(compared.gray.shape))
    places: list[Place] = []
    turns = cycle(found)
    for kind in PlaceKind:
        maps = {program: different.of(kind) for program, different in found.items()}
        for _ in range(each):
            taken = {(place.x_px, place.y_px): reach_px if place.kind is kind else reach_px / 2 for place in places}
            tried = (_worst(kind, program, maps[program], taken, compared) for program in islice(turns, len(maps)))
            place = next((place for place in tried if place.difference > 0), None)
            if place is None:
                break
            places.append(place)
    return tuple(places)


def _worst(kind: PlaceKind, program: str, cells: CellMap, taken: Mapping[tuple[int, int], float], compared: Compared) -> Place:
    """Give a program's worst place out of reach of those that are taken (x, y: reach, px)."""
    height, width = compared.gray.shape
    x = np.minimum(np.arange(cells.shape[1]) * compared.cell_px + compared.cell_px // 2, width - 1)
    y = np.minimum(np.arange(cells.shape[0]) * compared.cell_px + compared.cell_px // 2, height - 1)
    for (taken_x, taken_y), reach_px in taken.items():
        cells = np.where(np.hypot(x - taken_x, y[:, None] - taken_y) < reach_px, np.float32(0), cells)
    row, column = np.unravel_index(np.argmax(cells), cells.shape)
    return Place(kind=kind, x_px=int(x[column]), y_px=int(y[row]), program=program, difference=float(cells[row, column]))


def _fine_energy(gray: Gray) -> Gray:
    return np.asarray((gray - cv2.GaussianBlur(gray, (0, 0), FINE_SIGMA_PX)) ** 2, np.float32)


def _contrast(gray: Gray, cell_px: int) -> CellMap:
    """Range of luminance in a cell and its neighbours: what is flat between two edges is not smooth."""
    broad = cv2.GaussianBlur(gray, (0, 0), CONTRAST_SIGMA_PX)
    side_px = 3 * cell_px | 1
    window = footprint_rectangle((side_px, side_px), decomposition="separable")
    return _per_cell(np.asarray(dilation(broad, window) - erosion(broad, window), np.float32), cell_px)


def _slow(plane: Gray, cell_px: int) -> Gray:
    """What changes slowly; computed cell by cell, since it has no detail."""
    size = (plane.shape[1], plane.shape[0])
    blurred = cv2.GaussianBlur(_per_cell(plane, cell_px), (0, 0), SLOW_CELLS)
    grown = cv2.resize(blurred, None, fx=cell_px, fy=cell_px, interpolation=cv2.INTER_LINEAR)
    return np.asarray(grown[: size[1], : size[0]], np.float32)


def _per_cell(plane: Gray, cell_px: int) -> CellMap:
    """Mean of each cell; a cell cut by the edge of the picture is filled with the last row and column."""
    return block_means(plane, cell_px, edge=Edge.REPEATED)


def _around(cells: CellMap, there: NDArray[np.bool_]) -> CellMap:
    """Mean over a cell and its eight neighbours that are there: a fault is rarely alone, and no cell wins by luck with noise."""
    weight = there.astype(np.float32)
    total, count = (cv2.blur(plane, (3, 3), borderType=cv2.BORDER_REFLECT) for plane in (cells * weight, weight))
    return np.asarray(np.divide(total, count, out=np.zeros_like(cells), where=count > 0), np.float32)
