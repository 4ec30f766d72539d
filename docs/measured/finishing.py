"""What finishing steps gain on rendered scenes, and what they cost."""

import tracemalloc
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import product
from types import MappingProxyType

import cv2
import numpy as np
from composites import SUBJECTS, composite, psnr_db, scene, softened
from measured.printed import say, show_table, timed

from stackd.bench.scenes import sheets
from stackd.imaging.finish import Deconvolve, Denoise, FinishingStep, Levels, LocalContrast, Sharpen, finish
from stackd.imaging.ground.residual_blur import estimate_blur
from stackd.model.pixels import Gray, Image
from stackd.rendering.scenes import RenderedStack, render_stack

DENOISERS: Mapping[str, Denoise] = MappingProxyType(
    {
        "nonlocal_means": Denoise(),
        "its colour alone": Denoise(strength=0),
        "`search_px` 7": Denoise(search_px=7),
        "total_variation": Denoise(method="total_variation"),
        "wavelet": Denoise(method="wavelet"),
    }
)
DECONVOLVERS: Mapping[str, Deconvolve] = MappingProxyType(
    {
        "richardson_lucy": Deconvolve(),
        "20 iterations": Deconvolve(iterations=20),
        "`overshoot` 0": Deconvolve(overshoot=0),
        "unsharp": Deconvolve(method="unsharp"),
    }
)

COSTLY_SHAPE = (4000, 6000)
"""Rows and columns of the image that costs are measured on: 24 megapixels, as cameras have."""

AREA_PX = 31
"""Side of the areas whose contrast is measured."""


def measure_finishing() -> None:
    """Print what finishing steps gain on rendered scenes, and what they cost."""
    _print_denoising()
    _print_deconvolution()
    _print_contrast()
    _print_costs()


def _print_denoising() -> None:
    rows, changes = [], []
    for name, iso in product(("sky", "flower", "sheets", "hairs"), (100, 800, 3200)):
        grainy, true = composite(render_stack(scene(SUBJECTS[name], iso=iso, nudged=True)))
        smooth = [finish(grainy, (step,)) for step in DENOISERS.values()]
        rows.append([f"{name}, {iso}", *_gains(grainy, smooth, true)])
        changes += [detail_kept(image, true) - detail_kept(grainy, true) for image in smooth]
    show_table(["scene, ISO", "as fused", *DENOISERS], rows)
    say(f"The share of fine detail that is kept changes by {100 * min(changes):+.1f} to {100 * max(changes):+.1f} %.")


def _print_deconvolution() -> None:
    rows = []
    for blur_px, iso in product((0.8, 1.2, 2.0), (100, 1600)):
        found, cells = [], []
        for subject in SUBJECTS.values():
            stack = softened(scene(subject, iso=iso, frame_count=1), blur_px)
            soft = _as_image(stack)
            found.append(estimate_blur(_luminance(soft)))
            sharp = [finish(soft, (step,)) for step in DECONVOLVERS.values()]
            cells.append([psnr_db(image, stack.truth) for image in (soft, *sharp)])
        before, *after = np.transpose(cells)
        rows.append(
            [
                f"{blur_px:g} px, {iso}",
                f"{min(found):.2f} to {max(found):.2f} px",
                f"{before.min():.1f} to {before.max():.1f} dB",
                *(f"{(gain := db - before).min():+.1f} to {gain.max():+.1f}" for db in after),
            ]
        )
    show_table(["blur, ISO", "found", "as blurred", *DECONVOLVERS], rows)


def _print_contrast() -> None:
    rows = []
    for name, subject in SUBJECTS.items():
        image = render_stack(scene(subject, iso=100, frame_count=1)).truth
        before, after = (_contrast(picture) for picture in (image, finish(image, (LocalContrast(),))))
        rows.append([name, f"{100 * (after / before - 1):+.0f} %"])
    show_table(["scene", f"contrast within {AREA_PX} px"], rows)


def _print_costs() -> None:
    # A blur that is given, or there might be nothing to undo.
    given = {"sigma_px": 1.2}
    steps: Mapping[str, FinishingStep] = {
        **{f"denoise, {name}": DENOISERS[name] for name in ("nonlocal_means", "total_variation", "wavelet")},
        **{f"deconvolve, {name}": DECONVOLVERS[name].model_copy(update=given) for name in ("richardson_lucy", "unsharp")},
        **{step.step: step for step in (LocalContrast(), Sharpen(), Levels())},
    }
    small = _as_image(softened(scene(sheets, iso=800, frame_count=1), 1.2))
    repeats = [-(-side // part) for side, part in zip(COSTLY_SHAPE, small.shape, strict=False)]
    image = np.tile(small, (*repeats, 1))[: COSTLY_SHAPE[0], : COSTLY_SHAPE[1]].copy()
    pixels = COSTLY_SHAPE[0] * COSTLY_SHAPE[1]
    rows = []
    for name, step in steps.items():
        finish(small, (step,))  # imports are no cost of a step
        tracemalloc.start()
        seconds, _ = timed(partial(finish, image, (step,)))
        peak_bytes = image.nbytes + tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        rows.append([name, f"{seconds / pixels * 1e6:.2f}", f"{seconds:.1f} s", f"{peak_bytes / pixels:.0f}"])
    show_table(["step", "CPU s per megapixel", "at 24 megapixels", "peak bytes per pixel"], rows)


def detail_kept(image: Image, true: Image) -> float:
    """Share of the strongest tenth of the truth's fine detail that is there."""
    found, wanted = (plane - cv2.GaussianBlur(plane, (0, 0), 1.5) for plane in map(_luminance, (image, true)))
    strongest = np.abs(wanted) > np.quantile(np.abs(wanted), 0.9)
    return float((found[strongest] * wanted[strongest]).sum() / (wanted[strongest] ** 2).sum())


def _gains(before: Image, after: Iterable[Image], true: Image) -> list[str]:
    start = psnr_db(before, true)
    return [f"{start:.1f} dB", *(f"{psnr_db(image, true) - start:+.1f}" for image in after)]


def _contrast(image: Image) -> float:
    """Mean over the image of the standard deviation of luminance around each place."""
    gray = _luminance(image)
    mean, mean_square = (cv2.blur(plane, (AREA_PX, AREA_PX)) for plane in (gray, gray * gray))
    return float(np.sqrt(np.maximum(mean_square - mean * mean, 0)).mean())


def _as_image(stack: RenderedStack) -> Image:
    return np.asarray(stack.frames[0] / np.iinfo(stack.frames[0].dtype).max, np.float32)


def _luminance(image: Image) -> Gray:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)
