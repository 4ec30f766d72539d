"""A name as a template with numbers in it: signs, decimals, units and dates are parts of a number, the rest is text."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from statistics import median

from stackd.intake.names import MAX_DIGITS, name_parts


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DEPTH_WORDS = _words("z zpos zstep abs focus foc depth slice plane layer ebene tiefe fokus")
"""Words before a number that say depth."""

STEP_WORDS = frozenset(["step", "schritt"])
FRAME_WORDS = _words("f fr frame img image shot pic picture photo no nr n k bild foto")
POSITION_WORDS = frozenset(["pos", "position"])
"""Of a focusing rail as well as of a turntable: depth where nothing else in the name is."""

OUTER_WORDS = _words(
    "stack stapel set serie series scan group subject specimen sample s view v ansicht angle rot rotation deg light licht "
    "lamp led l x y t time c ch channel w well site tile row col r cam camera"
)
"""Words before a number that tell stacks apart."""

_CALLED = DEPTH_WORDS | STEP_WORDS | OUTER_WORDS | POSITION_WORDS
"""Words that say behind a number what it is."""

_MICROMETRES = {"nm": 1e-3, "um": 1.0, "\u03bcm": 1.0, "mm": 1e3, "cm": 1e4}
"""Units that say how far, in micrometres. Names are folded: the micro sign has become the Greek letter."""

LETTER = "letter"
"""Stands before a letter that was taken for a number: it counts frames where no number does."""

FEWEST_LETTERS = 3
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_LETTER_AT_END = re.compile(r"(?<=[0-9_\- .(])[a-z]$")

_DIGITS = re.compile(r"[0-9]+")
_PART = re.compile(r"([.,p])([0-9]+)")
_UNIT = re.compile(r"[ _]?(nm|um|µm|\u03bcm|mm|cm)(?![a-z])", re.IGNORECASE)
_LAST_WORD = re.compile(r"([^\W\d_]+)[\W_]*$")
_HANGING_WORD = re.compile(r"([^\W\d_]+)[\W_]+")
"""A word right behind a number with a mark behind it: it belongs to that number, not to the next."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_EMPTY = re.compile(r"\(\s*\)|\[\s*\]")
_BEFORE_A_SIGN = frozenset("_ =(")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The stem of one name, taken apart."""

    skeleton: str
    """What the names of one family share: the text around the numbers, folded."""
    texts: tuple[str, ...]
    """Text before each number and behind the last, folded, with a space where capitals begin a word."""
    digits: tuple[str, ...]
    """Each number as it is written, without its sign."""
    values: tuple[float, ...]
    """Each number; whole ones are `int`."""
    spans: tuple[tuple[int, int], ...]
    """Where each stands in the stem, with its sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One number through all names of a family."""

    values: tuple[float, ...]
    text: str = ""
    """What stands before it."""
    behind: str = ""
    """What stands behind it."""
    is_moment: bool = False
    """A time of day, with or without its date: it says when, and parts nothing by itself."""
    is_decimal: bool = False
    has_number_before: bool = False
    """Whether the text before it parts it from another number."""

    @property
    def word(self) -> str:
        """What it is called, folded: by a word that hangs on behind (`015deg_`), else by the last one before it."""
        behind = _HANGING_WORD.match(self.behind)
        if behind is not None and behind.group(1) in _CALLED:
            return behind.group(1)
        found = _LAST_WORD.search(self.text)
        hangs_elsewhere = found is not None and _HANGING_WORD.fullmatch(self.text) is not None and self.has_number_before
        return found.group(1) if found is not None and not hangs_elsewhere else ""

    @property
    def unit(self) -> str:
        """The unit behind it; empty without one."""
        return _unit(self.behind)


@lru_cache(maxsize=16384)
def fields_of(stem: str) -> Fields:
    """Find the numbers in a stem, with the sign and the decimals that belong to them.

    `-` is a sign behind a separator, behind a word that says depth or place, and before a number with a unit; between letters or
    digits and a number it is a dash. A point or comma between digits marks decimals where a unit follows or such a word leads;
    elsewhere the names beside it decide (`columns_of`).
    """
    texts: list[str] = []
    digits: list[str] = []
    values: list[float] = []
    spans: list[tuple[int, int]] = []
    end = 0
    while (found := _DIGITS.search(stem, end)) is not None:
        start, stop = found.span()
        text = stem[end:start]
        word = _word(text.rstrip("+-"))
        means_place = word in DEPTH_WORDS or word in {"x", "y"}
        part = _PART.match(stem, stop)
        whole, fraction = found.group(), ""
        if part is not None:
            has_unit = _UNIT.match(stem, part.end()) is not None
            goes_on = stem[part.end() : part.end() + 1] in {".", ","} and stem[part.end() + 1 : part.end() + 2].isdigit()
            if not goes_on and (has_unit or (means_place and part.group(1) != "p")):
                fraction, stop = part.group(2), part.end()
        has_unit = _UNIT.match(stem, stop) is not None
        negative = False
        if text.endswith(("+", "-")) and _is_sign(text, first=not digits, means_place=means_place, has_unit=has_unit):
            negative = text.endswith("-")
            text, start = text[:-1], start - 1
        texts.append(_folded(text))
        digits.append(f"{whole}.{fraction}" if fraction else whole)
        values.append(_value(whole, fraction, negative=negative))
        spans.append((start, stop))
        end = stop
    texts.append(_folded(stem[end:]))
    return Fields(
        skeleton="#".join(text.replace("\0", "") for text in texts),
        texts=tuple(text.replace("\0", " ") for text in texts),
        digits=tuple(digits),
        values=tuple(values),
        spans=tuple(spans),
    )


def letters_counted(stems: Iterable[str]) -> Mapping[str, str]:
    """Spell stems so that a letter at the end that counts is a number: `3a 3b 3c` as `3 letter 1`, `3 letter 2`, `3 letter 3`.

    Letters count where the names that differ in them have three or more in a row, from `a` on. All stems come folded.
    """
    folded = {stem: stem.casefold() for stem in stems}
    letters: dict[str, set[str]] = defaultdict(set)
    for stem in folded.values():
        found = _LETTER_AT_END.search(stem)
        if found is not None:
            letters[_DIGITS.sub("#", stem[:-1])].add(found.group())
    count = {base: len(seen) for base, seen in letters.items() if sorted(seen) == list(_ALPHABET[: len(seen)])}
    return {
        stem: f"{lower[:-1]} {LETTER} {_ALPHABET.index(lower[-1]) + 1}"
        if _LETTER_AT_END.search(lower) and count.get(_DIGITS.sub("#", lower[:-1]), 0) >= FEWEST_LETTERS
        else stem
        for stem, lower in folded.items()
    }


def columns_of(names: Sequence[Fields]) -> list[Column]:
    """Line the numbers of a family up, and read dates, times and decimals where all its names allow it.

    Parameters
    ----------
    names : sequence of Fields
        Different stems of one skeleton.
    """
    texts = names[0].texts
    rows = range(len(texts) - 1)
    digits = [tuple(each.digits[row] for each in names) for row in rows]
    columns: list[Column] = []
    row = 0
    while row < len(digits):
        moment, used = _moment(texts, digits, row)
        if moment is not None and (moment.is_moment or len(set(moment.values)) < max(len(names), 2)):
            columns.append(moment)
            row += used
            continue
        if row + 1 < len(digits) and texts[row + 1] in {".", ","} and _counts_through(digits[row], digits[row + 1]):
            values = tuple(float(f"{a}.{b}") for a, b in zip(digits[row], digits[row + 1], strict=True))
            columns.append(
                Column(values=values, text=texts[row], behind=texts[row + 2], is_decimal=True, has_number_before=row > 0)
            )
            row += 2
            continue
        plain = tuple(each.values[row] for each in names)
        # Only negative: the mark before the number is a dash after all.
        values = tuple(abs(value) for value in plain) if max(plain) <= 0 else plain
        is_decimal = any(isinstance(value, float) for value in values)
        columns.append(
            Column(values=values, text=texts[row], behind=texts[row + 1], is_decimal=is_decimal, has_number_before=row > 0)
        )
        row += 1
    return columns


def stack_title(stems: Sequence[str]) -> str:
    """Say what the names of one stack have in common besides the number that counts its frames; empty where they have nothing.

    `view 012 light 3 step 01 …` gives `view 012 light 3`. What a camera begins all its names with (`IMG_0412 …`) tells no stack
    from another and counts as nothing.
    """
    names = {stem: fields_of(stem) for stem in sorted(set(stems))}
    first, fields = next(iter(names.items()))
    if len(names) < 2 or len({each.skeleton for each in names.values()}) > 1:  # noqa: PLR2004
        return ""
    kept: list[str] = []
    end = 0
    for row, (start, stop) in enumerate(fields.spans):
        text = first[end:start]
        varies = len({each.values[row] for each in names.values()}) > 1
        word = _LAST_WORD.search(text)
        if varies and word is not None and word.group(1).casefold() in DEPTH_WORDS | STEP_WORDS | FRAME_WORDS:
            text = text[: word.start()]
        kept.append(text if varies else first[end:stop])
        unit = _UNIT.match(first, stop) if varies else None
        end = stop if unit is None else unit.end()
    title = _EMPTY.sub("", "".join([*kept, first[end:]])).strip(" _-.,#")
    return title if any(character.isdigit() or character.islower() for character in title) else ""


def counted_in(stems: Sequence[str]) -> list[float]:
    """Give the number that counts each frame in the names of one stack: the last that tells all apart; none where none does."""
    names = [fields_of(stem) for stem in stems]
    if len(names) < 2 or len({each.skeleton for each in names}) > 1:  # noqa: PLR2004
        return []
    columns = list(zip(*(each.values for each in names), strict=True))
    return list(next((column for column in reversed(columns) if len(set(column)) == len(stems)), ()))


def in_micrometres(value: float, unit: str) -> float:
    """Give a place along the axis in micrometres; one without a unit as it is."""
    return value * _MICROMETRES.get(unit, 1.0)


def stem_of(path: str) -> str:
    """Give a path's stem."""
    return name_parts(path).stem


def _moment(texts: Sequence[str], digits: Sequence[tuple[str, ...]], row: int) -> tuple[Column | None, int]:
    """Read a date that begins at a number, and the time of day behind it; how many numbers they take."""
    day, used = _date(texts, digits, row)
    if day is None:
        clock = _clock_with_marks(texts, digits, row)
        if clock is not None and _runs_like_a_clock(clock):
            return Column(values=tuple(float(value) for value in clock), text=texts[row], is_moment=True), 3
        return None, 0
    after = row + used
    if after < len(digits) and re.fullmatch(r"[-_t ]{1,3}", texts[after]):
        clock = _clock_without_marks(digits[after])
        taken = 1
        if clock is None:
            clock, taken = _clock_with_marks(texts, digits, after), 3
            if clock is not None and texts[after + 1] == "_" and not _runs_like_a_clock(clock):
                clock = None  # three counters behind a day
        if clock is not None:
            values = tuple(one * 10**9 + two for one, two in zip(day, clock, strict=True))
            return Column(values=values, text=texts[row], is_moment=True), used + taken
    is_moment = used == 1 and len(digits[row][0]) > len("20240504")
    return Column(values=day, text=texts[row], is_moment=is_moment), used


def _date(texts: Sequence[str], digits: Sequence[tuple[str, ...]], row: int) -> tuple[tuple[int, ...] | None, int]:
    one = digits[row]
    if all(len(written) in {8, 14, 17} and _is_date(written[:4], written[4:6], written[6:8]) for written in one):
        return tuple(int(written) for written in one), 1
    if row + 2 >= len(digits) or texts[row + 1] != texts[row + 2] or texts[row + 1] not in {"-", "_", ".", " "}:
        return None, 0
    three = list(zip(*digits[row : row + 3], strict=True))
    if all(_is_date(*written) for written in three):
        return tuple(int("".join(written)) for written in three), 3
    if all(_is_date(*reversed(written)) for written in three):
        return tuple(int("".join(reversed(written))) for written in three), 3
    return None, 0


def _is_date(year: str, month: str, day: str) -> bool:
    if len(year) != 4 or year[:2] not in {"19", "20"} or len(month) != 2 or len(day) != 2:  # noqa: PLR2004  YYYY MM DD
        return False
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _clock_without_marks(written: Sequence[str]) -> tuple[int, ...] | None:
    if all(len(each) in {6, 9} and _is_clock(each[:2], each[2:4], each[4:6]) for each in written):
        return tuple(int(each.ljust(9, "0")) for each in written)
    return None


def _clock_with_marks(texts: Sequence[str], digits: Sequence[tuple[str, ...]], row: int) -> tuple[int, ...] | None:
    if row + 2 >= len(digits) or f"{texts[row + 1]}{texts[row + 2]}" not in {"--", "__", "..", "::", "hm"}:
        return None
    three = list(zip(*digits[row : row + 3], strict=True))
    if not all(_is_clock(*written) for written in three):
        return None
    return tuple(int("".join(written)) * 1000 for written in three)


def _is_clock(hour: str, minute: str, second: str) -> bool:
    two_each = all(len(each) == 2 for each in (hour, minute, second))  # noqa: PLR2004  HH MM SS
    return two_each and int(hour) < 24 and int(minute) < 60 and int(second) < 60  # noqa: PLR2004


def _runs_like_a_clock(clock: Sequence[int]) -> bool:
    """Tell a time of day from three counters: over a full minute it steps as within it."""
    written = sorted(set(clock))
    seconds = [(each // 10**7) * 3600 + (each // 10**5 % 100) * 60 + each // 1000 % 100 for each in written]
    within = [b - a for a, b in pairwise(seconds) if a // 60 == b // 60]
    over = [b - a for a, b in pairwise(seconds) if a // 60 != b // 60]
    return bool(within and over) and median(over) <= 2.0 * median(within)


def _counts_through(whole: Sequence[str], part: Sequence[str]) -> bool:
    """Tell decimals from two counters with a point between: the steps over a whole number are as those within one."""
    if len({len(each) for each in part}) > 1:
        return False
    values = sorted({(int(a), int(f"{a}{b}")) for a, b in zip(whole, part, strict=True)})
    within = [b[1] - a[1] for a, b in pairwise(values) if a[0] == b[0]]
    over = [b[1] - a[1] for a, b in pairwise(values) if a[0] != b[0]]
    if not over:
        return False
    return median(over) <= 1.5 * median(within) if within else False


def _is_sign(text: str, *, first: bool, means_place: bool, has_unit: bool) -> bool:
    before = text[-2:-1]
    if not before and not first:
        return False  # between two numbers: a dash
    return text.endswith("+") or means_place or has_unit or not before or before in _BEFORE_A_SIGN


def _value(whole: str, fraction: str, *, negative: bool) -> float:
    if len(whole) > MAX_DIGITS:
        return 0
    value: float = float(f"{whole}.{fraction}") if fraction else int(whole)
    return -value if negative else value


def _unit(text: str) -> str:
    found = _UNIT.match(text)
    return found.group(1).casefold() if found else ""


def _word(text: str) -> str:
    found = _LAST_WORD.search(_folded(text).replace("\0", " "))
    return found.group(1) if found else ""


def _folded(text: str) -> str:
    return _CAMEL.sub("\0", text).casefold()
