"""A registration: the transform that lays a moving frame over the reference, or why there is none."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from stackd.model.pixels import Matrix

MotionModel: TypeAlias = Literal["translation", "similarity", "affine", "homography"]
"""Kinds of motion a frame can have made, each with the freedoms of the one before it and some more."""

RegistrationModel: TypeAlias = Literal["none"] | MotionModel
"""Those, and frames that were left where they are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Registration:
    """Where a moving frame lies on the reference.

    `matrix` maps moving (x, y, 1) px to reference px, shape (3, 3); `residual_px` is the typical misfit left, `overlap` the share
    of the reference that the moving frame covers, 0–1.
    """

    matrix: Matrix
    model: RegistrationModel
    residual_px: float
    overlap: float
    uncertainty_px: float = 0.0
    """Standard error of the matrix at the corners."""

    def __bool__(self) -> Literal[True]:
        return True

    @property
    def scale(self) -> float:
        """Magnification, moving → reference."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:2, :2]))))

    @property
    def rotation_rad(self) -> float:
        """Rotation, moving → reference, positive from x to y."""
        return float(np.arctan2(self.matrix[1, 0], self.matrix[0, 0]))

    @property
    def shift_px(self) -> tuple[float, float]:
        """Displacement (x, y) of the moving frame's first pixel."""
        return float(self.matrix[0, 2]), float(self.matrix[1, 2])


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRegistration:
    """No transform could be found; `reason` says why in plain words. Falsy."""

    reason: str

    def __bool__(self) -> Literal[False]:
        return False
