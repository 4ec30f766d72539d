"""Defects of the sensor: what stays at its place in the frames while the picture moves over it, or stays sharp while it blurs."""

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.luminance import Luma
from stackd.model.composite import Noticed, Severity

MEDIAN_PX: Final = 3
STANDS_OUT: Final = 0.08
"""Display units by which a hot pixel differs from the median around it: three grey levels more than grain at ISO 3200."""
ALWAYS: Final = 0.9
"""Share of the frames in which it must: an optical detail is blurred in most of them."""
FEWEST_FRAMES: Final = 4
"""Fewer frames may all show a detail."""
FEWEST_PIXELS: Final = 10
"""Fewer are not worth a sentence."""
BLURRED_PX: Final = 2.0
"""A stack tells sensor from subject where its blur changes by so many px, or its frames move as much."""


class HotPixels:
    """Counts in how many frames each pixel stands out of those around it."""

    def __init__(self) -> None:
        self._frames = 0
        self._bright: NDArray[np.uint16] | None = None

    def add(self, light: Luma) -> None:
        """Take the next frame's luminance, as decoded."""
        least = round(STANDS_OUT * np.iinfo(light.dtype).max)
        over = cv2.subtract(light, cv2.medianBlur(light, MEDIAN_PX)) > least
        if self._bright is None:
            self._bright = np.zeros(light.shape, np.uint16)
        self._bright += over
        self._frames += 1

    def count(self) -> int:
        """Count the pixels that stand out in nearly every frame."""
        if self._bright is None or self._frames < FEWEST_FRAMES:
            return 0
        # One frame may hide it: a highlight is as bright.
        return int(np.count_nonzero(self._bright >= min(ALWAYS * self._frames, self._frames - 1)))


def hot_pixels(count: int, *, blur_range_px: float, moved_px: float) -> Iterator[Noticed]:
    """Tell of pixels that are always bright.

    Parameters
    ----------
    count : int
        Of them.
    blur_range_px, moved_px : float
        How much blur changes through the stack, and how far its frames lie apart, full-size px.
    """
    if count < FEWEST_PIXELS or max(blur_range_px, moved_px) < BLURRED_PX:
        return
    drawn = " and alignment draws them into trails" if moved_px >= BLURRED_PX else ""
    yield Noticed(
        code="hot-pixels",
        severity=Severity.WARNING,
        sentence=(
            f"{count} pixels of the sensor are bright in every frame{drawn}."
            " Let the camera map them out, or switch its long-exposure noise reduction on."
        ),
    )
