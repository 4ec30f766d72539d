"""Phase One: complete. A sequence id, the frame's number and the exact total; exiftool reads them from the RAW."""

from stackd.intake.brands.rules import Rules, Value, first_of, kind_where, natural, rule, words
from stackd.model.frame import BracketKind

MAKES = ("phase one", "leaf", "mamiya")


def _exact(text: str | None) -> Value | None:
    return True if natural(text) else None


_GROUP = "ExifTool.PhaseOne."

RULES: Rules = (
    *first_of("sequence_id", words, f"{_GROUP}SequenceID", f"{_GROUP}PhaseOne_0x0262"),
    *first_of("bracket_kind", kind_where(_6=BracketKind.FOCUS), f"{_GROUP}SequenceKind", f"{_GROUP}PhaseOne_0x0263"),
    *first_of("sequence_number", natural, f"{_GROUP}SequenceFrameNumber", f"{_GROUP}PhaseOne_0x0264"),
    *first_of(
        "sequence_total", natural, f"{_GROUP}SequenceFrameCount", f"{_GROUP}SequenceTotalFrames", f"{_GROUP}PhaseOne_0x0265"
    ),
    rule("sequence_total_is_exact", _exact, f"{_GROUP}SequenceFrameCount"),
    rule("sequence_total_is_exact", _exact, f"{_GROUP}SequenceTotalFrames"),
    rule("sequence_total_is_exact", _exact, f"{_GROUP}PhaseOne_0x0265"),
    *first_of("body_serial", words, f"{_GROUP}SerialNumber"),
)
