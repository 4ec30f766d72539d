"""Alpha: which pixels of a frame are picture, and what stands for those that are none.

A frame whose background was cut away, or that another program laid over its neighbours, has pixels that show nothing. Whatever
colour hides under them (black in one frame, white in the next) must not be looked at. So they are filled with the colours of
what lies around them, just as the border of a frame is repeated outside it, and told apart by alpha where it counts.
"""

from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.model.pixels import Alpha, Mask, Pixels

PLANE = TypeVar("PLANE", NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint16])

OPAQUE = 255
"""Alpha of a pixel that is wholly picture."""

LEAST_ALPHA = 16
"""Alpha below which a pixel's own colour is not believed: a sixteenth of a colour, multiplied out again, is rounding."""


def opaque(alpha: Alpha, reduction: int = 1) -> Mask:
    """Mark pixels, or blocks of `reduction` × `reduction` px, that are picture in all their parts."""
    return np.asarray((alpha if reduction == 1 else _least(alpha, reduction)) == OPAQUE)


def filled(pixels: Pixels, alpha: Alpha) -> Pixels:
    """Give pixels that are no picture the colours of what lies around them, smoothly.

    Averages of the pixels known, over blocks of doubling size, until every block knows something (pull); then back, each block
    that knew nothing from the larger one around it (push) [1]_.

    Parameters
    ----------
    pixels : ndarray of uint8 or uint16, shape (H, W) or (H, W, 3)
        Not modified. Colours not multiplied by alpha.
    alpha : ndarray of uint8, shape (H, W)

    Returns
    -------
    ndarray of the type and shape of `pixels`
        The pixels themselves where `alpha` is at least `LEAST_ALPHA`; black where nothing is known at all.

    References
    ----------
    .. [1] Gortler, Grzeszczuk, Szeliski, Cohen, "The Lumigraph", SIGGRAPH 1996, section 3.4.
    """
    known = alpha >= LEAST_ALPHA
    if known.all():
        return pixels
    bare = pixels.copy()
    bare[~known] = 0
    around = _pulled_and_pushed(*_halved(bare, known.astype(np.float32)))
    # Back to full size in integers: one more copy of the frame, and no float one.
    coarse = np.rint(around).astype(pixels.dtype)
    np.copyto(
        bare,
        _enlarged(cast("NDArray[np.uint8]", coarse), pixels.shape),
        where=~known if pixels.ndim == alpha.ndim else ~known[..., None],
    )
    return bare


def _pulled_and_pushed(colours: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill what has no share, shape (h, w) or (h, w, 3); `colours` are means over what is known."""
    if share.all() or min(share.shape) == 1:
        return colours
    # Every block that knows something counts in full from here on: a sliver at the rim speaks for the rim.
    known = (share > 0).astype(np.float32)
    around = _enlarged(_pulled_and_pushed(*_halved(colours, known)), colours.shape)
    return np.where(known > 0 if colours.ndim == known.ndim else known[..., None] > 0, colours, around)


def _halved(colours: NDArray[np.float32] | Pixels, share: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean colours of 2 × 2 px of what is known, and what share of them that is; `colours` are 0 where nothing is."""
    size = (-(-share.shape[1] // 2), -(-share.shape[0] // 2))
    less = np.asarray(cv2.resize(share, size, interpolation=cv2.INTER_AREA), np.float32)
    sums = np.asarray(cv2.resize(colours, size, interpolation=cv2.INTER_AREA), np.float32)
    counted = np.where(less > 0, less, np.float32(1))
    means = np.divide(sums, counted if sums.ndim == counted.ndim else counted[..., None], dtype=np.float32)
    return means, less


def _enlarged(coarse: PLANE, shape: tuple[int, ...]) -> PLANE:
    return cast("PLANE", cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR))


def _least(alpha: Alpha, reduction: int) -> Alpha:
    """Least alpha of blocks; those at the edge as far as they go."""
    rows, columns = (np.arange(0, side, reduction) for side in alpha.shape)
    return np.asarray(np.minimum.reduceat(np.minimum.reduceat(alpha, rows, axis=0), columns, axis=1), np.uint8)
