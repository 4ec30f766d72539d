"""When was a frame taken? From the best source there is, with its resolution and its name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from stackd.intake.names import time_in_name

_EXIF_TIME = re.compile(
    r"^\s*(\d{4})[:\-/](\d{2})[:\-/](\d{2})[ T](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?\s*(Z|[+-]\d{2}:?\d{2})?"
)
_OFFSET = re.compile(r"^\s*([+-])(\d{2}):?(\d{2})")
_SUB_SECONDS = re.compile(r"^\s*(\d{1,9})\s*$")

_EXIF_SOURCES = (
    ("Exif.Photo.DateTimeOriginal", "Exif.Photo.SubSecTimeOriginal", "Exif.Photo.OffsetTimeOriginal"),
    ("Exif.Image.DateTimeOriginal", "Exif.Photo.SubSecTimeOriginal", "Exif.Photo.OffsetTimeOriginal"),
    ("Exif.Photo.DateTimeDigitized", "Exif.Photo.SubSecTimeDigitized", "Exif.Photo.OffsetTimeDigitized"),
)
_XMP_SOURCES = ("Xmp.exif.DateTimeOriginal", "Xmp.photoshop.DateCreated", "Xmp.exif.DateTimeDigitized", "Xmp.xmp.CreateDate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time with how finely it was written, and where."""

    captured_at: datetime | None
    resolution_s: float
    source: str


def capture_moment(values: Mapping[str, str], path: str) -> Moment | None:
    """Read the moment of capture: EXIF original, EXIF digitized, XMP, a time in the name.

    The date of the last change is never used: an export stamps all its files with the time of the export.
    """
    for key, sub_key, offset_key in _EXIF_SOURCES:
        moment = _read(values.get(key), values.get(sub_key), values.get(offset_key), key)
        if moment is not None:
            return moment
    for key in _XMP_SOURCES:
        moment = _read(values.get(key), None, None, key)
        if moment is not None:
            return moment
    named = time_in_name(path)
    return None if named is None else Moment(captured_at=named[0], resolution_s=named[1], source="name")


def _read(text: str | None, sub_seconds: str | None, offset: str | None, source: str) -> Moment | None:
    found = _EXIF_TIME.match(text or "")
    if found is None:
        return None
    *fields, fraction, zone = found.groups()
    digits = fraction
    if digits is None and sub_seconds is not None:
        written = _SUB_SECONDS.match(sub_seconds)
        digits = written.group(1) if written else None
    year, month, day, hour, minute, second = (int(field) for field in fields)
    try:
        # A leap second is written as :60 by some clocks.
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=_zone(zone or offset))
        if digits:
            moment += timedelta(microseconds=int(digits[:6].ljust(6, "0")))
        moment.timestamp()
    except (ValueError, OverflowError):
        return None
    return Moment(captured_at=moment, resolution_s=10.0 ** -len(digits) if digits else 1.0, source=source)


def _zone(text: str | None) -> timezone:
    found = _OFFSET.match(text or "")
    if found is None:
        return UTC
    sign, hours, minutes = found.groups()
    if int(hours) > 23 or int(minutes) > 59:  # noqa: PLR2004  no zone is so far away
        return UTC
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)
