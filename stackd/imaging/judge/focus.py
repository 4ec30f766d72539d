"""Whether the stack covers its subject: gaps between frames, and steps that are needlessly small.

How far a place lies from the nearest focus, times the growth of blur a step, is how blurred it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackd.imaging.judge.cells import Cells, place_of, vertex
from stackd.imaging.judge.softening import Sight
from stackd.model.composite import Noticed, Rectangle, Severity
from stackd.model.pixels import Mask

Plane = NDArray[np.float32]

WANTED_KEPT: Final = 0.8
"""Amplitude of fine detail that steps should keep half-way: advice goes by it."""
LEAST_ADVICE: Final = 0.1
"""Of a step: who leaves out so much need not be told more exactly."""
LEAST_SHARE: Final = 0.01
"""Of the cells with texture that must lie in a gap: fewer are a speck."""
WIDER: Final = 1.5
"""Times the usual step from which a gap is one, rather than the way the stack was shot."""
NEEDLESS_ABOVE: Final = 0.97
"""Amplitude kept at twice the step: with so much every second frame would do."""
MANY_FRAMES: Final = 20
"""From so many frames on it is worth saying."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coverage:
    """What is known when it is asked whether a stack covers its subject."""

    cells: Cells
    steps: tuple[float, ...]
    """Where each frame is focused, near → far, in usual steps."""
    sight: Sight
    """How blur is seen at full size."""
    positions: tuple[int, ...]
    """What a frame that took part is called by, one each."""
    area: Rectangle
    """What of the reference is shown, px."""

    def noticed(self) -> Iterator[Noticed]:
        """Tell what is missing, or is more than enough."""
        yield from self._gaps()
        yield from self._needless()

    def gap_share(self, soft_from: float) -> float:
        """Share of the cells with texture that are soft in gaps wider than the stack's own step: a band in a sharp picture.

        Steps too large throughout make a picture that is evenly soft, and may be all that was wanted.

        Parameters
        ----------
        soft_from : float
            Steps from the nearest focus from which a place looks soft.
        """
        apart = np.abs(np.diff(self.steps))
        if not apart.size:
            return 0.0
        usual = float(np.median(apart))
        cells = self._gap_cells(soft_from)
        wide = [mask for mask, step in zip(cells, apart.tolist(), strict=True) if step > WIDER * usual]
        return float(np.logical_or.reduce(wide).sum() / max(int(self.cells.textured.sum()), 1)) if wide else 0.0

    def _gap_cells(self, soft_from: float) -> list[Mask]:
        """Mark for each two neighbours what lies between them and is soft in both."""
        depth, textured = self._depth(), self.cells.textured
        return [
            np.asarray((depth > min(pair) + soft_from) & (depth < max(pair) - soft_from) & textured)
            for pair in pairwise(self.steps)
        ]

    def _gaps(self) -> Iterator[Noticed]:
        apart = np.abs(np.diff(self.steps)).tolist()
        wide = [place for place, step in enumerate(apart) if step > 2 * self.sight.soft_from]
        if not wide:
            return
        cells, least = self._gap_cells(self.sight.soft_from), LEAST_SHARE * max(int(self.cells.textured.sum()), 1)
        if len(wide) > len(apart) / 2:
            everywhere = np.logical_or.reduce(cells)
            if everywhere.sum() >= least:
                usual = float(np.median(apart))
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
            advice = self._advised(apart[place])
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
        return max(2 * self.sight.softening.radius_for(WANTED_KEPT) / (self.sight.blur_px * apart), LEAST_ADVICE)

    def _depth(self) -> Plane:
        """Place the peak of every cell's sharpness on the axis, between frames by a parabola through three of them."""
        log = self.cells.log_energy
        steps = np.asarray(self.steps, np.float32)
        best = log.argmax(axis=0)
        if len(steps) < 3:  # noqa: PLR2004  (no parabola)
            return np.asarray(steps[best], np.float32)
        around = [np.clip(best, 1, len(steps) - 2) + offset for offset in (-1, 0, 1)]
        found = vertex([steps[index] for index in around], [np.take_along_axis(log, index[None], axis=0)[0] for index in around])
        # Kept between the neighbours of the best frame.
        low, high = steps[np.maximum(best - 1, 0)], steps[np.minimum(best + 1, len(steps) - 1)]
        return np.asarray(np.clip(found, np.minimum(low, high), np.maximum(low, high)), np.float32)

    def _needless(self) -> Iterator[Noticed]:
        if len(self.steps) < MANY_FRAMES or not self.sight.blur_px:
            return
        step = float(np.median(np.abs(np.diff(self.steps))))
        if step > 0 and self.sight.softening.at(self.sight.blur_px * step) > NEEDLESS_ABOVE:
            times = self._advised(step)
            yield Noticed(
                code="steps-needlessly-small",
                severity=Severity.NOTE,
                sentence=f"Neighbouring frames are equally sharp: steps {times:.0f} times as large would show as much.",
            )
