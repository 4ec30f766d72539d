"""Which file of an exposure is stacked: one kind for the whole stack, the preferred one that every frame of it has."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, TypeVar

from stackd.intake.arrival.admit import is_raw, name_of
from stackd.intake.exposures.copies import class_of
from stackd.intake.exposures.moments import has_moment
from stackd.intake.names import natural_key
from stackd.intake.settings import GroupingSettings
from stackd.model.frame import Frame
from stackd.model.override import FrameKey, Override, Split, frame_key

KINDS: Final = ("raw", "tiff", "png", "heif", "jpeg")
"""Best first: what keeps most of what the sensor saw."""

KIND_NAMES: Final = MappingProxyType({"raw": "RAW", "tiff": "TIFF", "png": "PNG", "heif": "HEIF", "jpeg": "JPEG"})

_KIND_OF_SUFFIX: Final = MappingProxyType(
    {".tif": "tiff", ".png": "png", ".heic": "heif", ".avif": "heif", ".jpg": "jpeg", ".btf": "tiff", ".ome": "tiff"}
)

Trait = TypeVar("Trait", bound=Hashable)

Exposure = tuple[Frame, ...]
"""The files of one exposure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One file for each exposure of a stack."""

    frames: tuple[Frame, ...]
    """In the order of the exposures, each with the others of its exposure as companions."""
    companions: Mapping[str, str]
    """Path of every other file → reason."""
    note: str | None = None
    """What is to be said of the choice: a kind that is missing for some frames."""


def kind_of(frame: Frame) -> str:
    """Name what kind of file a frame is."""
    return "raw" if is_raw(frame.path) else _KIND_OF_SUFFIX.get(class_of(frame)[1], "jpeg")


def choose(exposures: Sequence[Exposure], settings: GroupingSettings) -> Chosen:
    """Choose one file for each exposure of a stack, all of one kind where any kind is there for all of them.

    Of several files of that kind the larger picture counts, then those of one folder, then the plainest name. Where no kind is
    there for all exposures each is taken as the preference says.
    """
    order = kinds_in_order(settings)
    everywhere = _common(exposures, kind_of)
    found = {kind_of(frame) for exposure in exposures for frame in exposure}
    if not everywhere:
        frames = [min(exposure, key=lambda frame: _rank(frame, order)) for exposure in exposures]
        counts = Counter(kind_of(frame) for frame in frames)
        listed = ", ".join(f"{counts[kind]} {KIND_NAMES[kind]}" for kind in order if counts[kind])
        return _chosen(exposures, frames, f"no kind of file is there for all frames: {listed} are stacked together")
    kind = min(everywhere, key=order.index)
    candidates = [[frame for frame in exposure if kind_of(frame) == kind] for exposure in exposures]
    candidates = _alike(_alike(candidates, lambda frame: class_of(frame)[2], order), class_of, order)
    frames = [min(each, key=lambda frame: _rank(frame, order)) for each in candidates]
    preferred = min(found, key=order.index)
    missing = sum(preferred not in {kind_of(frame) for frame in exposure} for exposure in exposures)
    note = None
    if missing:
        of_all = "the only frame" if len(exposures) == 1 else f"{missing} of {len(exposures)} frames"
        verb = "has" if missing == 1 else "have"
        note = f"{of_all} {verb} no {KIND_NAMES[preferred]}, so the {KIND_NAMES[kind]} of each is stacked"
    return _chosen(exposures, frames, note)


def kinds_in_order(settings: GroupingSettings) -> tuple[str, ...]:
    """Give the kinds of files, the preferred one first."""
    if settings.pair_preference == "rendered":
        return (*KINDS[1:], KINDS[0])
    return (settings.pair_preference, *(kind for kind in KINDS if kind != settings.pair_preference))


def _common(exposures: Iterable[Iterable[Frame]], trait: Callable[[Frame], Trait]) -> set[Trait]:
    sets = [{trait(frame) for frame in exposure} for exposure in exposures]
    return set.intersection(*sets) if sets else set()


def _alike(candidates: list[list[Frame]], trait: Callable[[Frame], Hashable], order: Sequence[str]) -> list[list[Frame]]:
    """Keep the files that agree in a trait through all exposures, where any do: the best of them."""
    shared = _common(candidates, trait)
    if not shared:
        return candidates
    best = min(shared, key=lambda value: min(_rank(f, order) for each in candidates for f in each if trait(f) == value))
    return [[frame for frame in each if trait(frame) == best] for each in candidates]


def _rank(frame: Frame, order: Sequence[str]) -> tuple[object, ...]:
    width, height = frame.meta.width_px or 0, frame.meta.height_px or 0
    return order.index(kind_of(frame)), -width * height, len(frame.path), natural_key(frame.path)


def _chosen(exposures: Sequence[Exposure], frames: Sequence[Frame], note: str | None) -> Chosen:
    companions: dict[str, str] = {}
    chosen: list[Frame] = []
    for exposure, frame in zip(exposures, frames, strict=True):
        others = [other for other in exposure if other is not frame]
        companions |= {other.path: f"it is the same exposure as {name_of(frame.path)}, which is stacked" for other in others}
        paths = {*frame.companion_paths, *(path for other in others for path in (other.path, *other.companion_paths))}
        chosen.append(replace(frame, companion_paths=tuple(sorted(paths, key=natural_key))) if others else frame)
    return Chosen(frames=tuple(chosen), companions=MappingProxyType(companions), note=note)


class Versions:
    """The exposures of a folder, each represented by one file while they are sorted into stacks.

    Every exposure is represented by the set of files (folder, suffix, size) that has most of them, so that the frames of a stack
    are compared like with like; which kind is stacked is chosen for each stack when it is known.
    """

    def __init__(self, exposures: Sequence[Exposure], settings: GroupingSettings) -> None:
        self._settings = settings
        order = kinds_in_order(settings)
        counts = Counter(class_of(frame) for exposure in exposures for frame in exposure)
        self._exposures: dict[str, Exposure] = {}
        representatives: list[Frame] = []
        for exposure in exposures:
            first = min(exposure, key=lambda frame: (-counts[class_of(frame)], _rank(frame, order)))
            if len(exposure) > 1:
                self._exposures[first.path] = exposure
                first = _with_best_metadata(first, exposure)
            representatives.append(first)
        self.frames: tuple[Frame, ...] = tuple(representatives)
        """One for each exposure."""

    def of(self, frame: Frame) -> Exposure:
        """The files of the exposure that a frame represents."""
        return self._exposures.get(frame.path, (frame,))

    def files_of(self, path: str) -> Exposure:
        """The files of the exposure that is represented by the file at `path`; none where it has no others."""
        return self._exposures.get(path, ())

    def chosen(self, frames: Sequence[Frame]) -> Chosen:
        """Choose what is stacked of the exposures that some frames represent."""
        return choose([self.of(frame) for frame in frames], self._settings)

    def about_representatives(self, overrides: Sequence[Override]) -> list[Override]:
        """Let what the user decided about any file of an exposure mean the one that represents it as well."""
        keys: dict[FrameKey, FrameKey] = {}
        by_path = {frame.path: frame for frame in self.frames}
        for path, exposure in self._exposures.items():
            keys |= {frame_key(frame): frame_key(by_path[path]) for frame in exposure}
        if not keys:
            return list(overrides)
        found: list[Override] = []
        for each in overrides:
            if isinstance(each, Split):
                found += [each, Split(before=keys[each.before])] if each.before in keys else [each]
            else:
                found.append(replace(each, frames=each.frames | {keys[key] for key in each.frames if key in keys}))
        return found


def _with_best_metadata(frame: Frame, exposure: Exposure) -> Frame:
    """Let the file of an exposure that knows most speak for it: an export may have lost its metadata."""
    if has_moment(frame):
        return frame
    known = next((each for each in exposure if has_moment(each)), None)
    if known is None:
        return frame
    meta = replace(
        known.meta,
        width_px=frame.meta.width_px,
        height_px=frame.meta.height_px,
        orientation=frame.meta.orientation,
        page_count=frame.meta.page_count,
    )
    return replace(frame, meta=meta)
