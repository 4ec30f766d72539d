"""Registration models: where a moving frame lies on its neighbour.

Models that differ by which motions are free share one file. Adding another kind is a file, and a line in the union and the match.
A frame meets two or more neighbours; `prepare` it once and hand the `PreparedFrame` to `register`.
"""

from typing import Annotated, TypeAlias, assert_never

from pydantic import Field

from stackd.imaging.register.auto import AutoRegistration, estimate_auto
from stackd.imaging.register.engine.prepared_frame import PreparedFrame, prepare
from stackd.imaging.register.models import MotionRegistration, estimate_motion
from stackd.imaging.register.none import NoRegistration, stay_in_place
from stackd.model.pixels import Gray, Matrix
from stackd.model.registration import FailedRegistration, Registration

RegistrationSettings: TypeAlias = Annotated[
    NoRegistration | MotionRegistration | AutoRegistration,
    Field(discriminator="model"),
]
"""One of the models, told apart by `model`."""


def register(
    reference_image: Gray | PreparedFrame,
    moving_image: Gray | PreparedFrame,
    settings: RegistrationSettings,
    *,
    initial: Matrix | None = None,
) -> Registration | FailedRegistration:
    """Estimate the transform that lays `moving_image` over `reference_image`.

    Parameters
    ----------
    reference_image, moving_image : ndarray of float32, shape (H, W), or PreparedFrame
        Gray neighbours in the stack, display-encoded, range [0, 1]. Prepared frames save work when a frame is used twice.
    settings : RegistrationSettings
        Model and its options.
    initial : ndarray of float64, shape (3, 3), optional
        Moving → reference px, where an idea already exists; it is tried first, not trusted.

    Returns
    -------
    Registration or FailedRegistration
        Matrix maps moving (x, y) px to reference px on the grid of the images given; see `rescale_matrix` for reduced ones.
        Failed, with the reason in plain words, when the frames show different things or too little is sharp in both.

    Raises
    ------
    MixedStack
        If the shapes differ.
    """
    if isinstance(settings, NoRegistration):
        return stay_in_place()
    reference = reference_image if isinstance(reference_image, PreparedFrame) else prepare(reference_image)
    moving = moving_image if isinstance(moving_image, PreparedFrame) else prepare(moving_image)
    match settings:
        case MotionRegistration():
            return estimate_motion(reference, moving, settings, initial=initial)
        case AutoRegistration():
            return estimate_auto(reference, moving, settings, initial=initial)
        case _:
            assert_never(settings)
