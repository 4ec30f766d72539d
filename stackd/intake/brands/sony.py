"""Sony: a focus position that behaves like magnification, about 4.4 % a step. Ordered by the position; its metres are rough.

No tag says "focus bracket": a burst of equal exposure whose position moves is one, and grouping finds that by itself.
"""

from stackd.intake.brands.rules import Rules, finite, first_of, metres, natural, number, rule, whole, words

MAKES = ("sony", "hasselblad")

UNKNOWN_POSITIONS = (0.0, 1.0)
INFINITY_POSITION = 255.0
NOT_AVAILABLE = 65535

_DISTANCE_STEP = 2.0 ** (1.0 / 16.0) - 1.0


def _position(text: str | None) -> float | None:
    value = finite(text)
    return None if value is None or value in UNKNOWN_POSITIONS or not 0.0 < value <= INFINITY_POSITION else value


def _distance_m(position: str | None, focal_length_35mm: str | None) -> float | None:
    value, focal_mm = _position(position), number(focal_length_35mm)
    if value is None or not focal_mm:
        return None
    if value == INFINITY_POSITION:
        return float("inf")
    return float(2.0 ** (value / 16.0 - 5.0) + 1.0) * focal_mm / 1000.0


def _step_m(position: str | None, focal_length_35mm: str | None) -> float | None:
    distance_m = _distance_m(position, focal_length_35mm)
    return None if distance_m is None or distance_m == float("inf") else distance_m * _DISTANCE_STEP


def _in_sequence(text: str | None) -> int | None:
    value = whole(text)
    return None if value is None or not 0 < value < NOT_AVAILABLE else value


_POSITION = "Exif.Sony2Fp.FocusPosition2"
_FOCAL_LENGTH = "Exif.Photo.FocalLengthIn35mmFilm"

RULES: Rules = (
    *first_of("order_hint", _position, _POSITION),
    rule("focus_distance_m", _distance_m, _POSITION, _FOCAL_LENGTH),
    rule("focus_quantum_m", _step_m, _POSITION, _FOCAL_LENGTH),
    # A-mount bodies keep their position in a block that only exiftool decodes.
    *first_of("focus_distance_m", metres, "ExifTool.Composite.FocusDistance"),
    *first_of("sequence_number", _in_sequence, "Exif.Sony1.SequenceNumber", "Exif.Sony2.SequenceNumber"),
    *first_of("shutter_count", natural, "Exif.SonyMisc2b.ShutterCount", "Exif.SonyMisc1.ShutterCount"),
    *first_of("body_serial", words, "ExifTool.Sony.InternalSerialNumber"),
)
