"""Tell of what moved: where frames contradict one another, as regions."""

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np

from stackd.imaging.judge.cells import place_of
from stackd.model.composite import Noticed, Rectangle, Severity
from stackd.model.pixels import Mask

MOVED_SHARE: Final = 0.004
"""Of the picture on which frames contradict one another, from which on something moved. Stacks without motion, rendered and real,
stay below 0.0012 (measured)."""
JOINED_PX: Final = 25
"""Places so near to one another, px of the judge's grid, are one."""
REGIONS: Final = 3
"""Told of at most, the largest first."""
PART: Final = 0.2
"""Of the largest region's contradictions that another must have to be told of."""


def moved(places: Mask, *, reduction: int, area: Rectangle) -> Iterator[Noticed]:
    """Tell where something moved.

    Parameters
    ----------
    places : ndarray of bool, shape (H, W)
        Where frames contradict one another, on the judge's grid.
    reduction : int
        Full-size px that one of its px spans.
    area : Rectangle
        What of the reference the composite shows, full-size px.
    """
    if places.mean() < MOVED_SHARE:
        return
    joined = cv2.dilate(places.view(np.uint8), np.ones((JOINED_PX, JOINED_PX), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    weights = np.bincount(labels[places], minlength=count)
    ranked = sorted(range(1, count), key=lambda label: -int(weights[label]))[:REGIONS]
    for label in ranked:
        if weights[label] < PART * weights[ranked[0]]:
            break
        left, top, width, height, _ = stats[label].tolist()
        region = Rectangle(
            left=max(left * reduction, area.left),
            top=max(top * reduction, area.top),
            right=min((left + width) * reduction, area.right),
            bottom=min((top + height) * reduction, area.bottom),
        )
        yield Noticed(
            code="subject-moved",
            severity=Severity.WARNING,
            sentence=(
                f"Something moved while the stack was shot, {place_of(region, area)}: look closely there."
                " Shoot faster, in still air, or from a firmer stand."
            ),
            region=region,
        )
