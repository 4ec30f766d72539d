"""Which number of a name counts the frames of a stack, and which tell stacks apart? Told by the names beside it.

Names are templates with numbers in them. The number that counts the frames runs one way within each set of the others, and runs
through the same values in each of them: `scan_001_01 … scan_001_08, scan_002_01 …`. Words help where they stand, pictures decide
where two numbers could be it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from stackd.intake.order.name_fields import DEPTH_WORDS, FRAME_WORDS, LETTER, OUTER_WORDS, POSITION_WORDS, STEP_WORDS, Column

FEWEST_FRAMES = 3
"""Of a stack, in the middle of all: pairs are told apart by other things."""

SAME_VALUES = 0.5
"""Share of a stack's numbers that most other stacks have too. A counter that runs on shares none; stacks of unlike depth, each
counted from one, share more than half."""

CLEARER = 3.0
"""So many times less alike are neighbours taken for a stack wrongly: neighbours in focus differ by 0.04 at most (correlation),
subjects by 0.3 and more. Views of a turntable lie between."""

LOOKS = 24
"""Pairs of neighbours that are looked at."""

Alike = Callable[[int, int], float | None]
"""Correlation of two names' pictures; None where one is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What the numbers of a family mean."""

    focus: int
    """The column that counts the frames."""
    stacks: Sequence[tuple[float, ...]]
    """For every name what tells its stack from others."""
    outer: tuple[int, ...]
    """The columns that do; empty where the counter begins anew while another number runs on."""

    @property
    def parts(self) -> bool:
        """Whether there is more than one stack."""
        return len(set(self.stacks)) > 1


def what_counts(columns: Sequence[Column], alike: Alike = lambda _one, _two: None) -> Counted | None:
    """Find the column that counts the frames, among names that have more than one number that varies; None where none does.

    Parameters
    ----------
    columns : sequence of Column
        Of a family whose names all differ.
    alike : callable
        Compares the pictures of two names, by index. Asked only where more than one column could be it.
    """
    usable = [index for index, column in enumerate(columns) if not column.is_moment and len(set(column.values)) > 1]
    found = [counted for index in usable if (counted := _as_focus(columns, usable, index)) is not None]
    if not found:
        return None
    by_words = min(found, key=lambda counted: (meaning(columns[counted.focus]), -counted.focus))
    unclear = [counted for counted in found if meaning(columns[counted.focus]) >= _FRAME and counted.parts]
    if meaning(columns[by_words.focus]) < _FRAME or len(unclear) < 2:  # noqa: PLR2004  two to choose from
        return by_words
    unlike = {counted.focus: _unlikeness(columns, counted, alike) for counted in unclear}
    for counted in unclear:
        own = unlike[counted.focus]
        others = [other for focus, other in unlike.items() if focus != counted.focus]
        if own is not None and all(other is not None and other > CLEARER * own for other in others):
            return counted
    return by_words


_DEPTH, _UNIT, _STEP, _FRAME, _PLAIN, _POSITION, _LETTER, _OUTER = range(8)


def meaning(column: Column) -> int:
    """Rank what a column is called, from depth to what tells stacks apart."""
    word = column.word
    for rank, words in ((_DEPTH, DEPTH_WORDS), (_OUTER, OUTER_WORDS), (_STEP, STEP_WORDS), (_FRAME, FRAME_WORDS)):
        if word in words:
            return rank
    if word in POSITION_WORDS:
        return _POSITION
    if word == LETTER:
        return _LETTER
    return _UNIT if column.unit else _PLAIN


def counts_depth(column: Column) -> bool:
    """Tell whether a column is called so that its values say where the focus lies, not just which picture comes next."""
    return meaning(column) in {_DEPTH, _UNIT, _STEP, _POSITION}


def _as_focus(columns: Sequence[Column], usable: Sequence[int], focus: int) -> Counted | None:
    """Take one column for the focus; None where the names do not bear that out."""
    values = columns[focus].values
    count = len(values)
    running = [index for index in range(len(columns)) if index != focus and len(set(columns[index].values)) == count]
    outer = tuple(index for index in usable if index != focus and index not in running)
    fewest = 2 if meaning(columns[focus]) in {_DEPTH, _STEP} else FEWEST_FRAMES
    outer = _without_companions(columns, outer, values, fewest)
    keys = _keys(columns, outer)
    if len(set(zip(keys, values, strict=True))) < count:
        if not running:
            return None
        outer = ()
        keys = _begun_anew(values, columns[running[-1]].values)
    stacks: dict[tuple[float, ...], list[float]] = defaultdict(list)
    for key, value in zip(keys, values, strict=True):
        stacks[key].append(value)
    counted = Counted(focus=focus, stacks=keys, outer=outer)
    if len(stacks) == 1:
        return counted
    if median(len(each) for each in stacks.values()) < fewest:
        return None
    if meaning(columns[focus]) in {_DEPTH, _STEP} or _share_values(list(stacks.values())):
        return counted
    runs_on = len(set(values)) == count and all(meaning(columns[index]) == _OUTER for index in outer)
    return counted if runs_on and outer and _in_blocks(stacks) else None


def _keys(columns: Sequence[Column], outer: Sequence[int]) -> list[tuple[float, ...]]:
    return [tuple(columns[index].values[row] for index in outer) for row in range(len(columns[0].values))]


def _without_companions(
    columns: Sequence[Column], outer: tuple[int, ...], values: Sequence[float], fewest: int
) -> tuple[int, ...]:
    """Leave out columns that go along with the focus, two counters of one thing, where they leave hardly a frame a stack."""
    for index in sorted(outer, key=lambda each: -len(set(columns[each].values))):
        keys = _keys(columns, outer)
        if median(Counter(keys).values()) >= fewest:
            break
        rest = tuple(each for each in outer if each != index)
        if rest and len(set(zip(_keys(columns, rest), values, strict=True))) == len(values):
            outer = rest
    return outer


def _begun_anew(values: Sequence[float], running: Sequence[float]) -> list[tuple[float, ...]]:
    """Part the names, in the order of the number that runs on, where the counter goes back."""
    ranked = sorted(range(len(values)), key=lambda row: running[row])
    keys: list[tuple[float, ...]] = [()] * len(values)
    begin = running[ranked[0]]
    for before, row in pairwise([ranked[0], *ranked]):
        if values[row] < values[before] or (values[row] == values[before] and row != before):
            begin = running[row]
        keys[row] = (begin,)
    return keys


def _share_values(stacks: Sequence[Sequence[float]]) -> bool:
    seen = Counter(value for stack in stacks for value in set(stack))
    usual = {value for value, times in seen.items() if 2 * times >= len(stacks)}
    # Of two stacks each has everything that half of them have.
    if len(stacks) == 2:  # noqa: PLR2004
        usual = {value for value, times in seen.items() if times > 1}
    return median(len(usual.intersection(stack)) / len(set(stack)) for stack in stacks) >= SAME_VALUES


def _in_blocks(stacks: Mapping[tuple[float, ...], Sequence[float]]) -> bool:
    spans = sorted((min(stack), max(stack)) for stack in stacks.values())
    return all(before[1] < after[0] for before, after in pairwise(spans))


def _unlikeness(columns: Sequence[Column], counted: Counted, alike: Alike) -> float | None:
    """Say how unlike the pictures of neighbours are, in the middle; None where too few are known."""
    values = columns[counted.focus].values
    ranked = sorted(range(len(values)), key=lambda row: (counted.stacks[row], values[row]))
    pairs = [(one, two) for one, two in pairwise(ranked) if counted.stacks[one] == counted.stacks[two]]
    every = max(len(pairs) // LOOKS, 1)
    known = [likeness for one, two in pairs[::every] if (likeness := alike(one, two)) is not None]
    return max(1.0 - median(known), _NO_DIFFERENCE) if len(known) >= FEWEST_FRAMES else None


_NO_DIFFERENCE = 1e-4
