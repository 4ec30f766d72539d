"""How a brand's table is written: a rule names a field of `FrameMeta`, its tags, and how their text becomes its value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf, isfinite
from typing import TypeAlias

from stackd.model.frame import BracketKind

Value: TypeAlias = str | int | float | bool | BracketKind
Convert: TypeAlias = Callable[..., Value | None]
"""Takes the text of every tag of the rule (None for a missing one); gives None where that says nothing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a brand's table."""

    field: str
    convert: Convert
    keys: tuple[str, ...]


def rule(field: str, convert: Convert, *keys: str) -> Rule:
    """Write a line: the value of `field` is `convert` of the tags `keys`, taken together."""
    return Rule(field, convert, keys)


def first_of(field: str, convert: Convert, *keys: str) -> tuple[Rule, ...]:
    """Write a line for each of several tags that say the same; the first that has a value counts."""
    return tuple(Rule(field, convert, (key,)) for key in keys)


# ------------------------------------------------------------------ text to numbers


def number(text: str | None) -> float | None:
    """Read a number or a fraction, the first of several; None for anything else, and for a division by zero."""
    parts = (text or "").split()
    if not parts:
        return None
    try:
        value = float(Fraction(parts[0])) if "/" in parts[0] else float(parts[0])
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return value if isfinite(value) or value == inf else None


def numbers(text: str | None) -> list[float]:
    """Read all numbers of a list; an empty list where one of them is none."""
    found = [number(part) for part in (text or "").split()]
    return [] if None in found else [value for value in found if value is not None]


def positive(text: str | None) -> float | None:
    """Read a number above zero: cameras write 0 for a focal length or an aperture they do not know."""
    value = number(text)
    return value if value is not None and 0.0 < value < inf else None


def finite(text: str | None) -> float | None:
    """Read any finite number."""
    value = number(text)
    return value if value is not None and isfinite(value) else None


def negative(text: str | None) -> float | None:
    """Read a step counted towards the near end, so that the hint grows with distance."""
    value = finite(text)
    return None if value is None else -value


def whole(text: str | None) -> int | None:
    """Read a whole number."""
    value = finite(text)
    return int(value) if value is not None and value == int(value) else None


def natural(text: str | None) -> int | None:
    """Read a whole number from 1."""
    value = whole(text)
    return value if value is not None and value > 0 else None


def words(text: str | None) -> str | None:
    """Read a text; blank ones and those of filler alone say nothing."""
    stripped = (text or "").replace("\0", " ").strip()
    return stripped if stripped.strip("0- .") else None


# ------------------------------------------------------------------ distances

EXIF_INFINITY = 4294967295.0
"""0xFFFFFFFF as numerator: infinity, in the EXIF standard and in XMP."""


def exif_distance_m(text: str | None) -> float | None:
    """Read an EXIF distance in metres: 0 is unknown, 0xFFFFFFFF infinity, x/0 undefined."""
    parts = (text or "").split()
    if not parts:
        return None
    top, _, bottom = parts[0].partition("/")
    if bottom and number(bottom) == 0.0:
        return None
    if number(top) == EXIF_INFINITY:
        return inf
    return _known(number(parts[0]))


def millimetres(text: str | None) -> float | None:
    """Read a distance in millimetres; 0 is unknown."""
    value = number(text)
    return None if value is None else _known(value / 1000.0)


def metres(text: str | None) -> float | None:
    """Read a distance in metres; 0 is unknown."""
    return _known(number(text))


def band_m(upper_m: float | None, lower_m: float | None) -> float | None:
    """Give the middle of a band in the sense of the lens (mean of 1/distance); the upper end where only that is known."""
    if upper_m is None or upper_m <= 0.0:
        return None
    if lower_m is None or not 0.0 < lower_m < upper_m:
        return upper_m
    return 2.0 / (1.0 / upper_m + 1.0 / lower_m)


def band_width_m(upper_m: float | None, lower_m: float | None) -> float | None:
    """Give the width of a band of distances, the finest difference it can express."""
    if upper_m is None or lower_m is None or not 0.0 < lower_m < upper_m < inf:
        return None
    return upper_m - lower_m


FARTHEST_M = 1e5
"""Beyond this a lens is at infinity: Apple writes 1.7e6 m."""


def _known(distance_m: float | None) -> float | None:
    if distance_m is None or distance_m <= 0.0:
        return None
    return inf if distance_m >= FARTHEST_M else distance_m


# ------------------------------------------------------------------ flags


def kind_where(**kinds: BracketKind) -> Convert:
    """Give a bracket kind for certain codes (`_3=…` stands for the code 3); None for all others."""
    codes = {int(code.lstrip("_")): kind for code, kind in kinds.items()}

    def convert(text: str | None) -> BracketKind | None:
        code = whole(text)
        return None if code is None else codes.get(code)

    return convert


def constant(value: Value, convert: Convert) -> Convert:
    """Give `value` wherever `convert` finds one."""

    def converted(*texts: str | None) -> Value | None:
        return value if convert(*texts) else None

    return converted


Rules: TypeAlias = Sequence[Rule]
