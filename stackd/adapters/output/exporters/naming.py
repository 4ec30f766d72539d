"""Name a composite after its frames."""

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from stackd.intake.order.name_fields import stack_title
from stackd.model.names import UNSAFE_CATEGORIES
from stackd.model.verdict import Judgement

MAX_STEM_BYTES: Final = 200
"""Leaves room within the 255 bytes of a name for a version, a judgement, a number, `_depth` and the extension."""

FORBIDDEN: Final = frozenset('/\\:*?"<>|')
"""Characters that one of Linux, macOS and Windows does not take in a name: composites travel."""

FALLBACK: Final = "composite"


def composite_stem(template: str, *, frames: Sequence[Path], method: str, name: str | None, version: int) -> str:
    """Fill the recipe's name template, or take the stack's own name.

    Parameters
    ----------
    template : str
        With {first}, {last}, {stack}, {count} and {method}; other braces stay as they are.
    frames : sequence of Path
        Source frames in any order; first and last are by name, counting numbers as numbers.
    method : str
        Fusion method.
    name : str or None
        Given by a manifest or folder; replaces the template.
    version : int
        From 2 on added as `_v2`.

    Returns
    -------
    str
        At most 200 bytes long and fit for any file system.
    """
    by_name = sorted((frame.stem for frame in frames), key=_natural)
    first, last = by_name[0], by_name[-1]
    if name is None:
        if first == last:
            # One file with all planes: once is enough.
            template = template.replace("{first}-{last}", "{first}")
        values = {
            "first": first,
            "last": last,
            "stack": stack_title([frame.stem for frame in frames]) or first,
            "count": str(len(frames)),
            "method": method,
        }
        name = re.sub(r"\{(first|last|stack|count|method)\}", lambda match: values[match.group(1)], template)
    mark = f"_v{version}" if version > 1 else ""
    return _shortened(_clean(name), MAX_STEM_BYTES - len(mark)) + mark


def judgement_mark(judgement: Judgement) -> str:
    """End the name of a composite so that it tells what was judged of it wherever it is moved; empty for one that passes."""
    return "" if judgement is Judgement.PASS else f"_{judgement.value}"


def _natural(stem: str) -> tuple[tuple[int, int, str], ...]:
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", stem) if part)


def _clean(name: str) -> str:
    safe = "".join("_" if character in FORBIDDEN or _unsafe(character) else character for character in name)
    # A leading dot would hide the composite, a leading dash looks like an option, trailing dots and spaces vanish on Windows.
    return safe.lstrip(".- ").rstrip(". ") or FALLBACK


def _unsafe(character: str) -> bool:
    return character == "\N{REPLACEMENT CHARACTER}" or unicodedata.category(character) in UNSAFE_CATEGORIES


def _shortened(stem: str, room_bytes: int) -> str:
    encoded = os.fsencode(stem)
    return stem if len(encoded) <= room_bytes else encoded[:room_bytes].decode("utf-8", "ignore").rstrip(". ")
