"""Sharpen by an unsharp mask on the luminance: detail smaller than the radius is lifted, colours stay."""

from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.ground.tiles import TilePlace, TileWork
from stackd.model.pixels import Image

BLUR_REACH_SIGMAS = 4.0
"""How far OpenCV follows a Gaussian of float32."""


class Sharpen(BaseModel):
    """Unsharp mask, for output that will not be sharpened later."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: Literal["sharpen"] = "sharpen"
    radius_px: Annotated[
        float,
        Field(
            ge=0.3,
            le=10,
            description="Gaussian sigma of the mask: about the size of the detail to lift. Below 0.3 px it is none.",
        ),
    ] = 1.0
    amount: Annotated[
        float, Field(ge=0, le=3, description="How much of the detail is added once more; 0.5 is a light touch.")
    ] = 0.5
    threshold: Annotated[
        float,
        Field(
            ge=0,
            le=0.1,
            description="Differences smaller than this share of white stay as they are, so that grain is not lifted.",
        ),
    ] = 0.004

    def plan(self, image: Image) -> TileWork:
        """Look at an image, and say what is to be done to every tile."""
        return plan_sharpening(image, self)


def plan_sharpening(image: Image, settings: Sharpen) -> TileWork:  # noqa: ARG001  (every step is planned alike)
    """Say how the fine detail of a tile is lifted.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
        Range [0, 1]; not modified.
    settings : Sharpen
        Radius, amount and threshold.

    Returns
    -------
    TileWork
        Range [0, 1].
    """

    def sharpen_tile(tile: Image, _: TilePlace) -> Image:
        luminance = cv2.cvtColor(tile, cv2.COLOR_RGB2GRAY)
        detail = luminance - cv2.GaussianBlur(luminance, (0, 0), settings.radius_px, borderType=cv2.BORDER_REPLICATE)
        # Pulling detail towards zero, rather than cutting it off, leaves no contour where the threshold is crossed.
        kept = np.sign(detail) * np.maximum(np.abs(detail) - settings.threshold, 0)
        sharpened: Image = tile + np.float32(settings.amount) * kept[..., np.newaxis]
        np.clip(sharpened, 0, 1, out=sharpened)
        return sharpened

    return TileWork(run=sharpen_tile, margin_px=int(np.ceil(BLUR_REACH_SIGMAS * settings.radius_px)) + 1)
