"""Raise contrast area by area, as a photographer does with "clarity": overall brightness, hue and grain stay."""

from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.tiles import TilePlace, TileWork, enlarged, nothing_to_do
from stackd.model.pixels import Gray, Image

MOST_CELLS = 1_000_000
"""Histograms are taken on an image reduced to this: contrast is about areas, and scikit-image's arrays take 60 bytes a pixel."""

SMALLEST_RANGE = 0.05
"""A picture that uses less than this share of the range is fog or an empty field: there is only grain to raise (a guess)."""

GUIDE_CELLS = 4
"""Half the window in which the tone curve of a place is found, cells (guess: finer follows texture, coarser draws halos)."""

GUIDE_CONTRAST = 0.02
"""Contrast, display units, below which a place is even and gets lighter or darker but not more contrast: that would be grain."""

MOST_SLOPE = 2.5
"""Steepest tone curve: no detail becomes stronger than this, grain included (guess)."""

MOST_OF_THE_WAY = 0.5
"""Share of the way to the nearer of black and white that a pixel goes at most: nothing is clipped, white stays white (guess)."""

LEAST_LEVEL = 1e-6
"""Stands for black where a factor is computed."""


class LocalContrast(BaseModel):
    """Raise contrast within areas, the more the less of it there is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: Literal["local_contrast"] = "local_contrast"
    amount: Annotated[float, Field(ge=0, le=1, description="How much of the effect: 0 none, 1 all that clip_limit allows.")] = 0.5
    area_percent: Annotated[
        float,
        Field(
            ge=2,
            le=50,
            description="Side of the areas, as a share of the image's shorter side. Smaller: harsher, more like relief.",
        ),
    ] = 12.5
    clip_limit: Annotated[
        float,
        Field(
            ge=0.001, le=0.05, description="Most that one tone may count in an area: bounds how far even areas are torn apart."
        ),
    ] = 0.01

    def plan(self, image: Image) -> TileWork:
        """Look at an image, and say what is to be done to every tile."""
        return plan_local_contrast(image, self)


def plan_local_contrast(image: Image, settings: LocalContrast) -> TileWork:
    """Equalize the histograms of areas on a reduced luminance, and say how the tone curves found there are applied to a tile.

    The equalized image is not used itself: at each place a straight tone curve is fitted to it, which follows edges [2]_. So fine
    detail and grain keep their proportion to what they lie on, and no area shows its border.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
        Range [0, 1], display-encoded; not modified.
    settings : LocalContrast
        Amount, size of areas and limit.

    Returns
    -------
    TileWork
        Range [0, 1]. It hands tiles back as they are where the image hardly varies.

    References
    ----------
    .. [1] K. Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV (1994).
    .. [2] K. He, J. Sun, "Fast guided filter", arXiv:1505.00996 (2015).
    """
    cell_px = max(1, int(np.ceil(np.sqrt(image.shape[0] * image.shape[1] / MOST_CELLS))))
    luminance = np.asarray(cv2.cvtColor(block_means(image, cell_px, edge=Edge.LEFT_OUT), cv2.COLOR_RGB2GRAY), np.float32)
    darkest, lightest = float(luminance.min()), float(luminance.max())
    if settings.amount == 0:
        return nothing_to_do("local_contrast changed nothing: its amount is 0.")
    if lightest - darkest < SMALLEST_RANGE:
        return nothing_to_do("local_contrast changed nothing: the picture has hardly any contrast that could be raised.")
    area_cells = max(2 * GUIDE_CELLS, round(min(luminance.shape) * settings.area_percent / 100))
    slope, offset = _tone_curves(luminance, _equalized(luminance, area_cells, settings.clip_limit))
    amount = np.float32(settings.amount)

    def raise_contrast(tile: Image, box: TilePlace) -> Image:
        before = np.asarray(cv2.cvtColor(tile, cv2.COLOR_RGB2GRAY), np.float32)
        wanted = enlarged(slope, box, cell_px=cell_px) * before + enlarged(offset, box, cell_px=cell_px)
        room = np.float32(MOST_OF_THE_WAY) * np.minimum(before, 1 - before)
        after = before + amount * np.clip(wanted - before, -room, room)
        # One factor for red, green and blue keeps their hue; the strongest of them bounds it.
        strongest = np.maximum(tile.max(axis=2), np.float32(LEAST_LEVEL))
        lightest_allowed = strongest + np.float32(MOST_OF_THE_WAY) * (1 - strongest)
        factor = np.minimum(after / np.maximum(before, np.float32(LEAST_LEVEL)), lightest_allowed / strongest)
        return np.asarray(np.clip(tile * factor[..., np.newaxis], 0, 1), np.float32)

    return TileWork(run=raise_contrast)


def _equalized(luminance: Gray, area_cells: int, clip_limit: float) -> NDArray[np.float32]:
    """Equalize, but keep what is coarser than the areas: a dark background stays dark."""
    from skimage.exposure import equalize_adapthist

    darkest, lightest = luminance.min(), luminance.max()
    stretched = (luminance - darkest) / (lightest - darkest)
    equalized = equalize_adapthist(stretched, kernel_size=area_cells, clip_limit=clip_limit)
    change = np.asarray(darkest + equalized * (lightest - darkest), np.float32) - luminance
    return np.asarray(luminance + change - cv2.GaussianBlur(change, (0, 0), area_cells / 2), np.float32)


def _tone_curves(luminance: Gray, equalized: Gray) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit equalized = slope · luminance + offset around every cell, drawn towards a slope of 1 where there is no contrast."""
    side = (2 * GUIDE_CELLS + 1, 2 * GUIDE_CELLS + 1)

    def mean(plane: NDArray[np.floating]) -> NDArray[np.float32]:
        return np.asarray(cv2.blur(np.asarray(plane, np.float32), side, borderType=cv2.BORDER_REFLECT_101), np.float32)

    level, target = mean(luminance), mean(equalized)
    variance = np.maximum(mean(luminance * luminance) - level * level, 0)
    covariance = mean(luminance * equalized) - level * target
    slope = np.clip((covariance + GUIDE_CONTRAST**2) / (variance + GUIDE_CONTRAST**2), 0, MOST_SLOPE)
    return mean(slope), mean(target - slope * level)
