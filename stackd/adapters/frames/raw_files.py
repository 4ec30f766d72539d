"""Develop RAW frames: one development, settled once, for all frames of a stack.

Nothing is decided frame by frame. White balance comes from one frame, brightness is never adapted to the content, and the white
level is not guessed from the brightest pixel: each of these would make neighbouring frames differ where the scene does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stackd.adapters.colour.spaces import ADOBE_RGB_GAMMA, PROPHOTO_GAMMA
from stackd.adapters.formats.opened_image import OpenedImage, cut_off
from stackd.adapters.formats.raw_headers import opened_raw
from stackd.adapters.formats.wholeness.completeness import check_raw_is_complete
from stackd.adapters.frames.image_files import as_rgb
from stackd.config.develop import DevelopSettings
from stackd.model.pixels import ColourSpace, Pixels

if TYPE_CHECKING:
    import rawpy

SRGB_CURVE: Final = (2.4, 12.92)
"""Exponent and slope near black of the sRGB transfer curve (IEC 61966-2-1)."""
SPACES: Final = {
    ColourSpace.SRGB: ("sRGB", SRGB_CURVE),
    ColourSpace.ADOBE_RGB: ("Adobe", (ADOBE_RGB_GAMMA, 0.0)),
    ColourSpace.DISPLAY_P3: ("P3D65", SRGB_CURVE),
    ColourSpace.PROPHOTO: ("ProPhoto", (PROPHOTO_GAMMA, 0.0)),
}
"""What LibRaw calls the primaries of a space, and its curve; two are pure powers."""

NEVER_GUESS_WHITE: Final = 0.0
"""LibRaw lowers the white level to a frame's brightest pixel; off, or frames of one stack would differ in exposure."""

CHANNELS_NEEDED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Development:
    """How every RAW frame of one stack is turned into pixels."""

    white_balance: tuple[float, float, float, float]
    """Multipliers of red, green, blue and second green."""
    settings: DevelopSettings


def settle_development(image: OpenedImage, settings: DevelopSettings) -> Development:
    """Take the white balance from one frame (the middle one of a stack) and keep it for all.

    Raises
    ------
    UnreadableFrame
        If the file is no RAW file this program knows.
    """
    with opened_raw(image) as raw:
        candidates = (raw.camera_whitebalance, raw.daylight_whitebalance)
    if settings.white_balance == "daylight":
        candidates = candidates[::-1]
    for multipliers in candidates:
        if all(value > 0 for value in multipliers[:CHANNELS_NEEDED]):
            return Development(white_balance=_four(multipliers), settings=settings)
    return Development(white_balance=(1.0, 1.0, 1.0, 1.0), settings=settings)


def develop(image: OpenedImage, development: Development, *, half_size: bool = False) -> Pixels:
    """Develop a RAW frame to upright RGB uint16, shape (H, W, 3).

    Parameters
    ----------
    image : OpenedImage
        A complete RAW file.
    development : Development
        The one of its stack.
    half_size : bool
        Make one pixel of every 2 × 2 on the sensor: a tenth of the work, for looking rather than for composites.

    Raises
    ------
    UnreadableFrame
        If it cannot be decoded, or holds nothing but one value: what a decoder makes of missing data.
    """
    import rawpy

    check_raw_is_complete(image)
    settings = development.settings
    primaries, curve = SPACES[ColourSpace(settings.colour_space)]
    with opened_raw(image) as raw:
        if _pixels_are_missing(raw):
            raise cut_off(image.path, "its last pixels are missing")
        pixels = raw.postprocess(
            demosaic_algorithm=rawpy.DemosaicAlgorithm[settings.demosaic.upper()],
            half_size=half_size,
            user_wb=list(development.white_balance),
            output_color=rawpy.ColorSpace[primaries],
            gamma=curve,
            output_bps=16,
            no_auto_bright=True,
            adjust_maximum_thr=NEVER_GUESS_WHITE,
            bright=2.0**settings.exposure_ev,
            highlight_mode=_highlights(rawpy, settings),
        )
    return as_rgb(pixels)


def _pixels_are_missing(raw: "rawpy.RawPy") -> bool:
    """Whether the sensor saw one even tone, or nothing at all in its last row although its black is not zero.

    Where data ends too early LibRaw leaves zeros behind. Real pixels have noise, and their black lies above zero on most cameras.
    """
    sensor = raw.raw_image_visible
    if not sensor.size or sensor.min() == sensor.max():
        return True
    return min(raw.black_level_per_channel) > 0 and not sensor[-1].any()


def _highlights(rawpy: Any, settings: DevelopSettings) -> Any:
    return {
        "clip": rawpy.HighlightMode.Clip,
        "blend": rawpy.HighlightMode.Blend,
        "reconstruct": rawpy.HighlightMode.ReconstructDefault,
    }[settings.highlights]


def _four(multipliers: Sequence[float]) -> tuple[float, float, float, float]:
    red, green, blue, *rest = (float(value) for value in multipliers)
    second_green = rest[0] if rest and rest[0] > 0 else green
    return red, green, blue, second_green
