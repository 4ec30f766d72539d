"""Which number in a name counts the frames? Told by the names beside it: `cell_t1_z03`, `IMG_0412`, `01sm`, `step7`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from stackd.intake.names import NameParts, name_parts, natural_key

_DEPTH_WORD = re.compile(r"(?:^|[^a-z])(?:z|abs|step|pos|position|focus|slice|depth|plane|layer)[_\- =]?$")
"""Ends of the text before a number that counts depth: `_z012`, `Abs0036`, `step3`, `focus-04`."""

_STAGE_HEIGHT = re.compile(r"(?:^|[^a-z0-9])z[_ =]?([+-][0-9]+(?:\.[0-9]+)?)[ ]?(nm|um|µm|mm)?(?![a-z0-9.])", re.IGNORECASE)
"""`Z+0.05um`: a stage height with its sign."""

_LETTERS_AND_MARKS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """The series a name belongs to and its number in it."""

    series: str
    number: int | None
    counts_depth: bool = False
    """The name says that the number counts depth, not just pictures."""


def numbering(paths: Iterable[str]) -> Mapping[str, Numbered]:
    """Find series and number for every path.

    Names of one folder that differ in digits only form a family. Where a single number varies through a family it counts the
    frames. Where several do, the one that a word calls depth counts, and the others (channel, time, well) tell series apart;
    without such a word the last one that varies counts.
    """
    families: dict[tuple[str, str], list[tuple[str, NameParts]]] = {}
    for path in sorted(set(paths), key=natural_key):
        parts = name_parts(path)
        families.setdefault((parts.folder, parts.skeleton), []).append((path, parts))
    found: dict[str, Numbered] = {}
    for (_, skeleton), members in families.items():
        found.update(_number_family(skeleton, members))
    return MappingProxyType(found)


def stage_height(path: str) -> float | None:
    """Read a signed stage height from a name such as `cell_Z+0.05um.tif`, in micrometres."""
    found = _STAGE_HEIGHT.search(name_parts(path).stem)
    if found is None:
        return None
    scale = {"nm": 1e-3, "mm": 1e3}.get((found.group(2) or "um").lower(), 1.0)
    return float(found.group(1)) * scale


def _number_family(skeleton: str, members: list[tuple[str, NameParts]]) -> dict[str, Numbered]:
    columns = len(members[0][1].numbers)
    if not columns:
        return {path: Numbered(series=skeleton, number=None) for path, _ in members}
    varying = [column for column in range(columns) if len({parts.numbers[column] for _, parts in members}) > 1]
    texts = _LETTERS_AND_MARKS.split(members[0][1].stem.casefold())
    deep = [column for column in range(columns) if _DEPTH_WORD.search(texts[column])]
    deep_varying = [column for column in deep if column in varying]
    # A picture name such as IMG_20231202_133048 varies in date and time: the last column counts, the date is no other series.
    counter = deep_varying[-1] if deep_varying else varying[-1] if varying else columns - 1
    others = [column for column in varying if column != counter] if deep_varying else []
    return {
        path: Numbered(
            series=skeleton + "".join(f"|{column}:{parts.numbers[column]}" for column in others),
            number=parts.numbers[counter],
            counts_depth=bool(deep_varying),
        )
        for path, parts in members
    }
