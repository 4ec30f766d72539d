"""Finishing steps: what is done to the fused image, in the order the recipe lists them.

Adding a step: one file, whose settings class has a `plan` that looks at the image and says what is to be done to every tile; the
class joins `FinishingStep`. No step runs unless the recipe names it: the composite should look like its frames.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.finish.deconvolve import Deconvolve
from stackd.imaging.finish.denoise import Denoise
from stackd.imaging.finish.levels import Levels
from stackd.imaging.finish.local_contrast import LocalContrast
from stackd.imaging.finish.sharpen import Sharpen
from stackd.imaging.ground.frames import Progress, ignore_progress
from stackd.imaging.ground.tiles import count_tiles, run_on_tiles
from stackd.model.pixels import Image

FinishingStep: TypeAlias = Annotated[Sharpen | Levels | Denoise | LocalContrast | Deconvolve, Field(discriminator="step")]
"""Settings of any step; the field `step` says which."""


class FinishSettings(BaseModel):
    """What is done to the fused image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    crop: Annotated[bool, Field(description="Cut off the edges that not every frame covers.")] = True
    steps: Annotated[tuple[FinishingStep, ...], Field(description="Further steps in their order; none by default.")] = ()


def finish(
    image: Image,
    steps: Sequence[FinishingStep],
    *,
    progress: Progress = ignore_progress,
    tell: Callable[[str], None] = lambda _: None,
) -> Image:
    """Run the finishing steps over a fused image, in order.

    However many steps there are, no more than the image, the result and a few tiles are in memory, and while a step looks at the
    whole image, a plane or two.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
        Range [0, 1], display-encoded; not modified.
    steps : sequence of FinishingStep
        May be empty: then the image comes back as it is.
    progress : Progress
        Told after every tile of every step; may raise `Cancelled`.
    tell : callable
        Told, in a sentence, why a step changes nothing.
    """
    total = max(1, len(steps) * count_tiles(image.shape))
    progress("finish", 0, total)
    done = 0

    def count_tile() -> None:
        nonlocal done
        done += 1
        progress("finish", done, total)

    result: Image | None = None
    for step in steps:
        # The first step makes a new image; the others write over that one.
        work = step.plan(image)
        if work.why_nothing:
            tell(work.why_nothing)
        result = run_on_tiles(image, work, out=result, progress=count_tile)
        image = result
    if not steps:
        progress("finish", total, total)
    return image


__all__ = ["Deconvolve", "Denoise", "FinishSettings", "FinishingStep", "Levels", "LocalContrast", "Sharpen", "finish"]
