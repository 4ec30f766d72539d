"""A focus stack as large as a camera makes it, painted in a few seconds: blur is Gaussian, and depth goes in steps.

`stackd.rendering.scenes` renders what a lens does, at ten times the work and memory. Here only size, motion, light and which
frame is sharp where have to be right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.colour import encode_srgb
from stackd.model.pixels import Gray, Image, Matrix, Pixels
from stackd.rendering.scenes import RenderedStack

MARGIN_PX = 160
"""Painted around the frame for what moved frames see beyond it."""

BLUR_PX = 2.5
"""Sigma of the blur per step of depth."""

CELLS = (3, 4)
"""Pieces of the scene, down and across; neighbours lie at different depths."""

COLOUR = (1.0, 0.85, 0.7)
"""Of the scene; red is the brightest channel."""

LIGHT_STEPS = 4096
"""Linear light is rounded to so many steps before a table encodes it: a fifth of a level of 8 bits where it is coarsest here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How a frame was taken: where it lies (moving → reference px) and how much more red, green and blue light it got."""

    matrix: Matrix
    light: tuple[float, float, float] = (1.0, 1.0, 1.0)


def similarity(shape: tuple[int, int], *, x_px: float = 0, y_px: float = 0, turn_rad: float = 0, scale: float = 1) -> Matrix:
    """Around the centre of the frame."""
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    matrix = np.eye(3)
    matrix[:2, :2] = scale * np.array([[np.cos(turn_rad), -np.sin(turn_rad)], [np.sin(turn_rad), np.cos(turn_rad)]])
    matrix[:2, 2] = centre - matrix[:2, :2] @ centre + (x_px, y_px)
    return matrix


def photograph(shape: tuple[int, int], exposures: Sequence[Exposure], *, seed: int = 0) -> RenderedStack:
    """Paint a scene of faint texture, lit from the left, and take one frame of it for each exposure, each sharp elsewhere.

    Faint, because only where little decides can a difference in brightness mislead; lit from one side, because brightness must be
    compared where frames show the same thing.
    """
    painted = _faint_texture((shape[0] + 2 * MARGIN_PX, shape[1] + 2 * MARGIN_PX), seed)
    blurred = [painted, *(cv2.GaussianBlur(painted, (0, 0), BLUR_PX * step) for step in range(1, len(exposures)))]
    depth = _steps(painted.shape, len(exposures))
    inside = (slice(MARGIN_PX, MARGIN_PX + shape[0]), slice(MARGIN_PX, MARGIN_PX + shape[1]))
    frames = []
    for position, exposure in enumerate(exposures):
        view = np.choose(np.abs(depth - position), blurred)
        to_painted = exposure.matrix.copy()
        to_painted[:2, 2] += MARGIN_PX
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        frames.append(exposed(cv2.warpAffine(view, to_painted[:2], shape[::-1], flags=flags), exposure.light))
    return RenderedStack(
        frames=tuple(frames),
        truth=_encoded(painted[inside], (1.0, 1.0, 1.0), _display_values()),
        depth_position=depth[inside].astype(np.float32),
        matrices=tuple(exposure.matrix for exposure in exposures),
        gains=(1.0,) * len(exposures),
        reference=len(exposures) // 2,
    )


def exposed(light: Gray, factors: tuple[float, float, float]) -> Pixels:
    """What a camera stores of linear light, 8 bits."""
    return _encoded(light, factors, np.rint(_display_values() * 255).astype(np.uint8))


def _encoded(light: Gray, factors: tuple[float, float, float], table: NDArray[np.generic]) -> Pixels | Image:
    encoded = np.empty((*light.shape, 3), table.dtype)
    for channel in range(3):
        steps = np.clip(light * np.float32(factors[channel] * COLOUR[channel] * (LIGHT_STEPS - 1)), 0, LIGHT_STEPS - 1)
        encoded[..., channel] = table[np.rint(steps).astype(np.uint16)]
    return encoded


def _display_values() -> NDArray[np.float32]:
    return np.asarray(encode_srgb(np.linspace(0, 1, LIGHT_STEPS)), np.float32)


def _faint_texture(shape: tuple[int, int], seed: int) -> Gray:
    """Linear light, four times as bright at the left border as at the right, with details from 3 px to 200 px wide."""
    random = np.random.default_rng(seed)
    rows, columns = shape
    texture = np.zeros(shape, np.float32)
    for width_px in (3, 6, 12, 48, 192):
        coarse = random.standard_normal((rows // width_px + 3, columns // width_px + 3)).astype(np.float32)
        fine = cv2.resize(coarse, None, fx=width_px, fy=width_px, interpolation=cv2.INTER_CUBIC)
        texture += fine[width_px : width_px + rows, width_px : width_px + columns]
    texture *= np.float32(0.02)
    texture += np.float32(0.35)
    texture *= np.geomspace(1.5, 1.5 / 4, columns, dtype=np.float32)
    return np.clip(texture, 0.01, 0.65, out=texture)


def _steps(shape: tuple[int, int], depths: int) -> NDArray[np.int8]:
    """Which frame each piece of the scene is sharp in."""
    down, across = (np.arange(side) * cells // side for side, cells in zip(shape, CELLS, strict=True))
    return np.asarray((down[:, None] + across) % depths, np.int8)
