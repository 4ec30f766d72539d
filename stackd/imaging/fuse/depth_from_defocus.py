"""Fuse by depth from defocus: the frame in focus is the one that, blurred, explains all the others.

Sharpness alone is a poor witness. The rim of a defocused highlight, a bright wall seen through a defocused leaf and grain are
sharp too, in the wrong frame. Defocus is known physics, though: if a surface is in focus in frame k, then frame j shows it
blurred by a disc whose radius is proportional to the distance of their focus positions (`stackd.imaging.depth.focus_fit`), which
is |j − k| where frames are evenly focused. So every frame is blurred, in linear light, and compared with witnesses
spread through the stack; what is left over, plus what a frame lacks in fine detail beside its neighbours, is its cost. Frames
whose costs are as good as equal are averaged, which lowers grain where nothing decides; where nothing is ever in focus, the least
blurred end of the stack is taken (`stackd.imaging.depth.unfocused`), and beside edges in depth fine detail may come from another
frame than the rest (`stackd.imaging.depth.edge_detail`).

Subbarao, Surya, "Depth from defocus: a spatial domain approach", IJCV 13 (1994), for the comparison by re-blurring; the
combination with detail, the treatment of highlights and the averaging are ours: docs/decisions/0010-fusion-by-depth-from-
defocus.md.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.compose.blending import Blending, BlendingByWeight
from stackd.imaging.compose.coverage import Coverage
from stackd.imaging.compose.focus_measure import lay_over_reference
from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.compose.fused import Fused, Means
from stackd.imaging.depth.beyond import BeyondEnds
from stackd.imaging.depth.defocus import estimate_blur_per_frame, predicted
from stackd.imaging.depth.edge_detail import EdgeDetail
from stackd.imaging.depth.evidence import Evidence, SettledEvidence, Watchers
from stackd.imaging.depth.focus_fit import fit_focus
from stackd.imaging.depth.relative_blur import PatchesOfTexture
from stackd.imaging.depth.surface import Texture, enlarged, visible_surface
from stackd.imaging.depth.unfocused import Unfocused
from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.colour import to_light
from stackd.imaging.ground.frames import AlignedFrames, Step, Steps, evenly_spread
from stackd.imaging.ground.grain import detail_of_grain, estimate_grain
from stackd.imaging.ground.luminance import brightening
from stackd.imaging.ground.matrices import rescale_matrix
from stackd.imaging.lay_over.transparency import OPAQUE
from stackd.imaging.lay_over.warp import covered
from stackd.imaging.motion.contradiction import Contradictions, Neighbours
from stackd.imaging.motion.found import moments_found, parallax_found
from stackd.imaging.motion.moments import View, chosen_moments, places_of
from stackd.imaging.motion.parallax import Parallax, calmed_depth, estimate_displacement
from stackd.imaging.motion.treatment import DisplacedFrames, Treatment
from stackd.model.composite import MotionFound
from stackd.model.pixels import Alpha, Gray, Mask

REDUCTIONS = (2, 4, 8)
DECISION_PX = 4_000_000
"""Decisions are made on the least reduced grid of at most so many pixels. Half size loses nothing (measured on 1–2 megapixels). A
quarter loses hairs there, but on 24 megapixels no lens draws hairs that fine, and time and memory stay bounded."""

USUAL_BLUR_PX = 0.75
"""Growth of the blur radius per frame, in reduced px, where nothing has texture enough to measure it: then it hardly matters."""

HIGHLIGHT = (0.7, 0.9)
"""Display value from which a witness loses its say, and where it has none: a clipped highlight is brighter than it looks, so its
disc cannot be predicted. Measured; a lower start loses white subjects."""

HEARD_SHARE = 0.5
"""Share of the witnesses that must have a say for what they say to count in full; below, it counts in proportion, and depth is
continued from around. In the middle of a blown highlight only frames far out of focus have one, and without this they won: white
solder was given beige patches. Measured."""
BRIGHTER_COUNTS = 0.5
"""Weight (of an amplitude) of witnesses brighter than predicted: highlights from elsewhere add light, nothing takes it."""

VEIL_PX = 9
"""Reduced px. Differences smoother than a box of this side are mostly veils of defocused neighbours …"""
VEIL_COUNTS = 0.3
"""… and count only this much of their amplitude. Both measured on hairs over a wall."""
VEIL_BOX = np.full(VEIL_PX, 1 / VEIL_PX, np.float32)
"""The same box as a filter of rows and columns, which OpenCV runs faster."""

NEAR_WINDOW_PX = 0.5
"""Sigma, reduced px, over which witnesses in front of a frame are averaged: hairs are sharp there, and thin."""
FAR_WINDOW_PX = 1.0
"""The same for witnesses behind: what they show through a blurred hair is not the hair."""

DETAIL_SIGMA_PX = 1.0
"""Px: detail is what this Gaussian takes away."""
DETAIL_REACH_PX, BAND_ROWS = 6, 64
"""How far that Gaussian looks, and rows worked on at once: even numbers."""
LOCAL_WINDOW_PX, LOCAL_WEIGHT = 1.25, 3.0
"""Detail missing against the best neighbour: it places the focus finely without rewarding far peaks. It is measured on a grid
twice as fine as that of the decisions: on the same grid a seventh of the detail of a real rose was lost."""
REACH_FRAMES, REACH_FRAMES_PER_PX = (3, 8), 5.0
"""How many frames away neighbours are looked for, and by how much more where blur grows fast (px of the decisions per frame). The
rim of a disc is no rival once it has moved on, and texture that is back six frames later is one: with three frames, fibres of a
wing in amber were lost, which no frame explains; with six, hairs lose 0.15 dB where blur grows slowly (measured)."""
WIDE_WINDOW_PX, WIDE_WEIGHT = 2.0, 0.5
"""Detail in a wider window, against all frames: it decides where colours differ but brightness does not."""


ESTIMATES = 4
"""Steps between reading and measuring: of blur and focus, grain, its detail, and what lies beyond the ends."""

LEAST_TOLERANCE = 0.0015
"""Display units: misfits closer than this are equal even without grain; prediction is not more exact."""


PARALLAX_ROUNDS = 3
"""Times that depth and displacement are measured in turn. The second gains about 1 dB where depths lie far apart, a third next to
nothing (measured)."""
PARALLAX_EXPLAINS = 0.8
"""Share of the contradictions that may be left for a wandering hand to be believed; a thing that moves before a still background
is not explained by it."""


class DepthFromDefocus(BaseModel):
    """The frame that explains the others best when blurred (Subbarao & Surya, IJCV 13, 1994), averaged where several do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["depth_from_defocus"] = "depth_from_defocus"
    averaging: Annotated[
        float,
        Field(
            ge=0,
            le=10,
            description=(
                "Frames whose misfits differ by no more than this many times the grain are averaged."
                " More: less grain; too much: softer. 0 averages next to nothing."
            ),
        ),
    ] = 2.0
    witnesses: Annotated[
        int,
        Field(
            ge=2, le=32, description="Frames, spread through the stack, each frame is compared with. More: slower, more memory."
        ),
    ] = 8
    motion: Annotated[
        bool,
        Field(
            description=(
                "Where something moved, show one moment; where the camera wandered, take that back."
                " Without it, things that moved may show twice or in pieces."
            )
        ),
    ] = True
    blur_px_per_frame: Annotated[
        float | None,
        Field(gt=0, le=100, description="Growth in px of the blur's radius from frame to frame. Leave out to have it measured."),
    ] = None

    makes_depth_map: ClassVar[bool] = True

    def reduction_looked_at(self, shape: tuple[int, int]) -> int | None:
        """Tell how reduced the luminance is that is looked at; None for colours alone."""
        # Detail is measured twice as finely as decisions are made.
        return _reduction_of(shape) // 2

    def fuse(self, frames: AlignedFrames, means: Means) -> Fused:
        """Fuse aligned frames."""
        return fuse_by_depth_from_defocus(frames, self, means)


def fuse_by_depth_from_defocus(frames: AlignedFrames, settings: DepthFromDefocus, means: Means = Means()) -> Fused:  # noqa: B008  (frozen)
    """Weigh every frame at every pixel by how well it explains the others, then put the frames together.

    Parameters
    ----------
    frames : AlignedFrames
        Read reduced and gray twice, then once in full where used.
    settings : DepthFromDefocus
        Tolerance, number of witnesses, blur per frame.
    means : Means
        Places for reduced planes take together about a byte per pixel of a frame for each frame; progress is told after about
        every frame's work, whatever is done.

    Returns
    -------
    Fused
        With the depth of the visible surface; its confidence is 1 amid texture in focus, 0 where depth is only continued.
    """
    weighed = _weigh(frames, settings, means, _Grid.of(frames))
    motion: MotionFound | None = None
    if settings.motion:
        weighed, motion = _with_motion(weighed, frames, settings, means)
    grid, settled, grain_detail = weighed.grid, weighed.settled, weighed.grain_detail
    focus, per_step = weighed.focus, weighed.per_step
    del weighed
    measured = settled.depth
    blending: Blending = BlendingByWeight(frames=_shown(frames, grid), weights=settled, reduction=grid.reduction)
    image = blending.image(progress=means.progress)
    del settled, blending
    if not means.with_depth:
        return Fused(image=image, depth=None, focus=focus, blur_px_per_step=per_step, motion=motion)
    step = Steps(means.progress, "depth", 3)
    texture = Texture.of(image, reduction=grid.reduction, grain_detail=grain_detail, brightness=grid.brightness)
    step()
    surface = visible_surface(measured, texture)
    step()
    depth = enlarged(surface, reduction=grid.reduction, shape=grid.full_shape)
    step()
    return Fused(image=image, depth=depth, focus=focus, blur_px_per_step=per_step, motion=motion)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Weighed:
    """Frames weighed against each other, and what was measured on the way."""

    grid: "_Grid"
    settled: SettledEvidence
    contradictions: Contradictions
    grain: float
    grain_detail: float
    focus: FocusPositions
    blur_px: float
    per_step: float | None
    """Growth of blur in full-size px; None where nothing tells."""


def _weigh(frames: AlignedFrames, settings: DepthFromDefocus, means: Means, grid: "_Grid") -> _Weighed:
    """Weigh every frame at every pixel by how well it explains the others."""
    chosen = evenly_spread(len(frames), settings.witnesses)
    step = Steps(means.progress, "prepare", len(chosen) + len(frames) + ESTIMATES)
    views: dict[int, _View] = {}
    for position in chosen:
        views[position] = grid.view(frames, position)
        step()
    brightness = brightening([view.gray for view in views.values()])  # 1 if the grid knows it already
    grid = replace(grid, brightness=grid.brightness * brightness)
    witnesses = [
        _Witness.of(view.brightened(brightness), grid.outside(view, frames, position), position=position)
        for position, view in views.items()
    ]
    del views
    grays = [witness.view.gray for witness in witnesses]
    focus, measured_px = _defocus(frames, witnesses, settings, grid, PatchesOfTexture(means.make_store()), step)
    blur_px = measured_px or USUAL_BLUR_PX
    per_step = None if measured_px is None else measured_px * grid.reduction
    step()
    shown = [witness.view.shown for witness in witnesses]
    grain = estimate_grain(grays, shown)
    step()
    grain_detail = detail_of_grain(grays, [witness.view.fine_detail for witness in witnesses], shown)
    step()
    tolerance = float(np.hypot(settings.averaging * grain, LEAST_TOLERANCE))
    details = [_detail(witness.view.gray) + witness.view.fine_detail for witness in witnesses]
    watchers = Watchers(
        unfocused=Unfocused(means.make_store(), grain=grain, tolerance=tolerance),
        beyond=BeyondEnds(
            [(witness.position, witness.view.gray, witness.trust) for witness in witnesses],
            focus=focus,
            blur_px=blur_px,
            tolerance=tolerance,
        ),
        edges=EdgeDetail(means.make_store(), grid.shape, grain=detail_of_grain(grays, details, shown)),
    )
    del details
    evidence = Evidence(means.make_store(), tolerance, _heard(witnesses), watchers)
    step()
    neighbours = Neighbours(means.make_store(), focus=focus, blur_px=blur_px, grain=grain) if settings.motion else None
    step = Steps(means.progress, "measure", len(frames) + (len(frames) - 1 if settings.motion else 0))
    for cost in _costs(frames, witnesses, focus, blur_px, grid, watchers, grain_detail, step, neighbours):
        evidence.add(cost)
    del witnesses, grays
    settled = evidence.settle(blur_px, focus=focus, progress=means.progress)
    contradictions = Contradictions.none() if neighbours is None else neighbours.settle(settled.taken, settled.never_sharp, step)
    return _Weighed(
        grid=grid,
        settled=settled,
        contradictions=contradictions,
        grain=grain,
        grain_detail=grain_detail,
        focus=focus,
        blur_px=blur_px,
        per_step=per_step,
    )


def _with_motion(
    weighed: _Weighed, frames: AlignedFrames, settings: DepthFromDefocus, means: Means
) -> tuple[_Weighed, MotionFound]:
    """Weigh again where frames contradict each other: displaced by depth if that explains it, else by moments."""
    before = weighed.contradictions
    if not places_of(before).any():
        return weighed, MotionFound()
    grid = weighed.grid
    by_hand = _displaced(weighed, frames, settings, means)
    if by_hand is not None:
        return by_hand, parallax_found(before, by_hand.contradictions, by_hand.grid.treatment, reduction=grid.reduction)

    def look(position: int) -> View:
        view = grid.view(frames, position)
        return View(gray=view.gray, fine_detail=view.fine_detail)

    moments = chosen_moments(
        look, before, weighed.settled.taken, focus=weighed.focus, blur_px=weighed.blur_px, grain=weighed.grain
    )
    del weighed
    grid = replace(grid, treatment=Treatment(moments=moments))
    return _weigh(frames, settings, means, grid), moments_found(before, moments, reduction=grid.reduction)


def _displaced(weighed: _Weighed, frames: AlignedFrames, settings: DepthFromDefocus, means: Means) -> _Weighed | None:
    """Weigh frames displaced by depth, as a wandering hand does; None where that explains too little."""
    plain = replace(weighed.grid, treatment=None)
    middle = len(frames) // 2
    reference = plain.view(frames, middle).gray
    before = weighed.contradictions.taken.mean()
    best: _Weighed | None = None
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
        weighed = _weigh(frames, settings, means, replace(plain, treatment=treatment))
        after = weighed.contradictions.taken.mean()
        if after > PARALLAX_EXPLAINS * before or (best is not None and after > best.contradictions.taken.mean()):
            break
        best = weighed
    return best


def _shown(frames: AlignedFrames, grid: "_Grid") -> AlignedFrames:
    """Frames as they are blended."""
    if grid.treatment is None or grid.treatment.parallax is None:
        return frames
    return DisplacedFrames(frames, grid.treatment.parallax, reduction=grid.reduction)


def _defocus(
    frames: AlignedFrames,
    witnesses: Sequence["_Witness"],
    settings: DepthFromDefocus,
    grid: "_Grid",
    texture: PatchesOfTexture,
    step: Step,
) -> tuple[FocusPositions, float | None]:
    """Tell where the frames are focused, and by how many px of the decisions blur grows per usual step between them.

    None for the latter where nothing has texture enough to tell.
    """
    known = {witness.position: witness.view.gray for witness in witnesses}
    for position in range(len(frames)):
        texture.add(known[position] if position in known else grid.gray(frames, position))
        step()
    found = fit_focus(texture.measure(), texture.sharpness())
    if settings.blur_px_per_frame is not None:
        return found.positions, settings.blur_px_per_frame / grid.reduction
    if not found.positions.is_even and found.blur_px is not None:
        return found.positions, found.blur_px
    return found.positions, estimate_blur_per_frame(list(known.values()), list(known))


def _reduction_of(shape: tuple[int, int]) -> int:
    return next((k for k in REDUCTIONS if shape[0] * shape[1] <= DECISION_PX * k**2), REDUCTIONS[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """The reduced grid of the reference on which decisions are made."""

    reduction: int
    shape: tuple[int, int]
    full_shape: tuple[int, int]
    brightness: float = 1.0
    treatment: Treatment | None = None
    """What is done about motion."""

    @classmethod
    def of(cls, frames: AlignedFrames) -> "_Grid":
        height, width = frames.shape
        reduction = _reduction_of(frames.frame_shape)  # as the stacker was told, however little of the frames is kept
        return cls(reduction=reduction, shape=(-(-height // reduction), -(-width // reduction)), full_shape=(height, width))

    def view(self, frames: AlignedFrames, position: int) -> "_View":
        """Luminance and fine detail of a frame laid over the grid."""
        native = frames.read_gray_native(position, self.reduction // 2)
        own_shape = (-(-native.shape[0] // 2), -(-native.shape[1] // 2))
        gray, fine_detail = (
            lay_over_reference(
                plane, frames.matrices[position], reduction=self.reduction, shape=self.shape, interpolation=interpolation
            )
            for plane, interpolation in (
                (block_means(native, 2, edge=Edge.REPEATED), cv2.INTER_CUBIC),
                # From the frame's own grid: interpolation would cost sharpness that differs from frame to frame.
                (_halved_detail(native), cv2.INTER_LINEAR),
            )
        )
        alpha = frames.alpha(position)
        if alpha is not None:
            alpha = block_means(alpha, self.reduction, edge=Edge.REPEATED)
        view = _View(gray=gray, fine_detail=fine_detail, own_shape=own_shape, alpha=alpha).brightened(self.brightness)
        if self.treatment is None:
            return view
        seen, kept_back = self.treatment.seen(View(gray=view.gray, fine_detail=view.fine_detail), position)
        return replace(view, gray=seen.gray, fine_detail=seen.fine_detail, kept_back=kept_back)

    def gray(self, frames: AlignedFrames, position: int) -> Gray:
        """Luminance of a frame laid over the grid."""
        # As finely as it was kept when the frame was added: on any other grid it would have to be decoded again.
        native = block_means(frames.read_gray_native(position, self.reduction // 2), 2, edge=Edge.REPEATED)
        return lay_over_reference(
            native, frames.matrices[position], reduction=self.reduction, shape=self.shape, interpolation=cv2.INTER_CUBIC
        ) * np.float32(self.brightness)

    def outside(self, view: "_View", frames: AlignedFrames, position: int) -> NDArray[np.bool_]:
        """Mark what a frame does not show, or less than half of."""
        inside = cv2.warpPerspective(
            np.ones(view.own_shape, np.uint8),
            rescale_matrix(frames.matrices[position], 1 / self.reduction),
            (self.shape[1], self.shape[0]),
            flags=cv2.INTER_NEAREST,
        )
        outside = np.asarray(inside == 0)
        if view.alpha is not None:
            outside |= view.alpha <= OPAQUE // 2
        return outside if view.kept_back is None else outside | view.kept_back

    def hidden(self, view: "_View", frames: AlignedFrames, position: int) -> Mask:
        """Mark what a frame does not show all of."""
        hidden = ~covered(rescale_matrix(frames.matrices[position], 1 / self.reduction), view.own_shape, self.shape)
        if view.shown is not None:
            hidden |= ~view.shown
        return hidden if view.kept_back is None else hidden | view.kept_back


def _detail(gray: Gray) -> NDArray[np.float32]:
    """Squared detail."""
    rest = cv2.subtract(gray, cv2.GaussianBlur(gray, (0, 0), DETAIL_SIGMA_PX))
    return np.asarray(cv2.multiply(rest, rest, dst=rest), np.float32)


def _halved_detail(gray: Gray) -> NDArray[np.float32]:
    """Squared detail, mean of 2×2 px; band by band, so that what lies between stays in the processor's cache."""
    height, width = gray.shape
    halved = np.empty((-(-height // 2), -(-width // 2)), np.float32)
    for top in range(0, height, BAND_ROWS):
        above = min(top, DETAIL_REACH_PX)
        bottom = min(top + BAND_ROWS, height)
        detail = _detail(gray[top - above : bottom + DETAIL_REACH_PX])
        halved[top // 2 : -(-bottom // 2)] = block_means(detail[above : above + bottom - top], 2, edge=Edge.REPEATED)
    return halved


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _View:
    """A frame on the grid: luminance, display-encoded, and mean squared detail of a grid twice as fine.

    `own_shape` is that of the frame itself, equally reduced: the grid may be of a part of the reference.
    """

    gray: Gray
    fine_detail: NDArray[np.float32]
    own_shape: tuple[int, int]
    kept_back: Mask | None = None
    """Where the frame must not take part, since it shows another moment."""
    alpha: Alpha | None = None
    """How much of the grid is picture; None where the frame has no alpha."""

    @property
    def shown(self) -> Mask | None:
        """What of the grid is wholly picture; None where the frame has no alpha."""
        return None if self.alpha is None else self.alpha == OPAQUE

    def brightened(self, times: float) -> "_View":
        """Multiply the luminance."""
        if times == 1:
            return self
        return replace(self, gray=self.gray * np.float32(times), fine_detail=self.fine_detail * np.float32(times**2))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Witness:
    """A frame others are compared with: `trust` is 0–1, low at highlights and where the frame shows nothing."""

    position: int
    view: _View
    trust: NDArray[np.float32]

    @classmethod
    def of(cls, view: _View, outside: NDArray[np.bool_], *, position: int) -> "_Witness":
        start, end = HIGHLIGHT
        trust = np.clip((np.float32(end) - view.gray) / np.float32(end - start), 0, 1)
        trust[outside] = 0
        return cls(position=position, view=view, trust=trust)


# ------------------------------------------------------------------ costs


def _costs(
    frames: AlignedFrames,
    witnesses: Sequence[_Witness],
    focus: FocusPositions,
    blur_px: float,
    grid: _Grid,
    watchers: Watchers,
    grain_detail: float,
    step: Step,
    neighbours: Neighbours | None,
) -> Iterator[NDArray[np.float32]]:
    """Yield each frame's cost, mean squared display units: what it cannot explain, and the detail it lacks.

    Detail is compared with the neighbours, so costs come a few frames late; no more than those few are held. `watchers` are
    shown every frame on the way, and `step` is told of it; `grain_detail` is the mean squared fine detail that is grain alone.
    """
    known = {witness.position: witness.view for witness in witnesses}
    costs: deque[NDArray[np.float32]] = deque()  # so far, of the frames still due
    local: dict[int, NDArray[np.float32]] = {}  # detail of the frames within reach, by position
    coverage = Coverage(frames)
    reach = _reach(blur_px)
    due = 0  # next position to yield
    for position in range(len(frames)):
        view = known[position] if position in known else grid.view(frames, position)
        detail = _detail(view.gray)
        outside = grid.outside(view, frames, position)
        shows_all = coverage.take_part(position) is None and view.kept_back is None
        hidden = None if shows_all else grid.hidden(view, frames, position)
        watchers.add(position, view.gray, view.fine_detail, detail, hidden)
        if neighbours is not None:
            neighbours.add(view.gray, outside)
        cost = _misfit(view.gray, position, witnesses, focus, blur_px)
        cost -= np.float32(WIDE_WEIGHT) * cv2.GaussianBlur(detail, (0, 0), WIDE_WINDOW_PX)
        cost[outside] = np.finfo(np.float16).max
        costs.append(cost)
        local[position] = np.asarray(cv2.GaussianBlur(view.fine_detail, (0, 0), LOCAL_WINDOW_PX), np.float32)
        step()
        while due + reach <= position or (position == len(frames) - 1 and due < len(frames)):
            lack = local[due].copy()
            for other in range(max(due - reach, 0), min(due + reach, position) + 1):
                cv2.max(lack, local[other], dst=lack)
            # Of seven frames one always seems to have a little more detail than the others: that much is grain.
            lack -= local[due] + np.float32(grain_detail)
            yield np.asarray(cv2.scaleAdd(np.maximum(lack, 0, out=lack), LOCAL_WEIGHT, costs.popleft()), np.float32)
            local.pop(due - reach, None)
            due += 1


def _reach(blur_px: float) -> int:
    """Frames to either side with which detail is compared, given how blur grows per frame."""
    least, most = REACH_FRAMES
    return min(max(round(REACH_FRAMES_PER_PX * blur_px), least), most)


def _misfit(
    gray: Gray, position: int, witnesses: Sequence[_Witness], focus: FocusPositions, blur_px: float
) -> NDArray[np.float32]:
    """Mean squared difference between the witnesses and what this frame, blurred, predicts of them."""
    light = to_light(gray)
    coarse = block_means(light, 2, edge=Edge.REPEATED)
    scratch = np.empty_like(gray)  # fresh memory for every step would cost more than the steps
    misfits = [np.zeros_like(gray), np.zeros_like(gray)]
    trusts = [np.full_like(gray, np.finfo(np.float32).eps) for _ in range(2)]
    for witness in witnesses:
        if witness.position == position:
            continue
        excess = predicted(light, coarse, blur_px * focus.apart(witness.position, position))
        behind = int(witness.position > position)
        cv2.subtract(excess, witness.view.gray, dst=excess)
        veil = cv2.sepFilter2D(cv2.multiply(excess, witness.trust, dst=scratch), -1, VEIL_BOX, VEIL_BOX, dst=scratch)
        cv2.scaleAdd(veil, VEIL_COUNTS - 1, excess, dst=excess)
        cv2.max(excess, np.multiply(excess, np.float32(BRIGHTER_COUNTS), out=scratch), dst=excess)
        cv2.accumulateProduct(cv2.multiply(excess, excess, dst=excess), witness.trust, misfits[behind])
        cv2.accumulate(witness.trust, trusts[behind])
    windows = (NEAR_WINDOW_PX, FAR_WINDOW_PX)
    near, far = (cv2.GaussianBlur(plane, (0, 0), window) for plane, window in zip(misfits, windows, strict=True))
    trust = sum(cv2.GaussianBlur(plane, (0, 0), window) for plane, window in zip(trusts, windows, strict=True))
    asked = max(sum(witness.position != position for witness in witnesses), 1)
    heard = np.minimum(trust / np.float32(HEARD_SHARE * asked), 1)
    return np.asarray((near + far) / trust * heard, np.float32)


def _heard(witnesses: Sequence[_Witness]) -> NDArray[np.float32]:
    """0–1: what counts of all that the witnesses of a pixel say."""
    trust = np.zeros_like(witnesses[0].trust)
    for witness in witnesses:
        cv2.accumulate(witness.trust, trust)
    spread = cv2.GaussianBlur(trust, (0, 0), FAR_WINDOW_PX) / np.float32(HEARD_SHARE * len(witnesses))
    return np.asarray(np.minimum(spread, 1), np.float32)
