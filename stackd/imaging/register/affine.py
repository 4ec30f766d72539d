"""Shift, rotation, scale and shear: for a rail that is not parallel to the lens axis, or a tilted lens."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.register.engine.pairwise import align
from stackd.imaging.register.engine.prepared_frame import PreparedFrame
from stackd.model.pixels import Matrix
from stackd.model.registration import FailedRegistration, Registration

PARAMETERS = 6
"""Shift in x and y, scale, rotation, two stretches."""


class AffineRegistration(BaseModel):
    """Frames differ by shift, rotation, magnification and shear."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Literal["affine"] = "affine"
    uncertainty_limit_px: float = Field(
        default=2.0,
        gt=0,
        le=20,
        description="Standard error at the corners, px of the frames compared, beyond which a registration counts as failed.",
    )


def estimate_affine(
    reference: PreparedFrame, moving: PreparedFrame, settings: AffineRegistration, *, initial: Matrix | None = None
) -> Registration | FailedRegistration:
    """Estimate the affine that lays `moving` over `reference`.

    Choose it when the pieces of a similarity still drift apart: a rail or lens that is not square to the sensor.

    Parameters
    ----------
    reference, moving : PreparedFrame
        Neighbours in the stack, of one shape.
    settings : AffineRegistration
        When to give up.
    initial : ndarray of float64, shape (3, 3), optional
        Moving → reference px, where an idea already exists.

    Returns
    -------
    Registration or FailedRegistration
        Matrix maps moving (x, y) px to reference (x, y) px.

    Raises
    ------
    MixedStack
        If the shapes differ.
    """
    return align(
        reference,
        moving,
        model=settings.model,
        parameters=PARAMETERS,
        uncertainty_limit_px=settings.uncertainty_limit_px,
        initial=initial,
    )
