"""Write the depth map: as 16-bit TIFF for programs, and as a coloured PNG for people."""

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.adapters.output.carried_metadata import CarriedMetadata
from stackd.adapters.output.exporters.png import write_png
from stackd.adapters.output.exporters.tiff import rows_per_strip, write_tiff
from stackd.adapters.output.staging import StagingFile
from stackd.model.composite import DepthMap

DEPTH_LEVELS: Final = 65_535
COLOUR_LEVELS: Final = 255
DIMMEST: Final = 0.25
"""Brightness left where the depth is a guess: still visible, clearly not to be trusted (a matter of taste)."""


def write_depth_tiff(file: StagingFile, depth: DepthMap) -> None:
    """Write positions as gray of 16 bit: 0 is the first (nearest) frame, 65535 the last one."""
    levels = _levels(depth, DEPTH_LEVELS)
    height, width = depth.position.shape
    rows = rows_per_strip(width * 2)

    def strips() -> Iterator[NDArray[np.uint16]]:
        for start in range(0, height, rows):
            yield np.rint(levels[start : start + rows]).astype(np.uint16)

    write_tiff(
        file,
        strips(),
        shape=(height, width),
        rows_per_strip=rows,
        bit_depth=16,
        compression="deflate",
        metadata=CarriedMetadata(),
        description=f"Depth map of {depth.frame_count} frames: 0 is the first, {DEPTH_LEVELS} the last.",
    )


def write_depth_picture(file: StagingFile, depth: DepthMap) -> None:
    """Write a picture of the depth, as `coloured` makes it."""
    write_png(file, coloured(depth), metadata=CarriedMetadata())


def coloured(depth: DepthMap) -> NDArray[np.uint8]:
    """Draw the depth, RGB: red is the first (nearest) frame, blue the last; darker where it is less certain."""
    near_is_red = np.rint(COLOUR_LEVELS - _levels(depth, COLOUR_LEVELS)).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(near_is_red, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    brightness = DIMMEST + (1 - DIMMEST) * np.clip(depth.confidence, 0, 1)
    return np.asarray(cv2.convertScaleAbs(colours * brightness[..., np.newaxis]), np.uint8)


def _levels(depth: DepthMap, highest: int) -> NDArray[np.float32]:
    last = max(depth.frame_count - 1, 1)
    levels: NDArray[np.float32] = np.clip(depth.position * np.float32(highest / last), 0, highest)
    return levels
