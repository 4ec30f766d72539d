"""Rendered pictures with known truth for the finishing steps."""

from functools import cache

import cv2
import numpy as np

from stackd.config.settings import Recipe
from stackd.imaging.ground.colour import decode_srgb, encode_srgb
from stackd.imaging.stacker import Stacker
from stackd.rendering.scenes import SceneSettings, Subject, render_stack

ISO_3200_ELECTRONS = 1_600.0


@cache
def truth(subject: Subject) -> np.ndarray:
    """A scene all in focus, without grain."""
    return render_stack(SceneSettings(subject=subject, height_px=320, width_px=480, frame_count=1)).truth


@cache
def grainy_composite(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """What the default recipe makes of five noisy frames, and the truth beneath it."""
    scene = SceneSettings(
        subject=subject, height_px=320, width_px=480, blur_px=1.0, full_well_electrons=ISO_3200_ELECTRONS, bits=16, seed=2
    )
    stack = render_stack(scene)
    recipe = Recipe()
    stacker = Stacker(stack, align=recipe.align, match=recipe.match, fuse=recipe.fuse, finish=recipe.finish)
    for position in range(len(stack)):
        stacker.add(position)
    stacked = stacker.finish()
    area = stacked.valid_area
    return stacked.image, stack.truth[area.top : area.bottom, area.left : area.right]


def blurred(image: np.ndarray, sigma_px: float, *, grain: float) -> np.ndarray:
    """The image as a soft lens and a grainy sensor show it."""
    light = cv2.GaussianBlur(decode_srgb(image).astype(np.float32), (0, 0), sigma_px)
    noise = np.random.default_rng(3).normal(0, grain, image.shape)
    return np.clip(encode_srgb(light) + noise, 0, 1).astype(np.float32)


def luminance(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def psnr_db(image: np.ndarray, true: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((image - true) ** 2)))


def detail_kept(image: np.ndarray, true: np.ndarray) -> float:
    """Share of the strongest tenth of the truth's fine detail that is there."""
    found, wanted = (plane - cv2.GaussianBlur(plane, (0, 0), 1.5) for plane in (luminance(image), luminance(true)))
    strongest = np.abs(wanted) > np.quantile(np.abs(wanted), 0.9)
    return float((found[strongest] * wanted[strongest]).sum() / (wanted[strongest] ** 2).sum())
