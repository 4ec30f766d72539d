"""What becomes of things that move, and of a hand that wanders, with and without looking for motion."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from composites import SUBJECTS, scene
from measured.printed import say, show_table, timed

from stackd.bench.noticing import sway, walker
from stackd.bench.quality.quality import Quality, judge
from stackd.bench.quality.truth import Truth, truth_of
from stackd.config.settings import Recipe
from stackd.imaging.fuse.depth_from_defocus import DepthFromDefocus
from stackd.imaging.stacker import Stacked, Stacker
from stackd.model.verdict import Judgement
from stackd.rendering.scenes import Canvas, RenderedStack, SceneSettings, Subject, Surface, render_stack

SIZE_PX, FRAMES, BLUR_PX, ISO = (320, 480), 10, 1.5, 400
"""Rows and columns, frames, growth of blur from one to the next, px."""
FIRST_SEED = 401
"""Nothing in stackd was chosen on stacks with these seeds."""
WANTED_DB = 26.0
"""From which on what moves looks whole."""

WALKS_PX = (15, 20, 26, 32, 40, 50)
"""From the first frame to the last."""
SWAYS_PX = (4, 6, 8, 10, 12, 15)
"""To each side."""
WANDERS_PX = (8, 12, 18)
"""Of what is farthest against what is nearest; less than 8 px goes unnoticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A composite beside its truth, dB."""

    whole: float
    moving: float
    still: float
    told: str
    cpu_s: float


def measure_motion() -> None:
    """Print PSNR where something moves and elsewhere, stack by stack, and what is said of them."""
    _measure_moving("walker", walker, WALKS_PX)
    _measure_moving("sway", sway, SWAYS_PX)
    _measure_hands()


def _measure_hands() -> None:
    rows = []
    wanted = [(name, px) for name in ("sheets", "hairs", "flower") for px in WANDERS_PX]
    for seed, (name, px) in enumerate(wanted, start=FIRST_SEED):
        unseen, seen = _both(replace(_settings(SUBJECTS[name], seed), wander_px=float(px)))
        rows.append([name, f"{px}", f"{seed}", f"{unseen.whole:.1f}", f"{seen.whole:.1f}", seen.told, _times(seen, unseen)])
    show_table(["a hand before", "px", "seed", "PSNR unless looked for", "PSNR", "told", "CPU ×"], rows)


def _measure_moving(name: str, paint: Callable[[Canvas, float], tuple[Surface, ...]], ways_px: tuple[int, ...]) -> None:
    rows, found = [], []
    for seed, way_px in enumerate(ways_px, start=FIRST_SEED):
        settings = _settings(lambda _: (), seed)
        unseen, seen = _both(replace(settings, subject=partial(_painted, paint, way_px)))
        found.append(seen)
        decibels = (unseen.moving, seen.moving, unseen.still, seen.still)
        rows.append([name, f"{way_px}", f"{seed}", *(f"{value:.1f}" for value in decibels), seen.told, _times(seen, unseen)])
    show_table(["scene", "px", "seed", "moves, unless looked for", "moves", "still, unless", "still", "told", "CPU ×"], rows)
    moving = [seen.moving for seen in found]
    worse = [seen for seen in found if seen.moving < WANTED_DB]
    untold = sum(seen.told.startswith(Judgement.PASS) for seen in worse)
    say(
        f"{name}: {WANTED_DB:.0f} dB where things move in {len(found) - len(worse)} of {len(found)} stacks, median"
        f" {np.median(moving):.1f} dB. Of the others {untold} pass unlooked at."
    )


def _painted(paint: Callable[[Canvas, float], tuple[Surface, ...]], way_px: int, canvas: Canvas) -> tuple[Surface, ...]:
    return paint(canvas, way_px / canvas.height_px)


def _settings(subject: Subject, seed: int) -> SceneSettings:
    usual = scene(subject, iso=ISO, frame_count=FRAMES, nudged=True)
    return replace(usual, height_px=SIZE_PX[0], width_px=SIZE_PX[1], blur_px=BLUR_PX, seed=seed)


def _both(settings: SceneSettings) -> tuple[_Shown, _Shown]:
    """Fuse without looking for motion, and as stackd does."""
    stack = render_stack(settings)
    truth = truth_of(stack, blur_px=settings.blur_px)
    unseen, seen = (_shown(stack, truth, DepthFromDefocus(motion=motion)) for motion in (False, True))
    return unseen, seen


def _shown(stack: RenderedStack, truth: Truth, method: DepthFromDefocus) -> _Shown:
    cpu_s, made = timed(partial(_fused, stack, method))
    still = truth if truth.moving is None else replace(truth, valid=truth.valid & ~truth.moving)
    codes = dict.fromkeys(finding.code for finding in made.findings)
    return _Shown(
        whole=_judged(made, truth).psnr_db,
        moving=_judged(made, truth).moving_psnr_db,
        still=_judged(made, still).psnr_db,
        told=", ".join([made.verdict.judgement, *(f"`{code}`" for code in codes)]),
        cpu_s=cpu_s,
    )


def _fused(stack: RenderedStack, method: DepthFromDefocus) -> Stacked:
    recipe = Recipe()
    stacker = Stacker(stack, align=recipe.align, match=recipe.match, fuse=method, finish=recipe.finish)
    for position in range(len(stack)):
        stacker.add(position)
    return stacker.finish()


def _judged(made: Stacked, truth: Truth) -> Quality:
    cropped = np.array([[1, 0, made.valid_area.left], [0, 1, made.valid_area.top], [0, 0, 1]], float)
    quality = judge(made.image, truth, truth.matrices[made.reference] @ cropped)
    if not isinstance(quality, Quality):
        raise SystemExit(f"There is nothing to judge: {quality.reason}")
    return quality


def _times(seen: _Shown, unseen: _Shown) -> str:
    return f"{seen.cpu_s / unseen.cpu_s:.1f}"
