"""Lay a picture over another of the same subject: where it lies, and which gain and offset bring their brightness together.

Composites of different programs are compared this way: each may be cropped, displaced, stretched a little and brightened.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.matrices import rescale_matrix
from stackd.imaging.register import register
from stackd.imaging.register.models import MotionRegistration
from stackd.model.pixels import Gray, Image, Mask, Matrix
from stackd.model.registration import FailedRegistration, Registration

POLISHING_SAMPLES = 200_000
POLISHING_STEPS = 10
"""Pixels compared, and steps at most, when a place is polished: three usually settle it."""

SURE_PLACE_PX = 2.0
"""Standard error at the corners beyond which a picture counts as not placed; within, polishing does the rest."""

REGISTERED_SIDE_PX = 2000
"""Larger pictures are registered on reduced copies, which polishing makes up for: 24 megapixels need a quarter of the memory."""

MATCH_SIGMA_PX = 8.0
"""Blur before gain and offset are fitted: contrast lost to defocus must not be stretched back."""

DARKEST, BRIGHTEST = 0.02, 0.98
"""Beyond, values may be clipped and say nothing about gain."""

MATCH_SAMPLES_EVERY = 7
"""Pixels looked at for the fit: after the blur, neighbours say the same."""

OUTLIER_SIGMAS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """A gain and an offset for each of red, green and blue; values are display-encoded, 0–1."""

    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    offsets: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def applied(self, image: Image) -> Image:
        """Brighten a picture; what goes beyond black and white is cut off."""
        gains, offsets = np.asarray(self.gains, np.float32), np.asarray(self.offsets, np.float32)
        return np.asarray(np.clip(image * gains + offsets, 0, 1), np.float32)


def place_on(gray: Gray, on: Gray, valid: Mask) -> Matrix | FailedRegistration:
    """Find where a picture lies on another: an affine, picture → the other's px.

    Registered first, then moved to where the squared difference is least, so that nobody loses by how stackd registers. Failed,
    with the reason, when the place cannot be told surely: then nothing could be compared.

    Parameters
    ----------
    gray, on : ndarray of float32, shapes (H, W) and (K, L)
        The picture, and the one it is laid on.
    valid : ndarray of bool, shape (K, L)
        Where `on` may be compared.
    """
    common = np.maximum(gray.shape, on.shape)
    reduction = -(-int(common.max()) // REGISTERED_SIDE_PX)

    def grown(image: Gray) -> Gray:
        below, right = (common + -common % reduction) - image.shape
        whole = cv2.copyMakeBorder(image, 0, int(below), 0, int(right), cv2.BORDER_REPLICATE)
        return block_means(np.asarray(whole, np.float32), reduction, edge=Edge.LEFT_OUT)

    found: Registration | FailedRegistration = register(
        grown(on), grown(gray), MotionRegistration(model="affine", uncertainty_limit_px=SURE_PLACE_PX)
    )
    if isinstance(found, FailedRegistration):
        return found
    return _polished(gray, on, valid, rescale_matrix(found.matrix, reduction))


def tone_between(image: Image, target: Image, inside: Mask) -> Tone:
    """Find the gain and offset a channel that bring a picture nearest to another, outliers and clipped pixels left out.

    Parameters
    ----------
    image, target : ndarray of float32, shape (H, W, 3)
        Laid over one another.
    inside : ndarray of bool, shape (H, W)
        Where both are there.
    """
    picked = np.flatnonzero(inside)[::MATCH_SAMPLES_EVERY]
    fits = [_channel_tone(image[..., channel], target[..., channel], picked) for channel in range(3)]
    (red, green, blue), (red_offset, green_offset, blue_offset) = zip(*fits, strict=True)
    return Tone(gains=(red, green, blue), offsets=(red_offset, green_offset, blue_offset))


def _channel_tone(image: Gray, target: Gray, picked: NDArray[np.intp]) -> tuple[float, float]:
    mine, theirs = (
        cv2.GaussianBlur(np.ascontiguousarray(plane), (0, 0), MATCH_SIGMA_PX).ravel()[picked].astype(np.float64)
        for plane in (image, target)
    )
    usable = (np.minimum(mine, theirs) > DARKEST) & (np.maximum(mine, theirs) < BRIGHTEST)
    gain, offset, keep = 1.0, 0.0, usable
    for _ in range(4):
        if not keep.any() or np.ptp(mine[keep]) == 0:
            break
        gain, offset = (float(number) for number in np.polyfit(mine[keep], theirs[keep], 1))
        error = np.abs(gain * mine + offset - theirs)
        keep = usable & (error <= OUTLIER_SIGMAS * 1.4826 * np.median(error[keep]) + 1e-4)
    return gain, offset


def _polished(gray: Gray, on: Gray, valid: Mask, start: Matrix) -> Matrix:
    """Gauss–Newton on the six numbers of an affine, gain and offset, from a place that is right to a fraction of a pixel."""
    down, across = np.gradient(on)
    splines = [ndimage.spline_filter(plane, order=3, output=np.float32) for plane in (on, across, down)]
    step_px = max(1, round((gray.size / POLISHING_SAMPLES) ** 0.5))
    rows, columns = (grid.ravel() for grid in np.mgrid[: gray.shape[0] : step_px, : gray.shape[1] : step_px])
    points = np.stack([columns, rows]).astype(np.float64)
    middle = (np.array(gray.shape[::-1], np.float64) - 1) / 2
    u, v = (points - middle[:, None]) / middle.max()
    best, least = start, np.inf
    matrix = start.copy()
    for _ in range(POLISHING_STEPS):
        places = (matrix[:2, :2] @ points + matrix[:2, 2:])[::-1]
        inside = ndimage.map_coordinates(valid, places, order=0) > 0
        there, gx, gy = (ndimage.map_coordinates(spline, places[:, inside], order=3, prefilter=False) for spline in splines)
        value = gray[rows[inside], columns[inside]].astype(np.float64)
        gain, offset = np.polyfit(there, value, 1)
        rest = value - gain * there - offset
        error = float(np.mean(rest**2))
        if not error < least:
            break
        best, least = matrix.copy(), error
        du, dv = u[inside], v[inside]
        slopes = gain * np.stack([gx, gy, gx * du, gx * dv, gy * du, gy * dv])
        columns_of_fit = np.vstack([slopes, there, np.ones_like(there)])
        step = np.linalg.lstsq(columns_of_fit @ columns_of_fit.T, columns_of_fit @ rest, rcond=None)[0]
        turned = np.array([[step[2], step[3]], [step[4], step[5]]]) / middle.max()
        matrix[:2, :2] += turned
        matrix[:2, 2] += step[:2] - turned @ middle
    return best
