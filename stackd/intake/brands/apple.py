"""Apple: a maker note that the metadata library hands over as bytes; a small reader takes out the three tags grouping needs."""

import struct

from stackd.intake.brands.rules import FARTHEST_M, Rules, Value, band_m, band_width_m, finite, first_of, rule, words

MAKES = ("apple",)

_HEADER = b"Apple iOS\0"
_ENTRIES_AT = 14
"""After the header: version, byte order; then the count of entries."""

_BURST_ID = 0x000B
_FOCUS_RANGE = 0x000C
_FOCUS_POSITION = 0x002F

_MAX_ENTRIES = 256
"""Notes of today hold about sixty; a damaged count must not make the reader wander."""

PREFIX = "Apple."
"""Keys under which the note's tags are handed to the rules."""


def read_note(note: bytes) -> dict[str, str]:
    """Take the tags that matter out of an Apple maker note; whatever is damaged is left out.

    Returns
    -------
    dict of str to str
        `Apple.FocusRange` ("0.54 0.68", metres), `Apple.FocusPosition`, `Apple.BurstUUID`.
    """
    if not note.startswith(_HEADER) or len(note) < _ENTRIES_AT + 2:
        return {}
    order = ">" if note[12:14] == b"MM" else "<"
    (count,) = struct.unpack_from(f"{order}H", note, _ENTRIES_AT)
    found: dict[str, str] = {}
    for entry in range(min(count, _MAX_ENTRIES)):
        at = _ENTRIES_AT + 2 + 12 * entry
        if at + 12 > len(note):
            break
        tag, kind, values, offset = struct.unpack_from(f"{order}HHII", note, at)
        if tag == _FOCUS_RANGE and kind == 10 and values == 2 and offset + 16 <= len(note):  # noqa: PLR2004  two signed fractions
            parts = struct.unpack_from(f"{order}4i", note, offset)
            if parts[1] and parts[3]:
                found[f"{PREFIX}FocusRange"] = f"{parts[0] / parts[1]} {parts[2] / parts[3]}"
        elif tag == _FOCUS_POSITION and kind in (4, 9) and values == 1:
            (position,) = struct.unpack_from(f"{order}i", note, at + 8)
            found[f"{PREFIX}FocusPosition"] = str(position)
        elif tag == _BURST_ID and kind == 2 and offset + values <= len(note):  # noqa: PLR2004  text
            found[f"{PREFIX}BurstUUID"] = note[offset : offset + values].rstrip(b"\0").decode("ascii", "replace")
    return found


def _ends_m(text: str | None) -> tuple[float | None, float | None]:
    """Read the two ends of the range, farther first; they are written in no fixed order."""
    parts = sorted((finite(part) or 0.0 for part in (text or "").split()), reverse=True)
    if len(parts) != 2 or parts[0] <= 0.0:  # noqa: PLR2004  a range has two ends
        return None, None
    return (float("inf") if parts[0] >= FARTHEST_M else parts[0]), (parts[1] if parts[1] > 0.0 else None)


def _range_m(text: str | None) -> Value | None:
    return band_m(*_ends_m(text))


def _range_width_m(text: str | None) -> Value | None:
    return band_width_m(*_ends_m(text))


RULES: Rules = (
    rule("focus_distance_m", _range_m, f"{PREFIX}FocusRange"),
    rule("focus_quantum_m", _range_width_m, f"{PREFIX}FocusRange"),
    *first_of("order_hint", finite, f"{PREFIX}FocusPosition"),
    *first_of("sequence_id", words, f"{PREFIX}BurstUUID"),
)
