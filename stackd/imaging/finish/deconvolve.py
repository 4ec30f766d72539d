"""Undo the blur that is left in the sharpest parts: that of the lens, of diffraction and of the sensor's colour filter."""

from typing import Annotated, Literal, assert_never

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from stackd.imaging.ground.colour import decode_srgb, encode_srgb
from stackd.imaging.ground.grain import PATCH_PX, estimate_grain_map, lit_patches, share_of_detail
from stackd.imaging.ground.residual_blur import estimate_blur
from stackd.imaging.ground.tiles import TilePlace, TileWork, enlarged, nothing_to_do
from stackd.model.pixels import Gray, Image

LEAST_SIGMA_PX = 0.6
"""Less blur is that of the pixel itself, which a perfect image has too: 0.2 to 0.5 px are measured on unblurred scenes."""

REACH_SIGMAS = 3.0
"""How far a Gaussian is followed; the neglected rest is 1 %."""

LEAST_LIGHT = 1e-4
"""Linear light that stands for black: Richardson and Lucy's ratio needs light everywhere."""

SPREAD_PX = 16
"""How far telling detail from grain looks."""


class Deconvolve(BaseModel):
    """Undo the blur that is measured at the sharpest edges, where there is more than grain."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: Literal["deconvolve"] = "deconvolve"
    method: Annotated[
        Literal["richardson_lucy", "unsharp"],
        Field(description="richardson_lucy: finds the image that, blurred, gives this one; best. unsharp: a sixth of the time."),
    ] = "richardson_lucy"
    sigma_px: Annotated[
        float | None,
        Field(ge=0.5, le=4, description="Sigma of the blur. Leave out to have it measured; a sharp image then stays as it is."),
    ] = None
    iterations: Annotated[
        int, Field(ge=1, le=50, description="Rounds of richardson_lucy. More: sharper, more grain and rings, more time.")
    ] = 10
    amount: Annotated[float, Field(ge=0, le=3, description="How much of the detail unsharp adds once more.")] = 1.0
    overshoot: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="How far a pixel may pass the darkest and lightest of its surroundings, as a share of their difference:"
            " bounds rings beside edges.",
        ),
    ] = 0.2

    def plan(self, image: Image) -> TileWork:
        """Look at an image, and say what is to be done to every tile."""
        return plan_deconvolution(image, self)


def plan_deconvolution(image: Image, settings: Deconvolve) -> TileWork:
    """Measure blur and grain of an image, and say how a tile is deblurred.

    Luminance is deblurred in linear light, where lenses blur: that gains up to twice the decibels of display values. Colours keep
    their differences.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
        Range [0, 1], display-encoded; not modified.
    settings : Deconvolve
        Method, blur and bounds.

    Returns
    -------
    TileWork
        Range [0, 1]. It hands tiles back as they are when the measured blur is below `LEAST_SIGMA_PX`.

    References
    ----------
    .. [1] W. H. Richardson, "Bayesian-based iterative method of image restoration", J. Opt. Soc. Am. 62 (1972).
    .. [2] L. B. Lucy, "An iterative technique for the rectification of observed distributions", Astron. J. 79 (1974).
    """
    luminance = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)
    sigma_px = estimate_blur(luminance) if settings.sigma_px is None else settings.sigma_px
    if sigma_px < LEAST_SIGMA_PX:
        return nothing_to_do(
            f"deconvolve changed nothing: the steepest edges are blurred by {sigma_px:.1f} px, which is as sharp as pixels are."
            if sigma_px
            else "deconvolve changed nothing: there are too few steep edges to measure blur at. Give it as sigma_px."
        )
    grain_map = estimate_grain_map(luminance, lit=lit_patches(luminance))

    def deconvolve_tile(tile: Image, box: TilePlace) -> Image:
        blurred = np.asarray(cv2.cvtColor(tile, cv2.COLOR_RGB2GRAY), np.float32)
        share = share_of_detail(blurred / enlarged(grain_map, box, cell_px=PATCH_PX))
        sharp = _bounded(_deblurred(blurred, sigma_px, settings), blurred, sigma_px, settings.overshoot)
        deblurred = tile + (share * (sharp - blurred))[..., np.newaxis]
        return np.asarray(np.clip(deblurred, 0, 1, out=deblurred), np.float32)

    return TileWork(run=deconvolve_tile, margin_px=_margin_px(sigma_px, settings))


def _deblurred(blurred: Gray, sigma_px: float, settings: Deconvolve) -> NDArray[np.float32]:
    from skimage.filters import unsharp_mask
    from skimage.restoration import richardson_lucy

    light = np.asarray(decode_srgb(blurred), np.float32)
    match settings.method:
        case "richardson_lucy":
            light = np.maximum(light, np.float32(LEAST_LIGHT))
            light = richardson_lucy(light, _gaussian(sigma_px), num_iter=settings.iterations, clip=False)
        case "unsharp":
            light = unsharp_mask(light, radius=sigma_px, amount=settings.amount, preserve_range=True)
        case _:
            assert_never(settings.method)
    return np.asarray(encode_srgb(np.clip(light, 0, 1)), np.float32)


def _bounded(sharp: Gray, blurred: Gray, sigma_px: float, overshoot: float) -> NDArray[np.float32]:
    """Keep deblurred values within what surrounds them in the blurred image, widened by a share of its range."""
    reach = int(np.ceil(2 * sigma_px))
    window = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    darkest, lightest = cv2.erode(blurred, window), cv2.dilate(blurred, window)
    room = np.float32(overshoot) * (lightest - darkest)
    return np.clip(sharp, darkest - room, lightest + room)


def _gaussian(sigma_px: float) -> NDArray[np.float32]:
    line = cv2.getGaussianKernel(2 * int(np.ceil(REACH_SIGMAS * sigma_px)) + 1, sigma_px)
    return np.asarray(line @ line.T, np.float32)


def _margin_px(sigma_px: float, settings: Deconvolve) -> int:
    """Each round looks two Gaussians far, but what comes from far away fades as their widths add: by the square root."""
    rounds = settings.iterations if settings.method == "richardson_lucy" else 1
    reach = REACH_SIGMAS * sigma_px * (1 + float(np.sqrt(2 * rounds)))
    return max(SPREAD_PX, 8 * int(np.ceil(reach / 8)))
