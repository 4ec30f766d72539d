"""The lowest model the frames justify: a similarity, unless pieces of the image insist on shear or keystone.

More freedom always fits better, also to noise, bokeh and parallax; so a richer model must explain much more and be sure of it.
Whether a stack moved at all is decided over all its links together, in `chain`.
"""

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.ground.matrices import corners, transformed
from stackd.imaging.register.engine.pairwise import align
from stackd.imaging.register.engine.prepared_frame import PreparedFrame
from stackd.imaging.register.models import UNCERTAINTY_LIMIT_PX, FirstGuessChoice, UncertaintyLimit
from stackd.imaging.register.reference import ReferenceChoice
from stackd.model.pixels import Matrix
from stackd.model.registration import FailedRegistration, MotionModel, Registration

RICHER: tuple[MotionModel, ...] = ("affine", "homography")
"""Models tried beyond the similarity."""

SIGNIFICANCE = 5.0
"""Standard errors by which the richer model must place the corners elsewhere."""


class AutoRegistration(BaseModel):
    """Use the simplest model that explains how frames differ."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Literal["auto"] = "auto"
    uncertainty_limit_px: UncertaintyLimit = UNCERTAINTY_LIMIT_PX
    first_guess: FirstGuessChoice = "auto"
    reference: ReferenceChoice = "auto"
    tolerated_residual_px: float = Field(
        default=0.3,
        gt=0,
        le=5,
        description="Disagreement between pieces of the image, px of the frames compared, below which no richer model is tried.",
    )
    least_improvement: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="Share of that disagreement that a richer model must remove.",
    )


def estimate_auto(
    reference: PreparedFrame, moving: PreparedFrame, settings: AutoRegistration, *, initial: Matrix | None = None
) -> Registration | FailedRegistration:
    """Estimate the simplest transform that lays `moving` over `reference`.

    Choose it when nothing is known about how the frames were taken.

    Parameters
    ----------
    reference, moving : PreparedFrame
        Neighbours in the stack, of one shape.
    settings : AutoRegistration
        When to try more, and when to give up.
    initial : ndarray of float64, shape (3, 3), optional
        Moving → reference px, where an idea already exists.

    Returns
    -------
    Registration or FailedRegistration
        Matrix maps moving (x, y) px to reference (x, y) px; `model` names the one chosen.

    Raises
    ------
    MixedStack
        If the shapes differ.
    """
    limit, first = settings.uncertainty_limit_px, settings.first_guess
    chosen = align(reference, moving, model="similarity", uncertainty_limit_px=limit, initial=initial, first_guess=first)
    if not isinstance(chosen, Registration):
        return chosen
    for model in RICHER:
        if chosen.residual_px <= settings.tolerated_residual_px:
            break
        richer = align(reference, moving, model=model, uncertainty_limit_px=limit, initial=chosen.matrix, first_guess=first)
        if isinstance(richer, Registration) and _is_justified(chosen, richer, moving.shape, settings.least_improvement):
            chosen = richer
    return chosen


def _is_justified(simple: Registration, rich: Registration, shape: tuple[int, int], least_improvement: float) -> bool:
    difference = transformed(rich.matrix, corners(shape)) - transformed(simple.matrix, corners(shape))
    displaced_px = float(np.sqrt((difference**2).sum(axis=1).mean()))
    explains = rich.residual_px < (1 - least_improvement) * simple.residual_px
    return explains and displaced_px > SIGNIFICANCE * rich.uncertainty_px
