"""Take grain away, as much as was measured where the image shows nothing else; colour grain more than that of luminance."""

from types import MappingProxyType
from typing import Annotated, Literal, assert_never

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.ground.grain import PATCH_PX, estimate_grain_map, lit_patches, share_of_detail
from stackd.imaging.ground.tiles import TilePlace, TileWork, enlarged
from stackd.model.pixels import Gray, Image

TO_PLANES = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
"""Luminance and two colour differences (JFIF's YCbCr). Grain is white in each, but eyes mind it less in the first."""

PATCH_SIDE_PX = 5
"""Patches of non-local means; 3 px lose 1 dB on single frames, 7 px half a dB (measured)."""

TOTAL_VARIATION_WEIGHT, TOTAL_VARIATION_ROUNDS = 0.8, 15
"""Weight in grains: 0.5 leaves more grain, 1 takes more detail. The number of rounds is fixed, so that all tiles are treated
alike; 30 change less than 0.1 dB (measured)."""

WAVELET, WAVELET_LEVELS, WAVELET_THRESHOLD = "sym4", 3, 1.5
"""Threshold in grains, the same for all scales: 1.2 leaves more grain in composites, 2 takes more detail (measured)."""

MARGINS_PX = MappingProxyType({"nonlocal_means": 16, "total_variation": 32, "wavelet": 64})
"""How far each method looks, as multiples of 8. Telling detail from grain looks 16 px, and patches no further. Total variation
has no end; beyond 32 px a tile changes by less than 0.0001 (a test holds it to that). Wavelets: filters 8 long, widened by
1 + 2 + 4 on three levels, to both sides."""


class Denoise(BaseModel):
    """Smooth grain and keep detail, by as much grain as is measured in the image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: Literal["denoise"] = "denoise"
    method: Annotated[
        Literal["nonlocal_means", "total_variation", "wavelet"],
        Field(
            description="nonlocal_means: averages what looks alike; best. total_variation: flattens; half the time."
            " wavelet: drops weak detail of every size; a third of the time."
        ),
    ] = "nonlocal_means"
    strength: Annotated[
        float, Field(ge=0, le=3, description="Grain to take from luminance, as a multiple of what is measured. 0: none.")
    ] = 1.0
    colour_strength: Annotated[
        float, Field(ge=0, le=5, description="The same for colour, whose grain shows as blotches. 0: none.")
    ] = 1.5
    search_px: Annotated[
        int,
        Field(
            ge=1,
            le=10,
            description="How far nonlocal_means looks for what is alike. Time grows with its square, quality hardly.",
        ),
    ] = 3

    def plan(self, image: Image) -> TileWork:
        """Look at an image, and say what is to be done to every tile."""
        return plan_denoising(image, self)


def plan_denoising(image: Image, settings: Denoise) -> TileWork:
    """Measure the grain of an image, and say how a tile is freed from it.

    Grain differs from place to place, because a composite is averaged of several frames where nothing decides. So every plane is
    divided by its local grain, smoothed as if grain were one, and multiplied again.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
        Range [0, 1], display-encoded; not modified.
    settings : Denoise
        Method and strengths.

    Returns
    -------
    TileWork
        Range [0, 1].

    References
    ----------
    .. [1] A. Buades, B. Coll, J.-M. Morel, "A non-local algorithm for image denoising", CVPR 2005.
    .. [2] A. Chambolle, "An algorithm for total variation minimization and applications", J. Math. Imaging and Vision 20 (2004).
    .. [3] D. L. Donoho, I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81 (1994).
    """
    lit = lit_patches(_plane(image, 0))
    grain_maps = [estimate_grain_map(_plane(image, number), lit=lit) for number in range(3)]
    strengths = (settings.strength, settings.colour_strength, settings.colour_strength)

    def denoise_tile(tile: Image, box: TilePlace) -> Image:
        planes = cv2.transform(tile, TO_PLANES)
        for number, (grain_map, strength) in enumerate(zip(grain_maps, strengths, strict=True)):
            if strength > 0:
                grain = enlarged(grain_map, box, cell_px=PATCH_PX) * np.float32(strength)
                planes[..., number] = _smoothed(planes[..., number] / grain, settings) * grain
        smoothed = cv2.transform(planes, np.linalg.inv(TO_PLANES))
        return np.asarray(np.clip(smoothed, 0, 1, out=smoothed), np.float32)

    return TileWork(run=denoise_tile, margin_px=MARGINS_PX[settings.method])


def _plane(image: Image, number: int) -> Gray:
    return np.asarray(cv2.transform(image, TO_PLANES[number : number + 1]), np.float32)


def _smoothed(plane: Gray, settings: Denoise) -> NDArray[np.float32]:
    """Smooth a plane whose grain has standard deviation 1."""
    from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, denoise_wavelet

    match settings.method:
        case "nonlocal_means":
            smoothed = denoise_nl_means(
                plane, patch_size=PATCH_SIDE_PX, patch_distance=settings.search_px, h=1.0, sigma=1.0, preserve_range=True
            )
            return np.asarray(smoothed, np.float32)
        case "total_variation":
            smoothed = denoise_tv_chambolle(plane, weight=TOTAL_VARIATION_WEIGHT, eps=0.0, max_num_iter=TOTAL_VARIATION_ROUNDS)
        case "wavelet":
            # "VisuShrink" multiplies by this root; divided by it, the threshold does not depend on the size of the tile.
            sigma = WAVELET_THRESHOLD / float(np.sqrt(2 * np.log(plane.size)))
            smoothed = denoise_wavelet(
                plane, wavelet=WAVELET, wavelet_levels=WAVELET_LEVELS, method="VisuShrink", sigma=sigma, rescale_sigma=False
            )
        case _:
            assert_never(settings.method)
    # Both flatten fine texture, which the eye minds more than the grain in it.
    share = share_of_detail(plane)
    return np.asarray(smoothed + share * (plane - smoothed), np.float32)
