"""How much more blurred every frame is than the sharpest one, patch by patch.

A patch of texture is sharpest in one frame. That frame is blurred there by discs of many sizes until it looks like each of the
others. Variances of blurs add, so what is found is the difference of two squared radii: the frame's own and the small one of the
sharpest frame.

Subbarao, Surya, "Depth from defocus: a spatial domain approach", IJCV 13 (1994).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.depth.defocus import EXPLAINED, LARGEST_RADIUS_PX
from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.colour import to_display, to_light
from stackd.imaging.ground.frames import PlaneStore, Progress, Step, Steps, ignore_progress, ignore_step
from stackd.model.pixels import Gray

Reals = NDArray[np.float64]

PATCH_PX, STRIDE_PX = 48, 24
"""Side of a patch and way from one to the next. Measured on rendered stacks: with 32 px the worst error grows by half, because
grain counts more."""
REGION_PX = PATCH_PX + 2 * LARGEST_RADIUS_PX
RADII_PX = (0.0, *(float(radius) for radius in np.geomspace(0.6, LARGEST_RADIUS_PX, 20)))
"""Radii tried: steps of a fifth, refined by a parabola. They are true discs: two boxes of equal variance, as the comparison of
whole frames uses, make gaps in the stack wrong by half a step (measured)."""
SUPERSAMPLED = 8
"""Cells a px is divided into along each side to draw a disc."""

SMOOTHED_PX = 0.8
"""Sigma of the Gaussian over all frames: blurring the sharpest frame takes its grain away, which otherwise looks like blur. With
0.5 px the worst errors grow by a third, with 1 px texture is lost where there is little (measured)."""
COARSER_PX = 1.5
"""Sigma of a second one: what lies between the two is detail."""
LEAST_GAIN = 4e-6
"""A patch is worth measuring if its detail, mean squared display units, changes by so much through the stack: a single
frame's grain at ISO 1600 is a tenth of that (on the grid of the decisions)."""
PATCHES_A_FRAME, PATCHES_AT_MOST = 8, 160
"""Patches sharpest in one frame, and of all: each costs about a millisecond, and more of them move nothing (measured)."""

FARTHEST_SHARPER = 0.3
"""Variance, px squared, by which a frame may be sharper than the sharpest: the prediction is a straight line there."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RelativeBlur:
    """What patches say: for each a row, for each frame a column."""

    sharpest: NDArray[np.intp]
    """Frame that is sharpest in the patch, shape (T,)."""
    squared_px: Reals
    """Squared radius of the frame's blur less that of the sharpest frame, px of the decisions, shape (T, N)."""
    errors_px: Reals
    """Standard error of the same from what the blur leaves unexplained, px squared."""
    counts: NDArray[np.bool_]
    """Where a blur explains the frame; False for the sharpest frame itself."""


class PatchesOfTexture:
    """Sees all frames go by, on one grid; `measure`, once it has, compares them.

    Parameters
    ----------
    store : PlaneStore
        Keeps one plane a frame, 2 bytes a px.
    """

    def __init__(self, store: PlaneStore) -> None:
        self._store = store
        self._energies: list[NDArray[np.float32]] = []

    def add(self, gray: Gray) -> None:
        """Take the next frame: luminance, display-encoded."""
        smooth = cv2.GaussianBlur(gray, (0, 0), SMOOTHED_PX)
        detail = cv2.subtract(smooth, cv2.GaussianBlur(gray, (0, 0), COARSER_PX))
        cells = block_means(np.asarray(cv2.multiply(detail, detail, dst=detail), np.float32), STRIDE_PX, edge=Edge.LEFT_OUT)
        self._energies.append(cells)
        white = np.iinfo(np.uint16).max
        self._store.append(cv2.addWeighted(smooth, white, smooth, 0, 0, dtype=cv2.CV_16U))

    def sharpness(self) -> tuple[float, ...]:
        """Tell each frame's detail over that of the one that shows most, as amplitudes above what every frame has, 0–1."""
        energies = np.stack(self._energies)
        if not energies.size:
            return (1.0,) * len(energies)
        above = np.maximum(energies - energies.min(axis=0), 0).mean(axis=(1, 2))
        most = above.max()
        return tuple(float(share) for share in np.sqrt(above / most)) if most > 0 else (1.0,) * len(energies)

    def measure(self, progress: Progress = ignore_progress) -> RelativeBlur:
        """Compare every frame with the sharpest one in patches spread through the stack; `progress` is told of each of them."""
        patches = _chosen(np.stack(self._energies))
        step = Steps(progress, "focus", len(patches) * (len(self._energies) + 1)) if patches else ignore_step
        found = [self._compared(*patch, step) for patch in patches]
        shape = (len(found), len(self._energies))
        squared, errors, left, unblurred = (
            np.array([columns[quantity] for columns in found]).reshape(shape) for quantity in range(4)
        )
        return RelativeBlur(
            sharpest=np.array([sharpest for sharpest, *_ in patches], np.intp),
            squared_px=squared,
            errors_px=errors,
            counts=_explained(left, unblurred),
        )

    def _compared(self, sharpest: int, top: int, left: int, step: Step) -> tuple[Reals, Reals, Reals, Reals]:
        """Measure one patch: squared radii with errors, what they leave unexplained, and what no blur leaves, for every frame."""
        rows = slice(max(top - LARGEST_RADIUS_PX, 0), top + PATCH_PX + LARGEST_RADIUS_PX)
        around = _cut(self._store, sharpest, rows, step)
        light = to_light(_with_margin(around, top - rows.start, left))
        inside = slice(LARGEST_RADIUS_PX, LARGEST_RADIUS_PX + PATCH_PX)
        spectrum = cv2.dft(light)
        predictions = [light[inside, inside]]
        predictions += [
            np.asarray(cv2.idft(cv2.mulSpectrums(spectrum, disc, 0), flags=cv2.DFT_SCALE), np.float32)[inside, inside]
            for disc in _spectra()[1:]
        ]
        predicted = _centred(to_display(np.maximum(np.stack(predictions), 0)))
        columns = slice(left, left + PATCH_PX)
        frames = range(len(self._energies))
        actual = _centred(np.stack([_cut(self._store, frame, slice(top, top + PATCH_PX), step)[:, columns] for frame in frames]))
        return _matched(predicted, actual, sharpest)


def _cut(store: PlaneStore, frame: int, rows: slice, step: Step) -> Gray:
    cut = np.asarray(np.asarray(store.read(frame, rows), np.float32) / np.iinfo(np.uint16).max, np.float32)
    step()
    return cut


def _with_margin(around: Gray, above: int, left: int) -> Gray:
    """Cut a region of `REGION_PX` whose patch begins after `above` rows, and continue it beyond the picture by reflection."""
    margin = LARGEST_RADIUS_PX
    columns = slice(max(left - margin, 0), left + PATCH_PX + margin)
    there = around[:, columns]
    top, before = margin - above, margin - (left - columns.start)
    height, width = there.shape
    return np.asarray(
        cv2.copyMakeBorder(there, top, REGION_PX - height - top, before, REGION_PX - width - before, cv2.BORDER_REFLECT),
        np.float32,
    )


def _centred(patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """Flatten patches and take their means away: brightness is no matter of focus."""
    flat = patches.reshape(len(patches), -1)
    return np.asarray(flat - flat.mean(axis=1, keepdims=True), np.float32)


def _chosen(energies: NDArray[np.float32]) -> list[tuple[int, int, int]]:
    """Choose patches: sharpest frame, top and left, so that each part of the stack has its own and none overlap by much."""
    cells = energies.astype(np.float64)
    patch = (cells[:, :-1, :-1] + cells[:, 1:, :-1] + cells[:, :-1, 1:] + cells[:, 1:, 1:]) / 4
    if not patch.size:
        return []
    most, least = patch.max(axis=0), patch.min(axis=0)
    sharpest = patch.argmax(axis=0)
    free = most - least > LEAST_GAIN
    a_frame = max(min(PATCHES_A_FRAME, PATCHES_AT_MOST // len(patch)), 1)
    found = []
    for frame in range(len(patch)):
        places = np.flatnonzero(free & (sharpest == frame))
        due = a_frame
        for flat in places[np.argsort(-(most - least).ravel()[places], kind="stable")]:
            row, column = (int(index) for index in np.unravel_index(flat, free.shape))
            if not free[row, column]:
                continue
            free[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = False
            found.append((frame, row * STRIDE_PX, column * STRIDE_PX))
            due -= 1
            if not due:
                break
    return found


def _matched(predicted: NDArray[np.float32], actual: NDArray[np.float32], sharpest: int) -> tuple[Reals, Reals, Reals, Reals]:
    """Find the blur that makes the sharpest frame look like each frame, between those predicted.

    Parameters
    ----------
    predicted : ndarray of float32, shape (R, P)
        A patch of the sharpest frame, blurred by each of `RADII_PX`.
    actual : ndarray of float32, shape (N, P)
        The same patch of every frame.
    sharpest : int
        Which of them is the sharpest one.
    """
    count = predicted.shape[1]
    alike = _products(predicted, predicted) / count
    common = _products(predicted, actual) / count
    misfit = np.diag(alike)[:, None] + np.square(actual).mean(axis=1, dtype=np.float64) - 2 * common
    variances = _variances()
    best = np.clip(misfit.argmin(axis=0), 1, len(variances) - 2)
    columns = np.arange(len(actual))
    before, after = variances[best] - variances[best - 1], variances[best + 1] - variances[best]
    rise, fall = ((misfit[best + side, columns] - misfit[best + side - 1, columns]) for side in (1, 0))
    fall, rise = fall / before, rise / after
    bend = (rise - fall) / (before + after)
    slope = (fall * after + rise * before) / (before + after)
    variance = variances[best].copy()
    # Next to no blur, from none upward: frames may even be a little sharper than the sharpest.
    none = misfit.argmin(axis=0) == 0
    bend[none] = (alike[1, 1] + alike[0, 0] - 2 * alike[0, 1]) / variances[1] ** 2
    slope[none] = -2 * ((common[1] - common[0]) - (alike[0, 1] - alike[0, 0]))[none] / variances[1]
    variance[none] = 0
    start = np.where(none, misfit[0], misfit[best, columns])
    bend = np.maximum(bend, np.finfo(np.float32).tiny)
    shift = np.clip(-slope / (2 * bend), np.where(none, -FARTHEST_SHARPER, -before), np.where(none, variances[1], after))
    left = np.maximum(start + shift * (slope + shift * bend), 0)
    # Pixels of a blurred patch are not independent: about one in as many as the blur covers is.
    independent = count / (4 + 8 * variance)
    errors = np.sqrt(left / bend / independent)
    left[(misfit.argmin(axis=0) == len(variances) - 1) | (columns == sharpest)] = np.inf
    per_squared_radius = 4  # a disc's variance along one axis is a quarter of its squared radius
    return per_squared_radius * (variance + shift), per_squared_radius * errors, left, misfit[0]


def _products(some: NDArray[np.float32], others: NDArray[np.float32]) -> Reals:
    """Multiply rows with rows; by OpenCV, because numpy's library wakes its threads and takes ten times as long (measured)."""
    nothing = np.zeros((len(some), len(others)), np.float32)
    return np.asarray(cv2.gemm(some, others, 1, nothing, 0, flags=cv2.GEMM_2_T), np.float64)


def _explained(left: Reals, unblurred: Reals) -> NDArray[np.bool_]:
    """Mark where a blur explains a frame, save for grain: what the best explained frame of a patch leaves, if that is usual."""
    if not left.size:
        return np.zeros(left.shape, np.bool_)
    least = left.min(axis=1)
    grain = np.minimum(least, 2 * np.median(least))[:, None]
    return np.asarray(left - grain < EXPLAINED * np.maximum(unblurred - grain, 0) + EXPLAINED * grain, np.bool_)


@lru_cache(maxsize=1)
def _spectra() -> Sequence[NDArray[np.float32]]:
    """Spectra of the discs, in OpenCV's packed form, for regions of `REGION_PX`."""
    return [_spectrum(disc) for disc in _discs()]


@lru_cache(maxsize=1)
def _variances() -> Reals:
    """Variance of each disc along one axis, px squared."""
    return np.array([float((disc.sum(axis=0) * np.square(np.arange(len(disc)) - len(disc) // 2)).sum()) for disc in _discs()])


@lru_cache(maxsize=1)
def _discs() -> Sequence[NDArray[np.float32]]:
    return [_disc(radius) for radius in RADII_PX]


def _disc(radius_px: float) -> NDArray[np.float32]:
    """Draw a disc of total 1 whose rim covers pixels in part; odd side, middle in the middle."""
    reach = int(np.ceil(radius_px))
    side = 2 * reach + 1
    axis = (np.arange(side * SUPERSAMPLED) + 0.5) / SUPERSAMPLED - side / 2
    covered = (np.hypot(axis, axis[:, None]) <= radius_px).astype(np.float32)
    disc = covered.reshape(side, SUPERSAMPLED, side, SUPERSAMPLED).sum(axis=(1, 3))
    return np.asarray(disc / disc.sum() if radius_px else np.ones((1, 1)), np.float32)


def _spectrum(disc: NDArray[np.float32]) -> NDArray[np.float32]:
    plane = np.zeros((REGION_PX, REGION_PX), np.float32)
    plane[: len(disc), : len(disc)] = disc
    reach = len(disc) // 2
    return np.asarray(cv2.dft(np.roll(plane, (-reach, -reach), axis=(0, 1))), np.float32)
