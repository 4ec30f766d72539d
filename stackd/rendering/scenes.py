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

RADIUS_GROWTH = 1.25
"""Step between the disc radii that are really computed; between them is blended. On the two scenes below the blend differs from
steps of 1.08 by 0.3/255 RMS, 3.5/255 at worst (measured), at a third of the work."""

SMALLEST_RADIUS_PX = 0.5
"""Below half a pixel a disc is the pixel itself."""

READ_NOISE_ELECTRONS = 3.0
"""Typical of today's sensors at base gain."""

NOISE_AFTER_DECODING_SEED = 1_000_003
"""Keeps the stream for noise apart from the one that paints and moves, so that noise can be changed alone."""


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
    """Where something moves: `truth` as it was when each frame was taken."""

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
    rail = _Rail(step=scene.parallax, reference=float(focus[reference]), canvas=canvas)
    views = [np.zeros((*canvas.shape, 3), np.float32) for _ in range(scene.frame_count)]
    sharp = np.zeros((*canvas.shape, 3), np.float32)
    depth = np.zeros(canvas.shape, np.float32)
    for surface in scene.subject(canvas):
        position = np.float32(focus[0]) + surface.depth * np.float32(focus[-1] - focus[0])
        largest_px = float(np.max(_distance(position, focus))) * scene.blur_px
        blurred = _DiscBlur(surface, largest_px=largest_px, reach_px=canvas.margin_px if scene.parallax else 0)
        for place, view in zip(focus, views, strict=True):
            radius_px = np.abs(position - np.float32(place)) * np.float32(scene.blur_px)
            blurred.lay_over(view, radius_px, seen_from=rail.look(position, float(place)))
        nearest = np.clip(position, focus[0], focus[-1])
        blurred.lay_over(sharp, np.abs(position - nearest) * np.float32(scene.blur_px))
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
        matrices=tuple(rail.in_focus(float(place)) @ matrix for place, matrix in zip(focus, movements, strict=True)),
        gains=gains,
        reference=reference,
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


# -------------------------------------------------------------- the lens


class _DiscBlur:
    """A surface seen through discs of any radius: computed for a ladder of radii, blended between."""

    def __init__(self, surface: Surface, largest_px: float, *, reach_px: int) -> None:
        self._radii = [0.0, SMALLEST_RADIUS_PX]
        while self._radii[-1] < largest_px:
            self._radii.append(self._radii[-1] * RADIUS_GROWTH)
        self._box = _surroundings(surface.opacity, reach_px=int(np.ceil(self._radii[-1])) + 1 + reach_px)
        opacity = surface.opacity[self._box]
        layers = np.dstack([surface.colour[self._box] * opacity[..., None], opacity])
        self._blurred = [layers if radius <= SMALLEST_RADIUS_PX else _spread(layers, radius) for radius in self._radii]

    def lay_over(
        self, view: NDArray[np.float32], radius_px: NDArray[np.float32], *, seen_from: NDArray[np.float32] | None = None
    ) -> None:
        """Lay the surface over what `view` shows already, blurred by a radius that may differ from pixel to pixel.

        `seen_from` says which point of the surface each pixel shows, where that is not the one right behind it. Works in place:
        `view` is this renderer's own canvas.
        """
        rung = np.interp(radius_px[self._box], self._radii, np.arange(len(self._radii))).astype(np.float32)
        if not rung.size:
            return
        total = np.zeros_like(self._blurred[0])
        for index in range(int(np.floor(rung.min())), int(np.ceil(rung.max())) + 1):
            weight = np.maximum(1 - np.abs(rung - np.float32(index)), 0)
            rows = np.flatnonzero(weight.any(axis=1))
            if rows.size:
                band = slice(rows[0], rows[-1] + 1)
                total[band] += self._blurred[index][band] * weight[band, :, None]
        if seen_from is not None:
            # Cut just above white: a cubic kernel would ring around highlights far brighter than that.
            origin = np.array([self._box[1].start, self._box[0].start], np.float32)
            total = _looked_up(np.minimum(total, np.float32(1.25)), seen_from[self._box] - origin, cv2.INTER_CUBIC)
            total = np.clip(total, 0, np.array([np.inf, np.inf, np.inf, 1], np.float32))
        view[self._box] *= 1 - total[..., 3:]
        view[self._box] += total[..., :3]


def _surroundings(opacity: NDArray[np.float32], reach_px: int) -> tuple[slice, slice]:
    """Rows and columns that a surface can colour once it is blurred over so many pixels."""
    spans = []
    for axis in (1, 0):
        covered = np.flatnonzero(opacity.any(axis=axis))
        first, last = (covered[0], covered[-1]) if covered.size else (0, -reach_px - 1)
        spans.append(slice(max(int(first) - reach_px, 0), max(int(last) + reach_px + 1, 0)))
    return spans[0], spans[1]


def _spread(layers: NDArray[np.float32], radius_px: float) -> NDArray[np.float32]:
    """Convolve with a disc whose rim is smoothed over one pixel."""
    reach = int(np.ceil(radius_px + 0.5))
    axis = np.arange(-reach, reach + 1, dtype=np.float32)
    disc = np.clip(radius_px + 0.5 - np.hypot(axis, axis[:, None]), 0, 1).astype(np.float32)
    blurred = cv2.filter2D(layers, -1, disc / disc.sum(), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


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


# ------------------------------------------------------------ the camera


class _Rail:
    """Where points appear when the camera moves towards the subject: nearer things grow faster."""

    def __init__(self, *, step: float, reference: float, canvas: Canvas) -> None:
        self._step = step
        self._reference = reference
        rows, columns = canvas.shape
        self._middle = np.array([(columns - 1) / 2, (rows - 1) / 2], np.float32)
        self._frame_middle = np.array([(canvas.width_px - 1) / 2, (canvas.height_px - 1) / 2])

    def look(self, position: NDArray[np.float32], focus: float) -> NDArray[np.float32] | None:
        """Tell for every pixel of a frame which point (x, y) of a surface it shows; None without a rail.

        Depth is known on the reference grid only, so the point is found by going back and forth: each round shrinks the error by
        the slope of the surface times the step, and four leave nothing to see.
        """
        if not self._step:
            return None
        columns, rows = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in position.shape[::-1]))
        seen = pixel = np.dstack([columns, rows])
        for _ in range(4):
            depth = _looked_up(position, seen, cv2.INTER_LINEAR)
            seen = self._middle + (pixel - self._middle) / self._growth(depth, focus)[..., None]
        return seen

    def in_focus(self, focus: float) -> Matrix:
        """Frame → reference px for what a frame focused there has in focus."""
        matrix = np.eye(3)
        matrix[:2, :2] /= float(self._growth(np.array(focus, np.float32), focus))
        matrix[:2, 2] = self._frame_middle - matrix[:2, :2] @ self._frame_middle
        return matrix

    def _growth(self, depth: NDArray[np.float32], focus: float) -> NDArray[np.float32]:
        """Size of a thing at `depth` in a frame over its size in the reference; depth and focus in steps."""
        growth = (1 + self._step * (depth - self._reference)) / (1 + self._step * (depth - focus))
        return np.asarray(growth, np.float32)


def _looked_up(image: NDArray[np.float32], places: NDArray[np.float32], interpolation: int) -> NDArray[np.float32]:
    """Values of an image at places (x, y), shape (H, W, 2); its border goes on for ever."""
    x, y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    return np.asarray(cv2.remap(image, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE), np.float32)


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
    return int(np.ceil(reach + travel)) + 8


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
