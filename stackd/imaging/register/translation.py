"""Shift alone: for a microscope stage or a telecentric lens, where magnification cannot change."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.register.engine.pairwise import align
from stackd.imaging.register.engine.prepared_frame import PreparedFrame
from stackd.model.pixels import Matrix
from stackd.model.registration import FailedRegistration, Registration

PARAMETERS = 2
"""Shift in x and in y."""


class TranslationRegistration(BaseModel):
    """Frames differ by a shift in x and y."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Literal["translation"] = "translation"
    uncertainty_limit_px: float = Field(
        default=2.0,
        gt=0,
        le=20,
        description="Standard error at the corners, px of the frames compared, beyond which a registration counts as failed.",
    )


def estimate_translation(
    reference: PreparedFrame, moving: PreparedFrame, settings: TranslationRegistration, *, initial: Matrix | None = None
) -> Registration | FailedRegistration:
    """Estimate the translation that lays `moving` over `reference`.

    Choose it when magnification is known not to change: fewer freedoms, less to go wrong.

    Parameters
    ----------
    reference, moving : PreparedFrame
        Neighbours in the stack, of one shape.
    settings : TranslationRegistration
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
