"""How near a composite comes to the truth it was rendered from, in numbers.

The truth is laid over the composite, never the other way round: the composite is judged untouched but for one gain and offset a
channel, because no stacker promises a frame's exact brightness. All values are display-encoded, 0–1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats
from skimage.metrics import peak_signal_noise_ratio
from skimage.morphology import isotropic_erosion

from stackd.bench.quality.placing import place_on, tone_between
from stackd.bench.quality.truth import Truth, grain, gray_of
from stackd.model.pixels import Gray, Image, Mask, Matrix
from stackd.model.registration import FailedRegistration

EXACT_PX = 0.01
"""A composite whose corners lie so near to whole pixels is compared without resampling."""

BORDER_PX = 8
"""Left out around the valid area: every method's windows see something else there."""

FINE_SIGMA_PX = 1.5
BLOCK_PX = 16
"""Detail is weighed block by block, so that an excess here does not make up for a lack there."""

LARGEST_PSNR_DB = 99.0
"""Shown for what is equal."""

DEPTH_SAMPLES = 200_000
"""Pixels that are ranked; more change the third digit at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How near a composite comes to the truth. NaN where the scene has nothing to measure."""

    psnr_db: float
    """Peak signal-to-noise ratio over all valid pixels and channels."""
    halo_psnr_db: float
    """The same where the blur of something at another depth reaches."""
    noise_ratio: float
    """Grain in flat areas over that of the reference frame: above 1 noise is picked as if it were detail."""
    sharp_kept: float
    """Share of the truth's fine detail that is there."""
    sharp_excess: float
    """Detail that should not be there, as a share of the truth's."""
    moving_psnr_db: float = float("nan")
    """PSNR where something moves. Each place is compared with the one moment that it shows best, here and in all the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthQuality:
    """How near a depth map comes to the truth, where there is texture."""

    depth_spearman: float
    depth_median_error_frames: float


def judge(composite: Image, truth: Truth, composite_to_truth: Matrix) -> Quality | FailedRegistration:
    """Measure a composite against the truth.

    Parameters
    ----------
    composite : ndarray of float32, shape (H, W, 3)
        Cropped or not.
    truth : Truth
        Of its stack.
    composite_to_truth : ndarray of float64, shape (3, 3)
        Composite → truth px, known or found by `place`.

    Returns
    -------
    Quality or FailedRegistration
        Failed when the two have nothing in common.
    """
    shape = (composite.shape[0], composite.shape[1])
    valid = np.pad(_mask_on(truth.valid, composite_to_truth, shape), 1)  # outside the composite nothing is
    inside = np.asarray(isotropic_erosion(valid, BORDER_PX)[1:-1, 1:-1], np.bool_)
    if not inside.any():
        return FailedRegistration(reason="It has no pixel in common with the truth.")
    true = _plane_by_plane(truth.image, composite_to_truth, shape)
    moving = np.zeros(shape, np.bool_) if truth.moving is None else _mask_on(truth.moving, composite_to_truth, shape) & inside
    level = tone_between(composite, true, inside & ~moving).applied(composite)
    _show_best_moments(true, level, [_plane_by_plane(moment, composite_to_truth, shape) for moment in truth.moments], moving)
    gray, true_gray = gray_of(level), gray_of(true)
    halo = _mask_on(truth.halo, composite_to_truth, shape) & inside
    flat = _mask_on(truth.flat, composite_to_truth, shape) & inside
    kept, excess = _sharpness(gray, true_gray, inside, flat)
    return Quality(
        psnr_db=_psnr_db(level[inside], true[inside]),
        halo_psnr_db=_psnr_db(level[halo], true[halo]),
        noise_ratio=grain(gray, flat) / truth.reference_grain if truth.reference_grain > 0 else float("nan"),
        sharp_kept=kept,
        sharp_excess=excess,
        moving_psnr_db=_psnr_db(level[moving], true[moving]),
    )


def judge_depth(position: NDArray[np.float32], truth: Truth, composite_to_truth: Matrix) -> DepthQuality:
    """Measure a depth map, in frames of the whole stack, against the true one, in the textured part of the valid area.

    Rank correlation tells whether near is told from far; the median error, without any fit, by how much it is off.
    """
    shape = (position.shape[0], position.shape[1])
    use = _mask_on(truth.valid & ~truth.flat, composite_to_truth, shape)
    true = _sampled(truth.depth_position, composite_to_truth, shape, order=0)[use]
    found = position[use]
    step = max(1, found.size // DEPTH_SAMPLES)
    varies = found.size > 1 and np.ptp(found) > 0 and np.ptp(true) > 0
    return DepthQuality(
        depth_spearman=float(stats.spearmanr(found[::step], true[::step])[0]) if varies else 0.0,
        depth_median_error_frames=float(np.median(np.abs(found - true))) if found.size else float("nan"),
    )


def place(composite: Image, truth: Truth) -> Matrix | FailedRegistration:
    """Find where a composite lies whose maker does not tell: composite → truth px, an affine; failed when that cannot be told."""
    return place_on(gray_of(composite), gray_of(truth.image), truth.valid)


def _show_best_moments(true: Image, composite: Image, moments: Sequence[Image], moving: Mask) -> None:
    """Let the truth show, in each connected place where something moves, the one moment nearest to a composite. In place."""
    places, count = ndimage.label(moving)
    numbers = np.arange(1, count + 1)
    errors = [ndimage.sum_labels(np.square(composite - moment).sum(axis=2), places, numbers) for moment in moments]
    for number, best in zip(numbers, np.argmin(errors, axis=0) if errors else (), strict=True):
        here = places == number
        true[here] = moments[int(best)][here]


# --------------------------------------------------------------- geometry


def _sampled(plane: NDArray[np.float32], to_truth: Matrix, shape: tuple[int, int], *, order: int) -> NDArray[np.float32]:
    """Values of a plane of the truth at the pixels of a composite; splines of the given order, which are exact at any place."""
    swapped = to_truth[:2, :2][::-1, ::-1]
    offset = to_truth[:2, 2][::-1]
    corners = np.array([[x, y, 1] for x in (0, shape[1] - 1) for y in (0, shape[0] - 1)], np.float64).T
    whole = np.rint(offset)
    if np.abs((to_truth @ corners)[:2] - corners[:2] - whole[::-1, None]).max() < EXACT_PX:
        swapped, offset, order = np.eye(2), whole, 0
    # A flawless copy of the plane is taken by nearest neighbours, which interpolate nothing.
    sampled = ndimage.affine_transform(plane, swapped, offset, shape, np.float32, order, mode="constant")
    return np.asarray(sampled, np.float32)


def _plane_by_plane(image: Image, to_truth: Matrix, shape: tuple[int, int]) -> Image:
    planes = [_sampled(np.ascontiguousarray(image[..., channel]), to_truth, shape, order=3) for channel in range(3)]
    return np.dstack(planes)


def _mask_on(mask: Mask, to_truth: Matrix, shape: tuple[int, int]) -> Mask:
    return np.asarray(_sampled(mask.astype(np.float32), to_truth, shape, order=1) > 0.99)  # noqa: PLR2004  (all of it but for rounding)


# ---------------------------------------------------------------- numbers


def _psnr_db(found: NDArray[np.float32], true: NDArray[np.float32]) -> float:
    if not found.size:
        return float("nan")
    if np.array_equal(found, true):
        return LARGEST_PSNR_DB
    return min(LARGEST_PSNR_DB, float(peak_signal_noise_ratio(true, found, data_range=1)))


def _sharpness(gray: Gray, true: Gray, inside: Mask, flat: Mask) -> tuple[float, float]:
    """Detail kept and in excess. Energy of noise, measured where there is nothing else, does not count as detail."""
    mine, theirs = _detail_energy(gray), _detail_energy(true)
    if flat.any():
        mine = mine - max(float(mine[flat].mean() - theirs[flat].mean()), 0.0)
    blocks = [_block_sums(energy * inside) for energy in (mine, theirs)]
    found, wanted = (np.maximum(block, 0) for block in blocks)
    total = float(wanted.sum())
    if total == 0:
        return float("nan"), float("nan")
    return float(np.minimum(found, wanted).sum()) / total, float(np.maximum(found - wanted, 0).sum()) / total


def _detail_energy(gray: Gray) -> NDArray[np.float32]:
    fine = gray - cv2.GaussianBlur(gray, (0, 0), FINE_SIGMA_PX)
    down, across = np.gradient(fine)
    return np.asarray(down**2 + across**2, np.float32)


def _block_sums(energy: NDArray[np.float32]) -> NDArray[np.float64]:
    height, width = (n // BLOCK_PX * BLOCK_PX for n in energy.shape)
    blocks = energy[:height, :width].reshape(height // BLOCK_PX, BLOCK_PX, width // BLOCK_PX, BLOCK_PX)
    return np.asarray(blocks.sum(axis=(1, 3), dtype=np.float64))
