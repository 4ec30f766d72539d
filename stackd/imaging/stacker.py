"""The stacker: frames in as they come, one composite out.

`add` looks at one frame: it is decoded, registered to the frames before it, and its brightness noted; only reduced luminance is
kept, outside memory. `finish` finds every frame's place and gain from all of them together, fuses, crops and finishes. A stacker
is a cache: whatever happens to it, it can be rebuilt from the frames.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np

from stackd.errors import MixedStack
from stackd.imaging.chain.chain import DUPLICATE, Chain, SolvedChain, extended, nearest_reference, solved
from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.compose.fused import FusionMethod, Means
from stackd.imaging.finish import FinishSettings, finish
from stackd.imaging.ground.blocks import reduced
from stackd.imaging.ground.frames import FrameSource, MakePlaneStore, PlanesInMemory, Progress, ignore_progress
from stackd.imaging.ground.luminance import as_gray, luma
from stackd.imaging.ground.matrices import inverse, rescale_matrix
from stackd.imaging.ground.read_ahead import ReadAhead
from stackd.imaging.judge.jury import Case, Jury
from stackd.imaging.judge.turns import in_turn
from stackd.imaging.judge.verdict import judged
from stackd.imaging.lay_over.alphas import KeptAlphas, common_part, composite_alpha
from stackd.imaging.lay_over.crop import common_rectangle
from stackd.imaging.lay_over.frames_on_reference import FramesOnReference, KeptLuma, matched_gray
from stackd.imaging.lay_over.previews import KeptPreviews
from stackd.imaging.lay_over.transparency import OPAQUE, opaque
from stackd.imaging.match.brightness import Brightness, Gain, match_brightness, measure_brightness
from stackd.imaging.match.misfires import misfires
from stackd.imaging.match.settings import MatchSettings
from stackd.imaging.match.tone import ToneCurve, match_tones
from stackd.imaging.motion.found import noticed, treated
from stackd.imaging.register import RegistrationSettings, register
from stackd.imaging.register.engine.pairwise import overlap_of
from stackd.imaging.register.engine.prepared_frame import PreparedFrame, prepare
from stackd.imaging.register.none import NoRegistration
from stackd.model.composite import DepthMap, FrameReport, MotionFound, Noticed, Rectangle, Severity
from stackd.model.pixels import Alpha, Image, Matrix
from stackd.model.registration import FailedRegistration, Registration
from stackd.model.verdict import Verdict

REGISTRATION_SIDE_PX = 2000
"""Registration looks at frames reduced until their long side is no longer than this: 0.02 px there is below 0.1 px of a
150-megapixel frame, and the work stays the same however many pixels a camera has."""

REGISTRATION_SHORT_SIDE_PX = 96
"""Strips are reduced less, so that at least so much is left of their short side: a few dozen details across (guess)."""

REDUCTIONS = (1, 2, 4, 8)
"""What `FrameSource.read_gray` offers."""

MARGIN_PX, STEP_PX = 64, 16
"""Only the area that is kept is fused, with a margin around it and widened to multiples of 16 px, which every reduction of a
fusion method divides. Without the margin, what comes in by blur is missed at the border (0.3 dB on one of seven stacks)."""

LEAST_FRAMES = 2
"""A composite of one frame would be that frame."""

SMALL_VALID_AREA = 0.8
"""Share of the frame below which the crop is worth a warning: a photographer frames with about a tenth of room on each side."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stacked:
    """A finished stack, before it gets a name and provenance.

    `valid_area` is what `image` shows of the reference's grid: all of it where nothing is cropped. `frames` has one report a
    frame of the source, paths left empty; `reference` is a position in the source. `near_to_far` has all positions of the source
    in the order in which they were fused: as they came, but for frames that stood out of turn.
    """

    image: Image
    alpha: Alpha | None
    """How much of each pixel of `image` any frame shows; None where all of it is picture."""
    valid_area: Rectangle
    frame_shape: tuple[int, int]
    reference: int
    frames: tuple[FrameReport, ...]
    near_to_far: tuple[int, ...]
    depth: DepthMap | None
    findings: tuple[Noticed, ...]
    verdict: Verdict
    method: str
    motion: MotionFound
    """Areas on the grid fused."""


class Stacker:
    """Turns frames into a composite: `add` each one near → far, then `finish` once.

    Parameters
    ----------
    source : FrameSource
        Frames of one size. It may still be growing while frames are added.
    align, match, fuse, finish : settings
        The tables of a recipe.
    make_store : MakePlaneStore
        Where planes go that would make memory grow with the number of frames.
    progress : Progress
        Told after every frame of every stage; may raise `Cancelled`.
    with_depth : bool
        Whether the depth map is wanted.
    with_previews : bool
        Whether small pictures of the frames are wanted, laid over the reference.
    wanted_reference : int or None
        Position in the source of the frame that is to be the reference, or the nearest that fits; None for the middle one.
    placed : SolvedChain, optional
        Where the frames of the source lie, full-size px, where that is known already: then nothing is registered.
    """

    def __init__(
        self,
        source: FrameSource,
        *,
        align: RegistrationSettings,
        match: MatchSettings,
        fuse: FusionMethod,
        finish: FinishSettings,
        make_store: MakePlaneStore = PlanesInMemory,
        progress: Progress = ignore_progress,
        with_depth: bool = True,
        with_previews: bool = False,
        wanted_reference: int | None = None,
        placed: SolvedChain | None = None,
    ) -> None:
        self._source = source
        looked_at = fuse.reduction_looked_at(source.shape)
        self._kept = None if looked_at is None else KeptLuma(make_store, reduction=looked_at)
        self._reduction = min(self._registration_reduction(), looked_at or REDUCTIONS[-1])
        self._previews = (
            KeptPreviews(make_store, shape=source.shape, frames=len(source), reduction=self._reduction) if with_previews else None
        )
        self._alphas = KeptAlphas(make_store)
        self._ahead = ReadAhead(source, reduction=self._reduction)
        self._align = align
        self._match = match
        self._fuse = fuse
        self._finish = finish
        self._make_store = make_store
        self._progress = progress
        self._with_depth = with_depth
        self._wanted_reference = wanted_reference
        self._known_places = placed
        self._jury = Jury(make_store, source.shape)
        self._chain = Chain()
        self._brightness: dict[int, Brightness] = {}

    def add(self, position: int) -> None:
        """Register the source's next frame to those before it and note its brightness.

        Raises
        ------
        UnreadableFrame
            If the frame cannot be decoded.
        """
        if position != self._chain.frames:
            msg = f"frame {position} was added when frame {self._chain.frames} was due"
            raise ValueError(msg)
        if position == 0:
            self._progress("register", 0, len(self._source))
        pixels = self._ahead.read(position)
        alpha = self._source.read_alpha(position)
        if alpha is not None and alpha.min() == OPAQUE:
            alpha = None
        self._alphas.note(position, alpha)
        shown = None if alpha is None else opaque(alpha, self._reduction)
        compared = None if alpha is None else opaque(alpha, self._registration_reduction())
        del alpha
        light = luma(pixels)
        gray = as_gray(reduced(light, self._registration_reduction() // self._reduction))
        self._jury.add(
            light,
            gray,
            light_reduction=self._reduction,
            gray_reduction=self._registration_reduction(),
            shown=compared,
        )
        if self._known_places is not None or isinstance(self._align, NoRegistration):
            self._chain = Chain(frames=position + 1)
        else:
            prepared = prepare(gray, compared)
            self._chain = extended(self._chain, prepared, self._register)
        if self._match.brightness or self._match.white_balance:
            self._brightness[position] = measure_brightness(pixels, reduction=self._reduction, shown=shown)
        if self._previews is not None:
            # What is no picture is black in a preview, as what lies outside the frame.
            self._previews.note(position, pixels if shown is None else np.where(shown[..., None], pixels, pixels.dtype.type(0)))
        if self._kept is not None:
            self._kept.append(reduced(light, self._kept.reduction // self._reduction))
        self._progress("register", position + 1, len(self._source))

    def finish(self) -> Stacked:
        """Place, fuse, crop and finish all frames added.

        Raises
        ------
        MixedStack
            If fewer than two frames fit together.
        """
        placed = self._without_misfires(self._placed())
        used = _used(placed)
        if len(used) < LEAST_FRAMES:
            reasons = " ".join(dict.fromkeys(placed.left_out.values()))
            raise MixedStack(
                f"Only {len(used)} of {self._chain.frames} frames fit together. {reasons}".strip(),
                hint="Check that the frames show one subject from one place, and that something is sharp in each.",
            )
        used = self._in_turn(used, placed)
        matrices = [matrix for i in used if (matrix := placed.matrices[i]) is not None]
        gains = [self._wanted(gain) for gain in self._matched(placed)]
        area = common_rectangle(matrices, self._source.shape)
        if area.width_px * area.height_px == 0:
            raise MixedStack("The frames have no area in common.", hint="Leave out the frames that show something else.")
        if self._alphas:
            lying = ((self._alphas.read(i), matrix) for i, matrix in zip(used, matrices, strict=True))
            area = common_part(((alpha, matrix) for alpha, matrix in lying if alpha is not None), area, self._source.shape)
        height, width = self._source.shape
        kept = area if self._finish.crop else Rectangle(left=0, top=0, right=width, bottom=height)
        window = _with_margin(kept, self._source.shape)
        frames = FramesOnReference(
            self._source,
            positions=used,
            matrices=matrices,
            gains=[gains[i] for i in used],
            kept=self._kept,
            alphas=self._alphas or None,
            window=window,
            shown=kept,
        )
        means = Means(make_store=self._make_store, progress=self._progress, with_depth=self._with_depth)
        fused = self._fuse.fuse(frames, means)
        inside = (
            slice(kept.top - window.top, kept.bottom - window.top),
            slice(kept.left - window.left, kept.right - window.left),
        )
        undone: list[str] = []
        image = finish(fused.image[inside], self._finish.steps, progress=self._progress, tell=undone.append)
        depth = fused.depth
        if depth is not None:
            depth = DepthMap(position=depth.position[inside], confidence=depth.confidence[inside], frame_count=depth.frame_count)
        alpha = composite_alpha(frames) if self._alphas else None
        if alpha is not None:
            alpha = None if (alpha[inside] == OPAQUE).all() else alpha[inside]
        motion = fused.motion or MotionFound()
        opinion = self._jury.judge(
            Case(
                composite=image,
                area=kept,
                positions=tuple(used),
                matrices=tuple(matrices),
                matched=lambda gray, position: matched_gray(gray, gains[position]),
                gains=tuple(gain.channels for i in used if isinstance(gain := gains[i], Gain)),
                treated=treated(motion, window),
                steps=None if fused.focus is None else fused.focus.steps,
                blur_px=fused.blur_px_per_step,
                alpha=alpha,
                alphas=self._alphas or None,
            ),
            progress=self._progress,
        )
        findings = (
            *opinion.noticed,
            *noticed(motion, used, window=window, shown=kept),
            *_findings(area, self._source.shape, cropped=self._finish.crop),
            *map(_step_undone, undone),
            *_of_alpha(alpha),
        )
        return Stacked(
            image=image,
            alpha=alpha,
            valid_area=kept,
            frame_shape=self._source.shape,
            reference=placed.reference,
            frames=_focused([self._report(i, placed, gains[i], kept) for i in range(self._chain.frames)], fused.focus, used),
            near_to_far=_with_the_rest(used, self._chain.frames),
            depth=depth,
            findings=findings,
            verdict=judged({**opinion.measures, **self._lost(placed, area), **_of_motion(motion)}, findings),
            method=self._fuse.method,
            motion=motion,
        )

    def _without_misfires(self, placed: SolvedChain) -> SolvedChain:
        """Leave out frames that did not come out, as long as enough others did."""
        used = _used(placed)
        failed = misfires(self._brightness, used) if self._brightness else {}
        return placed.without(failed) if failed and len(used) - len(failed) >= LEAST_FRAMES else placed

    def _in_turn(self, used: Sequence[int], placed: SolvedChain) -> list[int]:
        """Put frames that stand out of turn where their detail says."""
        matrices = [matrix for i in used if (matrix := placed.matrices[i]) is not None]
        return [used[place] for place in in_turn(self._jury.cells(used, matrices))]

    def _lost(self, placed: SolvedChain, area: Rectangle) -> dict[str, float]:
        """Measure what of the stack is not in the composite: frames that fit nowhere, and what not every frame covers."""
        unfit = [reason for reason in placed.left_out.values() if reason != DUPLICATE]
        height, width = self._source.shape
        return {
            "left_out": len(unfit) / self._chain.frames,
            "uncovered": 1 - area.width_px * area.height_px / (height * width),
        }

    def _registration_reduction(self) -> int:
        short, long = sorted(self._source.shape)
        small_enough = next((k for k in REDUCTIONS if long <= k * REGISTRATION_SIDE_PX), REDUCTIONS[-1])
        large_enough = max((k for k in REDUCTIONS if short >= k * REGISTRATION_SHORT_SIDE_PX), default=1)
        return min(small_enough, large_enough)

    def _register(
        self, reference: PreparedFrame, moving: PreparedFrame, initial: Matrix | None
    ) -> Registration | FailedRegistration:
        return register(reference, moving, self._align, initial=initial)

    def _placed(self) -> SolvedChain:
        """Matrices in full-size px."""
        if self._known_places is not None:
            return self._known_places
        frames = self._chain.frames
        if isinstance(self._align, NoRegistration):
            middle = frames // 2 if self._wanted_reference is None else self._wanted_reference
            return SolvedChain(reference=middle, matrices=(np.eye(3),) * frames, left_out={})
        reduction = self._registration_reduction()
        height, width = self._source.shape
        wanted = self._wanted_reference
        placed = solved(
            self._chain,
            (-(-height // reduction), -(-width // reduction)),
            reference=None if wanted is None else nearest_reference(self._chain, wanted),
            progress=self._progress,
        )
        return SolvedChain(
            reference=placed.reference,
            matrices=tuple(None if m is None else rescale_matrix(m, reduction) for m in placed.matrices),
            left_out=placed.left_out,
        )

    def _matched(self, placed: SolvedChain) -> Sequence[Gain | ToneCurve]:
        match self._match.method:
            case "gains":
                return match_brightness(self._brightness, placed.matrices, placed.reference, progress=self._progress)
            case "histogram":
                return match_tones(self._brightness, placed.matrices, placed.reference, progress=self._progress)
            case _:
                assert_never(self._match.method)

    def _wanted(self, gain: Gain | ToneCurve) -> Gain | ToneCurve:
        """Keep of what was measured what the recipe wants matched."""
        if not self._match.brightness:
            return gain.without_brightness()
        return gain if self._match.white_balance else gain.for_all()

    def _report(self, position: int, placed: SolvedChain, gain: Gain | ToneCurve, kept: Rectangle) -> FrameReport:
        matrix = placed.matrices[position]
        preview = None if self._previews is None else self._previews.preview(position, matrix, kept)
        if matrix is None:
            return FrameReport(path="", used=False, reason=placed.left_out[position], preview=preview)
        is_matched = self._match.brightness or self._match.white_balance
        reduction = self._registration_reduction()
        residuals = [
            link.registration.residual_px * reduction for link in self._chain.links if position in (link.reference, link.moving)
        ]
        return FrameReport(
            path="",
            used=True,
            reason="",
            matrix=matrix,
            residual_px=min(residuals, default=0.0),
            overlap=overlap_of(inverse(matrix), self._source.shape),
            gain=gain.channels if is_matched and isinstance(gain, Gain) else None,
            preview=preview,
        )


def _used(placed: SolvedChain) -> list[int]:
    """Positions of the frames that fit together."""
    return [i for i, matrix in enumerate(placed.matrices) if matrix is not None]


def _with_the_rest(used: Sequence[int], count: int) -> tuple[int, ...]:
    """Put frames that were left out behind the one they came after."""
    order = list(used)
    for position in range(count):
        if position not in used:
            before = max((other for other in order if other < position), default=None)
            order.insert(0 if before is None else order.index(before) + 1, position)
    return tuple(order)


def _focused(reports: Sequence[FrameReport], focus: FocusPositions | None, used: Sequence[int]) -> tuple[FrameReport, ...]:
    """Tell of the frames used, near → far, where each is focused and how much detail it shows, as far as the method knows."""
    if focus is None:
        return tuple(reports)
    places = {position: place for place, position in enumerate(used)}
    return tuple(
        _with_focus(report, focus, places[position]) if position in places else report for position, report in enumerate(reports)
    )


def _with_focus(report: FrameReport, focus: FocusPositions, place: int) -> FrameReport:
    is_known = bool(np.isfinite(focus.errors[place]))
    return replace(
        report,
        focus_position=focus.steps[place] if is_known else None,
        focus_error=focus.errors[place] if is_known else None,
        sharpness=focus.sharpness[place],
    )


def _with_margin(area: Rectangle, shape: tuple[int, int]) -> Rectangle:
    """Widen an area by what its border is judged by, to whole steps, so that reduced grids fall where the whole frame's do."""
    (top, bottom), (left, right) = (
        (max(start - MARGIN_PX, 0) // STEP_PX * STEP_PX, min(-(-(stop + MARGIN_PX) // STEP_PX) * STEP_PX, side))
        for start, stop, side in ((area.top, area.bottom, shape[0]), (area.left, area.right, shape[1]))
    )
    return Rectangle(left=left, top=top, right=right, bottom=bottom)


def _of_motion(found: MotionFound) -> dict[str, float]:
    return {"moved_share": found.moved_share, "motion_unresolved_share": found.unresolved_share}


def _of_alpha(alpha: Alpha | None) -> Iterator[Noticed]:
    """Tell of what is no picture."""
    if alpha is not None:
        share = 1 - float(alpha.mean()) / OPAQUE
        yield Noticed(
            code="transparent",
            severity=Severity.NOTE,
            sentence=(
                f"{share:.0%} of the composite is transparent, because it is so in every frame."
                " A JPEG is white there, or black where the recipe says so."
            ),
        )


def _step_undone(sentence: str) -> Noticed:
    return Noticed(code="step-changed-nothing", severity=Severity.NOTE, sentence=sentence)


def _findings(area: Rectangle, shape: tuple[int, int], *, cropped: bool) -> tuple[Noticed, ...]:
    """Tell of a small `area` that every frame covers; on the grid of the reference, as `region` is."""
    share = area.width_px * area.height_px / (shape[0] * shape[1])
    if share >= SMALL_VALID_AREA:
        return ()
    size = f"{area.width_px}×{area.height_px} px"
    consequence = f"so the composite is cropped to {size}" if cropped else f"and around these {size} fewer frames are fused"
    return (
        Noticed(
            code="small-valid-area",
            severity=Severity.WARNING,
            sentence=(
                f"Only {share:.0%} of the frame is covered by every frame, {consequence}."
                " The camera moved or the lens breathes a lot: frame wider next time."
            ),
            region=area,
        ),
    )
