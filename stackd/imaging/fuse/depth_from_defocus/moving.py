"""What is done where frames contradict each other: they are displaced by depth, or all show one moment."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from stackd.imaging.fuse.depth_from_defocus.grid import Grid
from stackd.imaging.fuse.depth_from_defocus.weighing import Weighed
from stackd.imaging.ground.frames import AlignedFrames
from stackd.imaging.motion.found import moments_found, parallax_found
from stackd.imaging.motion.moments import View, chosen_moments, places_of
from stackd.imaging.motion.parallax import Parallax, calmed_depth, estimate_displacement
from stackd.imaging.motion.treatment import DisplacedFrames, Treatment
from stackd.model.composite import MotionFound

PARALLAX_ROUNDS = 3
"""Times that depth and displacement are measured in turn. The second gains about 1 dB where depths lie far apart, a third next to
nothing (measured)."""
PARALLAX_EXPLAINS = 0.8
"""Share of the contradictions that may be left for a wandering hand to be believed; a thing that moves before a still background
is not explained by it."""

Weigh: TypeAlias = Callable[[Grid], Weighed]
"""Weighs the frames as a grid shows them."""


def with_motion(weighed: Weighed, frames: AlignedFrames, weigh: Weigh) -> tuple[Weighed, MotionFound]:
    """Weigh again where frames contradict each other: displaced by depth if that explains it, else by moments."""
    before = weighed.contradictions
    if not places_of(before).any():
        return weighed, MotionFound()
    grid = weighed.grid
    by_hand = _displaced(weighed, frames, weigh)
    if by_hand is not None:
        return by_hand, parallax_found(before, by_hand.contradictions, by_hand.grid.treatment, reduction=grid.reduction)

    def look(position: int) -> View:
        view = grid.view(frames, position)
        return View(gray=view.gray, fine_detail=view.fine_detail)

    moments = chosen_moments(
        look, before, weighed.settled.taken, focus=weighed.focus, blur_px=weighed.blur_px, grain=weighed.grain
    )
    del weighed
    return weigh(replace(grid, treatment=Treatment(moments=moments))), moments_found(before, moments, reduction=grid.reduction)


def _displaced(weighed: Weighed, frames: AlignedFrames, weigh: Weigh) -> Weighed | None:
    """Weigh frames displaced by depth, as a wandering hand does; None where that explains too little."""
    plain = replace(weighed.grid, treatment=None)
    middle = len(frames) // 2
    reference = plain.view(frames, middle).gray
    before = weighed.contradictions.taken.mean()
    best: Weighed | None = None
    for _ in range(PARALLAX_ROUNDS):
        depth = calmed_depth(weighed.settled.taken)
        coefficients = tuple(
            np.zeros((2, 2))
            if position == middle
            else estimate_displacement(
                plain.view(frames, position).gray,
                reference,
                depth,
                position=position,
                apart_px=weighed.blur_px * weighed.focus.apart(position, middle),
            )
            for position in range(len(frames))
        )
        treatment = Treatment(parallax=Parallax(depth=depth, coefficients=coefficients))
        weighed = weigh(replace(plain, treatment=treatment))
        after = weighed.contradictions.taken.mean()
        if after > PARALLAX_EXPLAINS * before or (best is not None and after > best.contradictions.taken.mean()):
            break
        best = weighed
    return best


def shown(frames: AlignedFrames, grid: Grid) -> AlignedFrames:
    """Frames as they are blended."""
    if grid.treatment is None or grid.treatment.parallax is None:
        return frames
    return DisplacedFrames(frames, grid.treatment.parallax, reduction=grid.reduction)
