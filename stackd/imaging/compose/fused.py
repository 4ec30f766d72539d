"""What a fusion method hands back."""

from dataclasses import dataclass

from stackd.model.composite import DepthMap
from stackd.model.pixels import Image


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fused:
    """One image out of many.

    `image` is display-encoded float32 (H, W, 3) in [0, 1] on the reference grid; `depth` is None when the method never decides
    where anything is sharp, or nobody wants to know.
    """

    image: Image
    depth: DepthMap | None
