"""A registration: the transform that lays a moving frame over the reference, or why there is none."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, assert_never

import numpy as np

from stackd.model.pixels import Matrix

if TYPE_CHECKING:
    from skimage.transform import ProjectiveTransform

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
    def transform(self) -> "ProjectiveTransform":
        """The matrix as scikit-image's transform of the model: no more freedom than was estimated.

        Maps moving (x, y) px to reference px, points of shape (N, 2); `inverse` goes back. scikit-image has none for shifts
        alone, so they are given as its rotation and shift.
        """
        from skimage.transform import AffineTransform, EuclideanTransform, ProjectiveTransform, SimilarityTransform

        match self.model:
            case "none" | "translation":
                return EuclideanTransform(self.matrix)
            case "similarity":
                return SimilarityTransform(self.matrix)
            case "affine":
                return AffineTransform(self.matrix)
            case "homography":
                return ProjectiveTransform(self.matrix)
            case _:
                assert_never(self.model)

    @property
    def scale(self) -> float:
        """Magnification, moving → reference."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:2, :2]))))

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
