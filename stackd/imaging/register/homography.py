"""Plane-to-plane perspective: for a camera that tilted between frames, hand-held close-ups of flat things."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.register.engine.pairwise import align
from stackd.imaging.register.engine.prepared_frame import PreparedFrame
from stackd.model.pixels import Matrix
from stackd.model.registration import FailedRegistration, Registration

PARAMETERS = 8
"""Those of an affine transform, and keystone in x and y."""


class HomographyRegistration(BaseModel):
    """Frames differ as views of a plane from different places."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Literal["homography"] = "homography"
    uncertainty_limit_px: float = Field(
        default=2.0,
        gt=0,
        le=20,
        description="Standard error at the corners, px of the frames compared, beyond which a registration counts as failed.",
    )


def estimate_homography(
    reference: PreparedFrame, moving: PreparedFrame, settings: HomographyRegistration, *, initial: Matrix | None = None
) -> Registration | FailedRegistration:
    """Estimate the homography that lays `moving` over `reference`.

    Choose it for a hand-held camera: its tilt turns rectangles into keystones.

    Parameters
    ----------
    reference, moving : PreparedFrame
        Neighbours in the stack, of one shape.
    settings : HomographyRegistration
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
