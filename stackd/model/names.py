"""File names, and other text from outside, as a person can read them and as every file, journal and terminal can take them."""

import re
import unicodedata
from pathlib import PurePath
from typing import Final

UNSAFE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that cannot be seen or that turn what follows around: control, format (U+202E), surrogate, unassigned."""

EXCERPT_CHARACTERS: Final = 60
"""What of a text from outside is repeated in a sentence: enough to find it again, and a manifest of a megabyte stays a line."""

_SURROGATES: Final = re.compile("[\ud800-\udfff]")
"""Halves of characters, which cannot be encoded: bytes that are no UTF-8 come as such ones, and JSON can hold any of them."""

_FIRST_BYTE: Final = 0xDC00
_BYTES: Final = range(0xDC80, 0xDD00)
"""Surrogates that stand for a byte (PEP 383)."""


def shown(path: str | PurePath) -> str:
    r"""Spell a path, or any text from outside, so that it fits a sentence, a log line or a terminal.

    Bytes that are not UTF-8 and characters that cannot be seen come out as escapes (`\xff`, `\n`, `\u202e`, `\ud800`). What was
    spelled so stays the same when it is spelled again.
    """
    return "".join(
        _escape(character) if unicodedata.category(character) in UNSAFE_CATEGORIES else character for character in str(path)
    )


def excerpt(text: str) -> str:
    """Spell the beginning of a text from outside for a sentence."""
    return shown(text if len(text) <= EXCERPT_CHARACTERS else f"{text[:EXCERPT_CHARACTERS]}…")


def encodable(text: str) -> str:
    """Give a text that UTF-8 can encode: halves of characters become escapes, all else stays."""
    return _SURROGATES.sub(lambda half: _escape(half.group()), text)


def _escape(character: str) -> str:
    if ord(character) in _BYTES:
        return f"\\x{ord(character) - _FIRST_BYTE:02x}"
    return character.encode("unicode_escape").decode("ascii")
