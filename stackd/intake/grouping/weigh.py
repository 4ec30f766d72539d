"""Is a run a focus stack, and how sure? The one place that weighs evidence for and against."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from statistics import median

from stackd.intake.evidence import brackets, camera, content, counter, focus, sharpness, time
from stackd.intake.evidence import settings as camera_settings
from stackd.intake.evidence.verdict import Evidence
from stackd.intake.grouping.cuts import Run
from stackd.intake.shot import FocusScale, Shot, focus_scale
from stackd.model.stack import StackKind

EVEN_POINTS = 4.0
"""Points at which a run is as likely a stack as not."""

POINTS_PER_FOLD = 2.0
"""Points that multiply the odds by e. With both numbers, the real stacks measured come to 0.73 and more, the real bursts, singles
and time-lapses to 0.62 and less.
"""

MANY_FRAMES = 5

BURST_BELOW_S = 2.0
"""Frames of one scene closer than this are a burst, farther apart a time-lapse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a run is."""

    kind: StackKind
    confidence: float
    """That it is a focus stack, 0–1."""
    evidence: tuple[str, ...]
    """Sentences, strongest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Witnessed:
    """A run with what several kinds of evidence need."""

    run: Run
    scale: FocusScale

    @property
    def shots(self) -> tuple[Shot, ...]:
        return self.run.shots


def _many(seen: _Witnessed) -> Evidence | None:
    count = len(seen.shots)
    return Evidence(points=1.0, sentence=f"{count} frames") if count >= MANY_FRAMES else None


def _sharpness(seen: _Witnessed) -> Evidence | None:
    """Hear what the pictures say, but believe a camera that counts its focus steps: small previews hide small steps."""
    said = sharpness.run_evidence(seen.shots)
    moved = focus.run_evidence(seen.shots, seen.scale)
    if said is not None and said.points < 0.0 and moved is not None and moved.points > 0.0:
        return Evidence(points=0.0, sentence="the steps are too small to show in the previews")
    return said


_KINDS_OF_EVIDENCE: tuple[Callable[[_Witnessed], Evidence | Sequence[Evidence] | None], ...] = (
    lambda seen: camera.run_evidence(seen.shots),
    lambda seen: focus.run_evidence(seen.shots, seen.scale),
    _sharpness,
    lambda seen: content.run_evidence(seen.run.likenesses),
    lambda seen: time.run_evidence(seen.run.gaps_s),
    lambda seen: camera_settings.run_evidence(seen.shots),
    lambda seen: counter.run_evidence(seen.shots),
    lambda seen: counter.naming_evidence(seen.shots),
    lambda seen: brackets.run_evidence(seen.shots) if seen.run.in_exposure_bracket else None,
    _many,
)
"""Everything that is asked of a run. A new kind of evidence is one line here."""


def judge(run: Run) -> Judgement:
    """Weigh all evidence about a run; frames that did not come out have no say."""
    run = _without_outliers(run)
    seen = _Witnessed(run=run, scale=focus_scale(run.shots))
    found: list[Evidence] = []
    for kind_of_evidence in _KINDS_OF_EVIDENCE:
        said = kind_of_evidence(seen)
        if isinstance(said, Evidence):
            found.append(said)
        elif said is not None:
            found.extend(said)
    points = sum(each.points for each in found)
    kind = _kind(run, seen.scale)
    if kind is not StackKind.FOCUS:
        # Something else explains the run: what speaks for a series of pictures no longer speaks for a focus stack.
        points = min(points, EVEN_POINTS - 2.0 * POINTS_PER_FOLD)
    ordered = sorted(found, key=lambda each: -abs(each.points))
    sentences = [each.sentence for each in ordered]
    if not any(_tells_focus(each) for each in ordered) and kind is StackKind.FOCUS:
        sentences.append("nothing shows that the focus moved, or where a second stack would begin")
    return Judgement(kind=kind, confidence=confidence(points), evidence=tuple(sentences))


def _without_outliers(run: Run) -> Run:
    if not run.outliers:
        return run
    shots = tuple(shot for shot in run.shots if shot.path not in run.outliers)
    # The rhythm is that of all frames: one that did not come out was taken in it.
    likenesses = tuple(content.look_alike(a, b) for a, b in pairwise(shots))
    return Run(shots=shots, gaps_s=run.gaps_s, likenesses=likenesses, in_exposure_bracket=run.in_exposure_bracket)


def confidence(points: float) -> float:
    """Turn points into the probability that a run is a focus stack (logistic)."""
    return 1.0 / (1.0 + exp(-(points - EVEN_POINTS) / POINTS_PER_FOLD))


def _tells_focus(evidence: Evidence) -> bool:
    return abs(evidence.points) > 1.0


def _kind(run: Run, scale: FocusScale) -> StackKind:
    shots = run.shots
    flagged = camera.is_flagged(shots)
    if run.in_exposure_bracket or brackets.is_exposure_bracket(shots):
        return StackKind.FOCUS_AND_EXPOSURE if _focus_moves_between_brackets(shots, scale) else StackKind.EXPOSURE
    if flagged:
        return StackKind.FOCUS
    if content.is_panorama(run.likenesses):
        return StackKind.PANORAMA
    still = sharpness.run_evidence(shots)
    moved = focus.run_evidence(shots, scale)
    if still is not None and still.points < 0.0 and (moved is None or moved.points <= 0.0):
        gaps_s = [gap for gap in run.gaps_s if gap is not None]
        return StackKind.BURST if not gaps_s or median(gaps_s) < BURST_BELOW_S else StackKind.TIMELAPSE
    return StackKind.FOCUS


def _focus_moves_between_brackets(shots: Sequence[Shot], scale: FocusScale) -> bool:
    """Tell a stack whose every step is an exposure bracket from brackets at one focus."""
    cycle = brackets.period(shots)
    if cycle is None or len(shots) < 3 * cycle:
        return False
    alike_exposed = shots[::cycle]
    moved = focus.run_evidence(alike_exposed, scale)
    if moved is not None and moved.points > 0.0:
        return True
    wandered = sharpness.run_evidence(alike_exposed)
    return wandered is not None and wandered.points > 0.0
