"""The scenes of `stackd bench`: each is hard in its own way, and what would be right is known for every pixel.

The numbers of the subjects are brush strokes: lengths in frame heights, colours in linear light, chosen by eye.
"""

from dataclasses import dataclass
from itertools import product
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.rendering.flower import flower
from stackd.rendering.scenes import Canvas, SceneSettings, Subject, Surface, speckle, tilted_plane

ELECTRONS_AT_ISO_100 = 50_000
"""Full well of a current camera with pixels of about 4 µm."""

BLUR_PX = 1.0
"""Focus steps as photographers are told to make them, so that every point is sharp in some frame: half-way between two frames its
disc has a radius of half a pixel. With wider steps what is lost between frames would outweigh what stackers do."""

SUBPIXEL_BITS = 4
"""OpenCV draws lines with end points in sixteenths of a pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchScene:
    """A stack to render; frames of 8 bits are stored as JPEG, of 16 as TIFF."""

    name: str
    scene: SceneSettings


def sheets(canvas: Canvas) -> tuple[Surface, ...]:
    """Paint sheets far behind one another, bright before dark and dark before bright: every edge is a jump in depth."""
    x, y = canvas.grid()
    ink, paper = ((0.01, 0.01, 0.02), (0.08, 0.09, 0.12)), ((0.35, 0.30, 0.20), (0.90, 0.85, 0.75))
    surfaces = [everywhere(canvas, speckle(canvas, 1, dark=(0.05, 0.06, 0.03), bright=(0.40, 0.45, 0.25)), depth=0.95)]
    places = (
        (-0.42, 0.05, 0.30, 0.20, 0.70),
        (0.35, -0.18, 0.26, 0.24, 0.45),
        (-0.05, 0.24, 0.34, 0.13, 0.25),
        (0.5, 0.3, 0.14, 0.3, 0.05),
    )
    for number, (middle_x, middle_y, half_width, half_height, depth) in enumerate(places):
        turn = 0.35 * (number - 1)
        along = (x - middle_x) * np.cos(turn) + (y - middle_y) * np.sin(turn)
        across = -(x - middle_x) * np.sin(turn) + (y - middle_y) * np.cos(turn)
        inside = np.minimum(half_width - np.abs(along), half_height - np.abs(across))
        dark, bright = paper if number % 2 else ink
        surfaces.append(
            Surface(
                colour=speckle(canvas, 2 + number, dark=dark, bright=bright),
                opacity=np.clip(inside * canvas.height_px + 0.5, 0, 1).astype(np.float32),
                depth=np.full(canvas.shape, depth, np.float32),
            )
        )
    return tuple(surfaces)


def hairs(canvas: Canvas) -> tuple[Surface, ...]:
    """Paint fine hairs around a dome, over a far background with glints that become bokeh discs."""
    x, y = canvas.grid()
    random = canvas.random(21)
    far = speckle(canvas, 22, dark=(0.01, 0.03, 0.02), bright=(0.10, 0.20, 0.08))
    for px, py, strength in zip(
        random.uniform(-0.8, 0.8, 30), random.uniform(-0.5, 0.5, 30), random.uniform(1, 6, 30), strict=True
    ):
        spread = (1.2 / canvas.height_px) ** 2
        far += (strength * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * spread)))[..., None].astype(np.float32)
    reach = np.hypot(x, y - 0.12) / 0.26
    dome = np.sqrt(np.clip(1 - reach**2, 0, 1)).astype(np.float32)
    shade = (0.25 + 0.75 * dome)[..., None]
    body = Surface(
        colour=(speckle(canvas, 23, dark=(0.06, 0.03, 0.01), bright=(0.55, 0.35, 0.12)) * shade).astype(np.float32),
        opacity=np.clip((1 - reach) * 0.26 * canvas.height_px + 0.5, 0, 1).astype(np.float32),
        depth=(0.55 - 0.45 * dome).astype(np.float32),
    )
    behind, before = (
        (_tuft(canvas, 24 + k, depth=depth) for k, depth in group) for group in (((0, 0.75), (1, 0.6)), ((2, 0.35), (3, 0.12)))
    )
    return (everywhere(canvas, far, depth=1.0), *behind, body, *before)


def sky(canvas: Canvas) -> tuple[Surface, ...]:
    """Paint a smooth gradient with two patches of texture: where nothing is sharp, noise must not choose the frame."""
    x, y = canvas.grid()
    colour = np.array((0.30, 0.42, 0.60), np.float32) * (0.35 + 0.5 * (y + 0.5) + 0.1 * x)[..., None]
    fabric = speckle(canvas, 31, dark=(0.05, 0.03, 0.02), bright=(0.60, 0.50, 0.35))
    patches = np.maximum(0.17 - np.hypot(x + 0.4, y + 0.15), 0.2 - np.hypot(x - 0.38, y - 0.2)) * canvas.height_px
    share = np.clip(patches + 0.5, 0, 1)[..., None]
    return (
        Surface(
            colour=(colour + share * (fabric - colour)).astype(np.float32),
            opacity=np.ones(canvas.shape, np.float32),
            depth=(0.5 - 0.9 * y).astype(np.float32),
        ),
    )


SUBJECTS = MappingProxyType(
    {"plane": tilted_plane, "sheets": sheets, "hairs": hairs, "sky": sky, "flower": flower, "rail": hairs}
)
"""What each scene of the suite shows; `rail` shows the hairs from a camera that moves instead of refocusing."""


def suite(*, height_px: int = 480, width_px: int = 720, frame_count: int = 16, seeds: int = 3) -> tuple[BenchScene, ...]:
    """List the stacks of `stackd bench quality`: every subject with every seed.

    The camera shakes, the lens breathes, the light flickers. Seeds go from ISO 200 in 16 bit over ISO 400 as JPEG to ISO 800 in
    16 bit, and round again.

    Returns
    -------
    tuple of BenchScene
        Seed by seed, so that the first few already show every subject.
    """
    conditions = ((200, False), (400, True), (800, False))
    return tuple(
        BenchScene(
            name=f"{name}-{seed}",
            scene=shot(
                subject, rail=name == "rail", iso=iso, jpeg=jpeg, seed=seed, size=(height_px, width_px), frames=frame_count
            ),
        )
        for seed, (name, subject) in product(range(1, seeds + 1), SUBJECTS.items())
        for iso, jpeg in (conditions[(seed - 1) % len(conditions)],)
    )


def shot(subject: Subject, *, rail: bool, iso: int, jpeg: bool, seed: int, size: tuple[int, int], frames: int) -> SceneSettings:
    """Settings of a stack shot by hand: shake, breathing or parallax, flicker, and the noise of an ISO value."""
    return SceneSettings(
        subject=subject,
        height_px=size[0],
        width_px=size[1],
        frame_count=frames,
        blur_px=BLUR_PX,
        shift_px=3.0,
        turn_rad=0.002,
        breathing=0.0 if rail else 0.002,
        parallax=0.002 if rail else 0.0,
        flicker=0.02,
        full_well_electrons=ELECTRONS_AT_ISO_100 * 100 / iso,
        bits=8 if jpeg else 16,
        seed=seed,
    )


def everywhere(canvas: Canvas, colour: NDArray[np.float32], *, depth: float) -> Surface:
    """Paint a surface that fills the picture at one depth."""
    return Surface(colour=colour, opacity=np.ones(canvas.shape, np.float32), depth=np.full(canvas.shape, depth, np.float32))


def _tuft(canvas: Canvas, stream: int, *, depth: float) -> Surface:
    """Hairs at one depth, bent outward from the dome, light ones and dark ones."""
    random = canvas.random(stream)
    colour = np.full((*canvas.shape, 3), 0.2, np.float32)
    opacity = np.zeros(canvas.shape, np.float32)
    middle = (np.array(canvas.shape[::-1]) - 1) / 2 + np.array((0.0, 0.12)) * canvas.height_px
    along = np.linspace(0.7, 1, 12)[:, None]
    for _ in range(14):
        angle = random.uniform(-np.pi, 0)
        tip, bend = random.uniform(0.45, 0.85), random.uniform(-0.25, 0.25)
        turned = angle + bend * (along - 0.7)
        points = middle + canvas.height_px * np.hstack([np.cos(turned), np.sin(turned)]) * (
            0.2 + (tip - 0.2) * (along - 0.7) / 0.3
        )
        hair = np.zeros(canvas.shape, np.uint8)
        whole = np.rint(points * (1 << SUBPIXEL_BITS)).astype(np.int32)
        thickness = int(random.integers(1, 4))
        cv2.polylines(hair, [whole], isClosed=False, color=255, thickness=thickness, lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS)
        here = hair.astype(np.float32) / 255
        tint = np.array((0.75, 0.65, 0.45) if random.uniform() < 0.5 else (0.02, 0.015, 0.01), np.float32)  # noqa: PLR2004
        # Beyond its outline a hair's colour goes on, as the lens's blur needs it.
        wide = np.asarray(cv2.dilate(here, np.ones((5, 5), np.uint8)))
        colour += (wide > 0)[..., None] * (tint * np.float32(random.uniform(0.7, 1.1)) - colour)
        opacity = np.maximum(opacity, here)
    return Surface(colour=colour, opacity=opacity, depth=np.full(canvas.shape, depth, np.float32))
