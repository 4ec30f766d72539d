"""Which files are one exposure: RAW and JPEG, exports, small copies for the web. Told by moment, body and picture."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stackd.intake.exposures.copies import class_of, without_copies
from stackd.intake.exposures.looks import Look, Looks
from stackd.intake.exposures.moments import PAIR_TOLERANCE_S, has_moment, same_body, same_moment
from stackd.intake.exposures.stems import named_after
from stackd.intake.names import name_parts, natural_key
from stackd.model.frame import Frame

OTHER_SUBJECT_BELOW = 0.15
"""Likeness of pictures that show something else; files of one exposure reach 0.36 even where one of them is cropped."""

SAME_EXPOSURE_FROM = 0.70
"""Likeness that files of one exposure reach, however toned, resized or encoded (0.72 and more on ten real stacks)."""

UNTIMED_SHARE = 0.5
"""Where neither time nor name helps, a file differs from its own exposure at most this much of what the next best differs."""

_RAW_OR_JPEG_FOLDER = re.compile(r"(?:^|[-_ ])(?:raws?|jpe?gs?|jpe?|dng|nef|cr[23]|arw|heic|heif|tiffs?|png)$", re.IGNORECASE)
"""Folders that part the files of one exposure by format: `shoot/RAW` and `shoot/JPG`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The files of a folder by exposure."""

    exposures: tuple[tuple[Frame, ...], ...]
    """The files of every exposure; most have one."""
    copies: Mapping[str, str]
    """Path of a copy → reason."""


def pair(frames: Sequence[Frame], look: Look, *, at_hand: bool = True) -> Paired:
    """Find the exposures among files.

    Files of one folder, suffix and size are exposures of their own (or copies). Files that differ in one of these are one
    exposure where moment and body agree and either the name says so and the pictures do not contradict, or the pictures say so:
    each is more like the other than like any other exposure of that moment. A file that does not say when it was taken (metadata
    stripped) is matched by name and picture.

    Parameters
    ----------
    frames : sequence of Frame
        Of one watched folder.
    look : callable
        Tells what a frame looks like.
    at_hand : bool
        Looking costs nothing; else it is done only where names, moments or lengths call for it.
    """
    looks = Looks(look, at_hand=at_hand)
    originals = without_copies(frames, looks)
    joined = _Joined(originals.frames)
    classes: dict[tuple[object, ...], list[Frame]] = defaultdict(list)
    for frame in originals.frames:
        if frame.page is None and frame.meta.page_count == 1:
            classes[class_of(frame)].append(frame)
    if len(classes) > 1:
        members = [frame for each in classes.values() for frame in each]
        _join_by_name(members, joined, looks)
        _join_by_picture(list(classes.values()), joined, looks)
    return Paired(exposures=joined.exposures(), copies=MappingProxyType(originals.copies))


class _Joined:
    """Files joined so far; no exposure ever has two files of one set."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self._groups = {_key(frame): [frame] for frame in frames}

    def of(self, frame: Frame) -> list[Frame]:
        return self._groups[_key(frame)]

    def join(self, first: Frame, second: Frame) -> bool:
        one, two = self.of(first), self.of(second)
        if one is two or {class_of(each) for each in one} & {class_of(each) for each in two}:
            return False
        one.extend(two)
        for each in two:
            self._groups[_key(each)] = one
        return True

    def has(self, frame: Frame, of_class: tuple[object, ...]) -> bool:
        return any(class_of(each) == of_class for each in self.of(frame))

    def exposures(self) -> tuple[tuple[Frame, ...], ...]:
        groups = {id(group): group for group in self._groups.values()}
        ordered = (tuple(sorted(group, key=_order)) for group in groups.values())
        return tuple(sorted(ordered, key=lambda group: _order(group[0])))


def _key(frame: Frame) -> tuple[str, int | None]:
    return frame.path, frame.page


def _order(frame: Frame) -> tuple[object, ...]:
    return natural_key(frame.path), -1 if frame.page is None else frame.page


# ------------------------------------------------------------- by name


def _join_by_name(frames: Sequence[Frame], joined: _Joined, looks: Looks) -> None:
    by_stem: dict[str, list[Frame]] = defaultdict(list)
    for frame in frames:
        by_stem[name_parts(frame.path).stem.casefold()].append(frame)
    for members in by_stem.values():
        for first, second in _pairs(members):
            if _may_be_one_by_name(first, second) and _not_contradicted(first, second, looks):
                joined.join(first, second)
    for frame in frames:
        for name in named_after(frame.path):
            for other in by_stem.get(name.stem, ()) if name.has_word else ():
                if _may_be_one_by_name(frame, other) and _not_contradicted(frame, other, looks):
                    joined.join(other, frame)


def _pairs(members: Sequence[Frame]) -> Iterator[tuple[Frame, Frame]]:
    """All pairs of files with one stem, those of one folder first: a camera's counter repeats, a folder's names do not."""
    pairs = [(a, b) for place, a in enumerate(members) for b in members[place + 1 :]]
    yield from sorted(pairs, key=lambda two: (not _in_one_shoot(*two), _order(two[0]), _order(two[1])))


def _may_be_one_by_name(first: Frame, second: Frame) -> bool:
    if class_of(first) == class_of(second) or not same_moment(first, second) or not same_body(first, second):
        return False
    return (has_moment(first) and has_moment(second)) or _in_one_shoot(first, second)


def _in_one_shoot(first: Frame, second: Frame) -> bool:
    return shoot_folder(first.path) == shoot_folder(second.path)


def shoot_folder(path: str) -> str:
    """Name the folder of a shoot: siblings that part formats count as one."""
    folder = name_parts(path).folder
    parent, _, last = folder.rpartition("/")
    return (parent if _RAW_OR_JPEG_FOLDER.search(last) else folder).casefold()


def _not_contradicted(first: Frame, second: Frame, looks: Looks) -> bool:
    alike = looks.alike_however_turned(first, second)
    return alike is None or alike >= OTHER_SUBJECT_BELOW


# ---------------------------------------------------------- by picture


def _join_by_picture(classes: Sequence[Sequence[Frame]], joined: _Joined, looks: Looks) -> None:
    for place, ones in enumerate(classes):
        for others in classes[place + 1 :]:
            _match(ones, others, joined, looks)


def _match(ones: Sequence[Frame], others: Sequence[Frame], joined: _Joined, looks: Looks) -> None:
    """Join the files of two sets that are more like each other than like any other file of that moment.

    Files that have found each other by name take part as well: who is most like one of them has no partner of its own.
    """
    of_ones, of_others = class_of(ones[0]), class_of(others[0])
    if all(joined.has(frame, of_others) for frame in ones) or all(joined.has(frame, of_ones) for frame in others):
        return
    for left, right in _meetings(ones, others):
        rows = [frame for frame in left if looks.vector(frame) is not None]
        columns = [frame for frame in right if looks.vector(frame) is not None]
        if not rows or not columns:
            continue
        alike = _likeness(rows, columns, looks)
        for row, column in _best_for_each_other(alike):
            first, second = rows[row], columns[column]
            if joined.has(first, of_others) or joined.has(second, of_ones) or _numbered_apart(first, second):
                continue
            if _is_sure(first, second, alike, row, column):
                joined.join(first, second)


def _meetings(ones: Sequence[Frame], others: Sequence[Frame]) -> Iterator[tuple[list[Frame], list[Frame]]]:
    """Give the files that can meet: of about one moment, or with no moment in neighbouring folders."""
    timed = [[frame for frame in each if has_moment(frame)] for each in (ones, others)]
    yield from _of_one_moment(timed[0], timed[1])
    if len(timed[0]) == len(ones) and len(timed[1]) == len(others):
        return
    if _are_near(name_parts(ones[0].path).folder, name_parts(others[0].path).folder):
        yield list(ones), list(others)


def _time_s(frame: Frame) -> float:
    return frame.meta.captured_at.timestamp() if frame.meta.captured_at is not None else 0.0


def _of_one_moment(ones: Sequence[Frame], others: Sequence[Frame]) -> Iterator[tuple[list[Frame], list[Frame]]]:
    """Part both sets at pauses longer than the tolerance, and give the parts that meet."""
    begins: list[tuple[float, int, Frame]] = sorted(
        ((_time_s(frame), side, frame) for side, each in enumerate((ones, others)) for frame in each),
        key=lambda entry: (entry[0], entry[1], _order(entry[2])),
    )
    sides: tuple[list[Frame], list[Frame]] = ([], [])
    last_s = float("-inf")
    for at_s, side, frame in begins:
        if at_s - last_s > PAIR_TOLERANCE_S:
            if sides[0] and sides[1]:
                yield sides
            sides = ([], [])
        sides[side].append(frame)
        last_s = at_s
    if sides[0] and sides[1]:
        yield sides


def _are_near(one: str, two: str) -> bool:
    """Tell whether two folders are one, or lie in or beside each other."""
    parents = one.rpartition("/")[0], two.rpartition("/")[0]
    return one == two or parents[0] == two or parents[1] == one or parents[0] == parents[1]


def _likeness(rows: Sequence[Frame], columns: Sequence[Frame], looks: Looks) -> NDArray[np.float32]:
    """Compare every file of one set with every file of the other, shape (rows, columns); −1 where they cannot be one exposure."""
    one = np.stack([vector for frame in rows if (vector := looks.vector(frame)) is not None])
    two = np.stack([vector for frame in columns if (vector := looks.vector(frame)) is not None])
    alike: NDArray[np.float32] = one @ two.T
    for row, first in enumerate(rows):
        for column, second in enumerate(columns):
            if not same_moment(first, second) or not same_body(first, second):
                alike[row, column] = -1.0
    return alike


def _best_for_each_other(alike: NDArray[np.float32]) -> Iterable[tuple[int, int]]:
    best_column, best_row = alike.argmax(axis=1), alike.argmax(axis=0)
    for row, column in enumerate(best_column.tolist()):
        if best_row[column] == row and alike[row, column] >= SAME_EXPOSURE_FROM:
            yield row, column


def _is_sure(first: Frame, second: Frame, alike: NDArray[np.float32], row: int, column: int) -> bool:
    """Tell whether the best match will do: plainly better than the next best where neither moment nor name bears it out."""
    same_set_elsewhere = class_of(first)[1:] == class_of(second)[1:]
    if has_moment(first) and has_moment(second):
        if not same_set_elsewhere:
            return True
    elif same_set_elsewhere:
        # Two folders of equal files without any time: a second stack of the same subject, as likely as a copy of the first.
        return False
    elif _one_name(first, second):
        return True
    rest = np.concatenate([np.delete(alike[row], column), np.delete(alike[:, column], row), [-1.0]])
    return bool(1.0 - alike[row, column] < UNTIMED_SHARE * (1.0 - rest.max()))


def _one_name(first: Frame, second: Frame) -> bool:
    stems = [name_parts(frame.path).stem.casefold() for frame in (first, second)]
    if stems[0] == stems[1]:
        return True
    return any(
        name.has_word and name.stem == stem
        for frame, stem in ((first, stems[1]), (second, stems[0]))
        for name in named_after(frame.path)
    )


def _numbered_apart(first: Frame, second: Frame) -> bool:
    """Tell two numbers of one series: `IMG_4.CR3` and `IMG_5.JPG` are two exposures, however alike."""
    one, two = name_parts(first.path), name_parts(second.path)
    return one.skeleton == two.skeleton and one.numbers != two.numbers
