"""Weigh every frame at every pixel by how well it explains the others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.compose.fused import Means
from stackd.imaging.depth.beyond import BeyondEnds
from stackd.imaging.depth.defocus import estimate_blur_per_frame
from stackd.imaging.depth.edge_detail import EdgeDetail
from stackd.imaging.depth.evidence import Evidence, SettledEvidence, Watchers
from stackd.imaging.depth.focus_fit import fit_focus
from stackd.imaging.depth.relative_blur import PatchesOfTexture
from stackd.imaging.depth.unfocused import Unfocused
from stackd.imaging.fuse.depth_from_defocus.costs import Witness, costs_of, heard
from stackd.imaging.fuse.depth_from_defocus.grid import Grid, GridView, detail_of
from stackd.imaging.ground.frames import AlignedFrames, Progress, Step, Steps, evenly_spread
from stackd.imaging.ground.grain import detail_of_grain, estimate_grain
from stackd.imaging.ground.luminance import brightening
from stackd.imaging.motion.contradiction import Contradictions, Neighbours

USUAL_BLUR_PX = 0.75
"""Growth of the blur radius per frame, in reduced px, where nothing has texture enough to measure it: then it hardly matters."""

ESTIMATES = 4
"""Steps between reading and measuring: of blur and focus, grain, its detail, and what lies beyond the ends."""

LEAST_TOLERANCE = 0.0015
"""Display units: misfits closer than this are equal even without grain; prediction is not more exact."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighed:
    """Frames weighed against each other, and what was measured on the way."""

    grid: Grid
    settled: SettledEvidence
    contradictions: Contradictions
    grain: float
    grain_detail: float
    focus: FocusPositions
    blur_px: float
    per_step: float | None
    """Growth of blur in full-size px; None where nothing tells."""


def weighed(
    frames: AlignedFrames,
    grid: Grid,
    *,
    means: Means,
    averaging: float,
    witnesses: int,
    blur_px_per_frame: float | None,
    motion: bool,
) -> Weighed:
    """Weigh every frame at every pixel by how well it explains the others; see `DepthFromDefocus` for what may be chosen."""
    chosen = evenly_spread(len(frames), witnesses)
    step = Steps(means.progress, "prepare", len(chosen) + len(frames) + ESTIMATES)
    views: dict[int, GridView] = {}
    for position in chosen:
        views[position] = grid.view(frames, position)
        step()
    brightness = brightening([view.gray for view in views.values()])  # 1 if the grid knows it already
    grid = replace(grid, brightness=grid.brightness * brightness)
    compared = [
        Witness.of(view.brightened(brightness), grid.outside(view, frames, position), position=position)
        for position, view in views.items()
    ]
    del views
    grays = [witness.view.gray for witness in compared]
    texture = PatchesOfTexture(means.make_store())
    focus, measured_px = _defocus(frames, compared, blur_px_per_frame, grid, texture, step, means.progress)
    blur_px = measured_px or USUAL_BLUR_PX
    per_step = None if measured_px is None else measured_px * grid.reduction
    step()
    shown = [witness.view.shown for witness in compared]
    grain = estimate_grain(grays, shown)
    step()
    grain_detail = detail_of_grain(grays, [witness.view.fine_detail for witness in compared], shown)
    step()
    tolerance = float(np.hypot(averaging * grain, LEAST_TOLERANCE))
    details = [detail_of(witness.view.gray) + witness.view.fine_detail for witness in compared]
    watchers = Watchers(
        unfocused=Unfocused(means.make_store(), grain=grain, tolerance=tolerance),
        beyond=BeyondEnds(
            [(witness.position, witness.view.gray, witness.trust) for witness in compared],
            focus=focus,
            blur_px=blur_px,
            tolerance=tolerance,
        ),
        edges=EdgeDetail(means.make_store(), grid.shape, grain=detail_of_grain(grays, details, shown)),
    )
    del details
    evidence = Evidence(means.make_store(), tolerance, heard(compared), watchers)
    step()
    neighbours = Neighbours(means.make_store(), focus=focus, blur_px=blur_px, grain=grain) if motion else None
    step = Steps(means.progress, "measure", len(frames) + (len(frames) - 1 if motion else 0))
    for cost in costs_of(frames, compared, focus, blur_px, grid, watchers, grain_detail, step, neighbours):
        evidence.add(cost)
    del compared, grays
    settled = evidence.settle(blur_px, focus=focus, progress=means.progress)
    contradictions = Contradictions.none() if neighbours is None else neighbours.settle(settled.taken, settled.never_sharp, step)
    return Weighed(
        grid=grid,
        settled=settled,
        contradictions=contradictions,
        grain=grain,
        grain_detail=grain_detail,
        focus=focus,
        blur_px=blur_px,
        per_step=per_step,
    )


def _defocus(
    frames: AlignedFrames,
    witnesses: Sequence[Witness],
    wanted_px: float | None,
    grid: Grid,
    texture: PatchesOfTexture,
    step: Step,
    progress: Progress,
) -> tuple[FocusPositions, float | None]:
    """Tell where the frames are focused, and by how many px of the decisions blur grows per usual step between them.

    The latter is as wanted, in full-size px, or measured; None where nothing has texture enough to tell.
    """
    known = {witness.position: witness.view.gray for witness in witnesses}
    for position in range(len(frames)):
        texture.add(known[position] if position in known else grid.gray(frames, position))
        step()
    found = fit_focus(texture.measure(progress), texture.sharpness())
    if wanted_px is not None:
        return found.positions, wanted_px / grid.reduction
    if not found.positions.is_even and found.blur_px is not None:
        return found.positions, found.blur_px
    return found.positions, estimate_blur_per_frame(list(known.values()), list(known))
