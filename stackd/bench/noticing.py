"""Small scenes that notice when a number of the pipeline changes: the bench's subjects, and what they do not show.

The numbers of the subjects are brush strokes: lengths in frame heights, colours in linear light, chosen by eye.
"""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stackd.bench.scenes import BenchScene, everywhere, hairs, sheets, shot, sky
from stackd.rendering.flower import flower
from stackd.rendering.scenes import Canvas, Path, Subject, Surface, speckle, tilted_plane

SIZE_PX = (144, 216)
"""Rows and columns: a composite of ten such frames takes half a second, and the depth of every scene still fits in."""

LARGER_PX = (192, 288)
"""So much is needed for where frames are focused to be measured at all."""

FRAMES, MANY_FRAMES = 8, 40

BLUR_PX, COARSE_BLUR_PX = 1.5, 2.75
"""Blur a frame: between what photographers are told to make and what is left of it when they hurry; and far too much."""


UNEVEN = (0.0, 1.0, 1.2, 3.0, 4.0, 4.3, 6.5, 7.5, 9.0, 10.0)
"""Where frames are focused, in steps: gaps, and frames that add next to nothing, as when a hand turned the ring."""


def bokeh(canvas: Canvas) -> tuple[Surface, ...]:
    """Paint a leaf that runs through the whole stack before lamps far beyond it: wide discs in every frame."""
    x, y = canvas.grid()
    far = speckle(canvas, 61, dark=(0.01, 0.01, 0.03), bright=(0.06, 0.08, 0.12))
    random = canvas.random(62)
    for _ in range(26):
        place_x, place_y, strength = random.uniform(-0.8, 0.8), random.uniform(-0.5, 0.5), random.uniform(20, 90)
        far += _glow(x - place_x, y - place_y, reach=1.2 / canvas.height_px) * (strength * random.uniform(0.3, 1, 3))
    along, across = x * 0.9 + y * 0.43, y * 0.9 - x * 0.43
    leaf = Surface(
        colour=speckle(canvas, 63, dark=(0.02, 0.06, 0.01), bright=(0.30, 0.55, 0.15)),
        opacity=_inside(canvas, 0.2 - 0.12 * np.abs(along) - np.abs(across)),
        depth=(0.45 + 0.5 * along).astype(np.float32),
    )
    return everywhere(canvas, far.astype(np.float32), depth=1.5), leaf


def blown(canvas: Canvas) -> tuple[Surface, ...]:
    """Paint wet stone and a bar before it, with glints and a sheen far above white in their own texture."""
    x, y = canvas.grid()
    stone = speckle(canvas, 71, dark=(0.03, 0.03, 0.04), bright=(0.60, 0.55, 0.50))
    random = canvas.random(72)
    for _ in range(22):
        place_x, place_y, reach = random.uniform(-0.75, 0.75), random.uniform(-0.5, 0.5), random.uniform(0.006, 0.02)
        stone += _glow(x - place_x, y - place_y, reach=reach) * np.float32(random.uniform(3, 20))
    stone *= 1 + 3 * _glow(x + 0.35, y - 0.1, reach=0.12)
    bar = speckle(canvas, 73, dark=(0.05, 0.02, 0.01), bright=(0.50, 0.20, 0.10)) * (1 + 8 * _glow(0 * x, y + 0.2, reach=0.03))
    return (
        Surface(
            colour=stone.astype(np.float32), opacity=np.ones(canvas.shape, np.float32), depth=(0.6 - 0.8 * y).astype(np.float32)
        ),
        Surface(
            colour=bar.astype(np.float32),
            opacity=_inside(canvas, 0.07 - np.abs(y + 0.2 - 0.1 * x)),
            depth=np.full(canvas.shape, 0.15, np.float32),
        ),
    )


def beyond(canvas: Canvas) -> tuple[Surface, ...]:
    """Paint a dome in the stack before a lively background that lies beyond it, and a stem nearer than its first frame."""
    x, y = canvas.grid()
    reach = np.hypot(x, y - 0.1) / 0.33
    dome = np.sqrt(np.clip(1 - reach**2, 0, 1)).astype(np.float32)
    body = Surface(
        colour=speckle(canvas, 82, dark=(0.10, 0.04, 0.01), bright=(0.75, 0.50, 0.20)),
        opacity=_inside(canvas, (1 - reach) * 0.33),
        depth=(0.85 - 0.8 * dome).astype(np.float32),
    )
    stem = Surface(
        colour=speckle(canvas, 83, dark=(0.02, 0.05, 0.01), bright=(0.15, 0.30, 0.08)),
        opacity=_inside(canvas, 0.03 - np.abs(x - 0.5 - 0.2 * y)),
        depth=np.full(canvas.shape, -0.3, np.float32),
    )
    far = speckle(canvas, 81, dark=(0.01, 0.04, 0.06), bright=(0.55, 0.75, 0.90))
    return everywhere(canvas, far, depth=1.7), body, stem


def backlit(canvas: Canvas) -> tuple[Surface, ...]:
    """Paint a dark toothed body before a lamp that is brighter than white: its glow comes over every edge."""
    x, y = canvas.grid()
    lamp = 0.08 + 2.2 * _glow(x - 0.1, y + 0.05, reach=0.3)
    lamp = lamp * np.array((1.0, 0.9, 0.7), np.float32)
    angle = np.arctan2(y - 0.05, x)
    rim = 0.3 * (1 + 0.2 * np.sin(11 * angle) + 0.08 * np.sin(29 * angle))
    share = np.clip(1 - np.hypot(x, y - 0.05) / rim, 0, 1)
    body = Surface(
        colour=speckle(canvas, 91, dark=(0.004, 0.004, 0.005), bright=(0.10, 0.08, 0.06)),
        opacity=_inside(canvas, rim - np.hypot(x, y - 0.05)),
        depth=(0.75 - 0.7 * np.sqrt(share)).astype(np.float32),
    )
    return everywhere(canvas, lamp.astype(np.float32), depth=1.2), body


def walker(canvas: Canvas, way: float = 0.18) -> tuple[Surface, ...]:
    """Paint two papers that walk by, so far in frame heights, before a wall and behind a stem."""
    wall = everywhere(canvas, speckle(canvas, 101, dark=(0.03, 0.04, 0.05), bright=(0.45, 0.42, 0.35)), depth=0.95)
    walks = (
        _paper(canvas, 102 + number, x=side, depth=0.6, path=lambda at: (way * (at - 0.5), 0.0))
        for number, side in enumerate((-0.35, 0.3))
    )
    x, y = canvas.grid()
    stem = Surface(
        colour=speckle(canvas, 104, dark=(0.02, 0.05, 0.01), bright=(0.15, 0.30, 0.08)),
        opacity=_inside(canvas, 0.04 - np.abs(x - 0.05 + 0.3 * y)),
        depth=np.full(canvas.shape, 0.1, np.float32),
    )
    return wall, *walks, stem


def sway(canvas: Canvas, way: float = 0.03) -> tuple[Surface, ...]:
    """Paint three papers in the wind, each side so far in frame heights, before ground that runs through the stack."""
    _, y = canvas.grid()
    ground = speckle(canvas, 111, dark=(0.03, 0.04, 0.02), bright=(0.40, 0.45, 0.25))
    papers = (
        _paper(canvas, 112 + number, x=side, depth=0.45, path=lambda at: (way * np.sin(7 * at), 0.4 * way * np.cos(5 * at)))
        for number, side in enumerate((-0.5, 0.0, 0.5))
    )
    return Surface(colour=ground, opacity=np.ones(canvas.shape, np.float32), depth=(0.75 - 0.5 * y).astype(np.float32)), *papers


def _paper(canvas: Canvas, stream: int, *, x: float, depth: float, path: Path) -> Surface:
    """A printed paper, somewhere near `x`, turned somehow."""
    across, down = canvas.grid()
    random = canvas.random(stream)
    place_x, place_y, turn = x + random.uniform(-0.08, 0.08), random.uniform(-0.25, 0.25), random.uniform(0, np.pi)
    along = (across - place_x) * np.cos(turn) + (down - place_y) * np.sin(turn)
    aside = -(across - place_x) * np.sin(turn) + (down - place_y) * np.cos(turn)
    half = random.uniform(0.07, 0.12, 2)
    return Surface(
        colour=speckle(canvas, stream + 50, dark=(0.10, 0.09, 0.08), bright=(0.95, 0.90, 0.80)),
        opacity=_inside(canvas, np.minimum(half[0] - np.abs(along), half[1] - np.abs(aside))),
        depth=np.full(canvas.shape, depth, np.float32),
        path=path,
    )


STILL = MappingProxyType({"bokeh": bokeh, "blown": blown, "beyond": beyond, "backlit": backlit})
NOTICING = MappingProxyType({**STILL, "walker": walker})
"""What the scenes of the suite do not show."""


def dimmed(subject: Subject, share: float) -> Subject:
    """Let so much less light fall on a subject."""

    def paint(canvas: Canvas) -> tuple[Surface, ...]:
        return tuple(replace(surface, colour=surface.colour * np.float32(share)) for surface in subject(canvas))

    return paint


def noticing() -> tuple[BenchScene, ...]:
    """List the stacks of `stackd bench constants`, each with a seed that no table of quality is measured on."""

    def scene(name: str, subject: Subject, seed: int, *, iso: int = 200, jpeg: bool = False, rail: bool = False) -> BenchScene:
        settings = shot(subject, rail=rail, iso=iso, jpeg=jpeg, seed=seed, size=SIZE_PX, frames=FRAMES)
        return BenchScene(name=name, scene=replace(settings, blur_px=BLUR_PX))

    coarse = scene("coarse", sheets, 22)
    many = scene("long", flower, 23, jpeg=True)
    uneven = scene("uneven", flower, 24)
    return (
        scene("plane", tilted_plane, 11, iso=800),
        scene("sheets", sheets, 12),
        scene("hairs", hairs, 13, iso=400, jpeg=True),
        scene("sky", sky, 14, iso=800),
        scene("flower", flower, 15),
        scene("rail", hairs, 16, rail=True),
        *(scene(name, subject, 17 + number, jpeg=bool(number % 2)) for number, (name, subject) in enumerate(STILL.items())),
        scene("walker", walker, 25),
        scene("dark", dimmed(flower, 0.01), 21, iso=400),
        replace(coarse, scene=replace(coarse.scene, blur_px=COARSE_BLUR_PX)),
        replace(many, scene=replace(many.scene, height_px=96, width_px=144, frame_count=MANY_FRAMES, blur_px=0.5)),
        replace(
            uneven,
            scene=replace(uneven.scene, height_px=LARGER_PX[0], width_px=LARGER_PX[1], frame_count=len(UNEVEN), focus=UNEVEN),
        ),
    )


def _glow(x: NDArray[np.float32], y: NDArray[np.float32], *, reach: float) -> NDArray[np.float32]:
    """Round glow of 1 in its middle, for all three colours."""
    return np.asarray(np.exp(-(x**2 + y**2) / (2 * reach**2))[..., None], np.float32)


def _inside(canvas: Canvas, distance: NDArray[np.floating]) -> NDArray[np.float32]:
    """Opacity by the distance from an outline, which is soft over one pixel."""
    return np.asarray(np.clip(distance * canvas.height_px + 0.5, 0, 1), np.float32)
