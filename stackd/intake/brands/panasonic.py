"""Panasonic and Leica's versions of its cameras: a signed focus step for every frame of a bracket, no metres."""

from stackd.intake.brands.rules import Rules, finite, first_of, kind_where, natural, number, whole, words
from stackd.model.frame import BracketKind

MAKES = ("panasonic", "leica")


def _merged(text: str | None) -> str | None:
    return "the camera stacked it itself" if number(text) else None


def _focus_step(text: str | None) -> float | None:
    """Read the step from the first frame: positive is farther, negative nearer."""
    value = finite(text)
    return None if value is None or abs(value) >= _NOT_AVAILABLE else value


_NOT_AVAILABLE = 32768
"""−32768 and 65535 stand for "no bracket"."""


def _millimetres_or_infinity(text: str | None) -> float | None:
    value = whole(text)
    if value is None or value <= 0:
        return None
    return float("inf") if value == 65535 else value / 1000.0  # noqa: PLR2004  infinity


RULES: Rules = (
    *first_of(
        "order_hint", _focus_step, "Exif.Panasonic.0x00bd", "Exif.Panasonic.FocusBracket", "ExifTool.Panasonic.FocusBracket"
    ),
    *first_of("bracket_kind", kind_where(_3=BracketKind.FOCUS), "Exif.Panasonic.BurstMode", "Exif.Panasonic.0x002a"),
    *first_of("bracket_kind", kind_where(_4=BracketKind.FOCUS), "Exif.Panasonic.0x00bb", "ExifTool.Panasonic.VideoBurstMode"),
    *first_of("sequence_number", natural, "Exif.Panasonic.SequenceNumber", "Exif.Panasonic.0x002b"),
    *first_of("result_of", _merged, "Exif.Panasonic.0x00bf", "ExifTool.Panasonic.PostFocusMerging"),
    *first_of("focus_distance_m", _millimetres_or_infinity, "ExifTool.Leica.FocusDistance", "ExifTool.Panasonic.FocusDistance"),
    *first_of("body_serial", words, "Exif.Panasonic.InternalSerialNumber"),
    *first_of("lens", words, "Exif.Panasonic.LensType"),
)
