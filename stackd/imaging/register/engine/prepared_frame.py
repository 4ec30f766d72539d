"""Preparation of a frame for registration, done once although it meets two or more neighbours.

Two things differ between neighbours of a focus stack that must not count as motion: defocus, and brightness. Both are taken out
before anything is compared: each frame is band-passed and divided by its local contrast, so that every piece of texture speaks
with the same voice however bright, dark or soft it is.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.colour import to_light
from stackd.imaging.ground.matrices import Rows, mapped, px_to_unit, rescale_points
from stackd.imaging.register.engine.features import Features, find_features
from stackd.model.pixels import Gray, Mask

COARSEST_SIDE_PX = 96
"""Long side at which the pyramid ends: still a few dozen details, and a shift of a tenth of the width is a few px (guess)."""

COARSEST_SHORT_SIDE_PX = 24
"""Short side below which the pyramid ends at once, whatever the long side: room for three windows of contrast. Only strips longer
than 4:1 are ended by it; those longer than 20:1 had nothing left to compare."""

CONTRAST_WINDOW = (7, 7)
"""Local mean and contrast are taken over this many px of the frame halved, 14 px of the frame itself: wider than the finest
detail, narrower than shading (guess)."""

PRESMOOTH_SIGMA_PX = 0.8
"""Blur before comparing, so that noise does not choose the points; detail as wide as 2 px survives (guess)."""

NOISE_FLOOR = 0.002
"""Share of the frame's tonal range: contrast of 8-bit rounding; weaker texture is not believed."""

DARKEST_RANGE = 1e-4
"""Tonal range, of full scale, below which a frame counts as having none: six counts of 16 bits."""

NOISE_MARGIN = 2.0
"""Contrast must exceed this many noise sigmas to be scaled up to full strength (guess)."""

TEXTURE_MARGIN = 2.0
"""Contrast this many times the noise term marks a texture that is surely there, and far enough above noise to tell how fine it
is."""

BLANK_SHARE = 0.002
"""A frame with less of its area textured is blank; a lone star on black covers about this much (guess)."""

SHARPEST = 0.98
"""Quantile that stands for the sharpest parts: a frame of a stack is sharp in a few per cent of its area at least."""

POINTS_PER_LEVEL = 10_000
"""Strongest details compared at each level: more does not sharpen the estimate measurably, and the cost is linear."""

SPARSE_FROM = 100
"""With this many px a wanted detail, every second row has candidates enough. On a megapixel and more only; without it corners
of rendered frames are off by 0.008 and 0.013 px instead of 0.007 and 0.012 (measured)."""

TRUST_WINDOWS = (20, 15)
"""Windows, along the long and the short side, in which agreement of both frames is judged."""

BORDER_PX = 3
"""Nearer to the border windows are cut."""

OUTLINE_PX = 3
"""Px of a level along the outline of what is picture that are not compared: the presmoothing looks 2 px far, a spline 2."""

FADE_SIGMA_PX = 2.0
"""Sigma over which structure fades there (guess)."""

SAMPLES_ACROSS = 256
"""Samples along the long side that tell noise, tonal range, which detail is strong, and one exposure from another: tens of
thousands in all. Telling the tonal range from 200 changes composites by less than 0.01 dB (measured)."""

FEATURE_SIDE_PX = 640
"""Features are sought on the finest level no longer than this, 320 to 640 px: twice the size places one more pair in 48, at four
times the work; half the size eight fewer (measured)."""

QUARTILE_OF_NOISE = 0.3186
"""Lower quartile of |N(0, 1)|."""

NOISE_PASSING = 0.35
"""Share of the sigma of white noise that a Gaussian of 0.8 px lets through."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """One frame at one size, ready to be compared.

    `structure` is band-passed and locally normalised, about unit variance where there is texture; `points` are x and y, px at
    this size, of its strongest details, shape (2, N), ordered by `windows`, which of the `TRUST_WINDOWS` each lies in. Of the
    cubic B-spline over it there are `values` (N), `gradients` (2, N) and `curvatures` (N, the Laplacian); `jacobian` (8, N) is
    the change of value per unit of each of `GENERATORS`. `textured` is the share of the area with detail above noise,
    `finest_px` the width of the finest detail, as one over its slope (nan where nothing stands out).
    """

    reduction: int
    textured: float
    finest_px: float
    structure: Gray
    points: Rows
    windows: NDArray[np.intp]
    values: Rows
    gradients: Rows
    curvatures: Rows
    jacobian: Rows
    shown: Mask | None = None
    """Where the frame is picture, with room for what a spline looks at; None where it is so all over."""


@dataclass(frozen=True, kw_only=True, eq=False)  # no slots: features are kept beside the fields once they were needed
class PreparedFrame:
    """All that registration needs of a frame, computed once although it meets two or more neighbours.

    `levels` run coarse → fine; `shape` is (rows, columns) of the gray frame given.
    """

    shape: tuple[int, int]
    levels: tuple[Level, ...]

    @property
    def thumbnail(self) -> Gray:
        """Normalised structure of the coarsest level."""
        return self.levels[0].structure

    @property
    def feature_level(self) -> Level:
        """The level on which features are sought."""
        return next((level for level in reversed(self.levels) if max(level.structure.shape) <= FEATURE_SIDE_PX), self.levels[0])

    @cached_property
    def features(self) -> Features:
        """Features, points in px of the frame; found when first asked for, since most stacks never need them."""
        level = self.feature_level
        found = find_features(level.structure)
        return replace(found, points=rescale_points(found.points, level.reduction))

    @property
    def is_blank(self) -> bool:
        """Whether no level shows detail above its noise."""
        return max(level.textured for level in self.levels) < BLANK_SHARE


def prepare(gray: Gray, shown: Mask | None = None) -> PreparedFrame:
    """Compute a frame's pyramid of normalised structure and its strongest details.

    Parameters
    ----------
    gray : ndarray of float32, shape (H, W)
        Display-encoded luminance, range [0, 1].
    shown : ndarray of bool, shape (H, W), optional
        Where the frame is picture; all over by default. Nothing else is compared, nor tells how much noise there is.

    Returns
    -------
    PreparedFrame
    """
    height, width = gray.shape
    levels: list[Level] = []
    # In display encoding a defocused edge creeps towards its dark side; in linear light it stays where it is.
    reduced, reduction = to_light(gray), 1
    floor = NOISE_FLOOR * _tonal_range(reduced, shown)
    while True:
        levels.append(_prepare_level(reduced, reduction, floor, shown))
        if max(reduced.shape) < 2 * COARSEST_SIDE_PX or min(reduced.shape) < 2 * COARSEST_SHORT_SIDE_PX:
            break
        # Dropping an odd last row keeps the reduction exactly 2, and so the pixel centres where the matrices expect them.
        reduced = block_means(reduced, 2, edge=Edge.LEFT_OUT)
        shown = None if shown is None else _halved(shown)
        reduction *= 2
    levels.reverse()
    return PreparedFrame(shape=(height, width), levels=tuple(levels))


def _halved(shown: Mask) -> Mask:
    rows, columns = shown.shape[0] // 2, shown.shape[1] // 2
    return np.asarray(shown[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).all(axis=(1, 3)))


def _tonal_range(gray: Gray, shown: Mask | None) -> float:
    """Spread of most of the tones; fluorescence frames use a hundredth of the scale."""
    step = max(1, max(gray.shape) // SAMPLES_ACROSS)
    tones = gray[::step, ::step]
    if shown is not None and (told := shown[::step, ::step]).any():
        tones = tones[told]
    darkest, brightest = np.quantile(tones, (0.005, 0.995))
    return max(float(brightest - darkest), DARKEST_RANGE)


def _prepare_level(gray: Gray, reduction: int, floor: float, shown: Mask | None) -> Level:
    gray = gray[: gray.shape[0] // 2 * 2, : gray.shape[1] // 2 * 2]  # halves that double to the same shape
    shape = gray.shape
    within = None if shown is None else _well_within(shown[: shape[0], : shape[1]])
    smooth = np.asarray(cv2.GaussianBlur(gray, (5, 5), PRESMOOTH_SIGMA_PX), dtype=np.float32)
    band = np.subtract(smooth, _doubled(_local_mean(smooth)), out=smooth)
    variance = _local_mean(band * band)
    noise = NOISE_MARGIN * _noise_after_smoothing(gray, within) + floor
    structure = np.multiply(band, _doubled(1 / np.sqrt(variance + noise * noise)), out=band)
    if within is not None:
        # Faded out, so that the outline of what was cut out is no detail of its own.
        structure *= cv2.GaussianBlur(within.astype(np.float32), (0, 0), FADE_SIGMA_PX)
    stride = 2 if structure.size > SPARSE_FROM * POINTS_PER_LEVEL else 1
    strength = _strength(structure, stride)
    if within is not None:
        strength *= within[BORDER_PX : shape[0] - BORDER_PX : stride, BORDER_PX : shape[1] - BORDER_PX]
    places = _strongest(strength) * np.array([[1], [stride]]) + BORDER_PX
    windows = windows_of(places.astype(np.float32), shape, TRUST_WINDOWS)
    order = np.argsort(windows, kind="stable")
    places = places[:, order]
    values, gradients, curvatures = _spline_at(structure, places)
    points = places.astype(np.float32)
    return Level(
        reduction=reduction,
        textured=float((variance > (TEXTURE_MARGIN * noise) ** 2).mean()),
        finest_px=_finest_width(strength, variance, noise),
        structure=structure,
        points=points,
        windows=windows[order],
        values=values,
        gradients=gradients,
        curvatures=curvatures,
        jacobian=_jacobian(mapped(px_to_unit(shape), points), gradients * (max(shape) / 2)),
        shown=within,
    )


def _well_within(shown: Mask) -> Mask:
    """Leave out what lies so near to the outline of what is shown that local contrast looks beyond it."""
    side = 2 * OUTLINE_PX + 1
    return np.asarray(cv2.erode(shown.view(np.uint8), np.ones((side, side), np.uint8), borderValue=1) > 0)


def windows_of(points: Rows, shape: tuple[int, int], windows: tuple[int, int]) -> NDArray[np.intp]:
    """Which window of a grid each point lies in; `windows` are along the long and the short side."""
    height, width = shape
    across, down = windows if width >= height else windows[::-1]
    column = (points[0] * (across / width)).astype(np.intp)
    row = (points[1] * (down / height)).astype(np.intp)
    return np.asarray(row * across + column)


def _local_mean(image: Gray) -> Gray:
    """Mean over `CONTRAST_WINDOW`, at half the size: finer detail it has not."""
    halved = block_means(image, 2, edge=Edge.LEFT_OUT)
    return np.asarray(cv2.blur(halved, CONTRAST_WINDOW, borderType=cv2.BORDER_REFLECT), dtype=np.float32)


def _doubled(halved: Gray) -> Gray:
    rows, columns = halved.shape
    return np.asarray(cv2.resize(halved, (2 * columns, 2 * rows), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _strength(structure: Gray, stride: int) -> Gray:
    """Squared slope in every `stride`-th row, but at the border."""
    height, width = structure.shape
    rows, columns = slice(BORDER_PX, height - BORDER_PX, stride), slice(BORDER_PX, width - BORDER_PX)
    above, below = (slice(rows.start + d, rows.stop + d, stride) for d in (-1, 1))
    left, right = (slice(columns.start + d, columns.stop + d) for d in (-1, 1))
    across = structure[rows, right] - structure[rows, left]
    down = structure[below, columns] - structure[above, columns]
    # In place here and below: fresh memory for a whole frame costs more than the sum it is for.
    across *= across
    down *= down
    across += down
    across /= 4
    return across


def _finest_width(strength: Gray, variance: Gray, noise: float) -> float:
    """Width of the finest detail, px: structure has unit contrast, so its slope is one over its width."""
    # Linear reads every second pixel or so, which is enough for a share of them, and thirty times as fast as averaging.
    slope = cv2.resize(strength, variance.shape[::-1], interpolation=cv2.INTER_LINEAR)
    slope = cv2.blur(slope, CONTRAST_WINDOW, borderType=cv2.BORDER_REFLECT)
    solid = slope[variance > (TEXTURE_MARGIN * noise) ** 2]
    if not solid.size:
        return float("nan")
    return float(1 / np.sqrt(np.quantile(solid, SHARPEST) + np.finfo(np.float32).tiny))


def _spline_at(structure: Gray, places: NDArray[np.intp]) -> tuple[Rows, Rows, Rows]:
    """Value, slope along x and y, and Laplacian of the cubic B-spline over `structure` at whole pixels (x, y), shape (2, N)."""
    width = structure.shape[1]
    spline, slope, bend = np.array([1, 4, 1]) / 6, np.array([-1, 0, 1]) / 2, np.array([1, -2, 1])
    both_ways = np.outer(spline, bend) + np.outer(bend, spline)
    kernels = np.stack([np.outer(spline, spline), np.outer(spline, slope), np.outer(slope, spline), both_ways]).reshape(4, 9)
    offsets = (np.array([-width, 0, width])[:, None] + np.array([-1, 0, 1])).reshape(9, 1)
    around = structure.ravel().take(places[1] * width + places[0] + offsets)
    found = np.einsum("kp,pn->kn", kernels.astype(np.float32), around)
    return found[0], found[1:3], found[3]


def _jacobian(units: Rows, gradients: Rows) -> Rows:
    """Slope along the motion that each of `GENERATORS` causes, shape (8, N)."""
    (x, y), (gx, gy) = units, gradients
    outward, around = gx * x + gy * y, gy * x - gx * y
    return np.stack([gx, gy, outward, around, gx * x - gy * y, gx * y + gy * x, -x * outward, -y * outward])


def _noise_after_smoothing(gray: Gray, within: Mask | None) -> float:
    """Noise sigma left after the presmoothing blur, from the flattest parts of the frame.

    Immerkær's difference operator ignores planes; the lower quartile ignores texture where up to half the frame is textured.
    """
    step = max(1, max(gray.shape) // SAMPLES_ACROSS)
    down = gray[:-2:step] - 2 * gray[1:-1:step] + gray[2::step]
    response = np.abs(down[:, :-2:step] - 2 * down[:, 1:-1:step] + down[:, 2::step]) / 6
    if within is not None and (told := within[1:-1:step, 1:-1:step]).any():
        response = response[told]
    response = response.ravel()
    quartile = float(np.partition(response, response.size // 4)[response.size // 4])
    return quartile / QUARTILE_OF_NOISE * NOISE_PASSING


def _strongest(strength: Gray) -> NDArray[np.intp]:
    """Columns and rows of the strongest places, spread evenly, shape (2, N)."""
    wanted = min(POINTS_PER_LEVEL, strength.size // 2)
    # Twice the wanted number pass the threshold and every second is taken: the strongest alone would crowd together.
    share = min(1.0, 2 * wanted / strength.size)
    step = max(1, max(strength.shape) // SAMPLES_ACROSS)
    threshold = max(float(np.quantile(strength[::step, ::step], 1 - share)), 1e-6)
    passing = np.flatnonzero(strength > threshold)
    rows, columns = np.divmod(passing[:: max(1, round(passing.size / wanted))], strength.shape[1])
    return np.stack([columns, rows])
