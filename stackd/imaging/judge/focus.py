"""Whether the stack covers its subject: gaps between frames, ends too early, frames that are not as sharp as their neighbours.

How far a surface can lie from the nearest focus is geometry: half a step. What that costs is measured on the composite itself, by
blurring its sharpest places as much: a picture that is soft at its best loses little.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.depth.defocus import blurred
from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.colour import to_display, to_light
from stackd.imaging.judge.cells import DETAIL_SIGMA_PX, Cells, place_of
from stackd.model.composite import Noticed, Rectangle, Severity
from stackd.model.pixels import Gray, Image, Mask

Plane = NDArray[np.float32]

TILE_PX: Final = 96
SHARPEST_TILES: Final = 12
"""Tiles of the composite, those with most detail, on which it is tried what blur would cost."""
RADII_PX: Final = (0.5, 0.75, 1.0, 1.5, 2.25, 3.0, 4.5, 7.0, 10.0)
"""Radii tried, full-size px."""

SOFT_BELOW: Final = 0.55
"""Amplitude of fine detail kept half-way between two frames, below which what lies there looks soft. At steps as photographers
are told to make them 0.8 to 0.9 is kept; one frame missing leaves 0.6, two leave 0.4 (measured)."""
WANTED_KEPT: Final = 0.8
"""What steps should keep half-way: advice goes by it."""
LEAST_ADVICE: Final = 0.1
"""Of a step: who leaves out so much need not be told more exactly."""
LEAST_SHARE: Final = 0.01
"""Of the cells with texture that must lie in a gap: fewer are a speck."""
WIDER: Final = 1.5
"""Times the usual step from which a gap is one, rather than the way the stack was shot."""
MIDDLE_OF_GAP: Final = 0.25
"""Share of a gap at either end in which things are still near a frame."""
NEEDLESS_ABOVE: Final = 0.97
"""Amplitude kept at twice the step: with so much every second frame would do."""
MANY_FRAMES: Final = 20
"""From so many frames on it is worth saying."""

FAR_BEYOND: Final = 0.12
"""Amplitude of fine detail kept, below which what lies beyond an end is background that was never meant to be sharp."""
BEYOND_SHARE: Final = 0.03
"""Of all cells that must: a subject that goes on, and not a corner of the table."""
COMPARED: Final = 3
"""Steps between an end frame and the one it is compared with: blur enough to measure, and still about the same places."""
EXPLAINED: Final = 0.3
"""A blur counts where it leaves less than this share of the difference of two frames."""
LEAST_CHANGE: Final = 2e-5
"""Mean squared display units by which two frames must differ to be compared."""

DIP: Final = 0.5
"""Natural logarithm of energy by which a frame shows less detail than both its neighbours: sharpness has one peak."""
DIP_SHARE: Final = 0.4
"""Of the cells sharpest there or next to it that must show the dip. Without a fault it stays below 0.3; 8 px of smear make 0.6 to
0.9, 5 px 0.1 to 0.7 (rendered scenes, seeds 500 to 4300)."""
FEWEST_CELLS: Final = 8
"""Cells in focus in a frame that can speak for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Where frames are focused."""

    steps: tuple[float, ...]
    """One a frame, near → far, in usual steps."""
    blur_px: float
    """Growth of the blur's radius a step, full-size px; 0 where nothing tells."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Softening:
    """What blur would cost the composite."""

    kept: tuple[float, ...]
    """Amplitude of fine detail that is left at each of `RADII_PX`, 0–1."""

    @classmethod
    def of(cls, composite: Image) -> "Softening":
        """Try it where the composite is sharpest."""
        gray = np.asarray(cv2.cvtColor(composite, cv2.COLOR_RGB2GRAY), np.float32)
        tiles = [gray[rows, columns] for rows, columns in _sharpest(gray)]
        energies = np.zeros(len(RADII_PX))
        whole = 0.0
        for tile in tiles:
            light = to_light(tile)
            whole += _energy(tile)
            energies += [_energy(to_display(blurred(light, radius))) for radius in RADII_PX]
        kept = np.sqrt(energies / max(whole, np.finfo(float).tiny))
        return cls(kept=tuple(np.minimum.accumulate(kept).tolist()))  # more blur never leaves more, whatever rounding says

    def at(self, radius_px: float) -> float:
        """Amplitude kept at a radius."""
        return float(np.interp(radius_px, (0.0, *RADII_PX), (1.0, *self.kept)))

    def radius_for(self, kept: float) -> float:
        """Radius at which so much is kept, px."""
        return float(np.interp(-kept, [-share for share in (1.0, *self.kept)], (0.0, *RADII_PX)))


def _sharpest(gray: Gray) -> Iterator[tuple[slice, slice]]:
    rest = gray - cv2.GaussianBlur(gray, (0, 0), DETAIL_SIGMA_PX)
    energies = block_means(np.square(rest), TILE_PX, edge=Edge.LEFT_OUT)
    for flat in np.argsort(energies, axis=None, kind="stable")[::-1][:SHARPEST_TILES]:
        row, column = (int(place) for place in np.unravel_index(flat, energies.shape))
        yield slice(row * TILE_PX, (row + 1) * TILE_PX), slice(column * TILE_PX, (column + 1) * TILE_PX)


def _energy(tile: Gray) -> float:
    return float(np.square(tile - cv2.GaussianBlur(tile, (0, 0), DETAIL_SIGMA_PX)).mean())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coverage:
    """What is known when it is asked whether a stack covers its subject."""

    cells: Cells
    axis: Axis
    softening: Softening
    positions: tuple[int, ...]
    """What a frame that took part is called by, one each."""
    area: Rectangle
    """What of the reference is shown, px."""

    def noticed(self, ends: "Ends | None") -> Iterator[Noticed]:
        """Tell what is missing."""
        yield from self._gaps()
        if ends is not None:
            yield from self._early_ends(ends)
        yield from self._needless()
        yield from self._shaken()

    # ------------------------------------------------------------------ gaps

    def gap_cells(self) -> list[Mask]:
        """Mark for each two neighbours what lies between them and is soft in both."""
        depth, textured = self._depth(), self.cells.textured
        found = []
        for (first, last), kept in zip(pairwise(self.axis.steps), self._kept_between(), strict=True):
            margin = MIDDLE_OF_GAP * abs(last - first)
            inside = (depth > min(first, last) + margin) & (depth < max(first, last) - margin) & textured
            found.append(inside if kept < SOFT_BELOW else np.zeros_like(inside))
        return found

    def gap_share(self) -> float:
        """Share of the cells with texture in gaps wider than the stack's own step: a band that is soft in a sharp picture.

        Steps too large throughout make a picture that is evenly soft, and may be all that was wanted.
        """
        apart = np.abs(np.diff(self.axis.steps))
        if not apart.size:
            return 0.0
        usual = float(np.median(apart))
        wide = [mask for mask, step in zip(self.gap_cells(), apart.tolist(), strict=True) if step > WIDER * usual]
        return float(np.logical_or.reduce(wide).sum() / max(int(self.cells.textured.sum()), 1)) if wide else 0.0

    def beyond_share(self, ends: "Ends | None") -> float:
        """Share of all cells whose subject lies before the first frame's focus or behind the last one's."""
        if ends is None:
            return 0.0
        return float((self._missing(ends.near, 0) | self._missing(ends.far, -1)).mean())

    def _missing(self, beyond: Plane, place: int) -> Mask:
        """Mark what is soft in an end frame for lying beyond it, and yet was meant to be sharp."""
        least, most = (self.softening.radius_for(kept) / self.axis.blur_px for kept in (SOFT_BELOW, FAR_BEYOND))
        sharpest = self.cells.energy.argmax(axis=0) == place % len(self.positions)
        return np.asarray((beyond > least) & (beyond < most) & sharpest)

    def _kept_between(self) -> list[float]:
        return [self.softening.at(self.axis.blur_px * abs(b - a) / 2) for a, b in pairwise(self.axis.steps)]

    def _gaps(self) -> Iterator[Noticed]:
        kept = self._kept_between()
        wide = [place for place, share in enumerate(kept) if share < SOFT_BELOW]
        if not wide:
            return
        cells, least = self.gap_cells(), LEAST_SHARE * max(int(self.cells.textured.sum()), 1)
        if len(wide) > len(kept) / 2:
            everywhere = np.logical_or.reduce(cells)
            if everywhere.sum() >= least:
                usual = float(np.median(np.abs(np.diff(self.axis.steps))))
                yield Noticed(
                    code="focus-gap",
                    severity=Severity.WARNING,
                    sentence=(
                        "The focus steps are too large: what lies half-way between two frames is soft in both."
                        f" Use steps about {self._advised(usual):.1f} as large."
                    ),
                    region=self.cells.region(everywhere, self.area),
                )
            return
        for place in wide:
            region = self.cells.region(cells[place], self.area)
            if region is None or cells[place].sum() < least:
                continue
            advice = self._advised(abs(self.axis.steps[place + 1] - self.axis.steps[place]))
            yield Noticed(
                code="focus-gap",
                severity=Severity.WARNING,
                sentence=(
                    f"Between {{0}} and {{1}} nothing is sharp: a band {place_of(region, self.area)} is soft."
                    f" Frames are missing there, or the step is too large: use one about {advice:.1f} as large."
                ),
                positions=(self.positions[place], self.positions[place + 1]),
                region=region,
            )

    def _advised(self, apart: float) -> float:
        """Tell how many times as large a step should be as one that wide; a tenth at least, for a sentence."""
        return max(2 * self.softening.radius_for(WANTED_KEPT) / (self.axis.blur_px * apart), LEAST_ADVICE)

    def _depth(self) -> Plane:
        """Place the peak of every cell's sharpness on the axis, between frames by a parabola through three of them."""
        log = self.cells.log_energy
        steps = np.asarray(self.axis.steps, np.float32)
        best = log.argmax(axis=0)
        if len(steps) < 3:  # noqa: PLR2004  (no parabola)
            return np.asarray(steps[best], np.float32)
        middle = np.clip(best, 1, len(steps) - 2)
        (a, b, c), (x, y, z) = (
            [np.take_along_axis(plane, (middle + offset)[None], axis=0)[0] for offset in (-1, 0, 1)]
            for plane in (log, np.broadcast_to(steps[:, None, None], log.shape))
        )
        bend = (z - y) * (a - b) + (x - y) * (b - c)
        top = (z**2 - y**2) * (a - b) + (x**2 - y**2) * (b - c)
        # The vertex, kept between the neighbours of the best frame.
        vertex = np.divide(top, 2 * bend, where=np.abs(bend) > np.finfo(np.float32).eps, out=y.copy())
        low, high = steps[np.maximum(best - 1, 0)], steps[np.minimum(best + 1, len(steps) - 1)]
        return np.asarray(np.clip(vertex, np.minimum(low, high), np.maximum(low, high)), np.float32)

    def _needless(self) -> Iterator[Noticed]:
        if len(self.axis.steps) < MANY_FRAMES or not self.axis.blur_px:
            return
        step = float(np.median(np.abs(np.diff(self.axis.steps))))
        if step > 0 and self.softening.at(self.axis.blur_px * step) > NEEDLESS_ABOVE:
            times = self._advised(step)
            yield Noticed(
                code="steps-needlessly-small",
                severity=Severity.NOTE,
                sentence=f"Neighbouring frames are equally sharp: steps {times:.0f} times as large would show as much.",
            )

    # ------------------------------------------------------------------ ends

    def _early_ends(self, ends: "Ends") -> Iterator[Noticed]:
        for code, word, place, beyond, advice in (
            ("near-end-early", "nearest", 0, ends.near, "Begin nearer"),
            ("far-end-early", "farthest", -1, ends.far, "Go on farther"),
        ):
            missing = self._missing(beyond, place)
            region = self.cells.region(missing, self.area)
            if region is None or missing.mean() < BEYOND_SHARE:
                continue
            yield Noticed(
                code=code,
                severity=Severity.WARNING,
                sentence=(
                    f"The {word} frame, {{0}}, is not the end of the subject: {place_of(region, self.area)} it goes on, and is in"
                    f" focus in no frame. {advice} next time."
                ),
                positions=(self.positions[place],),
                region=region,
            )

    # ---------------------------------------------------------------- frames

    def dips(self) -> list[float]:
        """Tell of every frame in which share of the cells sharpest there or next to it both neighbours are sharper; 0 at ends."""
        log, textured = self.cells.log_energy, self.cells.textured
        best = log.argmax(axis=0)
        found = [0.0] * len(log)
        for place in range(1, len(log) - 1):
            near = textured & (np.abs(best - place) <= 1)
            dip = near & (log[place] < np.minimum(log[place - 1], log[place + 1]) - DIP)
            if dip.sum() >= FEWEST_CELLS:
                found[place] = float(dip.sum() / near.sum())
        return found

    def _shaken(self) -> Iterator[Noticed]:
        for place, share in enumerate(self.dips()):
            if share > DIP_SHARE:
                yield Noticed(
                    code="frame-shaken",
                    severity=Severity.WARNING,
                    sentence=(
                        "{0} is less sharp than the frames before and after it: the camera moved while it was taken, or it missed"
                        " its focus. Wait longer between frames, or use an electronic shutter."
                    ),
                    positions=(self.positions[place],),
                )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ends:
    """How far beyond the ends of the stack lies what cells show, in steps; NaN where nothing tells."""

    near: Plane
    far: Plane


def beyond_end(end: Gray, other: Gray, *, apart: float, blur_px: float, cell_px: int) -> Plane:
    """Tell how far beyond an end of the stack what it shows lies, by how much more a frame farther inside is blurred.

    A surface z steps beyond the end is blurred there by c·z and c·(z + d) d steps farther inside; variances add, so the end frame
    looks like the other once it is blurred by s² = c² ((z + d)² − z²).

    Parameters
    ----------
    end, other : ndarray of float32, shape (H, W)
        Luminance on one grid, display-encoded: the end frame, and one farther inside.
    apart : float
        Steps between them.
    blur_px : float
        Growth of the blur's radius a step, px of this grid.
    cell_px : int
        Side of the cells.

    Returns
    -------
    ndarray of float32, shape (H // cell_px, W // cell_px)
        Steps; negative for what lies inside the stack, NaN where blur does not explain the difference.
    """
    light = to_light(end)
    beyond = np.array((-0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0), np.float32)
    radii = blur_px * np.sqrt(np.maximum((beyond + apart) ** 2 - beyond**2, 0))
    misfits = np.stack([_misfit(to_display(blurred(light, float(radius))), other, cell_px) for radius in radii])
    unblurred = _misfit(end, other, cell_px)
    best = misfits.argmin(axis=0)
    found = beyond[best]
    least = misfits.min(axis=0)
    found[(least > EXPLAINED * unblurred) | (unblurred < LEAST_CHANGE)] = np.nan
    return np.asarray(found, np.float32)


def _misfit(one: Gray, other: Gray, cell_px: int) -> Plane:
    return block_means(np.asarray(np.square(one - other), np.float32), cell_px, edge=Edge.LEFT_OUT)


def inner_frame(steps: Sequence[float], *, from_last: bool) -> int | None:
    """Choose the frame an end is compared with: the one nearest to `COMPARED` steps inside."""
    end = steps[-1] if from_last else steps[0]
    others = [place for place, step in enumerate(steps) if 1 <= abs(step - end) <= 2 * COMPARED]
    return min(others, key=lambda place: abs(abs(steps[place] - end) - COMPARED), default=None)
