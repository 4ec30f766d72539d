"""Copies: files that hold the picture of another file of the same kind. One stays, the others are named and never counted."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stackd.intake.arrival.admit import is_raw, name_of
from stackd.intake.exposures.looks import Looks
from stackd.intake.exposures.moments import has_moment, same_body
from stackd.intake.exposures.stems import named_after
from stackd.intake.names import name_parts, natural_key
from stackd.model.content import ContentSignature
from stackd.model.frame import Frame

COPY_SHARE = 0.08
"""A copy differs from its original at most this much of what other exposures nearby differ from either.

Over nine of ten real stacks copies saved again at quality 92 differ by 0.06 of that at most (in the finest by 0.36). The next
exposure differs by about as much as any neighbour, or by a good part of it where steps are uneven.
"""

WORDED_COPY_SHARE = 0.9
"""Where a word in the name says copy ("Kopie", "conflict", "Edit") the picture may have been toned: then it differs by more, but
by less than another exposure.
"""

MOST_COPIES = 2
"""Files of one moment whose names add numbers alone: more than these are a series that counts on, as bursts are exported."""

ALONE_FROM = 0.985
"""Likeness from which two pictures alone are one: the most that neighbours of a real stack reach is 0.984."""

NEIGHBOURS = 4
"""Exposures on each side that show how much others differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Originals:
    """What is left when copies are taken out."""

    frames: tuple[Frame, ...]
    copies: Mapping[str, str]
    """Path of a copy → reason."""


FileSet = tuple[str, str, tuple[int, int]]
"""Folder, suffix and size of files that were written together."""


def class_of(frame: Frame) -> FileSet:
    """Name the set of files a frame was written with: folder, suffix and size. Its files are different exposures, or copies."""
    parts = name_parts(frame.path)
    sides = sorted((frame.meta.width_px or 0, frame.meta.height_px or 0))
    return parts.folder, _SAME_SUFFIX.get(parts.suffix, parts.suffix), (sides[0], sides[1])


_SAME_SUFFIX = {".jpeg": ".jpg", ".jpe": ".jpg", ".tiff": ".tif", ".heif": ".heic", ".hif": ".heic"}


def without_copies(frames: Sequence[Frame], looks: Looks) -> Originals:
    """Take out what holds the picture of another file; the file with the plainest name stays.

    The same picture to the last digit is a copy under any name and in any folder, unless the two say different moments. Where the
    picture was saved again, the name has to say that it is a copy, the moment has to be the same, and the picture must differ
    less than other exposures do.
    """
    copies: dict[str, str] = {}
    distinct = _without_exact_copies(frames, looks, copies)
    by_class: dict[tuple[object, ...], list[Frame]] = defaultdict(list)
    for frame in distinct:
        by_class[class_of(frame)].append(frame)
    kept: list[Frame] = []
    for members in by_class.values():
        kept += members if len(members) == 1 else _without_saved_again(members, looks, copies)
    kept.sort(key=lambda frame: (natural_key(frame.path), -1 if frame.page is None else frame.page))
    return Originals(frames=tuple(kept), copies=copies)


# --------------------------------------------------------- exact copies


def _without_exact_copies(frames: Sequence[Frame], looks: Looks, copies: dict[str, str]) -> list[Frame]:
    may_be_twice = _may_be_twice(frames, looks)
    seen: dict[tuple[object, ...], list[Frame]] = defaultdict(list)
    kept: list[Frame] = []
    elsewhere: dict[FileSet, list[tuple[Frame, Frame]]] = defaultdict(list)
    for frame in sorted(frames, key=_plainest_first):
        content = looks.content(frame) if frame.path in may_be_twice else None
        keys = _identities(frame, content)
        original = next((each for key in keys for each in seen.get(key, ()) if _may_be_one_file(each, frame)), None)
        if original is None:
            for key in keys:
                seen[key].append(frame)
            kept.append(frame)
        elif has_moment(frame) or class_of(frame) == class_of(original):
            copies[frame.path] = f"it is a copy of {name_of(original.path)}"
        else:
            elsewhere[class_of(frame)].append((frame, original))
    sizes = Counter(class_of(frame) for frame in frames)
    for of_class, found in elsewhere.items():
        # A folder of which all lies elsewhere is a backup; where only some does, nobody can tell which of the two is the stack.
        if len(found) == sizes[of_class]:
            copies |= {frame.path: f"it is a copy of {name_of(original.path)}" for frame, original in found}
        else:
            kept += [frame for frame, _ in found]
    return kept


def _may_be_one_file(first: Frame, second: Frame) -> bool:
    """Tell whether two files of the same picture are copies: of one moment or, where neither says a moment, of related names.

    Drawn frames have no noise: two stacks rendered of one scene may share a picture.
    """
    if first.fingerprint.content_sha256 is not None and first.fingerprint.content_sha256 == second.fingerprint.content_sha256:
        return True
    if has_moment(first) or has_moment(second):
        return first.meta.captured_at == second.meta.captured_at
    stems = [name_parts(each.path).stem.casefold() for each in (first, second)]
    return stems[0] == stems[1] or any(
        name.stem == stem for each, stem in ((first, stems[1]), (second, stems[0])) for name in named_after(each.path)
    )


def _plainest_first(frame: Frame) -> tuple[object, ...]:
    return len(frame.path), natural_key(frame.path), frame.page or 0


def _may_be_twice(frames: Sequence[Frame], looks: Looks) -> set[str]:
    """Find the frames worth a look: all of them where looks are at hand, else those that share their moment or their length."""
    if looks.at_hand:
        return {frame.path for frame in frames}
    shared: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for frame in frames:
        key = ("at", frame.meta.captured_at) if has_moment(frame) else ("bytes", frame.fingerprint.size_bytes)
        shared[*key, frame.meta.width_px, frame.meta.height_px].append(frame.path)
    return {path for paths in shared.values() if len(paths) > 1 for path in paths}


def _identities(frame: Frame, content: ContentSignature | None) -> list[tuple[object, ...]]:
    """Give what only copies of one file share; files of different formats never are copies here."""
    found: list[tuple[object, ...]] = []
    meta = frame.meta
    kind = (*class_of(frame)[1:], frame.page)
    if content is not None and content.detail.any():
        # Two exposures never have the same noise: equal to the last digit means the same pixels.
        found.append(("looks", content.thumbnail.tobytes(), content.sharpness.tobytes(), content.detail.tobytes(), kind))
    if frame.fingerprint.content_sha256 is not None:
        found.append(("bytes", frame.fingerprint.content_sha256, frame.page))
    if meta.captured_at is not None and meta.time_resolution_s < 1.0 and meta.body_serial and meta.shutter_count is not None:
        found.append(("exposure", meta.captured_at, meta.body_serial, meta.shutter_count, is_raw(frame.path), kind))
    return found


# ------------------------------------------------- copies saved once more


@dataclass(slots=True)
class _Set:
    """Files of one folder, suffix and size."""

    members: Sequence[Frame]
    looks: Looks
    roots: dict[str, str] = field(default_factory=dict)
    """Path → the plainest stem it was named after, its own where there is none."""
    places: dict[str, int] = field(default_factory=dict)

    def count_beside(self, original: Frame, frame: Frame) -> int:
        """How many files of this moment have names that come from one."""
        root, at = self.roots[frame.path], original.meta.captured_at
        return sum(self.roots[each.path] == root and each.meta.captured_at == at for each in self.members) - 1

    def differ_nearby(self, first: Frame, second: Frame, *, of_other_names: bool) -> list[float]:
        """How much exposures nearby differ from either of two frames."""
        roots = {self.roots[first.path], self.roots[second.path]}
        found: list[float] = []
        for frame in (first, second):
            place = self.places[frame.path]
            near = self.members[max(place - NEIGHBOURS, 0) : place + NEIGHBOURS + 1]
            for other in near:
                if other in (first, second) or (of_other_names and self.roots[other.path] in roots):
                    continue
                alike = self.looks.alike(frame, other)
                if alike is not None:
                    found.append(1.0 - alike)
        return found


def _without_saved_again(members: Sequence[Frame], looks: Looks, copies: dict[str, str]) -> list[Frame]:
    ordered = sorted(members, key=lambda each: (_moment_key(each), natural_key(each.path), each.page or 0))
    stems: dict[str, list[Frame]] = defaultdict(list)
    for frame in ordered:
        stems[name_parts(frame.path).stem.casefold()].append(frame)
    after = {frame.path: [name for name in named_after(frame.path) if name.stem in stems] for frame in ordered}
    if not any(after.values()):
        return ordered
    among = _Set(members=ordered, looks=looks)
    for place, frame in enumerate(ordered):
        among.places[frame.path] = place
        among.roots[frame.path] = min(
            [name_parts(frame.path).stem.casefold(), *(each.stem for each in after[frame.path])], key=len
        )
    kept: list[Frame] = []
    for frame in sorted(ordered, key=_plainest_first):
        original = next(
            (
                each
                for name in after[frame.path]
                for each in stems[name.stem]
                if each.path not in copies and each is not frame and _is_copy(frame, each, among, has_word=name.has_word)
            ),
            None,
        )
        if original is None:
            kept.append(frame)
        else:
            copies[frame.path] = f"it is a copy of {name_of(original.path)}"
    return kept


def _is_copy(frame: Frame, original: Frame, among: _Set, *, has_word: bool) -> bool:
    """Confirm by moment and picture that a file named after another one is its copy."""
    if frame.page != original.page or not same_body(frame, original) or has_moment(frame) != has_moment(original):
        return False
    is_timed = has_moment(frame)
    if is_timed and frame.meta.captured_at != original.meta.captured_at:
        return False
    if not is_timed and not has_word:
        # `bee` and `bee-2` without any time: only the same picture to the last digit tells.
        return False
    alike = among.looks.alike(frame, original)
    if alike is None:
        fine = min(frame.meta.time_resolution_s, original.meta.time_resolution_s) < 1.0
        return is_timed and (has_word or fine) and not _is_everybodys_moment(frame, among)
    beside = among.differ_nearby(frame, original, of_other_names=True)
    if not has_word and among.count_beside(original, frame) > MOST_COPIES:
        return False
    share = WORDED_COPY_SHARE if has_word and is_timed else COPY_SHARE
    if not beside:
        beside, share = among.differ_nearby(frame, original, of_other_names=False), COPY_SHARE
    return 1.0 - alike < share * min(beside) if beside else alike >= ALONE_FROM


def _is_everybodys_moment(frame: Frame, among: _Set) -> bool:
    """Tell an export that stamped every frame with one moment."""
    moments = {each.meta.captured_at for each in among.members}
    return len(among.members) > 2 and moments == {frame.meta.captured_at}  # noqa: PLR2004


def _moment_key(frame: Frame) -> float:
    return frame.meta.captured_at.timestamp() if has_moment(frame) and frame.meta.captured_at is not None else 0.0
