"""Olympus and OM System: the best documented brand. A focus step for every frame, a bracket flag with the frame's number."""

from math import inf

from stackd.intake.brands.rules import Rules, first_of, millimetres, natural, negative, number, numbers, words
from stackd.model.frame import BracketKind

MAKES = ("olympus", "om digital", "om system")

BRACKETING_DRIVE = 5
FOCUS_BIT = 1 << 6
EXPOSURE_BIT = 1 << 0
"""DriveMode: its first number is 5 while bracketing, the second the frame's number, the third has a bit for what is varied."""

STACKED = 9
"""StackedImage "9 n": focus-stacked by the camera from n frames."""


def _distance_m(text: str | None) -> float | None:
    """Read the numerator as millimetres: the denominator is written but means nothing."""
    top = (text or "").partition("/")[0]
    value = number(top)
    return inf if value == 0xFFFFFFFF else millimetres(top)  # noqa: PLR2004  infinity


def _kind(text: str | None) -> BracketKind | None:
    drive = numbers(text)
    if len(drive) < 3 or drive[0] != BRACKETING_DRIVE:  # noqa: PLR2004  mode, shot, bits
        return None
    bits = int(drive[2])
    return BracketKind.FOCUS if bits & FOCUS_BIT else BracketKind.EXPOSURE if bits & EXPOSURE_BIT else None


def _shot(text: str | None) -> int | None:
    drive = numbers(text)
    return int(drive[1]) if _kind(text) is not None and drive[1] > 0 else None


def _stacked(text: str | None) -> str | None:
    image = numbers(text)
    if len(image) > 1 and image[0] == STACKED:
        return f"the camera stacked it from {image[1]:.0f} frames"
    return None


_DRIVE = "Exif.OlympusCs.DriveMode"

RULES: Rules = (
    *first_of("order_hint", negative, "Exif.OlympusFi.FocusStepCount", "Exif.OlympusFi.0x0301", "Exif.Olympus.0x100e"),
    *first_of("order_hint", negative, "Exif.Olympus.MacroFocus"),
    *first_of("focus_distance_m", _distance_m, "Exif.OlympusFi.FocusDistance", "Exif.OlympusFi.0x0305"),
    *first_of("focus_distance_m", _distance_m, "Exif.Olympus.FocusDistance"),
    *first_of("bracket_kind", _kind, _DRIVE, "Exif.OlympusCs.0x0600"),
    *first_of("sequence_number", _shot, _DRIVE, "Exif.OlympusCs.0x0600"),
    *first_of("result_of", _stacked, "Exif.OlympusCs.0x0804", "Exif.OlympusCs.StackedImage", "ExifTool.Olympus.StackedImage"),
    *first_of("shutter_count", natural, "ExifTool.Olympus.ShutterCount"),
    *first_of("body_serial", words, "Exif.OlympusEq.SerialNumber", "Exif.Olympus.SerialNumber2"),
    *first_of("lens", words, "Exif.OlympusEq.LensModel"),
)
