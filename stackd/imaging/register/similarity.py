"""Shift, rotation and scale: what a focusing lens, a tripod and a rail do. The default."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.register.engine.pairwise import align
from stackd.imaging.register.engine.prepared_frame import PreparedFrame
from stackd.model.pixels import Matrix
from stackd.model.registration import FailedRegistration, Registration

PARAMETERS = 4
"""Shift in x and y, scale, rotation."""


class SimilarityRegistration(BaseModel):
    """Frames differ by shift, rotation and magnification."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Literal["similarity"] = "similarity"
    uncertainty_limit_px: float = Field(
        default=2.0,
        gt=0,
        le=20,
        description="Standard error at the corners, px of the frames compared, beyond which a registration counts as failed.",
    )


def estimate_similarity(
    reference: PreparedFrame, moving: PreparedFrame, settings: SimilarityRegistration, *, initial: Matrix | None = None
) -> Registration | FailedRegistration:
    """Estimate the similarity that lays `moving` over `reference`.

    Scale is free because lenses breathe: magnification changes with focus distance.

    Parameters
    ----------
    reference, moving : PreparedFrame
        Neighbours in the stack, of one shape.
    settings : SimilarityRegistration
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
