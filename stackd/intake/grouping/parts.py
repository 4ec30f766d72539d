"""Parts of a folder that no stack can span: sorted one by one, and only where something changed."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from types import MappingProxyType
from zlib import crc32

from stackd.intake.arrival.admit import name_of
from stackd.intake.arrival.manifest import Manifest
from stackd.intake.evidence.time import LONG_PAUSE_FACTOR, in_words
from stackd.intake.exposures.moments import PAIR_TOLERANCE_S, same_moment
from stackd.intake.exposures.pair import shoot_folder
from stackd.intake.exposures.stems import named_after
from stackd.intake.grouping.building import stack_order
from stackd.intake.grouping.candidates import Boundary, Grouping
from stackd.intake.grouping.grouping import group, set_of
from stackd.intake.grouping.partition import stack_folder
from stackd.intake.grouping.results import has_camera, source_of
from stackd.intake.names import name_parts, natural_key
from stackd.intake.settings import GroupingSettings
from stackd.intake.shot import WEAK_TIME_SOURCES
from stackd.model.content import ContentSignature
from stackd.model.frame import Frame
from stackd.model.override import Override, Split

PARTED_S = 3600.0
"""After an hour without a frame nothing goes on, whatever names and pictures say; longer where `max_gap_s` is."""

FEWEST_TO_PART = 1_000
"""Fewer frames are sorted together: that takes half a second."""

MOST_SKELETONS = 200
"""Kinds of names that are compared with one another; where there are more, any name may be made of another."""

FRAMES_IN_A_PART = 100
"""From so many frames on a part also ends at a pause of ten beats, at which stacks end too. More would make sorting after each
new frame slow (0.6 ms a frame), fewer would show the weighing too little of what is usual."""

ONE_PAUSE_IN = 8
MOST_FRAMES_IN_A_PART = 400
"""Not at the first such pause, but at one that the name after it draws, one in eight; at the next in any case from so many frames
on. So a frame that is added or taken away moves the ends beside it, and those farther on stay where they are."""

BEATS = 50
"""Gaps whose median is the beat: those of a few stacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Frames that can share stacks, sorted."""

    frames: tuple[Frame, ...]
    grouping: Grouping
    ends: tuple[Frame, Frame] | None
    """The first and the last frame of a camera, in order of time; none where no camera wrote one."""

    @classmethod
    def of(cls, frames: tuple[Frame, ...], grouping: Grouping) -> "Part":
        """Keep what was found of some frames."""
        timed = [frame for frame in frames if frame.meta.captured_at is not None and has_camera(frame)]
        ends = (min(timed, key=_moment), max(timed, key=_moment)) if timed else None
        return cls(frames=frames, grouping=grouping, ends=ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorting:
    """A folder sorted into stacks part by part, with what is needed to sort only what changes."""

    grouping: Grouping = field(default_factory=Grouping)
    parts: Mapping[object, Part] = field(default_factory=lambda: MappingProxyType({}))
    """By the identities of their frames, which they keep alive, and the manifests and decisions that name them."""
    facts: "Mapping[int, _Facts]" = field(default_factory=lambda: MappingProxyType({}))
    """What parting needs of each frame, by its identity."""
    settings: GroupingSettings | None = None
    """What they were sorted by."""
    frames_sorted: int = 0
    """How many frames had to be sorted for it."""
    is_whole: bool = True
    """False while parts wait for their turn; `grouping` is then still that of before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A folder that is parted, with the parts that are to be sorted now."""

    parts: "tuple[tuple[object, Part | _Unsorted], ...]"
    """By what they are known by; those for which it is not their turn are missing."""
    before: Sorting
    facts: "Mapping[int, _Facts]"
    settings: GroupingSettings
    is_whole: bool

    @property
    def to_sort(self) -> list[Frame]:
        """The frames of parts that are to be sorted: what they look like is needed."""
        return [frame for _, part in self.parts if isinstance(part, _Unsorted) for frame in part.frames]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unsorted:
    """A part that is to be sorted, with the manifests and decisions that name its frames."""

    frames: tuple[Frame, ...]
    manifests: tuple[Manifest, ...]
    overrides: tuple[Override, ...]


def sort_again(
    before: Sorting,
    frames: Iterable[Frame],
    contents: Mapping[str, ContentSignature],
    settings: GroupingSettings,
    *,
    manifests: Sequence[Manifest] = (),
    overrides: Sequence[Override] = (),
    most_frames: float = float("inf"),
) -> Sorting:
    """Sort a folder into stacks (see `group`); parts in which every frame is the very same value keep their result.

    `prepare` and `sort_prepared` in one.
    """
    prepared = prepare(before, frames, settings, manifests=manifests, overrides=overrides, most_frames=most_frames)
    return sort_prepared(prepared, contents)


def prepare(
    before: Sorting,
    frames: Iterable[Frame],
    settings: GroupingSettings,
    *,
    manifests: Sequence[Manifest] = (),
    overrides: Sequence[Override] = (),
    is_recorded: Callable[[Frame], bool] = lambda _frame: False,
    most_frames: float = float("inf"),
) -> Prepared:
    """Part a folder and say what of it is to be sorted.

    Parameters
    ----------
    before : Sorting
        What the last call gave back.
    frames, settings, manifests, overrides
        As `group`. What a frame looks like must not change while it stays the same value.
    is_recorded : callable
        Tells of a frame whether it belongs to a stack already, as it is. A part of nothing else is not sorted before a frame
        joins it or somebody decides about it: no stack of it would be new.
    most_frames : float
        No further part is begun after so many frames; the result is then not whole, and the next call goes on.
    """
    known = before.parts if settings == before.settings else {}
    rules = _Rules(manifests if settings.manifests else (), overrides)
    facts = _facts_of(set_of(frames), settings, before)
    found: list[tuple[object, Part | _Unsorted]] = []
    count, is_whole = 0, True
    for some in _parted(list(facts.values()), settings, rules):
        named_by, decided = rules.about(some)
        identity: tuple[object, ...] = (tuple(map(id, some)), named_by, decided)
        part = known.get(identity)
        if part is None and not named_by and not decided and all(map(is_recorded, some)):
            identity = (*identity, "recorded")
            part = Part.of(some, Grouping())
        if part is not None:
            found.append((identity, part))
        elif count < most_frames:
            count += len(some)
            found.append((identity, _Unsorted(frames=some, manifests=named_by, overrides=decided)))
        else:
            is_whole = False
    return Prepared(parts=tuple(found), before=before, facts=MappingProxyType(facts), settings=settings, is_whole=is_whole)


def sort_prepared(prepared: Prepared, contents: Mapping[str, ContentSignature]) -> Sorting:
    """Sort what `prepare` said; `contents` tells what those frames look like, by path."""
    before, settings = prepared.before, prepared.settings
    whole = Counter(facts.folder for facts in prepared.facts.values())
    done: dict[object, Part] = {}
    for identity, part in prepared.parts:
        if isinstance(part, _Unsorted):
            seen = {frame.path: contents[frame.path] for frame in part.frames if frame.path in contents}
            own = Counter(name_parts(frame.path).folder for frame in part.frames)
            beside = {folder: whole[folder] - count for folder, count in own.items() if whole[folder] > count}
            grouping = group(part.frames, seen, settings, manifests=part.manifests, overrides=part.overrides, beside=beside)
            done[identity] = Part.of(part.frames, grouping)
        else:
            done[identity] = part
    known = before.parts if settings == before.settings else {}
    return Sorting(
        grouping=_together(list(done.values()), settings) if prepared.is_whole else before.grouping,
        # What is not wanted now may be wanted again before all is done; it goes with the last part.
        parts=MappingProxyType(done if prepared.is_whole else {**known, **done}),
        facts=prepared.facts,
        settings=settings,
        frames_sorted=(0 if before.is_whole else before.frames_sorted) + len(prepared.to_sort),
        is_whole=prepared.is_whole,
    )


class _Rules:
    """Which manifests and decisions speak of which frames."""

    def __init__(self, manifests: Sequence[Manifest], overrides: Sequence[Override]) -> None:
        self._manifests, self._overrides = manifests, overrides
        self._manifests_of_folder: dict[str, list[int]] = defaultdict(list)
        self._manifests_of_path: dict[str, list[int]] = defaultdict(list)
        self._overrides_of_path: dict[str, list[int]] = defaultdict(list)
        for number, manifest in enumerate(manifests):
            for path in manifest.frames:
                self._manifests_of_path[path].append(number)
            if not manifest.frames:
                self._manifests_of_folder[manifest.folder].append(number)
        for number, override in enumerate(overrides):
            for path in _paths(override):
                self._overrides_of_path[path].append(number)

    def join(self, frames: "Sequence[_Facts]", places: "Sequence[_Place]", joined: "_Joined") -> None:
        """Keep together what one manifest or decision names."""
        if not self._manifests and not self._overrides:
            return
        spoken_of: dict[tuple[str, int], _Place] = {}
        for each, place in zip(frames, places, strict=True):
            for number in self._manifests_of(each.frame):
                joined.join((spoken_of.setdefault(("manifest", number), place), place))
            for number in self._overrides_of_path.get(each.frame.path, ()):
                joined.join((spoken_of.setdefault(("override", number), place), place))

    def about(self, frames: Sequence[Frame]) -> tuple[tuple[Manifest, ...], tuple[Override, ...]]:
        """Give what speaks of any of these frames."""
        paths = [frame.path for frame in frames] if self._overrides else ()
        named_by = sorted({number for frame in frames for number in self._manifests_of(frame)}) if self._manifests else ()
        decided = sorted({number for path in paths for number in self._overrides_of_path.get(path, ())})
        return tuple(self._manifests[number] for number in named_by), tuple(self._overrides[number] for number in decided)

    def _manifests_of(self, frame: Frame) -> list[int]:
        if not self._manifests:
            return []
        of_folder = self._manifests_of_folder.get(name_parts(frame.path).folder, ())
        return [*self._manifests_of_path.get(frame.path, ()), *of_folder]


def parts_of(
    frames: Sequence[Frame], settings: GroupingSettings, *, manifests: Sequence[Manifest] = (), overrides: Sequence[Override] = ()
) -> list[tuple[Frame, ...]]:
    """Part frames where nothing can join them: by folder, and at pauses in time that end every stack.

    Fewer than a thousand stay together. So do files that may be one exposure, copies or results of one another, wherever they
    lie, and frames that the camera, a manifest or the user joins. Frames without a time of their own are one part with the last
    of their folder. Depends on the set of frames alone, and a frame more or less leaves parts far away as they are.
    """
    rules = _Rules(manifests if settings.manifests else (), overrides)
    return _parted(list(_facts_of(frames, settings, Sorting()).values()), settings, rules)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What parting needs of a frame."""

    frame: Frame
    lane: str
    begin_s: float | None
    """None without a moment that the camera wrote."""
    end_s: float
    folder: str
    stem: str
    """Folder and stem without case."""
    exposure: str
    """Folder of the shoot and stem: what files of one exposure share, wherever they lie in it."""
    has_camera: bool


def _facts_of(frames: Iterable[Frame], settings: GroupingSettings, before: Sorting) -> dict[int, _Facts]:
    """Find out what parting needs, anew only for frames that are; in order of their paths."""
    known = before.facts if settings == before.settings else {}
    found = [known.get(id(frame)) or _facts(frame, settings) for frame in frames]
    found.sort(key=_path)
    return {id(facts.frame): facts for facts in found}


def _facts(frame: Frame, settings: GroupingSettings) -> _Facts:
    meta, parts = frame.meta, name_parts(frame.path)
    is_stack_of_folder = settings.subfolders == "stack" and bool(parts.folder)
    is_timed = meta.sources.get("captured_at") not in WEAK_TIME_SOURCES and not is_stack_of_folder
    begin_s = meta.captured_at.timestamp() if is_timed and meta.captured_at is not None else None
    return _Facts(
        frame=frame,
        lane=parts.folder if is_stack_of_folder else stack_folder(frame.path, settings),
        begin_s=begin_s,
        end_s=(begin_s or 0.0) + (meta.exposure_time_s or 0.0),
        folder=parts.folder,
        stem=f"{parts.folder}/{parts.stem}".casefold(),
        exposure=f"{shoot_folder(frame.path)}/{parts.stem.casefold()}",
        has_camera=has_camera(frame),
    )


_Place = tuple[str, int]
"""A lane, and which of its parts: −1 for frames without a time."""


def _parted(frames: Sequence[_Facts], settings: GroupingSettings, rules: "_Rules") -> list[tuple[Frame, ...]]:
    if len(frames) < FEWEST_TO_PART:
        return [tuple(each.frame for each in frames)] if frames else []
    joined = _Joined()
    lanes: dict[str, list[tuple[float, str, int]]] = defaultdict(list)
    places: list[_Place] = [(each.lane, -1) for each in frames]
    for index, each in enumerate(frames):
        if each.begin_s is not None:
            lanes[each.lane].append((each.begin_s, each.frame.path, index))
    for name, lane in lanes.items():
        lane.sort()
        ends = _ends([frames[index] for _, _, index in lane], settings)
        for number, (start, end) in enumerate(pairwise([0, *ends])):
            place = (name, number)
            for _, _, index in lane[start:end]:
                places[index] = place
        # Frames without a time come last in order of capture.
        joined.join(((name, len(ends) - 1), (name, -1)))
    _join_relatives(frames, places, joined)
    rules.join(frames, places, joined)
    parted: dict[_Place, list[Frame]] = {}
    for each, place in zip(frames, places, strict=True):
        parted.setdefault(joined.of(place), []).append(each.frame)
    return [tuple(part) for part in parted.values()]


def _ends(lane: Sequence[_Facts], settings: GroupingSettings) -> list[int]:
    """Say after how many frames of a lane, in order of time, each part ends."""
    ends: list[int] = []
    begin = 0
    gaps_s = [max((later.begin_s or 0.0) - earlier.end_s, 0.0) for earlier, later in pairwise(lane)]
    parted_s = max(PARTED_S, settings.max_gap_s)
    for index, gap_s in enumerate(gaps_s, start=1):
        is_end = gap_s > parted_s
        count = index - begin
        may_end = count >= MOST_FRAMES_IN_A_PART or (count >= FRAMES_IN_A_PART and _is_drawn(lane[index]))
        if not is_end and may_end and gap_s > max(settings.gap_s, PAIR_TOLERANCE_S):
            beat_s = median(gaps_s[max(begin, index - 1 - BEATS) : index - 1])
            around = [each.frame for each in lane[index - 2 : index + 1]]
            is_end = gap_s > settings.max_gap_s or (gap_s > LONG_PAUSE_FACTOR * beat_s and not _focus_goes_on(around))
        if is_end:
            ends.append(index)
            begin = index
    return [*ends, len(lane)]


def _is_drawn(facts: _Facts) -> bool:
    return crc32(facts.frame.path.encode("utf-8", "surrogateescape")) % ONE_PAUSE_IN == 0


def _focus_goes_on(frames: Sequence[Frame]) -> bool:
    """Tell whether the focus goes on in the direction in which it went: then it may be one stack over a long pause."""
    for places in ([frame.meta.order_hint for frame in frames], [frame.meta.focus_distance_m for frame in frames]):
        known = [place for place in places if place is not None]
        if len(known) == len(places) and (known[1] - known[0]) * (known[2] - known[1]) > 0.0:
            return True
    return False


def _join_relatives(frames: Sequence[_Facts], places: Sequence[_Place], joined: "_Joined") -> None:
    """Keep together what pairing, copies and the search for results compare, and what a camera calls one sequence."""
    if len(set(places)) < 2:  # noqa: PLR2004  nothing is parted
        return
    by_exposure: dict[str, _Place] = {}
    by_sequence: dict[str, _Place] = {}
    without_time: dict[str, _Place] = {}
    for each, place in zip(frames, places, strict=True):
        names = [(by_exposure, each.exposure)]
        if each.frame.meta.sequence_id is not None:
            names.append((by_sequence, f"{each.folder}/{each.frame.meta.sequence_id}"))
        if each.begin_s is None:
            # Files that say no moment are matched with those of the same folder and the ones in and beside it.
            names += [(without_time, each.folder), (without_time, each.folder.rpartition("/")[0])]
        for known, name in names:
            first = known.setdefault(name, place)
            if first is not place:
                joined.join((first, place))
    _join_moments(frames, places, joined)
    _join_made(frames, places, by_exposure, joined)


def _join_moments(frames: Sequence[_Facts], places: Sequence[_Place], joined: "_Joined") -> None:
    """Keep together what different folders hold of one moment, also where a time zone was dropped and the name tells."""
    timed = sorted((each.begin_s, index) for index, each in enumerate(frames) if each.begin_s is not None)
    for (earlier_s, one), (later_s, two) in pairwise(timed):
        if places[one] != places[two] and later_s - earlier_s <= PAIR_TOLERANCE_S:
            joined.join((places[one], places[two]))
    by_stem: dict[str, list[int]] = defaultdict(list)
    for _, index in timed:
        by_stem[frames[index].exposure.rpartition("/")[2]].append(index)
    for same in by_stem.values():
        for one, two in pairwise(same):
            if places[one] != places[two] and same_moment(frames[one].frame, frames[two].frame):
                joined.join((places[one], places[two]))


def _join_made(frames: Sequence[_Facts], places: Sequence[_Place], by_exposure: Mapping[str, _Place], joined: "_Joined") -> None:
    """Keep what is called after a file, as a copy or something made from it, together with that."""
    skeletons = {name_parts(each.frame.path).skeleton for each in frames}
    longer = (
        skeletons
        if len(skeletons) > MOST_SKELETONS
        else {one for one in skeletons if any(other != one and other in one for other in skeletons)}
    )
    stems: dict[str, set[str]] = defaultdict(set)
    for exposure in by_exposure:
        folder, _, name = exposure.rpartition("/")
        stems[folder].add(name)
    for each, place in zip(frames, places, strict=True):
        if name_parts(each.frame.path).skeleton not in longer:
            continue
        folder, _, name = each.exposure.rpartition("/")
        originals = [after.stem for after in named_after(each.frame.path) if after.has_word and after.stem in stems[folder]]
        source = None if each.has_camera else source_of(name, stems[folder])
        for original in (*originals, *([] if source is None else [source])):
            joined.join((place, by_exposure[f"{folder}/{original}"]))


class _Joined:
    """Places that belong together (union-find)."""

    def __init__(self) -> None:
        self._first: dict[_Place, _Place] = {}

    def of(self, place: _Place) -> _Place:
        while (above := self._first.get(place, place)) != place:
            place = above
        return place

    def join(self, places: Iterable[_Place]) -> None:
        roots = [self.of(place) for place in places]
        for root in roots[1:]:
            if self.of(root) != self.of(roots[0]):
                self._first[self.of(root)] = self.of(roots[0])


def _together(parts: Sequence[Part], settings: GroupingSettings) -> Grouping:
    if len(parts) == 1:
        return parts[0].grouping
    groupings = [part.grouping for part in parts]
    ignored = {path: reason for each in groupings for path, reason in each.ignored.items()}
    return Grouping(
        stacks=tuple(sorted((stack for each in groupings for stack in each.stacks), key=stack_order)),
        others=tuple(sorted((one for each in groupings for one in each.others), key=lambda one: natural_key(one.frames[0].path))),
        singles=tuple(sorted((frame for each in groupings for frame in each.singles), key=lambda frame: natural_key(frame.path))),
        ignored=MappingProxyType(dict(sorted(ignored.items(), key=lambda entry: natural_key(entry[0])))),
        boundaries=(*(cut for each in groupings for cut in each.boundaries), *_between(parts, settings)),
    )


def _between(parts: Sequence[Part], settings: GroupingSettings) -> list[Boundary]:
    """Tell why frames of one camera lie in different parts."""
    found: list[Boundary] = []
    lanes: dict[tuple[object, ...], list[tuple[Frame, Frame]]] = defaultdict(list)
    for part in parts:
        if part.ends is not None:
            first, last = part.ends
            meta = first.meta
            lanes[stack_folder(first.path, settings), meta.make, meta.camera_model, meta.body_serial].append((first, last))
    for lane in lanes.values():
        for (_, last), (first, _) in pairwise(sorted(lane, key=lambda ends: _moment(ends[0]))):
            gap_s = _moment(first) - _moment(last)
            if gap_s > 0.0:
                sentence = f"cut after {name_of(last.path)}: the next frame was taken {in_words(gap_s)} later"
                found.append(Boundary(after=last.path, before=first.path, sentence=sentence))
    return found


def _paths(override: Override) -> list[str]:
    return [override.before.path] if isinstance(override, Split) else [key.path for key in override.frames]


def _path(facts: _Facts) -> tuple[str, int]:
    return facts.frame.path, -1 if facts.frame.page is None else facts.frame.page


def _moment(frame: Frame) -> float:
    return 0.0 if frame.meta.captured_at is None else frame.meta.captured_at.timestamp()
