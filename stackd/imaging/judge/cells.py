"""Cells: the coarse grid on which detail is followed through the stack, and how places on it are named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.matrices import rescale_matrix
from stackd.model.composite import Rectangle
from stackd.model.pixels import Gray, Mask, Matrix

Plane = NDArray[np.float32]

CELL_PX: Final = 16
"""Side of a cell, px of the grid detail is measured on: enough texture to compare, small enough for one depth."""
DETAIL_SIGMA_PX: Final = 1.0
"""Detail is what this Gaussian takes away."""
FLOOR_PERCENTILE: Final = 10
"""Of the least detail of every cell through the stack: that is grain. A stack is mostly out of focus."""
ABOVE_FLOOR: Final = 8.0
"""Times the energy of grain from which a cell has texture …"""
COMES_AND_GOES: Final = 4.0
"""… if its energy changes so many times through the stack: something comes into focus, or leaves it."""
LEAST_ENERGY: Final = 1e-6
"""Mean squared display units: rounding to 8 bits is below."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Detail of every frame on the cells of the reference, near → far.

    `energy` is its mean square, float32 (N, h, w), display units; `side_px` is the side of a cell in full-size px.
    """

    energy: Plane
    slopes: Plane
    """Mean squares of its slopes to the right and down, and their mean product, float32 (N, h, w, 3), display units a px."""
    floor: float
    """Energy that is grain alone."""
    side_px: int

    @classmethod
    def laid_over(
        cls,
        energies: Sequence[Plane],
        matrices: Sequence[Matrix],
        *,
        side_px: int,
        shape: tuple[int, int],
        hidden: Mapping[int, Mask] = MappingProxyType({}),
    ) -> "Cells":
        """Bring the cells of every frame to those of the reference.

        Parameters
        ----------
        energies : sequence of ndarray of float32, shape (h, w, 4)
            On each frame's own grid, as `detail_cells` gives them.
        matrices : sequence of ndarray of float64, shape (3, 3)
            Frame → reference, full-size px.
        side_px : int
            Side of a cell, full-size px.
        shape : tuple of int
            Rows and columns of the frames, full-size px.
        hidden : mapping of int to ndarray of bool, shape (h, w)
            Of frames, by their place among `energies`, that are not picture all over: the cells, on their own grids, that are
            not. They tell nothing of grain.
        """
        rows, columns = (max(side // side_px, 1) for side in shape)
        stack = np.empty((len(energies), rows, columns, 4), np.float32)
        for place, (energy, matrix) in enumerate(zip(energies, matrices, strict=True)):
            # What a frame does not show repeats its border: it neither comes into focus there nor leaves it.
            cv2.warpPerspective(
                energy,
                rescale_matrix(matrix, 1 / side_px),
                (columns, rows),
                dst=stack[place],
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )
        energy = np.ascontiguousarray(stack[..., 0])
        least = energy.min(axis=0)
        if hidden:
            out = np.zeros((rows, columns), np.uint8)
            for place, cells in hidden.items():
                moved = rescale_matrix(matrices[place], 1 / side_px)
                out |= np.asarray(cv2.warpPerspective(cells.view(np.uint8), moved, (columns, rows), flags=cv2.INTER_NEAREST))
            least = least[out == 0]
        floor = float(np.percentile(least, FLOOR_PERCENTILE)) if least.size else 0.0
        return cls(energy=energy, slopes=stack[..., 1:], floor=floor, side_px=side_px)

    @property
    def textured(self) -> Mask:
        """Cells in which something comes into focus or leaves it."""
        most, least = self.energy.max(axis=0), self.energy.min(axis=0)
        return np.asarray((most > ABOVE_FLOOR * self.floor + LEAST_ENERGY) & (most > COMES_AND_GOES * least))

    @property
    def log_energy(self) -> Plane:
        """Natural logarithm of the energy without that of grain."""
        bare = np.maximum(self.energy - np.float32(self.floor), 0) + np.float32(self.floor / 2 + LEAST_ENERGY / 10)
        return np.asarray(np.log(bare), np.float32)

    def region(self, places: Mask, within: Rectangle) -> Rectangle | None:
        """Bound the largest group of cells that touch one another; None where it is outside `within`, px of the reference."""
        return largest_region(places, self.side_px, within)


def largest_region(places: Mask, side_px: int, within: Rectangle) -> Rectangle | None:
    """Bound the largest group of touching cells of `side_px`; None where it is outside `within`, px of the reference."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(places.view(np.uint8), connectivity=8)
    if count <= 1:
        return None
    left, top, width, height, _ = stats[1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())].tolist()
    found = Rectangle(
        left=max(left * side_px, within.left),
        top=max(top * side_px, within.top),
        right=min((left + width) * side_px, within.right),
        bottom=min((top + height) * side_px, within.bottom),
    )
    return found if found.width_px > 0 and found.height_px > 0 else None


def vertex(places: Sequence[Plane], values: Sequence[Plane]) -> Plane:
    """Place the vertex of the parabola through three values at three rising or falling places, between the outer two."""
    (x, y, z), (a, b, c) = places, values
    bend = (z - y) * (a - b) + (x - y) * (b - c)
    top = (z**2 - y**2) * (a - b) + (x**2 - y**2) * (b - c)
    found = np.divide(top, 2 * bend, where=np.abs(bend) > np.finfo(np.float32).tiny, out=np.array(y, np.float32))
    return np.asarray(np.clip(found, np.minimum(x, z), np.maximum(x, z)), np.float32)


def detail_cells(gray: Gray) -> Plane:
    """Measure the detail of a frame in cells of `CELL_PX`.

    Parameters
    ----------
    gray : ndarray of float32, shape (H, W)
        Luminance on the frame's own grid: interpolation would cost sharpness that differs from frame to frame.

    Returns
    -------
    ndarray of float32, shape (h, w, 4)
        Mean square of detail, of its slopes to the right and down, and mean product of the two slopes.
    """
    rest = cv2.subtract(gray, cv2.GaussianBlur(gray, (0, 0), DETAIL_SIGMA_PX))
    across, down = cv2.Scharr(rest, cv2.CV_32F, 1, 0, scale=1 / 32), cv2.Scharr(rest, cv2.CV_32F, 0, 1, scale=1 / 32)
    pairs = ((rest, rest), (across, across), (down, down), (across, down))
    means = [block_means(np.asarray(cv2.multiply(*pair), np.float32), CELL_PX, edge=Edge.LEFT_OUT) for pair in pairs]
    return np.stack(means, axis=2)


def place_of(region: Rectangle, within: Rectangle) -> str:
    """Say in words where a region lies, such as `at the upper left` or `across the picture`."""
    if region.width_px * region.height_px > 0.5 * within.width_px * within.height_px:
        return "across the picture"
    middle_x = ((region.left + region.right) / 2 - within.left) / within.width_px
    middle_y = ((region.top + region.bottom) / 2 - within.top) / within.height_px
    down = ("upper", "", "lower")[min(int(middle_y * 3), 2)]
    across = ("left", "", "right")[min(int(middle_x * 3), 2)]
    words = {
        "upper ": "at the top",
        "lower ": "at the bottom",
        " left": "on the left",
        " right": "on the right",
        " ": "in the middle",
    }
    return words.get(f"{down} {across}", f"at the {down} {across}")
