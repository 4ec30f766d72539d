"""Whether the subject goes on before the first frame's focus or behind the last one's.

Two things must say so. A frame farther inside the stack tells, by how much more blurred it is, how far beyond the end a place
lies. And the end frame itself must have lost its fine detail there: to blur it once more costs little. The first goes by the
growth of blur from frame to frame, which is a little wrong where steps are large or uneven; the second goes by texture, which may
be coarse by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.depth.defocus import blurred
from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.colour import to_display, to_light
from stackd.imaging.judge.cells import CELL_PX, DETAIL_SIGMA_PX, FLOOR_PERCENTILE, Cells, largest_region, place_of, vertex
from stackd.imaging.judge.softening import Sight
from stackd.model.composite import Noticed, Rectangle, Severity
from stackd.model.pixels import Gray, Mask

Plane = NDArray[np.float32]

BEYOND_SHARE: Final = 0.02
"""Of all cells that must lie beyond an end: a subject that goes on, and not a corner of the table."""
COMPARED_PX: Final = 3.0
"""Growth of blur between an end frame and the one it is compared with, px of the grid: enough to measure, and still about the
same places."""
LEAST_APART: Final = 0.5
"""Usual steps between the two at least: nearer frames were meant to be the same."""
TRIED: Final = (-0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0)
"""Distances beyond the end that are tried, in radii from which a place looks soft; in between a parabola is laid."""
EXPLAINED: Final = 0.3
"""A blur counts where it leaves less than this share of the difference of two frames."""
LEAST_CHANGE: Final = 2e-5
"""Mean squared display units by which two frames must differ to be compared."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ends:
    """What lies beyond either end of the stack, looks soft for it, and yet was meant to be sharp."""

    near: Mask
    far: Mask
    side_px: int
    """Side of a cell of these, full-size px."""

    @property
    def share(self) -> float:
        """Share of all cells."""
        return float((self.near | self.far).mean())

    def noticed(self, positions: Sequence[int], area: Rectangle) -> Iterator[Noticed]:
        """Tell of ends that came too early.

        Parameters
        ----------
        positions : sequence of int
            What the frames that took part are called by.
        area : Rectangle
            What of the reference is shown, px.
        """
        for code, word, place, missing, advice in (
            ("near-end-early", "nearest", 0, self.near, "Begin nearer"),
            ("far-end-early", "farthest", -1, self.far, "Go on farther"),
        ):
            region = largest_region(missing, self.side_px, area)
            if region is None or missing.mean() < BEYOND_SHARE:
                continue
            yield Noticed(
                code=code,
                severity=Severity.WARNING,
                sentence=(
                    f"The {word} frame, {{0}}, is not the end of the subject: {place_of(region, area)} it goes on, and is in"
                    f" focus in no frame. {advice} next time."
                ),
                positions=(positions[place],),
                region=region,
            )


def missing_beyond(end: Gray, other: Gray, *, apart: float, sight: Sight) -> Mask:
    """Mark what is soft in an end frame for lying beyond it, and is no background.

    Parameters
    ----------
    end, other : ndarray of float32, shape (H, W)
        Luminance on one grid, display-encoded: the end frame, and one farther inside.
    apart : float
        Steps between them.
    sight : Sight
        How blur is seen on this grid.

    Returns
    -------
    ndarray of bool, shape (H // CELL_PX, W // CELL_PX)
    """
    beyond = steps_beyond(end, other, apart=apart, blur_px=sight.blur_px, unit=sight.soft_from)
    lost = kept_of_itself(end, sight.soft_radius_px) > sight.softening.kept_again(sight.soft_radius_px)
    return np.asarray((beyond > sight.soft_from) & (beyond < sight.background_from) & lost)


def steps_beyond(end: Gray, other: Gray, *, apart: float, blur_px: float, unit: float) -> Plane:
    """Tell how far beyond an end of the stack what it shows lies, by how much more a frame farther inside is blurred.

    A surface z steps beyond the end is blurred there by c·z and c·(z + d) d steps farther inside; variances add, so the end frame
    looks like the other once it is blurred by s² = c² ((z + d)² − z²).

    Parameters
    ----------
    end, other : ndarray of float32, shape (H, W)
        Luminance on one grid, display-encoded.
    apart : float
        Steps between them.
    blur_px : float
        Growth of the blur's radius a step, px of this grid.
    unit : float
        Steps in which distances are tried: what is half as far is hardly seen.

    Returns
    -------
    ndarray of float32, shape (H // CELL_PX, W // CELL_PX)
        Steps; negative for what lies inside the stack, NaN where blur does not explain the difference.
    """
    light = to_light(end)
    beyond = np.array(TRIED, np.float32) * np.float32(unit)
    radii = blur_px * np.sqrt(np.maximum((beyond + apart) ** 2 - beyond**2, 0))
    misfits = np.stack([_misfit(to_display(blurred(light, float(radius))), other) for radius in radii])
    unblurred = _misfit(end, other)
    found = _lowest(beyond, misfits)
    found[(misfits.min(axis=0) > EXPLAINED * unblurred) | (unblurred < LEAST_CHANGE)] = np.nan
    return found


def kept_of_itself(gray: Gray, radius_px: float) -> Plane:
    """Tell which amplitude of its fine detail each cell of a frame keeps when it is blurred: much where it was blurred before.

    Parameters
    ----------
    gray : ndarray of float32, shape (H, W)
        Luminance, display-encoded.
    radius_px : float
        Of the blur.

    Returns
    -------
    ndarray of float32, shape (H // CELL_PX, W // CELL_PX)
        1 and more where there is grain alone.
    """
    before, after = _detail(gray), _detail(to_display(blurred(to_light(gray), radius_px)))
    grain = np.float32(np.percentile(before, FLOOR_PERCENTILE))
    return np.asarray(np.sqrt(after / np.maximum(before - grain, np.finfo(np.float32).tiny)), np.float32)


def inner_frame(steps: Sequence[float], *, blur_px: float, from_last: bool) -> int | None:
    """Choose the frame an end is compared with: the one in which `COMPARED_PX` more of blur come nearest, px of the grid used."""
    end = steps[-1] if from_last else steps[0]
    others = [place for place, step in enumerate(steps) if abs(step - end) >= LEAST_APART]
    return min(others, key=lambda place: abs(abs(steps[place] - end) * blur_px - COMPARED_PX), default=None)


def sharpest_at(cells: Cells, place: int, shape: tuple[int, ...], side_px: int) -> Mask:
    """Mark on a grid of cells of `side_px` full-size px what is sharpest in the frame at a place."""
    best = cells.energy.argmax(axis=0)
    rows, columns = (
        np.minimum(((np.arange(count) + 0.5) * side_px / cells.side_px).astype(int), there - 1)
        for count, there in zip(shape, best.shape, strict=True)
    )
    return np.asarray(best[rows][:, columns] == place)


def _detail(gray: Gray) -> Plane:
    rest = cv2.subtract(gray, cv2.GaussianBlur(gray, (0, 0), DETAIL_SIGMA_PX))
    return block_means(np.asarray(cv2.multiply(rest, rest, dst=rest), np.float32), CELL_PX, edge=Edge.LEFT_OUT)


def _lowest(places: NDArray[np.float32], misfits: Plane) -> Plane:
    """Find where a misfit is least, between the places tried by a parabola through three of them."""
    middle = np.clip(misfits.argmin(axis=0), 1, len(places) - 2)
    around = [middle + offset for offset in (-1, 0, 1)]
    return vertex(
        (places[around[0]], places[around[1]], places[around[2]]),
        tuple(np.take_along_axis(misfits, index[None], axis=0)[0] for index in around),
    )


def _misfit(one: Gray, other: Gray) -> Plane:
    return block_means(np.asarray(np.square(one - other), np.float32), CELL_PX, edge=Edge.LEFT_OUT)
