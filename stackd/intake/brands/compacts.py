"""Older compact cameras that write a focus distance in millimetres: Casio, Minolta, Konica Minolta; and Pentax's counters."""

from stackd.intake.brands.rules import Rules, Value, first_of, metres, millimetres, number, words

MAKES = ("casio", "minolta", "konica minolta", "pentax", "ricoh", "asahi")


def _minolta_m(text: str | None) -> Value | None:
    """Read a Minolta distance: millimetres, 0 for infinity."""
    return float("inf") if number(text) == 0.0 else millimetres(text)


def _minolta_metres(text: str | None) -> Value | None:
    """Read the same as exiftool gives it: metres, 0 for infinity."""
    return float("inf") if number(text) == 0.0 else metres(text)


RULES: Rules = (
    *first_of("focus_distance_m", millimetres, "Exif.Casio.ObjectDistance", "Exif.Casio2.ObjectDistance"),
    *first_of("focus_distance_m", _minolta_m, "Exif.MinoltaCsNew.FocusDistance", "Exif.MinoltaCsOld.FocusDistance"),
    *first_of("focus_distance_m", _minolta_metres, "ExifTool.Minolta.FocusDistance"),
    *first_of("body_serial", words, "Exif.Pentax.SerialNumber", "Exif.PentaxDng.SerialNumber"),
)
