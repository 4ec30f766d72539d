"""The jury: sees every frame as it is registered and, once the stack is fused, what became of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.compose.focus_measure import lay_over_reference
from stackd.imaging.depth.defocus import estimate_blur_per_frame
from stackd.imaging.ground.blocks import Edge, block_means, reduced
from stackd.imaging.ground.frames import MakePlaneStore, Progress, Step, Steps, evenly_spread, ignore_progress
from stackd.imaging.ground.grain import WHOLLY, estimate_grain
from stackd.imaging.ground.luminance import Luma, brightening
from stackd.imaging.ground.matrices import corners, rescale_matrix, transformed
from stackd.imaging.judge.agreement import Agreement, Contradictions
from stackd.imaging.judge.cells import CELL_PX, Cells, detail_cells
from stackd.imaging.judge.defects import HotPixels, hot_pixels
from stackd.imaging.judge.ends import Ends, inner_frame, missing_beyond, sharpest_at
from stackd.imaging.judge.focus import Coverage
from stackd.imaging.judge.light import clipped, clipped_of_subject, clipped_share, exposure
from stackd.imaging.judge.moved import moved
from stackd.imaging.judge.shaken import dips, shaken
from stackd.imaging.judge.softening import Sight, Softening
from stackd.imaging.lay_over.alphas import KeptAlphas
from stackd.imaging.lay_over.frames_on_reference import KeptLuma
from stackd.imaging.lay_over.warp import covered
from stackd.model.composite import Noticed, Rectangle
from stackd.model.pixels import Alpha, Gray, Image, Mask, Matrix

SIDE_PX: Final = 1024
"""Frames are looked at reduced until their long side is no longer than this: a screen's worth, whatever the camera."""

GLANCE_PX: Final = 512
"""Long side of the picture as it is seen at a glance, among others: by it the verdict goes. Who looks at full size is told by
findings; nobody throws a picture away for what is seen only there."""

LOOKED_AT: Final = 8
"""Frames, spread through the stack, from which grain and blur are estimated."""

LEAST_BLUR_PX: Final = 0.9
"""Growth of blur a frame, px of the judge's grid, that can be measured there: 0.6 px came out as 0.85. Where a method measures it
on a finer grid, that counts; else nothing is said of gaps and ends."""

BORDER_PX: Final = 4
"""Px of the judge's grid along the border, and along the outline of what is picture, in which nothing is looked for:
interpolation sees less there."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """What is judged."""

    composite: Image
    area: Rectangle
    """What of the reference it shows."""
    positions: tuple[int, ...]
    """The frames that took part, near → far."""
    matrices: tuple[Matrix, ...]
    """Of these, frame → reference, full-size px."""
    matched: Callable[[Gray, int], Gray]
    """Matches luminance of the frame at a position."""
    gains: tuple[tuple[float, float, float], ...]
    """Of these, where factors matched them; empty otherwise."""
    steps: tuple[float, ...] | None = None
    """Of these, where each is focused; None where nobody measured it."""
    treated: tuple[Rectangle, ...] = ()
    """Where fusion knew of motion and did something about it, px of the reference."""
    blur_px: float | None = None
    """Growth of the blur's radius a step, full-size px; None where nobody measured it."""
    alpha: Alpha | None = None
    """Of the composite; None where all of it is picture."""
    alphas: KeptAlphas | None = None
    """Of the frames, by position."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opinion:
    """What the jury found."""

    noticed: tuple[Noticed, ...]
    measures: Mapping[str, float]


class Jury:
    """Sees frames go by, then judges.

    Parameters
    ----------
    make_store : MakePlaneStore
        Opens a place for small luminance, a byte or two a px.
    shape : tuple of int
        Rows and columns of the frames.
    """

    def __init__(self, make_store: MakePlaneStore, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._reduction = 1
        while max(shape) > self._reduction * SIDE_PX:
            self._reduction *= 2
        self._kept = KeptLuma(make_store, reduction=self._reduction)
        self._energies: list[NDArray[np.float32]] = []
        self._cell_px = CELL_PX
        self._hidden: dict[int, Mask] = {}
        self._hot = HotPixels()

    def add(self, light: Luma, gray: Gray, *, light_reduction: int, gray_reduction: int, shown: Mask | None = None) -> None:
        """Take the next frame: its luminance as decoded, and the same more reduced, each on a grid of its own.

        `shown` marks which pixels of the latter are picture; None where all are.
        """
        factor = max(self._reduction // light_reduction, 1)
        self._kept.append(reduced(light, factor))
        if shown is not None:
            part = block_means(shown.astype(np.float32), CELL_PX, edge=Edge.LEFT_OUT)
            self._hidden[len(self._energies)] = part < WHOLLY
        self._energies.append(detail_cells(gray))
        self._cell_px = CELL_PX * gray_reduction
        self._hot.add(light)

    def cells(self, positions: Sequence[int], matrices: Sequence[Matrix], *, brightness: float = 1.0) -> Cells:
        """Give the detail of some frames on the cells of the reference, in the order asked for, as if so many times brighter."""
        energies = [self._energies[position] * np.float32(brightness**2) for position in positions]
        hidden = {place: self._hidden[position] for place, position in enumerate(positions) if position in self._hidden}
        return Cells.laid_over(energies, matrices, side_px=self._cell_px, shape=self._shape, hidden=hidden)

    def judge(self, case: Case, *, progress: Progress = ignore_progress) -> Opinion:
        """Say what is wrong with a stack, and how much; `progress` is told after every frame looked at."""
        view = _View(jury=self, case=case, reduction=self._reduction, shape=self._shape)
        looked_at = evenly_spread(len(case.positions), LOOKED_AT)
        step = Steps(progress, "judge", len(looked_at) + len(case.positions) + 2)
        grays = []
        for place in looked_at:
            grays.append(view.laid_over(place))
            step()
        brightness = brightening(grays)
        view = replace(view, brightness=brightness)
        grays = [gray * np.float32(brightness) for gray in grays]
        grain = estimate_grain(grays, [view.shown(place) for place in looked_at])
        steps = case.steps or tuple(float(place) for place in range(len(case.positions)))
        blur_px = case.blur_px
        if blur_px is None:
            measured_px = estimate_blur_per_frame(grays, looked_at) or 0.0
            blur_px = self._reduction * measured_px if measured_px >= LEAST_BLUR_PX else 0.0
        del grays
        # Where blur is not known, frames may differ by as much as could not be measured.
        contradicted = view.contradictions(steps, blur_px or self._reduction * LEAST_BLUR_PX, grain, step).places
        untreated = contradicted & ~view.inside(case.treated)
        cells = self.cells(case.positions, case.matrices, brightness=brightness)
        luminance = np.asarray(cv2.cvtColor(case.composite, cv2.COLOR_RGB2GRAY), np.float32)
        coverage = Coverage(
            cells=cells,
            steps=steps,
            sight=Sight(softening=Softening.of(luminance), blur_px=blur_px),
            positions=case.positions,
            area=case.area,
        )
        at_a_glance = self._reduction
        while max(self._shape) > at_a_glance * GLANCE_PX:
            at_a_glance *= 2
        on_screen, glance = (
            Sight(softening=Softening.of(block_means(luminance, times, edge=Edge.REPEATED)), blur_px=blur_px / times)
            for times in (self._reduction, at_a_glance)
        )
        ends = view.ends(steps, on_screen, cells, self._reduction)
        step()
        ends_seen = ends if at_a_glance == self._reduction else view.ends(steps, glance, cells, at_a_glance)
        shares, textured = dips(cells), float(cells.textured.mean())
        step()
        noticed = [
            *coverage.noticed(),
            *(ends.noticed(case.positions, case.area) if ends else ()),
            *shaken(shares, case.positions),
            *exposure(case.gains, case.positions),
            *clipped(case.composite, case.alpha),
            *moved(untreated, reduction=self._reduction, area=case.area),
            *hot_pixels(
                self._hot.count(),
                blur_range_px=blur_px * float(np.ptp(steps)) / 2,
                moved_px=view.moved_px(),
            ),
        ]
        measures = {
            "contradiction": float(untreated.mean()),
            "treated": float(contradicted.mean() - untreated.mean()),
            "gap": coverage.gap_share(glance.soft_from),
            "beyond": min(ends_seen.share / max(textured, ends_seen.share), 1.0) if ends_seen and ends_seen.share else 0.0,
            "textured": textured,
            "clipped": clipped_share(case.composite, case.alpha),
            "clipped_subject": clipped_of_subject(case.composite, cells.textured, side_px=cells.side_px, area=case.area),
            "blur_px": blur_px,
            "dip": max(shares, default=0.0),
        }
        return Opinion(noticed=tuple(noticed), measures=measures)

    def small(self, position: int) -> Gray:
        """Luminance of a frame on the judge's grid, on the frame's own."""
        return self._kept.read(position)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _View:
    """The frames of a case on the judge's grid."""

    jury: Jury
    case: Case
    reduction: int
    shape: tuple[int, int]
    brightness: float = 1.0
    """Times that faint frames are made brighter."""

    @property
    def small_shape(self) -> tuple[int, int]:
        return -(-self.shape[0] // self.reduction), -(-self.shape[1] // self.reduction)

    def laid_over(self, place: int) -> Gray:
        position = self.case.positions[place]
        gray = self.case.matched(self.jury.small(position), position)
        if self.brightness != 1:
            gray = gray * np.float32(self.brightness)
        return lay_over_reference(
            gray, self.case.matrices[place], reduction=self.reduction, shape=self.small_shape, interpolation=cv2.INTER_LINEAR
        )

    def covered(self, place: int) -> Mask:
        inside = covered(rescale_matrix(self.case.matrices[place], 1 / self.reduction), self.small_shape, self.small_shape)
        shown = self.shown(place)
        if shown is None:
            return inside
        side = 2 * BORDER_PX + 1
        return inside & (cv2.erode(shown.view(np.uint8), np.ones((side, side), np.uint8)) > 0)

    def shown(self, place: int) -> Mask | None:
        """Mark what of a frame is picture; None where all is."""
        case = self.case
        if case.alphas is None:
            return None
        return case.alphas.opaque(case.positions[place], case.matrices[place], reduction=self.reduction, shape=self.small_shape)

    def moved_px(self) -> float:
        """How far the frames lie apart at most, full-size px, averaged over the corners."""
        here = corners(self.shape)
        places = np.stack([transformed(matrix, here) for matrix in self.case.matrices])
        return float(np.sqrt(np.square(np.ptp(places, axis=0)).sum(axis=1)).mean())

    def contradictions(self, steps: Sequence[float], blur_px: float, grain: float, step: Step) -> Contradictions:
        """Go through the frames once, and note where they contradict one another."""
        agreement = Agreement(self.small_shape, grain=grain, blur_px=blur_px / self.reduction, positions=steps)
        shown = np.zeros(self.small_shape, np.bool_)
        area = self.case.area
        shown[
            area.top // self.reduction + BORDER_PX : area.bottom // self.reduction - BORDER_PX,
            area.left // self.reduction + BORDER_PX : area.right // self.reduction - BORDER_PX,
        ] = True
        for place in range(len(self.case.positions)):
            agreement.add(self.laid_over(place), self.covered(place) & shown)
            step()
        return agreement.settle()

    def inside(self, areas: Sequence[Rectangle]) -> Mask:
        """Mark areas, px of the reference, on the small grid."""
        found = np.zeros(self.small_shape, np.bool_)
        for area in areas:
            left, top = area.left // self.reduction, area.top // self.reduction
            found[top : -(-area.bottom // self.reduction), left : -(-area.right // self.reduction)] = True
        return found

    def ends(self, steps: Sequence[float], sight: Sight, cells: Cells, reduction: int) -> Ends | None:
        """Find what lies beyond the ends, on a grid reduced by so much; None where nothing tells."""
        if not sight.blur_px:
            return None
        found = []
        for place in (0, len(steps) - 1):
            inner = inner_frame(steps, blur_px=sight.blur_px, from_last=place > 0)
            if inner is None:
                return None
            end, other = (
                block_means(self.laid_over(one), reduction // self.reduction, edge=Edge.REPEATED) for one in (place, inner)
            )
            missing = missing_beyond(end, other, apart=abs(steps[inner] - steps[place]), sight=sight)
            found.append(missing & sharpest_at(cells, place, missing.shape, CELL_PX * reduction))
        return Ends(near=found[0], far=found[1], side_px=CELL_PX * reduction)
