"""Finishing steps: what is done to the fused image, in the order the recipe lists them.

Adding a step: one file with its settings class and a pure function; the class joins `FinishingStep`, the function the `match`
below. No step runs unless the recipe names it: the composite should look like its frames.
"""

from collections.abc import Sequence
from typing import Annotated, TypeAlias, assert_never

from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.finish.levels import Levels, spread_levels
from stackd.imaging.finish.sharpen import Sharpen, sharpen
from stackd.model.pixels import Image

FinishingStep: TypeAlias = Annotated[Sharpen | Levels, Field(discriminator="step")]
"""Settings of any step; the field `step` says which."""


class FinishSettings(BaseModel):
    """What is done to the fused image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    crop: Annotated[bool, Field(description="Cut off the edges that not every frame covers.")] = True
    steps: Annotated[tuple[FinishingStep, ...], Field(description="Further steps in their order; none by default.")] = ()


def finish(image: Image, steps: Sequence[FinishingStep]) -> Image:
    """Run the finishing steps over a fused image, in order.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
        Range [0, 1], display-encoded; not modified.
    steps : sequence of FinishingStep
        May be empty: then the image comes back as it is.
    """
    for step in steps:
        match step:
            case Sharpen():
                image = sharpen(image, step)
            case Levels():
                image = spread_levels(image, step)
            case _:
                assert_never(step)
    return image


__all__ = ["FinishSettings", "FinishingStep", "Levels", "Sharpen", "finish"]
