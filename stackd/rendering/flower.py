"""A dewy flower with a ladybird, painted for the demo: fine veins, a domed centre, glints that become bokeh discs.

The numbers here are brush strokes: lengths in frame heights, angles in rad, colours in linear light, all chosen by eye.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.rendering.scenes import Canvas, Surface

Plane = NDArray[np.float32]

CENTRE_X, CENTRE_Y = 0.04, 0.02
TILT = 0.6
"""The flower is seen from the side: its circle looks so much flatter than wide."""
DISC_RADIUS = 0.21
PETAL_START, PETAL_LENGTH = 0.1, 0.62
FLORETS = 520
PETALS = 26
DROPS_TRIED = 130
"""Drops thrown at the petals; about a third stay, the others would touch another one or hang over an edge."""
GOLDEN_ANGLE_RAD = np.pi * (3 - np.sqrt(5))
"""Angle between one floret and the next, in daisies as in sunflowers (Vogel, Mathematical Biosciences 44, 1979)."""


SPOTS = ((0.28, 0.45, 0.21), (0.28, -0.45, 0.21), (-0.32, 0.52, 0.2), (-0.32, -0.52, 0.2), (0.5, 0.0, 0.17))
"""Of the ladybird: forward, sideways, radius, in half its length."""
LIMBS = (
    ((0.55, 0.43), (0.85, 0.85), (1.15, 0.94)),
    ((0.0, 0.6), (0.1, 0.94), (-0.1, 1.15)),
    ((-0.5, 0.5), (-0.85, 0.8), (-1.1, 0.85)),
    ((1.2, 0.15), (1.42, 0.3), (1.5, 0.5)),
)
"""Three legs and a feeler on one side, from the body outward: forward, sideways, in half its length."""


def flower(canvas: Canvas) -> tuple[Surface, ...]:
    """Paint the scene: a meadow far behind, petals with dew, the flower's domed centre, a ladybird, a blade of grass in front."""
    grid = _FlowerGrid.over(canvas)
    petals = _petals(canvas, grid)
    return (
        _meadow(canvas),
        petals,
        _dew(canvas, grid, petals),
        _florets(canvas, grid),
        _ladybird(canvas, grid),
        _blade_of_grass(canvas),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FlowerGrid:
    """Where each pixel lies on the flower's own tilted plane."""

    x: Plane
    y: Plane
    u: Plane
    v: Plane

    @classmethod
    def over(cls, canvas: Canvas) -> "_FlowerGrid":
        x, y = canvas.grid()
        return cls(x=x, y=y, u=x - np.float32(CENTRE_X), v=(y - np.float32(CENTRE_Y)) / np.float32(TILT))

    @property
    def depth(self) -> Plane:
        """Near petals at the bottom, far ones at the top; all within the stack."""
        return np.asarray(np.clip(0.5 - 0.62 * self.v, 0.02, 0.98), np.float32)


# ----------------------------------------------------------- background


def _meadow(canvas: Canvas) -> Surface:
    x, y = canvas.grid()
    random = canvas.random(11)
    shade = 0.5 + 0.5 * _clouds(canvas, 12, cells=5)
    colour = _mix((0.004, 0.016, 0.008), (0.055, 0.13, 0.03), shade * np.clip(0.75 - 0.5 * y + 0.25 * x, 0, 1.3))
    for _ in range(46):
        # Sun through leaves: points far brighter than white, which the lens turns into discs.
        px, py = random.uniform(-0.85, 0.85), random.uniform(-0.55, 0.35)
        strength = random.uniform(2, 9) * np.clip(0.75 - py, 0.2, 1.2)
        glint = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * 0.006**2))[..., None]
        colour += (strength * glint * np.array(random.choice(_GLINTS, axis=0))).astype(np.float32)
    return Surface(colour=colour, opacity=np.ones(canvas.shape, np.float32), depth=np.full(canvas.shape, 2.1, np.float32))


_GLINTS = np.array([(1.0, 0.95, 0.6), (0.7, 1.0, 0.45), (0.85, 0.95, 0.9)])


def _blade_of_grass(canvas: Canvas) -> Surface:
    x, y = canvas.grid()
    spine = x + 0.62 + 0.55 * (0.5 - y) - 0.35 * (0.5 - y) ** 2 * 1.2
    width = 0.035 * np.clip(0.35 + y + 0.15, 0, 1)
    veins = 0.5 + 0.5 * np.sin(spine * 900 + 2 * _clouds(canvas, 21, cells=20))
    colour = _mix((0.02, 0.10, 0.01), (0.10, 0.32, 0.05), 0.35 + 0.4 * veins - 0.3 * np.abs(spine) / 0.04)
    return Surface(
        colour=colour,
        opacity=_inside(canvas, width - np.abs(spine)),
        depth=np.full(canvas.shape, -0.45, np.float32),
    )


# ---------------------------------------------------------------- petals


def _petals(canvas: Canvas, grid: _FlowerGrid) -> Surface:
    random = canvas.random(31)
    fine = _clouds(canvas, 32, cells=110)
    sway = _clouds(canvas, 33, cells=9)
    colour = np.full((*canvas.shape, 3), (0.25, 0.03, 0.13), np.float32)
    opacity = np.zeros(canvas.shape, np.float32)
    # Every second petal lies below its neighbours; the lower ones are painted first.
    for index in [*range(0, PETALS, 2), *range(1, PETALS, 2)]:
        angle = 2 * np.pi * (index + random.uniform(-0.22, 0.22)) / PETALS
        length = PETAL_LENGTH * random.uniform(0.88, 1.06) * (0.94 if index % 2 == 0 else 1.0)
        along = grid.u * np.cos(angle) + grid.v * np.sin(angle)
        bend = random.uniform(-0.16, 0.16)
        across = -grid.u * np.sin(angle) + grid.v * np.cos(angle) + bend * (along - 0.2) ** 2
        share = np.clip((along - PETAL_START) / (length - PETAL_START), 0, 1)
        half_width = 0.078 * np.power(share, 0.45) * np.sqrt(np.clip(1 - share**7, 0, 1)) * random.uniform(0.9, 1.1)
        edge = half_width - np.abs(across)
        here = _inside(canvas, np.where((along > PETAL_START) & (along < length), edge, -1.0))
        rows = np.flatnonzero(here.any(axis=1))
        if not rows.size:
            continue
        band = slice(rows[0], rows[-1] + 1)
        groove = np.cos(across[band] / 0.078 * 9 + 1.3 * index)
        veins = np.sin(across[band] * 560 + 2.2 * sway[band] + index) * (0.75 + 0.25 * fine[band])
        light = 0.74 + 0.15 * groove + 0.08 * veins + 0.045 * fine[band] - 0.35 * np.abs(across[band]) / 0.078
        light += 0.16 * np.sin(angle - 2.2)
        tint = _mix((0.42, 0.03, 0.20), (0.93, 0.42, 0.66), np.power(share[band], 0.8) * 0.85 + 0.12 * veins)
        tint = tint * (1 - 0.35 * np.exp(-((share[band] - 0.02) ** 2) / 0.02))[..., None]
        painted = (tint * np.clip(light, 0.06, 1.2)[..., None]).astype(np.float32)
        # A petal darkens what lies under its edge.
        shadow = 0.55 * np.exp(-np.clip(-edge[band], 0, None) / 0.014) * (along[band] > PETAL_START) * (along[band] < length)
        colour[band] *= (1 - shadow * (1 - here[band]))[..., None]
        colour[band] += here[band, :, None] * (painted - colour[band])
        opacity[band] = np.maximum(opacity[band], here[band])
    near_disc = np.exp(-np.clip(np.hypot(grid.u, grid.v) - DISC_RADIUS * 0.9, 0, None) / 0.03)
    return Surface(colour=(colour * (1 - 0.75 * near_disc)[..., None]).astype(np.float32), opacity=opacity, depth=grid.depth)


def _dew(canvas: Canvas, grid: _FlowerGrid, petals: Surface) -> Surface:
    random = canvas.random(41)
    colour = petals.colour.copy()
    opacity = np.zeros(canvas.shape, np.float32)
    placed: list[tuple[float, float, float]] = []
    for _ in range(DROPS_TRIED):
        angle, distance = random.uniform(0, 2 * np.pi), random.uniform(0.28, 0.56)
        radius = 0.007 + 0.020 * random.uniform() ** 2
        px, py = CENTRE_X + distance * np.cos(angle), CENTRE_Y + TILT * distance * np.sin(angle)
        rows, columns = _window(canvas, px, py, 1.4 * radius)
        if petals.opacity[rows, columns].min() < 1:
            continue  # a drop on an edge would hang in the air
        if any(np.hypot(px - qx, py - qy) < 1.3 * (radius + other) for qx, qy, other in placed):
            continue
        placed.append((px, py, radius))
        dx, dy = (grid.x - px) / radius, (grid.y - py) / (0.9 * radius)
        distance_from_middle = np.hypot(dx, dy)
        contact = 0.6 * np.exp(-((np.hypot(dx - 0.25, dy - 0.5) / 1.1) ** 4))
        drop = _inside(canvas, (1 - distance_from_middle) * radius)
        # A drop is a strong lens: dark towards the light, bright on the far side, with the sky as a glint.
        glow = np.clip(0.35 + 0.55 * (dx * 0.45 + dy * 0.75) + 0.25 * distance_from_middle**4, 0.05, 1.5)
        inside = np.array((0.95, 0.55, 0.70), np.float32) * glow[..., None] * 0.8
        glint = 5.0 * np.exp(-((dx + 0.38) ** 2 + (dy + 0.45) ** 2) / 0.02)
        glint += 0.8 * np.exp(-((dx - 0.4) ** 2 + (dy - 0.5) ** 2) / 0.03)
        inside = (inside + glint[..., None]).astype(np.float32)
        shaded = contact * (1 - drop)
        colour *= (1 - np.where(opacity < 0.5, shaded, 0))[..., None]  # noqa: PLR2004
        colour += drop[..., None] * (inside - colour)
        opacity = np.maximum(opacity, np.maximum(drop, shaded * petals.opacity)).astype(np.float32)
    opacity *= petals.opacity
    return Surface(colour=colour.astype(np.float32), opacity=opacity, depth=np.clip(grid.depth - 0.03, 0, 1))


# ---------------------------------------------------------------- centre


def _florets(canvas: Canvas, grid: _FlowerGrid) -> Surface:
    random = canvas.random(51)
    colour = np.full((*canvas.shape, 3), (0.10, 0.045, 0.004), np.float32)
    depth = np.clip(0.5 - 0.62 * grid.v - 0.14, 0, 1).astype(np.float32)
    outline = np.clip(1 - (np.hypot(grid.u, (grid.y - CENTRE_Y) / TILT) / (DISC_RADIUS * 0.98)), -1, 1)
    opacity = _inside(canvas, outline * DISC_RADIUS)
    for patch in sorted(_floret_patches(canvas, random), key=lambda patch: patch.v):
        rows, columns = patch.window
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        dx = (grid.x[rows, columns] - patch.x) / patch.radius
        dy = (grid.y[rows, columns] - patch.y) / (patch.radius * 0.86)
        reach = np.hypot(dx, dy)
        petalled = 1 + 0.16 * patch.openness * np.cos(5 * np.arctan2(dy, dx) + patch.turn)
        here = _inside(canvas, (petalled - reach) * patch.radius)
        bump = np.sqrt(np.clip(1 - (reach / 1.15) ** 2, 0, 1))
        light = 0.30 + 0.75 * np.clip(0.62 * bump - 0.42 * dx - 0.52 * dy, 0, 1.4)
        hollow = 1 - 0.75 * patch.openness * np.exp(-(reach**2) / 0.10)
        glint = 0.9 * np.exp(-((dx + 0.35) ** 2 + (dy + 0.42) ** 2) / 0.045)
        painted = patch.tint * (light * hollow)[..., None] + 0.35 * glint[..., None]
        colour[rows, columns] += here[..., None] * (painted - colour[rows, columns])
        opacity[rows, columns] = np.maximum(opacity[rows, columns], here)
        depth[rows, columns] = np.where(here > 0.3, np.float32(patch.depth), depth[rows, columns])  # noqa: PLR2004
    return Surface(colour=colour, opacity=opacity, depth=cv2.GaussianBlur(depth, (0, 0), 0.012 * canvas.height_px))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Floret:
    x: float
    y: float
    v: float
    radius: float
    depth: float
    openness: float
    turn: float
    tint: NDArray[np.float32]
    window: tuple[slice, slice]


def _floret_patches(canvas: Canvas, random: np.random.Generator) -> Iterator[_Floret]:
    for index in range(FLORETS):
        share = np.sqrt((index + 0.5) / FLORETS)
        angle = index * GOLDEN_ANGLE_RAD
        height = 0.075 * (1 - share**2.2)
        u, v = DISC_RADIUS * share * np.cos(angle), DISC_RADIUS * share * np.sin(angle)
        openness = float(np.clip((share - 0.45) / 0.4, 0, 1))
        radius = 0.0074 + 0.0035 * openness
        inner, outer = np.array((0.34, 0.36, 0.03)), np.array((0.95, 0.46, 0.02))
        tint = (inner + (outer - inner) * np.clip(share * 1.5 - 0.35, 0, 1)) * random.uniform(0.8, 1.12)
        x, y = CENTRE_X + u, CENTRE_Y + TILT * v - height
        yield _Floret(
            x=x,
            y=y,
            v=v,
            radius=radius,
            depth=float(np.clip(0.5 - 0.62 * v - 2.2 * height, 0, 1)),
            openness=openness,
            turn=random.uniform(0, 2 * np.pi),
            tint=tint.astype(np.float32),
            window=_window(canvas, x, y, 1.5 * radius),
        )


# -------------------------------------------------------------- ladybird


def _ladybird(canvas: Canvas, grid: _FlowerGrid) -> Surface:
    middle_x, middle_y, length, turn = CENTRE_X + 0.27, CENTRE_Y + 0.155, 0.082, 2.55
    a = ((grid.x - middle_x) * np.cos(turn) + (grid.y - middle_y) * np.sin(turn)) / length
    b = (-(grid.x - middle_x) * np.sin(turn) + (grid.y - middle_y) * np.cos(turn)) / (0.80 * length)
    body = np.hypot(a, b)
    dome = np.sqrt(np.clip(1 - np.minimum(body, 1) ** 2, 0, 1))
    pits = 0.06 * _clouds(canvas, 61, cells=260)
    # Light comes from the upper left, whatever way the beetle looks.
    slope_x, slope_y = (grid.x - middle_x) / length, (grid.y - middle_y) / length
    light = np.clip(0.28 + 0.55 * dome - 0.30 * slope_x - 0.42 * slope_y + pits, 0.05, 1.3)
    spots = np.zeros(canvas.shape, np.float32)
    for spot_a, spot_b, size in SPOTS:
        spots = np.maximum(spots, _inside(canvas, (size - np.hypot(a - spot_a, (b - spot_b) * 0.9)) * length))
    seam = np.exp(-((b / 0.022) ** 2)) * (a < 0.55)  # noqa: PLR2004
    red = np.array((0.62, 0.028, 0.012), np.float32) * light[..., None]
    black = np.array((0.012, 0.011, 0.012), np.float32) * (0.4 + light[..., None])
    colour = red + np.maximum(spots, 0.85 * seam)[..., None] * (black - red)
    collar = _inside(canvas, (a - 0.62) * length) * (body < 1.05)  # noqa: PLR2004
    face = np.maximum(*(_inside(canvas, (0.15 - np.hypot(a - 0.80, b - side)) * length) for side in (0.42, -0.42)))
    colour += collar[..., None] * (black - colour)
    colour += (face * collar)[..., None] * (np.array((0.75, 0.72, 0.62), np.float32) * light[..., None] - colour)
    sky = np.exp(-((slope_x + 0.30) ** 2 / 0.018 + (slope_y + 0.40) ** 2 / 0.010))
    spark = np.exp(-((slope_x + 0.28) ** 2 + (slope_y + 0.42) ** 2) / 0.0025)
    colour += (0.45 * sky + 2.6 * spark)[..., None]
    opacity = _inside(canvas, (1 - body) * length)
    head = _inside(canvas, (0.30 - np.hypot(a - 1.06, b)) * length)
    legs = _strokes(canvas, _legs(middle_x, middle_y, length, turn), width=0.0055)
    dark = np.maximum(head, legs)
    colour += (dark * (1 - opacity))[..., None] * (black * 0.8 - colour)
    shadow = 0.6 * np.exp(-((np.hypot(slope_x - 0.25, (slope_y - 0.30) * 1.1) / 1.12) ** 6))
    beneath = (1 - np.maximum(opacity, dark)) * shadow
    cover = np.maximum(np.maximum(opacity, dark), beneath).astype(np.float32)
    painted = colour * (1 - np.where(cover > 0, beneath / np.maximum(cover, np.float32(1e-6)), 0))[..., None]
    depth = np.clip(0.5 - 0.62 * (middle_y - CENTRE_Y) / TILT - 0.03 - 0.10 * dome - 0.25 * (grid.y - middle_y), 0, 1)
    return Surface(colour=np.clip(painted, 0, None).astype(np.float32), opacity=cover, depth=depth.astype(np.float32))


def _legs(x: float, y: float, length: float, turn: float) -> Iterator[tuple[tuple[float, float], ...]]:
    """Six legs and two feelers as polylines from the body outward."""
    forward, sideways = np.array((np.cos(turn), np.sin(turn))), np.array((-np.sin(turn), np.cos(turn)))
    middle = np.array((x, y))
    for side in (-1, 1):
        for limb in LIMBS:
            points = (middle + length * (a * forward + side * b * sideways) for a, b in limb)
            yield tuple((float(px), float(py)) for px, py in points)


# ----------------------------------------------------------- brush work


def _inside(canvas: Canvas, distance: NDArray[np.floating]) -> Plane:
    """Turn a distance inside an outline (in frame heights, negative outside) into an edge one pixel soft."""
    return np.asarray(np.clip(distance * canvas.height_px + 0.5, 0, 1), np.float32)


def _mix(low: tuple[float, float, float], high: tuple[float, float, float], share: NDArray[np.floating]) -> NDArray[np.float32]:
    start, end = np.asarray(low, np.float32), np.asarray(high, np.float32)
    mixed: NDArray[np.float32] = (start + np.clip(share, 0, 1)[..., None] * (end - start)).astype(np.float32)
    return mixed


def _clouds(canvas: Canvas, stream: int, *, cells: int) -> Plane:
    """Paint smooth noise of so many cells a frame height, −1 to 1 for most of it; the same whatever the resolution."""
    rows = int(np.ceil(cells * canvas.shape[0] / canvas.height_px)) + 4
    columns = int(np.ceil(cells * canvas.shape[1] / canvas.height_px)) + 4
    coarse = 0.6 * canvas.random(stream).standard_normal((rows, columns)).astype(np.float32)
    scale = canvas.height_px / cells
    size = (int(np.ceil(columns * scale)), int(np.ceil(rows * scale)))
    fine = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(fine[: canvas.shape[0], : canvas.shape[1]], np.float32)


def _window(canvas: Canvas, x: float, y: float, reach: float) -> tuple[slice, slice]:
    """Rows and columns around a point."""
    row, column = y * canvas.height_px + (canvas.shape[0] - 1) / 2, x * canvas.height_px + (canvas.shape[1] - 1) / 2
    span = reach * canvas.height_px + 2
    return (
        slice(max(int(row - span), 0), min(int(row + span) + 1, canvas.shape[0])),
        slice(max(int(column - span), 0), min(int(column + span) + 1, canvas.shape[1])),
    )


def _strokes(canvas: Canvas, lines: Iterator[tuple[tuple[float, float], ...]], *, width: float) -> Plane:
    """Draw polylines as thick as `width`, with round ends."""
    x, y = canvas.grid()
    nearest = np.full(canvas.shape, np.inf, np.float32)
    for line in lines:
        for (ax, ay), (bx, by) in pairwise(line):
            length2 = (bx - ax) ** 2 + (by - ay) ** 2
            along = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2, 0, 1)
            nearest = np.minimum(nearest, np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)))
    return _inside(canvas, width / 2 - nearest)
