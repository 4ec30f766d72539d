"""Translation, similarity, affine and homography: one way of registering, with more or fewer motions free."""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.register.engine.pairwise import FirstGuess, align
from stackd.imaging.register.engine.prepared_frame import PreparedFrame
from stackd.imaging.register.reference import ReferenceChoice
from stackd.model.pixels import Matrix
from stackd.model.registration import FailedRegistration, MotionModel, Registration

UncertaintyLimit: TypeAlias = Annotated[
    float,
    Field(
        gt=0,
        le=20,
        description="Standard error at the corners, px of the frames compared, beyond which a registration counts as failed.",
    ),
]
"""An option of every model that moves frames."""

FirstGuessChoice: TypeAlias = Annotated[
    FirstGuess,
    Field(
        description=(
            "How a frame is found before its place is measured. pixels: by sliding small copies over one another; quick, for"
            " shifts up to 40 % of the width and turns up to 14°. features: by details that look alike; some tenths of a second"
            " a frame, for any turn and a lens zoomed up to twofold. auto: by features only where pixels find nothing."
        )
    ),
]
"""Another option of every model that moves frames."""

UNCERTAINTY_LIMIT_PX = 2.0
"""Beyond it pieces of the image visibly fail to meet, and the chain would be bent by a link that knows nothing (guess)."""


class MotionRegistration(BaseModel):
    """One motion lays the whole of a frame over its neighbour."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Annotated[
        MotionModel,
        Field(
            description=(
                "How frames may differ. translation: by a shift, as on a microscope stage or with a telecentric lens."
                " similarity: by rotation and magnification too, as on tripods and rails and with lenses that breathe."
                " affine: by shear too, where a rail is not square to the sensor."
                " homography: by keystone too, where a hand tilted the camera."
            )
        ),
    ] = "similarity"
    uncertainty_limit_px: UncertaintyLimit = UNCERTAINTY_LIMIT_PX
    first_guess: FirstGuessChoice = "auto"
    reference: ReferenceChoice = "auto"


def estimate_motion(
    reference: PreparedFrame, moving: PreparedFrame, settings: MotionRegistration, *, initial: Matrix | None = None
) -> Registration | FailedRegistration:
    """Estimate the motion that lays `moving` over `reference`, with no more freedom than the model has.

    Choose the model with the fewest freedoms that the frames can differ by: there is less to go wrong. Scale is free from the
    similarity on, because lenses breathe: magnification changes with focus distance.

    Parameters
    ----------
    reference, moving : PreparedFrame
        Neighbours in the stack, of one shape.
    settings : MotionRegistration
        The model, and when to give up.
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
        uncertainty_limit_px=settings.uncertainty_limit_px,
        initial=initial,
        first_guess=settings.first_guess,
    )
