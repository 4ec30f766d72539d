"""Rendered composites with the truth beside them: what the docs draw and measure is made here."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import cv2
import numpy as np

from stackd.bench.scenes import ELECTRONS_AT_ISO_100, hairs, sheets, sky
from stackd.config.settings import Recipe
from stackd.imaging.ground.colour import decode_srgb, encode_srgb
from stackd.imaging.match.settings import MatchSettings
from stackd.imaging.stacker import Stacker
from stackd.model.pixels import Image
from stackd.rendering.flower import flower
from stackd.rendering.scenes import RenderedStack, SceneSettings, Subject, render_stack, tilted_plane

SUBJECTS: Mapping[str, Subject] = MappingProxyType(
    {"plane": tilted_plane, "sheets": sheets, "hairs": hairs, "sky": sky, "flower": flower}
)
"""Scenes of `stackd bench` that stand still."""

WHITE = 2**16 - 1
"""Of the frames rendered here."""


def scene(subject: Subject, *, iso: int, frame_count: int = 10, nudged: bool = False) -> SceneSettings:
    """Describe a small stack in 16 bit; `nudged` is as from a tripod that is touched between frames and a lens that breathes."""
    still = SceneSettings(
        subject=subject,
        height_px=480,
        width_px=720,
        frame_count=frame_count,
        blur_px=1.0,
        full_well_electrons=ELECTRONS_AT_ISO_100 * 100 / iso,
        bits=16,
        seed=3,
    )
    return replace(still, shift_px=3.0, turn_rad=0.002, breathing=0.002) if nudged else still


def softened(settings: SceneSettings, sigma_px: float) -> RenderedStack:
    """Render through a soft lens: blurred in linear light before grain is added."""
    sharp = render_stack(replace(settings, full_well_electrons=None))
    random = np.random.default_rng(settings.seed)
    well = settings.full_well_electrons or np.inf
    frames = []
    for frame in sharp.frames:
        light = cv2.GaussianBlur(np.asarray(decode_srgb(frame / WHITE), np.float32), (0, 0), sigma_px)
        light += np.sqrt(light / well) * random.standard_normal(light.shape).astype(np.float32)
        noisy = np.asarray(np.clip(light, 0, 1), np.float32)
        frames.append(np.rint(encode_srgb(noisy) * WHITE).astype(np.uint16))
    return replace(sharp, frames=tuple(frames))


def composite(stack: RenderedStack, *, match: MatchSettings | None = None) -> tuple[Image, Image]:
    """Fuse rendered frames by the default recipe, and cut their truth to the same area."""
    recipe = Recipe()
    stacker = Stacker(stack, align=recipe.align, match=match or recipe.match, fuse=recipe.fuse, finish=recipe.finish)
    for position in range(len(stack)):
        stacker.add(position)
    stacked = stacker.finish()
    if stacked.reference != stack.reference:
        raise SystemExit("Frames were left out, so the composite lies elsewhere than its truth: render other ones.")
    area = stacked.valid_area
    return stacked.image, stack.truth[area.top : area.bottom, area.left : area.right]


def psnr_db(image: Image, true: Image) -> float:
    """Peak signal-to-noise ratio over all pixels and channels."""
    return float(-10 * np.log10(np.mean((image - true) ** 2)))
