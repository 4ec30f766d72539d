"""Sharpen by an unsharp mask on the luminance: detail smaller than the radius is lifted, colours stay."""

from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stackd.model.pixels import Image


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


def sharpen(image: Image, settings: Sharpen) -> Image:
    """Lift fine detail.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
        Range [0, 1]; not modified.
    settings : Sharpen
        Radius, amount and threshold.

    Returns
    -------
    ndarray of float32, shape (H, W, 3)
        Range [0, 1].
    """
    luminance = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    detail = luminance - cv2.GaussianBlur(luminance, (0, 0), settings.radius_px, borderType=cv2.BORDER_REPLICATE)
    # Pulling detail towards zero, rather than cutting it off, leaves no contour where the threshold is crossed.
    kept = np.sign(detail) * np.maximum(np.abs(detail) - settings.threshold, 0)
    sharpened: Image = image + np.float32(settings.amount) * kept[..., np.newaxis]
    np.clip(sharpened, 0, 1, out=sharpened)
    return sharpened
