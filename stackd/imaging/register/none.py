"""No alignment: for a microscope, a copy stand, or frames aligned elsewhere."""

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from stackd.imaging.register.reference import ReferenceChoice
from stackd.model.registration import Registration


class NoRegistration(BaseModel):
    """Leave every frame where it is; not one pixel is resampled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Literal["none"] = "none"
    reference: ReferenceChoice = "auto"


def stay_in_place() -> Registration:
    """Return the identity.

    Returns
    -------
    Registration
        Matrix is exactly the identity, so that warping with it changes nothing.
    """
    return Registration(matrix=np.eye(3), model="none", residual_px=0.0, overlap=1.0)
