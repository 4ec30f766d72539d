"""To which series does a name belong, and which number has it there? `cell_t1_z03`, `IMG_0412`, `scan_001_01`, `step7`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from types import MappingProxyType

from stackd.intake.evidence.content import likeness
from stackd.intake.names import name_parts, natural_key
from stackd.intake.order.counters import Alike, Counted, counts_depth, what_counts
from stackd.intake.order.name_fields import Column, columns_of, fields_of, in_micrometres, letters_counted, stem_of
from stackd.model.content import ContentSignature

NOTHING_SEEN: Mapping[str, ContentSignature] = MappingProxyType({})

_PRECISION = 10**6
"""Decimals are compared as multiples of a millionth: finer than any name is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """The series a name belongs to and its number in it."""

    series: str
    number: int | None
    depth: float | None = None
    """Where the name says that the number is one of depth: the place along the axis, in micrometres where a unit stands there."""
    stacks: int = 1
    """How many stacks the names of its family count; with more than one, its series is its stack."""


def numbering(paths: Iterable[str], contents: Mapping[str, ContentSignature] = NOTHING_SEEN) -> Mapping[str, Numbered]:
    """Find series and number for every path.

    Names of one folder that differ in numbers only form a family. Where a single number varies through a family it counts the
    frames. Where several do, `what_counts` finds the one that does, and the others tell series apart. Where none does, the names
    are one series in natural order.

    Parameters
    ----------
    paths : iterable of str
    contents : mapping of str to ContentSignature
        What frames look like, by path: asked where the names allow more than one reading.
    """
    by_folder: dict[str, list[str]] = {}
    for path in sorted(set(paths), key=natural_key):
        by_folder.setdefault(name_parts(path).folder, []).append(path)
    found: dict[str, Numbered] = {}
    for members in by_folder.values():
        spelled = letters_counted(stem_of(path) for path in members)
        families: dict[str, dict[str, list[str]]] = {}
        for path in members:
            stem = spelled[stem_of(path)]
            families.setdefault(fields_of(stem).skeleton, {}).setdefault(stem, []).append(path)
        for skeleton, stems in families.items():
            for stem, numbered in _number_family(skeleton, stems, contents).items():
                found.update(dict.fromkeys(stems[stem], numbered))
    return MappingProxyType(found)


def _number_family(
    skeleton: str, stems: Mapping[str, Sequence[str]], contents: Mapping[str, ContentSignature]
) -> Mapping[str, Numbered]:
    columns = columns_of([fields_of(stem) for stem in stems])
    members = list(stems.values())
    return dict(zip(stems, _numbered(skeleton, columns, members, contents), strict=True))


def _numbered(
    skeleton: str,
    columns: Sequence[Column],
    members: Sequence[Sequence[str]],
    contents: Mapping[str, ContentSignature],
) -> Sequence[Numbered]:
    if not columns:
        return [Numbered(series=skeleton, number=None)] * len(members)
    varying = [index for index, column in enumerate(columns) if len(set(column.values)) > 1]
    if len(varying) > 1:
        counted = what_counts(columns, _alike(members, contents))
        if counted is not None:
            return _counted(skeleton, columns, counted)
    elif varying and not columns[varying[0]].is_moment:
        return _counted(skeleton, columns, Counted(focus=varying[0], stacks=[()] * len(members), outer=()))
    if varying and all(columns[index].is_moment for index in varying):
        # Moments are no counters: seconds that nobody shot in are no missing frames.
        return [Numbered(series=skeleton, number=None)] * len(members)
    return [Numbered(series=skeleton, number=number) for number in _in_natural_order(columns, varying)]


def _counted(skeleton: str, columns: Sequence[Column], counted: Counted) -> Sequence[Numbered]:
    column = columns[counted.focus]
    is_depth = counts_depth(column)
    numbers = _whole(column, evenly=is_depth)
    stacks = len(set(counted.stacks))
    told = "|".join(map(str, counted.outer)) if counted.outer else "from"
    return [
        Numbered(
            series=skeleton if stacks == 1 else f"{skeleton}|{told}:" + " ".join(map(str, counted.stacks[row])),
            number=numbers[row],
            depth=in_micrometres(value, column.unit) if is_depth else None,
            stacks=stacks,
        )
        for row, value in enumerate(column.values)
    ]


def _whole(column: Column, *, evenly: bool) -> list[int]:
    """Give a column's values as whole numbers that count: places along an axis in their common step."""
    if not evenly and not column.is_decimal:
        return [int(value) for value in column.values]
    scaled = [round(value * _PRECISION) for value in column.values]
    lowest = min(scaled)
    step = gcd(*(value - lowest for value in scaled)) or 1
    return [(value - lowest) // step + (1 if lowest else 0) for value in scaled]


def _in_natural_order(columns: Sequence[Column], varying: Sequence[int]) -> list[int]:
    """Number names by the last column that tells them all apart, else by all that vary, the first counting most."""
    rows = range(len(columns[0].values))
    if not varying:
        return [int(columns[-1].values[row]) for row in rows]
    alone = [index for index in varying if len(set(columns[index].values)) == len(rows)]
    if alone or len(varying) == 1:
        return _whole(columns[(alone or varying)[-1]], evenly=False)
    numbers = [0] * len(rows)
    for index in varying:
        whole = _whole(columns[index], evenly=False)
        lowest, span = min(whole), max(whole) - min(whole) + 1
        numbers = [number * span + value - lowest for number, value in zip(numbers, whole, strict=True)]
    return numbers


def _alike(members: Sequence[Sequence[str]], contents: Mapping[str, ContentSignature]) -> Alike:
    def compare(one: int, two: int) -> float | None:
        first, second = contents.get(members[one][0]), contents.get(members[two][0])
        return None if first is None or second is None else likeness(first, second).correlation

    return compare
