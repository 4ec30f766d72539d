"""How near to the truth composites come whose frames differ in tone, by how they are matched."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

import cv2
import numpy as np
from composites import SUBJECTS, composite, psnr_db, scene
from measured.printed import say, show_table, timed
from skimage.exposure import match_histograms

from stackd.imaging.ground.colour import decode_srgb, encode_srgb
from stackd.imaging.match.settings import MatchSettings
from stackd.model.pixels import Image, Pixels
from stackd.rendering.scenes import RenderedStack, render_stack

Drift: TypeAlias = Callable[[Image, float, float], Image]
"""What a camera makes of a frame, display values, by two normal deviates of its own; both are 0 for the reference."""

SEED = 3


def _lifted(frame: Image, shadows: float, highlights: float) -> Image:
    """Lift or lower around a third and two thirds of the range by up to a twentieth; black and white stay, and order too."""
    bumps = (np.clip(shadows, -1, 1) * (1 - frame) + np.clip(highlights, -1, 1) * frame) * frame * (1 - frame)
    return frame + 0.05 * 27 / 4 * bumps


def _lifted_by_surroundings(frame: Image, amount: float, _: float) -> Image:
    around = np.asarray(cv2.GaussianBlur(frame, (0, 0), frame.shape[0] / 16), np.float32)
    return np.asarray(frame * (1 + np.float32(0.15 * amount) * (0.5 - around)), np.float32)


DRIFTS: Mapping[str, Drift] = MappingProxyType(
    {
        "none": lambda frame, *_: frame,
        "flicker": lambda frame, by, _: encode_srgb(decode_srgb(frame) * (1 + 0.05 * by)),
        "gamma": lambda frame, by, _: frame ** (1 + 0.06 * by),
        "style": lambda frame, by, _: frame - 0.03 * by * np.sin(2 * np.pi * frame),
        "auto": _lifted,
        "local": _lifted_by_surroundings,
    }
)

NOTHING = MatchSettings(brightness=False, white_balance=False)

WHOLE_HISTOGRAMS = "whole histograms"
"""Every frame is given the histogram of the reference before anything else: what scikit-image offers."""

MATCHED: Mapping[str, MatchSettings] = MappingProxyType(
    {
        "nothing": NOTHING,
        "gains": MatchSettings(),
        WHOLE_HISTOGRAMS: NOTHING,
        "curves": MatchSettings(method="histogram"),
    }
)


def measure_tones() -> None:
    """Print a table for shallow and one for deep stacks."""
    seconds = dict.fromkeys(MATCHED, 0.0)
    for frame_count in (8, 24):
        rows = []
        for name in ("flower", "sheets", "sky", "hairs"):
            still = replace(scene(SUBJECTS[name], iso=200, frame_count=frame_count, nudged=True), height_px=320, width_px=480)
            plain = render_stack(still)
            stacks = [drifting(plain, drift) for drift in DRIFTS.values()]
            for how, match in MATCHED.items():
                cells = []
                for stack in stacks:
                    source = with_one_histogram(stack) if how == WHOLE_HISTOGRAMS else stack
                    seconds_here, (image, true) = timed(partial(composite, source, match=match))
                    seconds[how] += seconds_here
                    cells.append(f"{psnr_db(image, true):.1f}")
                rows.append([name, how, *cells])
        show_table([f"{frame_count} frames", "matched", *DRIFTS], rows)
    say("CPU seconds of all composites: " + ", ".join(f"{how} {value:.0f}" for how, value in seconds.items()))


def drifting(stack: RenderedStack, drift: Drift) -> RenderedStack:
    """Change the tone of every frame but the reference."""
    random = np.random.default_rng(SEED)
    deviates = random.standard_normal((len(stack), 2))
    deviates[stack.reference] = 0
    return replace(stack, frames=tuple(_drifted(*pair, drift) for pair in zip(stack.frames, deviates.tolist(), strict=True)))


def _drifted(frame: Pixels, deviates: tuple[float, float], drift: Drift) -> Pixels:
    white = np.iinfo(np.uint16).max
    changed = drift((frame / np.float32(white)).astype(np.float32), *deviates)
    return np.rint(np.clip(changed, 0, 1) * white).astype(np.uint16)


def with_one_histogram(stack: RenderedStack) -> RenderedStack:
    """Give every frame, channel by channel, the histogram of the reference."""
    reference = stack.frames[stack.reference]
    matched = (match_histograms(frame, reference, channel_axis=2) for frame in stack.frames)
    return replace(stack, frames=tuple(np.rint(frame).astype(reference.dtype) for frame in matched))
