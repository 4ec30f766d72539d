"""Rendered focus stacks whose sharp image, depth and motion are known; the demo and the tests share them.

A scene is a few surfaces, each with colour, opacity and a depth that may vary from pixel to pixel. A thin lens spreads every
point over a disc; depth is counted in steps of focus, even in dioptres, where the disc's radius grows linearly with the distance
from focus. Surfaces are blurred first and laid over one another afterwards, back to front and in linear light: that gives soft
foreground edges and bright bokeh discs as a lens makes them. Then the camera moves, breathes, flickers and adds noise.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.blocks import reduced
from stackd.model.pixels import Alpha, Gray, Image, Matrix, Pixels
from stackd.rendering.lens import DiscBlur, looked_up

READ_NOISE_ELECTRONS = 3.0
"""Typical of today's sensors at base gain."""

NOISE_AFTER_DECODING_SEED, HAND_SEED = 1_000_003, 1_000_004
"""Keep the streams for noise and for a wandering hand apart from the one that paints and moves: each can be changed alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """Where a subject is painted: the reference frame plus a margin for what moving frames see beyond it."""

    height_px: int
    width_px: int
    margin_px: int
    seed: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns to paint, margins included."""
        return self.height_px + 2 * self.margin_px, self.width_px + 2 * self.margin_px

    def grid(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Coordinates (x, y) of every pixel, in frame heights from its middle: y from −0.5 to 0.5, more in the margin."""
        rows, columns = self.shape
        y = (np.arange(rows, dtype=np.float32) - (rows - 1) / 2) / self.height_px
        x = (np.arange(columns, dtype=np.float32) - (columns - 1) / 2) / self.height_px
        return np.broadcast_to(x, self.shape), np.broadcast_to(y[:, None], self.shape)

    def random(self, stream: int) -> np.random.Generator:
        """Random numbers of their own for each thing that is painted, so that things do not shift when another is added."""
        return np.random.default_rng((self.seed, stream))


Path: TypeAlias = Callable[[float], tuple[float, float]]
"""Where a thing is while a stack is shot, 0 the first frame and 1 the last: (x, y) in frame heights, from anywhere."""


def stays(_: float) -> tuple[float, float]:
    """Stand still."""
    return 0.0, 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """One thing in the scene."""

    colour: NDArray[np.float32]
    """Linear light, shape (H, W, 3), defined beyond the outline too."""
    opacity: NDArray[np.float32]
    """0–1, shape (H, W)."""
    depth: NDArray[np.float32]
    """Where in the stack it is sharp, as a share of the way: 0 the first frame, 1 the last, shape (H, W).

    Defined beyond the outline too. Outside 0–1 no frame has it sharp."""
    path: Path = stays
    """How it moves; it is painted where it is in the reference frame."""

    @property
    def moves(self) -> bool:
        """Whether it is not where it was in every frame."""
        return self.path is not stays


Subject: TypeAlias = Callable[[Canvas], tuple[Surface, ...]]
"""Paints the surfaces of a scene, back to front; the first one fills the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A motion of the camera between two frames, about the middle of the picture."""

    shift_px: tuple[float, float] = (0.0, 0.0)
    turn_rad: float = 0.0
    scale: float = 1.0
    """Size of the moved frame's px on the reference: 0.5 where a lens was zoomed in twofold."""

    def matrix(self, shape: tuple[int, int]) -> Matrix:
        """Moved frame → reference px, for frames of so many rows and columns."""
        height, width = shape
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        cosine, sine = np.cos(self.turn_rad), np.sin(self.turn_rad)
        matrix = np.eye(3)
        matrix[:2, :2] = self.scale * np.array([[cosine, -sine], [sine, cosine]])
        matrix[:2, 2] = middle + self.shift_px - matrix[:2, :2] @ middle
        return matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSettings:
    """What to render and how badly the camera behaves. The defaults are small, fast and perfectly behaved."""

    subject: Subject
    height_px: int = 160
    width_px: int = 240
    frame_count: int = 5
    focus: tuple[float, ...] | None = None
    """Where each frame is focused, near → far, in steps; None: 0, 1, 2, … Uneven where a hand turned the ring or frames are
    missing. Depths are shares of the way from the first to the last frame, so these must be the nearest and the farthest."""
    blur_px: float = 2.0
    """Radius of the disc of a point that is one step out of focus, px."""
    shift_px: float = 0.0
    """Each frame but the reference is displaced by up to so much in x and y, px."""
    turn_rad: float = 0.0
    """Each frame but the reference is turned by up to so much, rad."""
    breathing: float = 0.0
    """Change of magnification from one frame to the next; 0.002 is a mild lens."""
    moves: tuple[tuple[int, Move], ...] = ()
    """Positions of frames that were taken from elsewhere, and how: on top of shift, turn and breathing."""
    parallax: float = 0.0
    """A rail instead of a focus ring: the camera's step as a share of the distance to the subject. Near things then move more
    than far ones, and no matrix lays whole frames over one another; 0.002 is a step of 0.2 mm at 10 cm."""
    wander_px: float = 0.0
    """A hand that wanders sideways: what is focused farthest is displaced against what is nearest by up to so much, px."""
    flicker: float = 0.0
    """Spread (standard deviation) of the frames' brightness as a share of it; the reference keeps its own."""
    full_well_electrons: float | None = None
    """Electrons at white, which decides the noise: 40 000 is base ISO, 2 500 about ISO 1600. None: no noise."""
    bits: int = 8
    """8 or 16 bits a channel."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RenderedStack:
    """A stack near → far with everything known about it. It is a `FrameSource`."""

    frames: tuple[Pixels, ...]
    truth: Image
    """All in focus, without noise, on the grid of the reference frame: every point as sharp as the frame that has it sharpest."""
    depth_position: NDArray[np.float32]
    """Where in the stack (0 to N − 1) each pixel of `truth` is sharp, shape (H, W)."""
    matrices: tuple[Matrix, ...]
    """Frame → reference px; on a rail, for what is in focus in that frame."""
    gains: tuple[float, ...]
    """How much more light each frame got than the reference."""
    reference: int
    """Position of the frame that was neither moved nor brightened."""
    moments: tuple[Image, ...] = ()
    """Where something moves: `truth` as it was when each frame was taken, all in focus and seen from the reference."""

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of every frame."""
        return self.truth.shape[0], self.truth.shape[1]

    def read(self, position: int, reduction: int = 1) -> Pixels:
        """Hand out a frame, each pixel the mean of those it covers (see `FrameSource.read`)."""
        return reduced(self.frames[position], reduction)

    def read_gray(self, position: int, reduction: int) -> Gray:
        """Hand out luminance, each pixel the mean of those it covers (see `FrameSource.read_gray`)."""
        frame = self.frames[position]
        gray = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.float32) / np.float32(np.iinfo(frame.dtype).max)
        for axis in (0, 1):
            starts = np.arange(0, gray.shape[axis], reduction)
            counts = np.diff(np.append(starts, gray.shape[axis])).astype(np.float32)
            sums = np.add.reduceat(gray, starts, axis=axis)
            gray = sums / (counts[:, None] if axis == 0 else counts)
        return gray

    def read_alpha(self, position: int) -> Alpha | None:
        """Tell that every pixel is picture (see `FrameSource.read_alpha`)."""
        del position
        return None


def render_stack(scene: SceneSettings) -> RenderedStack:
    """Render a focus stack with its truth. The same settings give the same pixels.

    Parameters
    ----------
    scene : SceneSettings
        What to render.

    Returns
    -------
    RenderedStack
        Frames near → far, RGB uint8 or uint16 (H, W, 3), sRGB-encoded, and what they were made from.
    """
    reference = scene.frame_count // 2
    movements = _movements(scene, reference)
    canvas = Canvas(height_px=scene.height_px, width_px=scene.width_px, margin_px=_margin_px(scene, movements), seed=scene.seed)
    focus = _focus(scene)
    camera = _Camera(scene, focus, reference, canvas)
    views = [np.zeros((*canvas.shape, 3), np.float32) for _ in range(scene.frame_count)]
    sharp = np.zeros((*canvas.shape, 3), np.float32)
    depth = np.zeros(canvas.shape, np.float32)
    surfaces = scene.subject(canvas)
    moments = [sharp, *(np.zeros_like(sharp) for _ in views)] if any(surface.moves for surface in surfaces) else [sharp]
    for surface in surfaces:
        position = np.float32(focus[0]) + surface.depth * np.float32(focus[-1] - focus[0])
        largest_px = float(np.max(_distance(position, focus))) * scene.blur_px
        way_px = _way_px(surface, scene, reference)
        reach_px = (canvas.margin_px if scene.parallax or scene.wander_px else 0) + int(np.ceil(np.abs(way_px).max()))
        blurred = DiscBlur(surface.colour, surface.opacity, largest_px=largest_px, reach_px=reach_px)
        for index, view in enumerate(views):
            radius_px = np.abs(position - focus[index]) * np.float32(scene.blur_px)
            blurred.lay_over(view, radius_px, seen_from=camera.look(position, index, moved_px=way_px[index]))
        nearest = np.clip(position, focus[0], focus[-1])
        for moment, moved_px in zip(moments, (np.zeros(2), *way_px), strict=False):
            seen_from = camera.look(position, reference, moved_px=moved_px) if moved_px.any() else None
            blurred.lay_over(moment, np.abs(position - nearest) * np.float32(scene.blur_px), seen_from=seen_from)
        seen = surface.opacity > 0.5  # noqa: PLR2004  (more of it than of what lies behind)
        depth[seen] = np.interp(nearest[seen], np.sort(focus), np.argsort(focus))
    inside = (
        slice(canvas.margin_px, canvas.margin_px + scene.height_px),
        slice(canvas.margin_px, canvas.margin_px + scene.width_px),
    )
    gains, frames = zip(*_photographs(scene, views, movements, canvas.margin_px, reference), strict=True)
    return RenderedStack(
        frames=frames,
        truth=encode_srgb(sharp[inside]),
        depth_position=depth[inside].copy(),
        matrices=tuple(camera.in_focus(index) @ matrix for index, matrix in enumerate(movements)),
        gains=gains,
        reference=reference,
        moments=tuple(encode_srgb(moment[inside]) for moment in moments[1:]),
    )


def encode_srgb(linear: Image) -> Image:
    """Turn linear light into display values by the sRGB curve (IEC 61966-2-1), clipped to 0–1."""
    light = np.clip(linear, 0, 1)
    encoded: Image = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055).astype(np.float32)  # noqa: PLR2004
    return encoded


# ------------------------------------------------------------- subjects


def two_planes(canvas: Canvas) -> tuple[Surface, ...]:
    """Paint a disc at a quarter of the stack before a wall at three quarters."""
    x, y = canvas.grid()
    disc = np.clip((0.28 - np.hypot(x, y)) * canvas.height_px + 0.5, 0, 1).astype(np.float32)
    return (
        Surface(
            colour=speckle(canvas, 1, dark=(0.02, 0.05, 0.10), bright=(0.30, 0.45, 0.60)),
            opacity=np.ones(canvas.shape, np.float32),
            depth=np.full(canvas.shape, 0.75, np.float32),
        ),
        Surface(
            colour=speckle(canvas, 2, dark=(0.10, 0.03, 0.01), bright=(0.80, 0.50, 0.20)),
            opacity=disc,
            depth=np.full(canvas.shape, 0.25, np.float32),
        ),
    )


def tilted_plane(canvas: Canvas) -> tuple[Surface, ...]:
    """Paint a surface that runs from the first frame's focus at the bottom to the last one's at the top."""
    _, y = canvas.grid()
    return (
        Surface(
            colour=speckle(canvas, 1, dark=(0.03, 0.02, 0.01), bright=(0.70, 0.60, 0.45)),
            opacity=np.ones(canvas.shape, np.float32),
            depth=(0.5 - y).astype(np.float32),
        ),
    )


def speckle(
    canvas: Canvas, stream: int, *, dark: tuple[float, float, float], bright: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Paint texture at every scale down to 2 px, which is what registration and focus measures feed on.

    Returns
    -------
    ndarray of float32, shape (H, W, 3)
        Linear light between the two colours.
    """
    values = np.zeros(canvas.shape, np.float32)
    random = canvas.random(stream)
    rows, columns = canvas.shape
    for scale_px in (2, 4, 8, 16, 32):
        coarse = random.standard_normal((rows // scale_px + 3, columns // scale_px + 3)).astype(np.float32)
        fine = cv2.resize(coarse, None, fx=scale_px, fy=scale_px, interpolation=cv2.INTER_CUBIC)
        values += fine[scale_px : scale_px + rows, scale_px : scale_px + columns]
    # The five octaves add up to a standard deviation of about 1.7; 0.22 of that keeps nine tenths of all pixels off the ends.
    share = np.clip(0.5 + 0.22 * values, 0, 1)[..., None]
    low, high = np.asarray(dark, np.float32), np.asarray(bright, np.float32)
    colour: NDArray[np.float32] = low + share * (high - low)
    return colour


# ------------------------------------------------------------ the camera


def _focus(scene: SceneSettings) -> NDArray[np.float32]:
    """Tell where each frame is focused, in steps."""
    if scene.focus is None:
        return np.arange(scene.frame_count, dtype=np.float32)
    if len(scene.focus) != scene.frame_count:
        msg = f"{len(scene.focus)} focus positions were given for {scene.frame_count} frames"
        raise ValueError(msg)
    return np.array(scene.focus, np.float32)


def _distance(position: NDArray[np.float32], focus: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest distance from focus, in steps, that each point has anywhere in the stack."""
    farthest: NDArray[np.float32] = np.maximum(np.abs(position - focus[0]), np.abs(position - focus[-1]))
    return farthest


class _Camera:
    """Where points appear: a camera on a rail sees near things grow faster, one in a hand sees them displaced."""

    def __init__(self, scene: SceneSettings, focus: NDArray[np.float32], reference: int, canvas: Canvas) -> None:
        self._step = scene.parallax
        self._focus: list[float] = focus.tolist()
        self._reference = float(focus[reference])
        self._hand = _hand_px(scene, reference) / max(float(np.ptp(focus)), 1.0)  # px per step of depth, of every frame
        rows, columns = canvas.shape
        self._middle = np.array([(columns - 1) / 2, (rows - 1) / 2], np.float32)
        self._frame_middle = np.array([(canvas.width_px - 1) / 2, (canvas.height_px - 1) / 2])

    def look(self, position: NDArray[np.float32], index: int, *, moved_px: NDArray[np.floating]) -> NDArray[np.float32] | None:
        """Tell for every pixel of a frame which point (x, y) of a surface it shows; None where all are where they were painted.

        Depth is known on the reference grid only, so the point is found by going back and forth: each round shrinks the error by
        the slope of the surface times the step, and four leave nothing to see.
        """
        from_elsewhere = bool(self._step) or bool(self._hand[index].any())
        if not from_elsewhere and not moved_px.any():
            return None
        columns, rows = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in position.shape[::-1]))
        pixel = np.dstack([columns, rows])
        seen = pixel = np.asarray(pixel - moved_px, np.float32)
        for _ in range(4 if from_elsewhere else 0):
            depth = looked_up(position, seen, cv2.INTER_LINEAR)
            aside = (depth - np.float32(self._reference))[..., None] * self._hand[index].astype(np.float32)
            seen = self._middle + (pixel - aside - self._middle) / self._growth(depth, index)[..., None]
        return seen

    def in_focus(self, index: int) -> Matrix:
        """Frame → reference px for what a frame has in focus."""
        place = self._focus[index]
        matrix = np.eye(3)
        matrix[:2, :2] /= float(self._growth(np.array(place, np.float32), index))
        aside = self._hand[index] * (place - self._reference)
        matrix[:2, 2] = self._frame_middle - matrix[:2, :2] @ (self._frame_middle + aside)
        return matrix

    def _growth(self, depth: NDArray[np.float32], index: int) -> NDArray[np.float32]:
        """Size of a thing at `depth` in a frame over its size in the reference; depth in steps."""
        growth = (1 + self._step * (depth - self._reference)) / (1 + self._step * (depth - self._focus[index]))
        return np.asarray(growth, np.float32)


def _hand_px(scene: SceneSettings, reference: int) -> NDArray[np.float64]:
    """Where a wandering hand holds the camera in every frame, (x, y), px of displacement between the ends of the stack."""
    hand = np.cumsum(np.random.default_rng((scene.seed, HAND_SEED)).standard_normal((scene.frame_count, 2)), axis=0)
    hand -= hand[reference]
    return np.asarray(scene.wander_px * hand / max(float(np.abs(hand).max()), np.finfo(float).tiny))


def _way_px(surface: Surface, scene: SceneSettings, reference: int) -> NDArray[np.float64]:
    """How far a surface has moved in every frame, (x, y), from where it is in the reference frame."""
    ends = max(scene.frame_count - 1, 1)
    places = np.array([surface.path(index / ends) for index in range(scene.frame_count)])
    return np.asarray((places - places[reference]) * scene.height_px)


def _movements(scene: SceneSettings, reference: int) -> tuple[Matrix, ...]:
    """Frame → reference for every frame: shift, turn and magnification about the middle of the picture."""
    random = np.random.default_rng((scene.seed, 0))
    shape = (scene.height_px, scene.width_px)
    moves = dict(scene.moves)
    matrices = []
    for index in range(scene.frame_count):
        x, y = random.uniform(-scene.shift_px, scene.shift_px, 2)
        turn = random.uniform(-scene.turn_rad, scene.turn_rad)
        if index == reference:
            x, y, turn = 0.0, 0.0, 0.0
        matrix = Move(shift_px=(x, y), turn_rad=turn, scale=1 + scene.breathing * (index - reference)).matrix(shape)
        matrices.append(moves[index].matrix(shape) @ matrix if index in moves else matrix)
    return tuple(matrices)


def _margin_px(scene: SceneSettings, movements: tuple[Matrix, ...]) -> int:
    """How far moving frames look beyond the reference, and 8 px more for the resampling kernel."""
    corners = np.array([[x, y, 1] for x in (0, scene.width_px) for y in (0, scene.height_px)], np.float64).T
    reach = max(float(np.abs((matrix @ corners - corners)[:2]).max()) for matrix in movements)
    # On a rail the ends of the stack differ most from the reference; what lies beyond the stack moves little more than they do.
    travel = scene.parallax * scene.frame_count * max(scene.width_px, scene.height_px) / 2
    return int(np.ceil(reach + travel + scene.wander_px)) + 8


def _photographs(
    scene: SceneSettings, views: list[NDArray[np.float32]], movements: tuple[Matrix, ...], margin_px: int, reference: int
) -> Iterator[tuple[float, Pixels]]:
    """Yield each frame with its gain."""
    random = np.random.default_rng((scene.seed, NOISE_AFTER_DECODING_SEED))
    for index, (view, matrix) in enumerate(zip(views, movements, strict=True)):
        flickering = 1.0 + scene.flicker * random.standard_normal()
        gain = 1.0 if index == reference else float(flickering)
        frame_to_canvas = matrix.copy()
        frame_to_canvas[:2, 2] += margin_px
        light = cv2.warpAffine(
            view,
            frame_to_canvas[:2],
            (scene.width_px, scene.height_px),
            flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        light = np.clip(light * gain, 0, None)
        if scene.full_well_electrons is not None:
            spread = np.sqrt(light * scene.full_well_electrons + READ_NOISE_ELECTRONS**2) / scene.full_well_electrons
            light += spread * random.standard_normal(light.shape).astype(np.float32)
        white = 2**scene.bits - 1
        yield gain, np.rint(encode_srgb(light.astype(np.float32)) * white).astype(np.uint8 if scene.bits == 8 else np.uint16)  # noqa: PLR2004
