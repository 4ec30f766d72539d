"""File names as a person can read them, whatever bytes they hold."""

import unicodedata
from pathlib import PurePath
from typing import Final

UNSAFE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that cannot be seen or that turn what follows around: control, format (U+202E), surrogate, unassigned."""


def shown(path: str | PurePath) -> str:
    r"""Spell a path so that it fits a sentence, a log line or a terminal.

    Bytes that are not UTF-8 and characters that cannot be seen come out as escapes (`\xff`, `\n`, `\u202e`).
    """
    text = str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(
        character.encode("unicode_escape").decode("ascii") if unicodedata.category(character) in UNSAFE_CATEGORIES else character
        for character in text
    )
