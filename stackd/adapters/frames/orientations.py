"""Settle which way up the frames of one stack are.

A camera that points straight down cannot tell, and writes now one orientation, now another, into frames that are stored alike.
Turning each as it says would tear the stack apart.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from stackd.adapters.formats.opened_image import open_image
from stackd.adapters.frames import image_files
from stackd.errors import UnreadableFrame
from stackd.model.pixels import Gray
from stackd.model.tags import Header
from stackd.service.ports import FrameFile

REDUCTION: Final = 8
"""Pictures are compared reduced by this: which way up they are shows in a thumbnail."""
LEAST_ALIKE: Final = 0.8
"""Correlation with a frame of the stack below which a picture was really taken another way up, or shows something else (guess:
neighbours of a stack have 0.95 and more, strangers half of that)."""
SIDE_PX: Final = 64
"""Side of the squares they are compared on: blur of focus is below a pixel there."""


def one_way_up(headers: Mapping[FrameFile, Header]) -> dict[FrameFile, Header]:
    """Give frames that are stored like most frames of their stack the orientation of those, where the pictures then fit better.

    Costs nothing where all say the same. A frame that cannot be decoded keeps what it says.

    Parameters
    ----------
    headers : mapping of FrameFile to Header
        Of all frames of one stack.
    """
    ways = Counter((header.orientation, header.width_px, header.height_px) for header in headers.values())
    if len({orientation for orientation, _, _ in ways}) <= 1:
        return dict(headers)
    orientation, width, height = ways.most_common(1)[0][0]
    like = next(frame for frame, header in headers.items() if _way(header) == (orientation, width, height))
    reference = _look(like, headers[like])
    settled = dict(headers)
    for frame, header in headers.items():
        if header.orientation == orientation or (header.width_px, header.height_px) != (width, height) or reference is None:
            continue
        turned = replace(header, orientation=orientation)
        as_said, as_most = _look(frame, header), _look(frame, turned)
        if as_said is None or as_most is None:
            continue
        if _alike(as_most, reference) > max(_alike(as_said, reference), LEAST_ALIKE):
            settled[frame] = turned
    return settled


def _way(header: Header) -> tuple[int, int | None, int | None]:
    return header.orientation, header.width_px, header.height_px


def _look(frame: FrameFile, header: Header) -> Gray | None:
    try:
        with open_image(frame.path) as image:
            return image_files.read_gray(image, header, frame.page, REDUCTION)
    except UnreadableFrame:
        return None


def _alike(one: Gray, other: Gray) -> float:
    """Correlation of two pictures; −1 where one stands and the other lies."""
    if one.shape != other.shape:
        return -1.0
    first, second = (
        np.asarray(cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.float64).ravel()
        for picture in (one, other)
    )
    if min(first.std(), second.std()) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
