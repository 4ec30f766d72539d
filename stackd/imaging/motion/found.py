"""Say what was found of motion, for programs and for photographers."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from stackd.imaging.motion.contradiction import CELL_PX, Contradictions
from stackd.imaging.motion.moments import Moments, places_of
from stackd.imaging.motion.treatment import Treatment
from stackd.model.composite import MotionFound, MotionKind, MotionRegion, Noticed, Rectangle, Severity

LEAST_DETAIL = 0.5
"""Share of the detail of all frames that a moment must leave for the place to count as solved."""
TOLD = 4
"""Regions told of, the largest first."""


def parallax_found(before: Contradictions, after: Contradictions, treatment: Treatment | None, *, reduction: int) -> MotionFound:
    """Sum up a hand that wandered: all of what it changed, and what it does not explain."""
    largest = 0.0 if treatment is None or treatment.parallax is None else treatment.parallax.largest_px() * reduction
    compensated = [
        MotionRegion(
            kind=MotionKind.PARALLAX,
            area=_rectangle(places_of(before) > 0, reduction),
            moment=None,
            misfit=_misfit(after, places_of(before) > 0),
            displaced_px=largest,
        )
    ]
    labels = places_of(after)
    left = [
        MotionRegion(
            kind=MotionKind.UNRESOLVED,
            area=_rectangle(labels == label, reduction),
            moment=None,
            misfit=_misfit(after, labels == label),
        )
        for label in range(1, int(labels.max()) + 1)
    ]
    return MotionFound(
        regions=(*compensated, *left),
        moved_share=float((before.taken & (places_of(before) > 0)).mean()),
        unresolved_share=float((after.taken & (labels > 0)).mean()),
    )


def moments_found(before: Contradictions, moments: Moments, *, reduction: int) -> MotionFound:
    """Sum up things that moved: where one moment leaves too little detail, the place is not solved."""
    labels = places_of(before)
    regions, unresolved = [], 0.0
    for label, place in enumerate(moments.places, start=1):
        solved = place.detail >= LEAST_DETAIL
        cells = labels == label
        regions.append(
            MotionRegion(
                kind=MotionKind.MOVED if solved else MotionKind.UNRESOLVED,
                area=_rectangle(cells, reduction),
                moment=place.moment,
                misfit=_misfit(before, cells),
                detail=place.detail,
            )
        )
        unresolved += 0.0 if solved else float((before.taken & cells).mean())
    return MotionFound(
        regions=tuple(regions), moved_share=float((before.taken & (labels > 0)).mean()), unresolved_share=unresolved
    )


def noticed(found: MotionFound, positions: Sequence[int], *, window: Rectangle, shown: Rectangle) -> Iterator[Noticed]:
    """Tell a photographer.

    Parameters
    ----------
    found : MotionFound
        Areas on the grid fused.
    positions : sequence of int
        Position in the source of each frame aligned.
    window, shown : Rectangle
        The grid fused and what of it is shown, px of the uncropped reference.
    """
    for region in sorted(found.regions, key=lambda region: -region.area.width_px * region.area.height_px)[:TOLD]:
        area = _within(region.area, window, shown)
        if area is None:
            continue
        match region.kind:
            case MotionKind.PARALLAX:
                yield Noticed(
                    code="parallax-compensated",
                    severity=Severity.NOTE,
                    sentence=(
                        f"The camera moved sideways while the stack was shot: near things lay up to {region.displaced_px:.0f} px"
                        " off and were brought back. Use a firmer stand next time."
                    ),
                    region=area,
                )
            case MotionKind.MOVED if region.moment is not None:
                yield Noticed(
                    code="moment-taken",
                    severity=Severity.NOTE,
                    sentence="What moved here is shown as it is in {0}; look whether its edges are whole.",
                    positions=(positions[region.moment],),
                    region=area,
                )
            case _:
                yield Noticed(
                    code="motion-unresolved",
                    severity=Severity.WARNING,
                    sentence=(
                        "Something moved here, and no frame shows all of it: parts may be soft, doubled or cut off."
                        " Shoot faster, in still air, or from a firmer stand."
                    ),
                    region=area,
                )


def treated(found: MotionFound, window: Rectangle) -> tuple[Rectangle, ...]:
    """List where something was done about motion, px of the uncropped reference; `window` is the grid fused."""
    return tuple(
        Rectangle(
            left=region.area.left + window.left,
            top=region.area.top + window.top,
            right=region.area.right + window.left,
            bottom=region.area.bottom + window.top,
        )
        for region in found.regions
        if region.kind is not MotionKind.UNRESOLVED
    )


def _rectangle(cells: NDArray[np.bool_], reduction: int) -> Rectangle:
    side = CELL_PX * reduction
    rows, columns = (np.flatnonzero(cells.any(axis=axis)) for axis in (1, 0))
    return Rectangle(
        left=int(columns[0]) * side,
        top=int(rows[0]) * side,
        right=(int(columns[-1]) + 1) * side,
        bottom=(int(rows[-1]) + 1) * side,
    )


def _misfit(found: Contradictions, cells: NDArray[np.bool_]) -> float:
    return float(np.sqrt(np.square(found.rms[cells]).mean()))


def _within(area: Rectangle, window: Rectangle, shown: Rectangle) -> Rectangle | None:
    """On the grid of the uncropped reference; None where nothing of it is shown."""
    found = Rectangle(
        left=max(area.left + window.left, shown.left),
        top=max(area.top + window.top, shown.top),
        right=min(area.right + window.left, shown.right),
        bottom=min(area.bottom + window.top, shown.bottom),
    )
    return found if found.width_px > 0 and found.height_px > 0 else None
