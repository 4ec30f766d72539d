"""Laplacian pyramids: an image as detail of ever coarser scale, and what is left.

Burt, Adelson, "The Laplacian pyramid as a compact image code", IEEE Trans. Communications 31 (1983).
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from stackd.model.pixels import Image

STRIP_PX = 256
"""Rows handled at once where a full-size copy would be the largest thing in memory."""
SMALLEST_SIDE_PX = 8
"""Below this a level says nothing that the next coarser one does not."""


def level_count(shape: tuple[int, int], wanted: int) -> int:
    """Limit the levels of detail to what an image of `shape` holds."""
    possible = int(np.log2(max(min(shape) / SMALLEST_SIDE_PX, 1)))
    return min(wanted, possible)


def decompose(image: Image, levels: int) -> Iterator[Image]:
    """Yield the detail of each level, finest first, then what is left.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
        Not modified.
    levels : int
        Levels of detail; `levels` + 1 images are yielded, each half the size of the one before.
    """
    finer = image
    for _ in range(levels):
        coarser = np.asarray(cv2.pyrDown(finer), np.float32)
        detail = finer.copy() if finer is image else finer
        _add_enlarged(detail, coarser, sign=-1)
        yield detail
        finer = coarser
    yield finer.copy() if finer is image else finer


def recompose(parts: Sequence[Image]) -> Image:
    """Put together what `decompose` took apart."""
    image = parts[-1].copy()
    for detail in reversed(parts[:-1]):
        finer = detail.copy()
        _add_enlarged(finer, image, sign=1)
        image = finer
    return image


def _add_enlarged(finer: Image, coarser: Image, *, sign: int) -> None:
    """Add `coarser`, doubled in size, to `finer` in place, strip by strip."""
    height_px, width_px = finer.shape[:2]
    reach = 2  # rows of the coarser level whose doubling can touch the strip: the kernel is 5 wide
    for top in range(0, height_px, STRIP_PX):
        bottom = min(top + STRIP_PX, height_px)
        first, last = max(top // 2 - reach, 0), min(bottom // 2 + reach + 1, coarser.shape[0])
        rows = height_px - 2 * first if last == coarser.shape[0] else 2 * (last - first)
        enlarged = cv2.pyrUp(coarser[first:last], dstsize=(width_px, rows))
        part = finer[top:bottom]
        cv2.scaleAdd(np.ascontiguousarray(enlarged[top - 2 * first : bottom - 2 * first]), sign, part, dst=part)
