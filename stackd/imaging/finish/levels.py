"""Spread levels: what is darker than nearly everything becomes black, what is lighter becomes white, all channels alike."""

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.ground.tiles import TilePlace, TileWork, nothing_to_do
from stackd.model.pixels import Image

MAX_SAMPLES = 1_000_000
"""Pixels looked at for the percentiles: enough to place them within 0.02 % of all pixels, and quick."""

SMALLEST_RANGE = 0.05
"""A picture that uses less than this share of the range is fog or an empty field: spreading would only lift grain (a guess)."""


class Levels(BaseModel):
    """Use the whole range from black to white."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: Literal["levels"] = "levels"
    black_percent: Annotated[float, Field(ge=0, le=10, description="Share of pixels, in percent, that may become black.")] = 0.05
    white_percent: Annotated[float, Field(ge=0, le=10, description="Share of pixels, in percent, that may become white.")] = 0.05

    def plan(self, image: Image) -> TileWork:
        """Look at an image, and say what is to be done to every tile."""
        return plan_levels(image, self)


def plan_levels(image: Image, settings: Levels) -> TileWork:
    """Find the darkest and lightest used levels, and say how a tile is spread between them.

    The map is linear and the same for all channels, so that hues stay.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
        Range [0, 1]; not modified.
    settings : Levels
        How many pixels may be clipped at either end.

    Returns
    -------
    TileWork
        Range [0, 1]. It hands tiles back as they are where the image hardly varies.
    """
    step = max(1, int(np.ceil(np.sqrt(image.shape[0] * image.shape[1] / MAX_SAMPLES))))
    sample = image[::step, ::step]
    black = float(np.percentile(sample.min(axis=2), settings.black_percent))
    white = float(np.percentile(sample.max(axis=2), 100 - settings.white_percent))
    if white - black < SMALLEST_RANGE:
        return nothing_to_do(
            f"levels changed nothing: the picture uses only {white - black:.1%} of the range, and spreading it would lift grain."
        )

    def spread_tile(tile: Image, _: TilePlace) -> Image:
        spread = (tile - np.float32(black)) * np.float32(1 / (white - black))
        return np.clip(spread, 0, 1, out=spread)

    return TileWork(run=spread_tile)
