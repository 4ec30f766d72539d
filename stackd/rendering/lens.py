"""The lens of rendered scenes: a surface is spread over discs of any size, and laid over what lies behind it."""

import cv2
import numpy as np
from numpy.typing import NDArray

RADIUS_GROWTH = 1.25
"""Step between the disc radii that are really computed; between them is blended. On the two scenes below the blend differs from
steps of 1.08 by 0.3/255 RMS, 3.5/255 at worst (measured), at a third of the work."""

SMALLEST_RADIUS_PX = 0.5
"""Below half a pixel a disc is the pixel itself."""


class DiscBlur:
    """A surface seen through discs of any radius: computed for a ladder of radii, blended between."""

    def __init__(self, colour: NDArray[np.float32], opacity: NDArray[np.float32], largest_px: float, *, reach_px: int) -> None:
        self._radii = [0.0, SMALLEST_RADIUS_PX]
        while self._radii[-1] < largest_px:
            self._radii.append(self._radii[-1] * RADIUS_GROWTH)
        self._box = _surroundings(opacity, reach_px=int(np.ceil(self._radii[-1])) + 1 + reach_px)
        opacity = opacity[self._box]
        layers = np.dstack([colour[self._box] * opacity[..., None], opacity])
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
            total = looked_up(np.minimum(total, np.float32(1.25)), seen_from[self._box] - origin, cv2.INTER_CUBIC)
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


def looked_up(image: NDArray[np.float32], places: NDArray[np.float32], interpolation: int) -> NDArray[np.float32]:
    """Values of an image at places (x, y), shape (H, W, 2); its border goes on for ever."""
    x, y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    return np.asarray(cv2.remap(image, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE), np.float32)
