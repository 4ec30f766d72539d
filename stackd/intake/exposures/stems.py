"""Is a file named after another? Told by names alone, in any language: one stem stands within the other, or around a word."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from stackd.intake.names import name_parts

FEWEST_LETTERS = 2
"""So many letters in a row are a word ("copy", "Kopie", a computer's name); a single one may count frames: `bee-a`, `bee-b`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAfter:
    """What a name adds to the one it was made from."""

    stem: str
    has_word: bool
    """It adds a word; otherwise only numbers and marks, as counters do."""


@lru_cache(maxsize=16384)
def named_after(path: str) -> tuple[NamedAfter, ...]:
    """List the stems that this file can have been named after, longest first; compared without case.

    `Kopie von IMG_1`, `IMG_1 (2)`, `IMG_1.sync-conflict-20240504-101500-X`, `IMG_1-LAPTOP` all were made from `IMG_1`; so was
    `IMG_E1`, as a phone calls what was edited on it.
    """
    stem = name_parts(path).stem.casefold()
    edges = _edges(stem)
    spans = sorted(((b - a, a, b) for a in edges for b in edges if b > a and (b - a) < len(stem)), reverse=True)
    within = tuple(
        NamedAfter(stem=stem[start:stop], has_word=_has_word(stem[:start]) or _has_word(stem[stop:]))
        for _, start, stop in spans
        if stem[start].isalnum() and stem[stop - 1].isalnum()
    )
    around = tuple(
        NamedAfter(stem=stem[:start] + stem[stop:], has_word=True)
        for start, stop in pairwise(edges[1:-1])
        if stem[start:stop].isalpha() and stem[stop].isdecimal()
    )
    return (*within, *around)


def _edges(stem: str) -> list[int]:
    """Places where a word, a number or a mark begins or ends."""
    kinds = [_kind(character) for character in stem]
    return [0, *(place for place in range(1, len(stem)) if kinds[place] != kinds[place - 1]), len(stem)]


def _kind(character: str) -> str:
    if character.isdecimal():
        return "number"
    if character.isalpha():
        # Scripts without spaces: `IMG_1的副本`.
        return "letter" if character.isascii() else "foreign letter"
    return "mark"


def _has_word(text: str) -> bool:
    letters = 0
    for character in text:
        if not character.isalpha():
            letters = 0
            continue
        letters += 1
        if letters >= FEWEST_LETTERS or not character.isascii():
            return True
    return False
