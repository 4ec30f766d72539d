"""Canon: a band of focus distances in centimetres; bracket modes; the announced count of a focus bracket.

The band is coarse: it can stay the same through a whole macro stack. The camera writes no number of the frame within a bracket.
"""

from math import inf

from stackd.intake.brands.rules import (
    Rules,
    Value,
    band_m,
    band_width_m,
    first_of,
    kind_where,
    natural,
    number,
    numbers,
    rule,
    words,
)
from stackd.model.frame import BracketKind

MAKES = ("canon",)

CENTIMETRES = 0.01
INFINITY_CODE = 65535.0
"""655.35 m; older bodies write −1 through a signed tag for the same bits."""


def _distance_m(text: str | None) -> float | None:
    value = number(text)
    if value is None or value == 0.0:
        return None
    return inf if value in (INFINITY_CODE, -1.0) else (value % 65536.0) * CENTIMETRES


def _band(upper: str | None, lower: str | None) -> float | None:
    return band_m(_distance_m(upper), _distance_m(lower))


def _band_width(upper: str | None, lower: str | None) -> float | None:
    return band_width_m(_distance_m(upper), _distance_m(lower))


def _exposure_bracket(text: str | None) -> BracketKind | None:
    value = number(text)
    return BracketKind.EXPOSURE if value else None


def _bracketing_info(index: int, text: str | None) -> float | None:
    values = numbers(text)
    return values[index] if len(values) > index else None


def _info_kind(text: str | None) -> BracketKind | None:
    on = _bracketing_info(1, text)
    return BracketKind.FOCUS if on else None


def _info_count(text: str | None) -> int | None:
    on, count = _bracketing_info(1, text), _bracketing_info(2, text)
    return int(count) if on and count and count > 1 else None


def _info_exact(text: str | None) -> Value | None:
    return True if _info_count(text) else None


RULES: Rules = (
    rule("focus_distance_m", _band, "Exif.CanonFi.FocusDistanceUpper", "Exif.CanonFi.FocusDistanceLower"),
    rule("focus_quantum_m", _band_width, "Exif.CanonFi.FocusDistanceUpper", "Exif.CanonFi.FocusDistanceLower"),
    rule("focus_distance_m", _band, "Exif.CanonSi.SubjectDistance", "Exif.CanonSi.0x0014"),
    rule("focus_quantum_m", _band_width, "Exif.CanonSi.SubjectDistance", "Exif.CanonSi.0x0014"),
    rule("bracket_kind", _info_kind, "Exif.Canon.0x4053"),
    rule("sequence_total", _info_count, "Exif.Canon.0x4053"),
    rule("sequence_total_is_exact", _info_exact, "Exif.Canon.0x4053"),
    *first_of("bracket_kind", kind_where(_1=BracketKind.FOCUS), "ExifTool.Canon.FocusBracketing", "Exif.CanonCs.0x0032"),
    *first_of("bracket_kind", kind_where(_1=BracketKind.EXPOSURE), "Exif.CanonFi.BracketMode"),
    *first_of("bracket_kind", _exposure_bracket, "Exif.CanonSi.AEBBracketValue"),
    *first_of("bracket_kind", kind_where(_0=BracketKind.NONE), "ExifTool.Canon.FocusBracketing", "Exif.CanonCs.0x0032"),
    *first_of("shutter_count", natural, "Exif.CanonFi.ShutterCount", "Exif.Canon.FileNumber"),
    *first_of("body_serial", words, "Exif.Canon.SerialNumber", "Exif.Canon.InternalSerialNumber"),
    *first_of("lens", words, "Exif.Canon.LensModel"),
)
