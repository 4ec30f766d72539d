"""Fujifilm: no distance and no focus-bracket flag; the sequence number is all there is. Pro Focus results are marked."""

from stackd.intake.brands.rules import Rules, first_of, natural, number, words

MAKES = ("fujifilm", "fuji")

PRO_FOCUS = 2


def _pro_focus(text: str | None) -> str | None:
    return "the camera stacked it itself (Pro Focus)" if number(text) == PRO_FOCUS else None


RULES: Rules = (
    *first_of("sequence_number", natural, "Exif.Fujifilm.SequenceNumber", "Exif.Fujifilm.0x1101"),
    *first_of("result_of", _pro_focus, "Exif.Fujifilm.0x1150", "ExifTool.FujiFilm.CompositeImageMode"),
    *first_of("body_serial", words, "Exif.Fujifilm.SerialNumber"),
)
