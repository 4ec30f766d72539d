"""Nikon: coarse distances on F mount, an absolute lens position on Z bodies, the number within a focus shift on the newest.

Distance codes of F-mount lenses step by 5.9 %; a lens the body does not know (bellows) gives 0.
"""

from stackd.intake.brands.rules import Rules, Value, first_of, natural, number, rule, whole, words
from stackd.model.frame import BracketKind

MAKES = ("nikon",)

F_MOUNT_STEP = 10.0 ** (1.0 / 40.0) - 1.0
Z_STEP = 2.0 ** (1.0 / (256.0 * 12.0)) - 1.0
"""Share of the distance between neighbouring codes."""


def _f_mount_m(text: str | None) -> float | None:
    code = number(text)
    return 0.01 * 10.0 ** (code / 40.0) if code is not None and 0.0 < code <= 255.0 else None  # noqa: PLR2004  one byte


def _f_mount_step_m(text: str | None) -> float | None:
    distance_m = _f_mount_m(text)
    return None if distance_m is None else distance_m * F_MOUNT_STEP


def _z_mount_m(text: str | None) -> float | None:
    code = number(text)
    return 2.0 ** ((code / 256.0 - 80.0) / 12.0) if code is not None and 0.0 < code <= 65535.0 else None  # noqa: PLR2004  two bytes


def _z_mount_step_m(text: str | None) -> float | None:
    distance_m = _z_mount_m(text)
    return None if distance_m is None else distance_m * Z_STEP


def _lens_position(*octets: str | None) -> float | None:
    """Read a signed 32-bit number from its four bytes: about 58000 at the near end, 0 or less at infinity."""
    values = [whole(octet) for octet in octets]
    if any(value is None or not 0 <= value <= 255 for value in values):  # noqa: PLR2004  one byte each
        return None
    position = int.from_bytes(bytes(value for value in values if value is not None), "little", signed=True)
    return -float(position) if position else None


def _exif_tool_position(text: str | None) -> float | None:
    value = number(text)
    return -value if value else None


def _in_focus_shift(text: str | None) -> BracketKind | None:
    return BracketKind.FOCUS if natural(text) else None


def _shots(shooting: str | None, shots: str | None) -> Value | None:
    return natural(shots) if natural(shooting) else None


_POSITION_BYTES = tuple(f"Exif.NikonLd4.0x00{octet:02x}" for octet in range(0x5A, 0x5E))

RULES: Rules = (
    rule("order_hint", _lens_position, *_POSITION_BYTES),
    *first_of("order_hint", _exif_tool_position, "ExifTool.Nikon.LensPositionAbsolute"),
    *first_of("focus_distance_m", _z_mount_m, "Exif.NikonLd4.FocusDistance2", "Exif.NikonLd4.0x004e"),
    *first_of("focus_quantum_m", _z_mount_step_m, "Exif.NikonLd4.FocusDistance2", "Exif.NikonLd4.0x004e"),
    *first_of(
        "focus_distance_m",
        _f_mount_m,
        "Exif.NikonLd2.FocusDistance",
        "Exif.NikonLd3.FocusDistance",
        "Exif.NikonLd4.FocusDistance",
    ),
    *first_of(
        "focus_quantum_m",
        _f_mount_step_m,
        "Exif.NikonLd2.FocusDistance",
        "Exif.NikonLd3.FocusDistance",
        "Exif.NikonLd4.FocusDistance",
    ),
    *first_of("bracket_kind", _in_focus_shift, "ExifTool.Nikon.FocusShiftShooting"),
    *first_of("sequence_number", natural, "ExifTool.Nikon.FocusShiftShooting"),
    # The camera stops early when it reaches infinity: an upper bound, so no rule for sequence_total_is_exact.
    rule("sequence_total", _shots, "ExifTool.Nikon.FocusShiftShooting", "ExifTool.Nikon.FocusShiftNumberShots"),
    *first_of("shutter_count", natural, "Exif.Nikon3.ShutterCount"),
    *first_of("body_serial", words, "Exif.Nikon3.SerialNumber", "Exif.Nikon3.SerialNO"),
)
