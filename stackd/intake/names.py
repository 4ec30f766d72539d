"""What a file's name tells: its stem and suffix, the numbers in it, natural order, a time."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

_DIGITS = re.compile(r"([0-9]+)")

MAX_DIGITS = 18
"""Longer digit groups are no counters; Python also refuses to convert absurdly long ones."""

_TIME_IN_NAME = re.compile(
    r"(?<!\d)(?:(?P<year>(?:19|20)\d{2})(?P<mark>[-_.]?)(?P<month>\d{2})(?P=mark)(?P<day>\d{2})"
    r"|(?P<day_first>\d{2})(?P<mark_last>[-_.])(?P<month_last>\d{2})(?P=mark_last)(?P<year_last>(?:19|20)\d{2}))"
    r"(?:[-_T]| {1,3})?(?P<hour>\d{2})(?P<clock>[-.:]?)(?P<minute>\d{2})(?P=clock)(?P<second>\d{2})"
    r"(?P<millisecond>\d{3})?(?!\d)"
)
"""YYYYMMDD_HHMMSS with optional milliseconds, as phones name their pictures, and with marks between, as people and programs do.

`_` parts no hours from minutes: `20240504_01_02_03` is a day and three counters.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameParts:
    """A path taken apart."""

    folder: str
    stem: str
    suffix: str
    """Lower case, with the dot."""
    skeleton: str
    """Lower-case stem with every group of digits replaced by `#`."""
    numbers: tuple[int, ...]
    """The groups of digits, left to right."""


@lru_cache(maxsize=16384)
def name_parts(path: str) -> NameParts:
    """Take a relative path with `/` between its parts apart."""
    folder, _, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem:
        stem, suffix = name, ""
    groups = _DIGITS.split(stem)
    return NameParts(
        folder=folder,
        stem=stem,
        suffix=f".{suffix.lower()}" if suffix else "",
        skeleton="#".join(groups[0::2]).casefold(),
        numbers=tuple(int(digits) if len(digits) <= MAX_DIGITS else 0 for digits in groups[1::2]),
    )


NaturalKey = tuple[tuple[tuple[int, int, str], ...], str]


@lru_cache(maxsize=16384)
def natural_key(path: str) -> NaturalKey:
    """Give a key that sorts `scorpion_2` before `scorpion_10`; different paths never compare equal."""
    parts = tuple(
        (0, int(part) if len(part) <= MAX_DIGITS else 0, part) if part.isdecimal() and part.isascii() else (1, 0, part.casefold())
        for part in _DIGITS.split(path)
        if part
    )
    return parts, path


def time_in_name(path: str) -> tuple[datetime, float] | None:
    """Read a time from a name such as `IMG_20231202_133048123.jpg`.

    Returns
    -------
    (datetime, float) or None
        The time, taken as UTC, and its resolution in seconds; None when there is none in the name.
    """
    found = _TIME_IN_NAME.search(path.rpartition("/")[2])
    if found is None:
        return None
    part = found.groupdict(default="0")
    day = ("year", "month", "day") if found["year"] else ("year_last", "month_last", "day_first")
    year, month, day_of_month, hour, minute, second = (int(part[each]) for each in (*day, "hour", "minute", "second"))
    try:
        captured_at = datetime(year, month, day_of_month, hour, minute, second, int(part["millisecond"]) * 1000, tzinfo=UTC)
    except ValueError:
        return None
    return captured_at, 0.001 if found["millisecond"] else 1.0
