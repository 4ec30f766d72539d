"""Coarse-to-fine alignment of two gray frames: preparation of each frame, done once, and Gauss–Newton on what both show.

Two things differ between neighbours of a focus stack that must not count as motion: defocus, and brightness. Both are taken out
before anything is compared: each frame is band-passed and divided by its local contrast, so that every piece of texture speaks
with the same voice however bright, dark or soft it is. What defocus leaves is symmetric around each detail and does not pull the
estimate; what is not symmetric (occlusions, bokeh) is voted down by Tukey weights.

Coordinates are full-resolution (x, y) px of the frames given, pixel centres at integers; sampling matrices map reference →
moving, the direction in which pixels are looked up, and are inverted once at the end.
"""

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.model.pixels import Gray, Matrix

Vectors: TypeAlias = NDArray[np.float64]
"""Numbers of points, one row a point or a parameter."""

Rows: TypeAlias = NDArray[np.float32]
"""Numbers of many points, one column a point: float32 in long rows is what makes comparing them fast."""

COARSEST_SIDE_PX = 96
"""Long side at which the pyramid ends: still a few dozen details, and a shift of a tenth of the width is a few px (guess)."""

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

TEXTURE_MARGIN = 1.5
"""Contrast this many times the noise term marks a texture that is surely there."""

BLANK_SHARE = 0.002
"""A frame with less of its area textured is blank; a lone star on black covers about this much (guess)."""

SOLID_MARGIN = 2.0
"""Contrast this many times the noise term is far enough above it to measure how fine the detail is."""

LEAST_SOLID = 30
"""Places needed to say how fine the detail of a frame is."""

SHARPEST = 0.98
"""Quantile that stands for the sharpest parts: a frame of a stack is sharp in a few per cent of its area at least."""

POINTS_PER_LEVEL = 10_000
"""Strongest details compared at each level: more does not sharpen the estimate measurably, and the cost is linear."""

SPARSE_FROM = 100
"""With this many px a wanted detail, every second row has candidates enough."""

BORDER_PX = 3
"""Nearer to the border windows are cut."""

NOISE_SAMPLES, TONE_SAMPLES, STRENGTH_SAMPLES = 256, 200, 256
"""Samples along the long side that tell noise, tonal range and which detail is strong: tens of thousands in all."""

SCALE_STRIDE = 4
"""Every so many residuals tell their scale, to a few per cent, which the weights do not feel."""

TUKEY = 4.685
"""Tukey's biweight at 95 % efficiency for normal errors."""

QUARTILE_OF_NOISE = 0.3186
"""Lower quartile of |N(0, 1)|."""

NOISE_PASSING = 0.35
"""Share of the sigma of white noise that a Gaussian of 0.8 px lets through."""

MAD_TO_SIGMA = 1.4826
"""Median absolute deviation to standard deviation of a normal distribution."""

TRUST_WINDOWS = (20, 15)
"""Windows, along the long and the short side, in which agreement of both frames is judged."""

TRUST_FROM, TRUST_FULLY = 0.45, 0.75
"""Correlation within a window below which it has no say, and above which full say (tuned on a strongly defocused board)."""

LEAST_TRUST = 0.03
"""A level on which less than this share of the details can be trusted is skipped: some windows agree by chance (guess)."""

WITNESSES = (8, 6)
"""Pieces, along the long and the short side, taken as independent when judging how sure an estimate is."""

SPLINE_REACH_PX = 2
"""A cubic spline looks this far; points nearer to the border would see beyond it."""

LEAST_SHARE_INSIDE = 0.2
"""A level on which fewer of the reference's details fall into the moving frame is skipped (guess)."""

LEAST_POINTS = 60
"""Fewer common details than this cannot carry a model."""

MAX_STEPS = 8
"""Gauss–Newton steps a level; most need two to four."""

LONGEST_STRIDE = 4.0
"""A step is lengthened at most so many times towards where the steps converge."""

SETTLED_PX = 0.02
"""A step below this, in px of the level, ends the iteration: what is left after it is a fraction of it."""

SURE_PX = 0.002
"""No level claims to know the motion better than this."""

COARSE_BIAS_PX = 0.02
"""Error that defocus leaves per px of reduction, on top of what the pieces of a level admit. Rendered stacks do best with 0.01,
real ones with 0.03 (measured)."""

CONTRADICTION = 3.0
"""Levels further apart than this many standard errors contradict each other. At 1.5, sharp fine levels were overruled on real
stacks; without, fine levels that had gone astray decided (measured)."""

# Motions around the centre of the frame, in units of half its long side, ordered so that each model uses the first few.
GENERATORS: Vectors = np.array(
    [
        [[0, 0, 1], [0, 0, 0], [0, 0, 0]],  # x shift
        [[0, 0, 0], [0, 0, 1], [0, 0, 0]],  # y shift
        [[1, 0, 0], [0, 1, 0], [0, 0, 0]],  # scale
        [[0, -1, 0], [1, 0, 0], [0, 0, 0]],  # rotation
        [[1, 0, 0], [0, -1, 0], [0, 0, 0]],  # stretch along the axes
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]],  # stretch along the diagonals
        [[0, 0, 0], [0, 0, 0], [1, 0, 0]],  # keystone, x
        [[0, 0, 0], [0, 0, 0], [0, 1, 0]],  # keystone, y
    ],
    dtype=np.float64,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """One frame at one size, ready to be compared.

    `structure` is band-passed and locally normalised, about unit variance where there is texture; `points` are x and y, px at
    this size, of its strongest details, shape (2, N), with `values` (N) and `gradients` (2, N) of the cubic B-spline over it
    there, and `jacobian` (8, N) the change of value per unit of each of `GENERATORS`; `textured` is the share of the area with
    detail above noise, `finest_px` the width of the finest detail, as one over its slope (nan where nothing stands out).
    """

    reduction: int
    textured: float
    finest_px: float
    structure: Gray
    points: Rows
    values: Rows
    gradients: Rows
    jacobian: Rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
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
    def is_blank(self) -> bool:
        """Whether no level shows detail above its noise."""
        return max(level.textured for level in self.levels) < BLANK_SHARE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """Where Gauss–Newton came to rest.

    `sampling` maps reference → moving px; `agreement` is the correlation of both structures over the inliers' area, −1 to 1;
    `misfit_px` the RMS motion that pieces of the image still want beyond the model; `uncertainty_px` the standard error at the
    corners, from how much the pieces disagree.
    """

    sampling: Matrix
    agreement: float
    misfit_px: float
    information: Vectors
    uncertainty_px: float


def rescale_matrix(matrix: Matrix, reduction: float) -> Matrix:
    """Express in full-resolution px a matrix found on copies reduced by `reduction`.

    Pixel centres are at integers on both grids: x_full = (x_reduced + 0.5) · reduction − 0.5.

    Parameters
    ----------
    matrix : ndarray of float64, shape (3, 3)
        Moving → reference on the reduced grid.
    reduction : float
        Full-resolution px per reduced px; below 1 goes the other way.

    Returns
    -------
    ndarray of float64, shape (3, 3)
        Moving → reference on the full grid, exact.
    """
    offset = (reduction - 1) / 2
    enlarge = np.array([[reduction, 0, offset], [0, reduction, offset], [0, 0, 1]], dtype=np.float64)
    return normalised(enlarge @ matrix @ np.linalg.inv(enlarge))


def normalised(matrix: Matrix) -> Matrix:
    """Scale a homogeneous matrix so that its last element is 1."""
    scaled: Matrix = matrix / matrix[2, 2]
    return scaled


def inverse(matrix: Matrix) -> Matrix:
    """Turn moving → reference into reference → moving, or back."""
    return normalised(np.asarray(np.linalg.inv(matrix), dtype=np.float64))


def transformed(matrix: Matrix, points: Vectors) -> Vectors:
    """Map (x, y) points, shape (N, 2)."""
    # Written out: a threaded matrix product of so small a matrix spends more on its threads than on the work.
    x, y = points.T
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    scale = 1 / (g * x + h * y + i) if g or h else 1 / i
    return np.stack([(a * x + b * y + c) * scale, (d * x + e * y + f) * scale], axis=1)


def corners(shape: tuple[int, int]) -> Vectors:
    """Centres of the four corner pixels, (x, y), shape (4, 2)."""
    height, width = shape
    return np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], dtype=np.float64)


def prepare(gray: Gray) -> PreparedFrame:
    """Compute a frame's pyramid of normalised structure and its strongest details.

    Parameters
    ----------
    gray : ndarray of float32, shape (H, W)
        Display-encoded luminance, range [0, 1].

    Returns
    -------
    PreparedFrame
    """
    height, width = gray.shape
    levels: list[Level] = []
    # In display encoding a defocused edge creeps towards its dark side; in linear light it stays where it is.
    reduced, reduction = linear_light(gray), 1
    floor = NOISE_FLOOR * _tonal_range(reduced)
    while True:
        levels.append(_prepare_level(reduced, reduction, floor))
        if max(reduced.shape) < 2 * COARSEST_SIDE_PX:
            break
        rows, columns = (side // 2 for side in reduced.shape)
        # Dropping an odd last row keeps the reduction exactly 2, and so the pixel centres where the matrices expect them.
        even = reduced[: 2 * rows, : 2 * columns]
        reduced = np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.float32)
        reduction *= 2
    levels.reverse()
    return PreparedFrame(shape=(height, width), levels=tuple(levels))


def refine(
    reference: PreparedFrame, moving: PreparedFrame, initial: Matrix | Fit, *, parameters: int, levels: slice = slice(None)
) -> Fit | None:
    """Improve a sampling matrix level by level with inverse compositional Gauss–Newton.

    Each level reports how sure it is, from how much the pieces of the image disagree, and is combined with the coarser levels by
    that: where fine detail is sharp in both frames it decides, where one frame is blurred the coarser structure does.

    Parameters
    ----------
    reference, moving : PreparedFrame
        Frames of one shape.
    initial : ndarray of float64, shape (3, 3), or Fit
        Sampling, reference → moving px, as no more than a place to start; or the result of coarser levels, which keeps its say.
    parameters : int
        How many of `GENERATORS` are free: 2 translation, 4 similarity, 6 affine, 8 homography.
    levels : slice
        Which levels of the pyramid to run, coarse → fine.

    Returns
    -------
    Fit, or None
        None when no level had enough detail in common.

    References
    ----------
    .. [1] Baker & Matthews, "Lucas-Kanade 20 Years On: A Unifying Framework", IJCV 56, 221–255 (2004).
           DOI 10.1023/B:VISI.0000011205.11775.fd
    """
    fit = initial if isinstance(initial, Fit) else None
    sampling = initial.sampling if isinstance(initial, Fit) else initial
    for level, other in list(zip(reference.levels, moving.levels, strict=True))[levels]:
        found = _refine_level(level, other, sampling, parameters)
        if found is not None:
            fit = found if fit is None else _combine(fit, found, reference.shape)
            sampling = fit.sampling
    return fit


def _combine(coarse: Fit, fine: Fit, shape: tuple[int, int]) -> Fit:
    """Weigh two estimates of the same motion by their information matrices."""
    to_unit = _to_unit(shape)
    change = to_unit @ np.linalg.inv(coarse.sampling) @ fine.sampling @ np.linalg.inv(to_unit)
    parameters = len(fine.information)
    wish = _coefficients(change, parameters)
    fine_information = fine.information / _surprise(wish, coarse.information, fine.information)
    information = coarse.information + fine_information
    step = np.linalg.solve(information, fine_information @ wish)
    delta = np.eye(3) + np.tensordot(step, GENERATORS[:parameters], 1)
    sampling = normalised(coarse.sampling @ np.linalg.inv(to_unit) @ delta @ to_unit)
    return Fit(
        sampling=sampling,
        agreement=fine.agreement,
        misfit_px=fine.misfit_px,
        information=information,
        uncertainty_px=_corner_error(information, shape),
    )


def _surprise(wish: Vectors, coarse: Vectors, fine: Vectors) -> float:
    """How much more variance than both admit it takes to explain that they differ by `wish`; 1 where they go together.

    A fine level that contradicts the coarser ones has locked onto texture or noise beside the truth, all the while feeling sure.
    """
    covariance = np.linalg.pinv(coarse) + np.linalg.pinv(fine)
    excess = float(wish @ np.linalg.solve(covariance, wish)) / len(wish)
    return max(1.0, excess / CONTRADICTION**2)


def _to_unit(shape: tuple[int, int]) -> Matrix:
    """Map px to coordinates with the frame's centre at 0 and half its long side as unit."""
    height, width = shape
    half = max(width, height) / 2
    return np.array([[1 / half, 0, -(width - 1) / 2 / half], [0, 1 / half, -(height - 1) / 2 / half], [0, 0, 1]])


def _coefficients(change: Matrix, parameters: int) -> Vectors:
    """Generator coefficients of a transform close to the identity, unit coordinates."""
    flat = GENERATORS[:parameters].reshape(parameters, 9)
    difference = (change / np.cbrt(np.linalg.det(change)) - np.eye(3)).ravel()
    if parameters < len(GENERATORS) - 2 + 1:
        difference = (normalised(change) - np.eye(3)).ravel()
    return np.asarray(np.linalg.lstsq(flat.T, difference, rcond=None)[0])


def _corner_error(information: Vectors, shape: tuple[int, int]) -> float:
    """Standard error at the corners, px, of an estimate with this information matrix."""
    half = max(shape) / 2
    unit_corners = transformed(_to_unit(shape), corners(shape))
    motion = _motion(unit_corners, len(information)) * half
    variance = np.einsum("npk,pq,nqk->n", motion, np.linalg.pinv(information), motion)
    return float(np.sqrt(variance.mean()))


def linear_light(gray: Gray) -> Gray:
    """Decode display-encoded luminance, closely enough to compare frames by: sRGB lies between a square and the power of 2.4."""
    return np.asarray(cv2.multiply(gray, gray), dtype=np.float32)


def _tonal_range(gray: Gray) -> float:
    """Spread of most of the tones; fluorescence frames use a hundredth of the scale."""
    step = max(1, max(gray.shape) // TONE_SAMPLES)
    darkest, brightest = np.quantile(gray[::step, ::step], (0.005, 0.995))
    return max(float(brightest - darkest), DARKEST_RANGE)


def _prepare_level(gray: Gray, reduction: int, floor: float) -> Level:
    gray = gray[: gray.shape[0] // 2 * 2, : gray.shape[1] // 2 * 2]  # halves that double to the same shape
    shape = gray.shape
    smooth = np.asarray(cv2.GaussianBlur(gray, (5, 5), PRESMOOTH_SIGMA_PX), dtype=np.float32)
    band = np.subtract(smooth, _doubled(_local_mean(smooth)), out=smooth)
    variance = _local_mean(band * band)
    noise = NOISE_MARGIN * _noise_after_smoothing(gray) + floor
    structure = np.multiply(band, _doubled(1 / np.sqrt(variance + noise * noise)), out=band)
    stride = 2 if structure.size > SPARSE_FROM * POINTS_PER_LEVEL else 1
    strength = _strength(structure, stride)
    places = _strongest(strength) * np.array([[1], [stride]]) + BORDER_PX
    values, gradients = _spline_at(structure, places)
    points = places.astype(np.float32)
    return Level(
        reduction=reduction,
        textured=float((variance > (TEXTURE_MARGIN * noise) ** 2).mean()),
        finest_px=_finest_width(strength, variance, noise),
        structure=structure,
        points=points,
        values=values,
        gradients=gradients,
        jacobian=_jacobian(_mapped(_to_unit(shape), points), gradients * (max(shape) / 2)),
    )


def _local_mean(image: Gray) -> Gray:
    """Mean over `CONTRAST_WINDOW`, at half the size: finer detail it has not."""
    rows, columns = image.shape
    halved = cv2.resize(image, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
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
    slope = cv2.resize(strength, variance.shape[::-1], interpolation=cv2.INTER_AREA)
    slope = cv2.blur(slope, CONTRAST_WINDOW, borderType=cv2.BORDER_REFLECT)
    solid = slope[variance > (SOLID_MARGIN * noise) ** 2]
    if solid.size < LEAST_SOLID:
        return float("nan")
    return float(1 / np.sqrt(np.quantile(solid, SHARPEST) + np.finfo(np.float32).tiny))


def _spline_at(structure: Gray, places: NDArray[np.intp]) -> tuple[Rows, Rows]:
    """Value, and slope along x and y, of the cubic B-spline over `structure` at whole pixels (x, y), shape (2, N)."""
    width = structure.shape[1]
    spline, slope = np.array([1, 4, 1]) / 6, np.array([-1, 0, 1]) / 2
    kernels = np.stack([np.outer(spline, spline), np.outer(spline, slope), np.outer(slope, spline)]).reshape(3, 9)
    offsets = (np.array([-width, 0, width])[:, None] + np.array([-1, 0, 1])).reshape(9, 1)
    around = structure.ravel().take(places[1] * width + places[0] + offsets)
    found = np.einsum("kp,pn->kn", kernels.astype(np.float32), around)
    return found[0], found[1:]


def _jacobian(units: Rows, gradients: Rows) -> Rows:
    """Slope along the motion that each of `GENERATORS` causes, shape (8, N)."""
    (x, y), (gx, gy) = units, gradients
    outward, around = gx * x + gy * y, gy * x - gx * y
    return np.stack([gx, gy, outward, around, gx * x - gy * y, gx * y + gy * x, -x * outward, -y * outward])


def _noise_after_smoothing(gray: Gray) -> float:
    """Noise sigma left after the presmoothing blur, from the flattest parts of the frame.

    Immerkær's difference operator ignores planes; the lower quartile ignores texture where up to half the frame is textured.
    """
    step = max(1, max(gray.shape) // NOISE_SAMPLES)
    down = gray[:-2:step] - 2 * gray[1:-1:step] + gray[2::step]
    response = np.abs(down[:, :-2:step] - 2 * down[:, 1:-1:step] + down[:, 2::step]).ravel() / 6
    quartile = float(np.partition(response, response.size // 4)[response.size // 4])
    return quartile / QUARTILE_OF_NOISE * NOISE_PASSING


def _strongest(strength: Gray) -> NDArray[np.intp]:
    """Columns and rows of the strongest places, spread evenly, shape (2, N)."""
    wanted = min(POINTS_PER_LEVEL, strength.size // 2)
    # Twice the wanted number pass the threshold and every second is taken: the strongest alone would crowd together.
    share = min(1.0, 2 * wanted / strength.size)
    step = max(1, max(strength.shape) // STRENGTH_SAMPLES)
    threshold = max(float(np.quantile(strength[::step, ::step], 1 - share)), 1e-6)
    passing = np.flatnonzero(strength > threshold)
    rows, columns = np.divmod(passing[:: max(1, round(passing.size / wanted))], strength.shape[1])
    return np.stack([columns, rows])


def _refine_level(level: Level, other: Level, sampling: Matrix, parameters: int) -> Fit | None:
    reduction, shape = level.reduction, level.structure.shape
    half = max(shape) / 2
    to_unit = _to_unit(shape)
    from_unit = np.linalg.inv(to_unit)
    jacobian = level.jacobian[:parameters]
    window = _window_of(level, TRUST_WINDOWS)

    matrix = rescale_matrix(sampling, 1 / reduction)
    stride, before = np.zeros(parameters), np.zeros(parameters)
    for _ in range(MAX_STEPS):
        compared = _compare(level, other, matrix)
        if compared is None:
            return None
        residual, inside = compared
        trust = _trust(level, residual, inside, window)
        if trust.sum() < max(LEAST_POINTS, LEAST_TRUST * len(trust)):
            return None
        weight = _tukey(residual, inside) * trust
        weighted = jacobian * weight
        normal = _products(weighted, jacobian)
        step = np.linalg.solve(normal + 1e-9 * np.trace(normal) * np.eye(parameters), _products(weighted, residual[None])[:, 0])
        stride, before = _lengthened(step, before, stride), step
        delta = np.eye(3) + np.tensordot(stride, GENERATORS[:parameters], 1)
        matrix = normalised(matrix @ from_unit @ np.linalg.inv(delta) @ to_unit)
        if np.abs(stride).max() * half < SETTLED_PX:
            break
    information, misfit = _information(level, jacobian, residual, weight)
    return Fit(
        sampling=rescale_matrix(matrix, reduction),
        agreement=_correlation(level.values[inside], (level.values + residual)[inside]),
        misfit_px=misfit * reduction,
        information=information,
        uncertainty_px=_corner_error(information, shape) * reduction,
    )


def _lengthened(step: Vectors, before: Vectors, stride: Vectors) -> Vectors:
    """Jump to where the steps converge (Anderson's acceleration with one step of memory).

    Beside a blurred neighbour the slopes of the sharp frame promise more change than there is, and every step falls short by
    about the same share; two steps tell by how much.
    """
    change = step - before
    if not stride.any() or not change.any():
        return step
    share = float(step @ change) / float(change @ change)
    longer = step - share * (stride + change)
    limit = LONGEST_STRIDE * float(np.abs(step).max())
    return np.asarray(longer * min(1.0, limit / float(np.abs(longer).max() + np.finfo(float).tiny)))


def _products(first: Rows, second: Rows) -> Vectors:
    """Multiply long rows, first @ second.T.

    Without BLAS, whose threads cost more than the work, and whose sums depend on how many threads there are.
    """
    return np.asarray(np.einsum("pn,qn->pq", first, second, optimize=False), dtype=np.float64)


def _correlation(first: Rows, second: Rows) -> float:
    common, own, other = (float((a * b).sum()) for a, b in ((first, second), (first, first), (second, second)))
    return common / float(np.sqrt(own * other + 1e-12))


def _window_of(level: Level, windows: tuple[int, int]) -> NDArray[np.intp]:
    """Which window of a grid each point lies in; `windows` are along the long and the short side."""
    height, width = level.structure.shape
    across, down = windows if width >= height else windows[::-1]
    column = (level.points[0] * (across / width)).astype(np.intp)
    row = (level.points[1] * (down / height)).astype(np.intp)
    return np.asarray(row * across + column)


def _trust(level: Level, residual: Rows, inside: NDArray[np.bool_], window: NDArray[np.intp]) -> Rows:
    """Weight each point by how well both frames agree in its window: detail sharp in one frame alone says nothing on motion."""
    count = TRUST_WINDOWS[0] * TRUST_WINDOWS[1]
    template = level.values * inside
    sampled = (level.values + residual) * inside
    common = np.bincount(window, template * sampled, count)
    energy = np.bincount(window, template * template, count) * np.bincount(window, sampled * sampled, count)
    correlation = common / np.sqrt(energy + 1e-12)
    low, high = TRUST_FROM, TRUST_FULLY
    trust = np.clip((correlation - low) / (high - low), 0, 1).astype(np.float32)
    return np.asarray(trust[window])


def _motion(u: Vectors, parameters: int) -> Vectors:
    """Displacement of points `u` per generator, shape (N, P, 2)."""
    points = np.column_stack([u, np.ones(len(u))])
    moved = np.einsum("pij,nj->npi", GENERATORS[:parameters], points)
    return np.asarray(moved[..., :2] - u[:, None, :] * moved[..., 2:])


def _mapped(matrix: Matrix, points: Rows) -> Rows:
    """Map points (x, y), shape (2, N)."""
    x, y = points
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    mapped = np.stack([a * x + b * y + c, d * x + e * y + f])
    if g or h:
        mapped /= g * x + h * y + i
    return mapped


def _compare(level: Level, other: Level, matrix: Matrix) -> tuple[Rows, NDArray[np.bool_]] | None:
    """Moving minus reference structure at the reference's points, and which of them lie inside the moving frame."""
    x, y = _mapped(matrix, level.points)
    height, width = other.structure.shape
    low, right, bottom = SPLINE_REACH_PX, width - 1 - SPLINE_REACH_PX, height - 1 - SPLINE_REACH_PX
    inside = (x > low) & (x < right) & (y > low) & (y < bottom)
    if np.count_nonzero(inside) < max(LEAST_POINTS, LEAST_SHARE_INSIDE * len(x)):
        return None
    sampled = _sampled(other.structure, x.clip(low, right), y.clip(low, bottom))
    return np.asarray((sampled - level.values) * inside), np.asarray(inside)


def _sampled(structure: Gray, x: Rows, y: Rows) -> Rows:
    """Cubic B-spline over `structure` at points that lie at least `SPLINE_REACH_PX` inside."""
    width = structure.shape[1]
    column, row = x.astype(np.intp), y.astype(np.intp)
    across, down = _spline_weights(x - column), _spline_weights(y - row)
    corner = row * width + column + np.array([-1, 0, 1, 2])[:, None]
    flat = structure.ravel()
    lines = [np.einsum("kn,kn->n", across, flat.take(corner + line * width)) for line in (-1, 0, 1, 2)]
    return np.asarray(np.einsum("kn,kn->n", down, np.stack(lines)))


def _spline_weights(fraction: NDArray[np.floating]) -> Rows:
    """Weights of the four pixels around, shape (4, N)."""
    t = fraction.astype(np.float32)
    u = 1 - t
    first, last = u * u * u / 6, t * t * t / 6
    second = 2 / 3 - t * t * (1 - t / 2)
    return np.stack([first, second, 1 - first - second - last, last])


def _tukey(residual: Rows, inside: NDArray[np.bool_]) -> Rows:
    sample = np.abs(residual[inside][::SCALE_STRIDE])
    scale = max(MAD_TO_SIGMA * float(np.partition(sample, sample.size // 2)[sample.size // 2]), 1e-3)
    weight = np.maximum(1 - (residual / (TUKEY * scale)) ** 2, 0)
    return np.asarray(weight * weight * inside)


def _information(level: Level, jacobian: Rows, residual: Rows, weight: Rows) -> tuple[Vectors, float]:
    """Information matrix of the estimate, and the RMS motion that pieces of the image still want, px.

    Sandwich estimate over pieces rather than pixels: errors from defocus and occlusion are shared by neighbouring pixels, so that
    only pieces far apart are independent witnesses.
    """
    piece = _window_of(level, WITNESSES)
    count = WITNESSES[0] * WITNESSES[1]
    gx, gy = level.gradients
    xx, xy, yy, bx, by = (
        np.bincount(piece, weight * v, count) for v in (gx * gx, gx * gy, gy * gy, gx * residual, gy * residual)
    )
    trace = xx + yy
    # A ridge keeps pieces with detail in one direction only from reporting wild shifts in the other.
    ridge = 0.02 * trace + 1e-9
    determinant = (xx + ridge) * (yy + ridge) - xy * xy
    shift_x = ((yy + ridge) * bx - xy * by) / determinant
    shift_y = ((xx + ridge) * by - xy * bx) / determinant
    misfit = float(np.sqrt(np.average(shift_x**2 + shift_y**2, weights=trace + 1e-12)))
    normal = _products(jacobian * weight, jacobian)
    score = np.stack([np.bincount(piece, weight * residual * slope, count) for slope in jacobian], axis=1)
    # Few witnesses underestimate their own scatter: the usual small-sample factor.
    witnesses = float(trace.sum() ** 2 / (trace**2).sum())
    inflate = witnesses / max(witnesses - len(normal), 0.25)
    scatter = inflate * (score.T @ score)
    sure = (SURE_PX + COARSE_BIAS_PX * (level.reduction - 1)) / (level.reduction * max(level.structure.shape) / 2)
    floor = sure**2 * normal @ normal
    return np.asarray(normal @ np.linalg.solve(scatter + floor, normal)), misfit
