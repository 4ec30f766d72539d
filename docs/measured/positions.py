"""How well it is found where frames are focused, and what composites gain by it."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from unittest.mock import patch

import numpy as np
from composites import SUBJECTS, psnr_db, scene
from measured.printed import show_table, timed

from stackd.config.settings import Recipe
from stackd.imaging.compose.focus_positions import FocusPositions
from stackd.imaging.depth.focus_fit import FocusFit, fit_focus
from stackd.imaging.depth.relative_blur import PatchesOfTexture, RelativeBlur
from stackd.imaging.fuse.depth_from_defocus import weighing
from stackd.imaging.ground.frames import PlanesInMemory
from stackd.imaging.register.none import NoRegistration
from stackd.imaging.stacker import Stacker
from stackd.rendering.scenes import Canvas, RenderedStack, SceneSettings, Subject, Surface, render_stack

BEYOND = 4
"""Frames at either end in which nothing is sharp."""

FOCUS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "even": tuple(range(10)),
        "2 left out": (0, 1, 2, 5, 6, 7, 8, 9, 10, 11),
        "4 left out": (0, 1, 2, 3, 8, 9, 10, 11, 12, 13),
        "6 left out": (0, 1, 2, 3, 10, 11, 12, 13, 14, 15),
        "a hand": (0, 1.0, 2.1, 2.7, 3.7, 5.2, 6.2, 7.0, 7.9, 9.1),
        f"{BEYOND} beyond either end": tuple(range(-BEYOND, 10 + BEYOND)),
    }
)
"""Where frames are focused, usual steps."""

SEED = 41
REDUCTION = 2
"""Of the grid on which fusion looks at frames of this size."""


def measure_positions() -> None:
    """Print errors of positions, and PSNR of composites with them and with one frame taken for one step."""
    rows = []
    for name in ("plane", "sheets", "hairs"):
        for kind, focus in FOCUS.items():
            subject = SUBJECTS[name] if focus[0] == 0 else partial(_in_the_middle, SUBJECTS[name])
            settings = replace(scene(subject, iso=400, frame_count=len(focus)), focus=focus, blur_px=1.5, seed=SEED)
            rows.append([name, kind, *_row(settings, np.array(focus, float))])
    show_table(["scene", "steps", "worst error", "largest error claimed", "PSNR", "as if even", "CPU ms a frame"], rows)


def _in_the_middle(subject: Subject, canvas: Canvas) -> tuple[Surface, ...]:
    """Paint a subject that the frames at both ends do not reach."""
    frames = 10 + 2 * BEYOND
    return tuple(
        replace(surface, depth=((BEYOND + 9 * surface.depth) / (frames - 1)).astype(np.float32)) for surface in subject(canvas)
    )


def _row(settings: SceneSettings, focus: np.ndarray) -> list[str]:
    stack = render_stack(settings)
    took_s, found = timed(partial(_found, stack))
    errors = np.array(found.positions.errors)
    sharp = errors < 1  # beyond them, each step adds one
    wrong = np.array(found.positions.steps) - focus
    worst = np.abs(wrong - np.median(wrong[sharp]))[sharp].max() if sharp.any() else np.nan
    measured = _psnr_db(stack)
    with patch.object(weighing, "fit_focus", _even):
        assumed = _psnr_db(stack)
    claimed = errors[sharp].max() if sharp.any() else np.nan
    milliseconds = 1000 * took_s / len(focus)
    return [f"{worst:.2f}", f"{claimed:.2f}", f"{measured:.2f}", f"{assumed:.2f}", f"{milliseconds:.0f}"]


def _psnr_db(stack: RenderedStack) -> float:
    recipe = Recipe()
    stacker = Stacker(stack, align=NoRegistration(), match=recipe.match, fuse=recipe.fuse, finish=recipe.finish, with_depth=False)
    for position in range(len(stack)):
        stacker.add(position)
    return psnr_db(stacker.finish().image, stack.truth)


def _found(stack: RenderedStack) -> FocusFit:
    texture = PatchesOfTexture(PlanesInMemory())
    for position in range(len(stack)):
        texture.add(stack.read_gray(position, REDUCTION))
    return fit_focus(texture.measure(), texture.sharpness())


def _even(blur: RelativeBlur, sharpness: tuple[float, ...]) -> FocusFit:
    return FocusFit(positions=FocusPositions.even(blur.squared_px.shape[1], sharpness=sharpness), blur_px=None)
