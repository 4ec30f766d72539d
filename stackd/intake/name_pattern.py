"""`name_pattern`: how names are built, as somebody typed it. It decides which frames are one stack.

{stack}_{focus}              beetle_01 … beetle_40, wasp_01 …
view{view}_l{light}_{focus}  a stack for each view and light
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_NUMBER = r"[+-]?[0-9]{1,18}(?:[.,][0-9]{1,18})?"
_DATE = r"[0-9]{2,4}[-_.]?[0-9]{2}[-_.]?[0-9]{2,4}(?:[-_T ]{1,3}[0-9]{2}[-_.:h]?[0-9]{2}(?:[-_.:m]?[0-9]{2})?)?"

_DAY = re.compile(r"[0-9]{2,4}[-_.]?[0-9]{2}[-_.]?[0-9]{2,4}(?=[-_T ]|$)")

FIELDS = {
    "stack": r".+?",
    "view": _NUMBER,
    "light": _NUMBER,
    "x": _NUMBER,
    "y": _NUMBER,
    "z": _NUMBER,
    "focus": _NUMBER,
    "date": _DATE,
    "any": r".*?",
}
"""What each field of a pattern stands for. `any` may stand for nothing and tells nothing."""

_TEXTS = frozenset(["stack", "any"])
_FIELD = re.compile(r"\{([^{}]*)\}")

_SUFFIX = re.compile(r"\.(?:jpe?g|tiff?|png|dng|nef|cr[23]|arw|heic)$", re.IGNORECASE)

MAX_CHARACTERS = 200
"""Longer than any file name is, with its fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFrame:
    """What a pattern reads in one name."""

    stack: tuple[tuple[str, str], ...]
    """Field and text of all that tells stacks apart."""
    focus: float

    @property
    def title(self) -> str:
        """The stack as a person would call it: `beetle`, `view 012 light 3`."""
        if len(self.stack) == 1 and self.stack[0][0] == "stack":
            return self.stack[0][1].strip()
        return " ".join(text.strip() if field == "stack" else f"{field} {text}" for field, text in self.stack)


class BadPatternError(ValueError):
    """A pattern that cannot be used; its text is the end of a sentence about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamePattern:
    """A pattern that can be used."""

    expression: re.Pattern[str]
    fields: tuple[str, ...]
    """Left to right, without `any`."""

    def read(self, stem: str) -> NamedFrame | None:
        """Read a name without its folder and suffix; None where it is built otherwise."""
        found = self.expression.fullmatch(stem)
        if found is None:
            return None
        focus = focus_field(self.fields)
        outer = [field for field in self.fields if field != focus]
        told = [field for field in outer if field != "date"]
        # A date may be that of each frame: beside other fields only its day tells stacks apart.
        stack = tuple((field, _day(found[field]) if field == "date" and told else found[field]) for field in outer)
        return NamedFrame(stack=stack, focus=float(found[focus].replace(",", ".")))


def _day(written: str) -> str:
    found = _DAY.match(written)
    return found.group() if found else written


def focus_field(fields: tuple[str, ...]) -> str:
    """Name the field that counts the frames of a stack: `z` where there is no `focus`."""
    return "focus" if "focus" in fields else "z"


@lru_cache(maxsize=16)
def parse_pattern(text: str) -> NamePattern:
    """Read a pattern.

    Raises
    ------
    BadPatternError
        With what is wrong and what to write instead.
    """
    names: list[str] = _FIELD.findall(text)
    plain = _FIELD.split(text)[0::2]
    trouble = _trouble_with_text(text, names, plain) or _trouble_with_fields(names, plain)
    if trouble:
        raise BadPatternError(trouble)
    parts = [re.escape(plain[0])]
    for name, after in zip(names, plain[1:], strict=True):
        parts.append(f"(?:{FIELDS[name]})" if name == "any" else f"(?P<{name}>{FIELDS[name]})")
        parts.append(re.escape(after))
    fields = tuple(name for name in names if name != "any")
    return NamePattern(expression=re.compile("".join(parts), re.IGNORECASE), fields=fields)


def _trouble_with_text(text: str, names: Sequence[str], plain: Sequence[str]) -> str:
    if len(text) > MAX_CHARACTERS:
        return f"is longer than {MAX_CHARACTERS} characters"
    unknown = next((name for name in names if name not in FIELDS), None)
    if unknown is not None:
        known = ", ".join(f"{{{field}}}" for field in FIELDS)
        return f"has the field {{{unknown}}}, which is not known; known are {known}"
    if any(mark in part for part in plain for mark in "{}"):
        return "has a curly bracket without its other half; a field is written {stack}"
    if any(mark in part for part in plain for mark in "/\\"):
        return "has a slash in it; it is about names of files, without their folder and without a suffix such as .jpg"
    suffix = _SUFFIX.search(plain[-1])
    return "" if suffix is None else f"ends in {suffix.group()}; leave the suffix out, any is fine"


def _trouble_with_fields(names: Sequence[str], plain: Sequence[str]) -> str:
    if "focus" not in names and "z" not in names:
        return 'has no field that counts the frames of a stack; write {focus} (or {z}) there, as in "{stack}_{focus}"'
    twice = next((name for name in names if name != "any" and names.count(name) > 1), None)
    if twice is not None:
        return f"has {{{twice}}} twice; only {{any}} may stand more than once"
    for one, between, two in zip(names, plain[1:-1], names[1:], strict=False):
        if not between and (two in _TEXTS or one not in _TEXTS):
            return f"has {{{one}}}{{{two}}} with nothing between to tell where one ends; write what stands there"
    return ""
