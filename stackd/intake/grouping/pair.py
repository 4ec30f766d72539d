"""Files of one exposure: RAW and JPEG side by side, copies under another name. One is the frame, the others go with it."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from stackd.intake.arrival.admit import is_raw, name_of
from stackd.intake.grouping.results import copy_of
from stackd.intake.names import name_parts, natural_key
from stackd.intake.settings import GroupingSettings
from stackd.intake.shot import WEAK_TIME_SOURCES
from stackd.model.content import ContentSignature
from stackd.model.frame import Frame

PAIR_TOLERANCE_S = 2.0
"""A RAW and its JPEG carry the same moment; programs that round or convert shift it by a second at most."""

_RAW_OR_JPEG_FOLDER = re.compile(r"(?:^|[-_ ])(?:raws?|jpe?gs?|jpe?|dng|nef|cr[23]|arw|heic|heif)$", re.IGNORECASE)
"""Folders that part the files of one exposure by format: `shoot/RAW` and `shoot/JPG`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """One frame an exposure, and the files that went to another."""

    frames: tuple[Frame, ...]
    ignored: Mapping[str, str]
    """Path → reason."""


def pair(frames: Sequence[Frame], contents: Mapping[str, ContentSignature], settings: GroupingSettings) -> Paired:
    """Join the files of one exposure.

    RAW and rendered files of one stem (compared without case), in one folder or in sibling RAW and JPG folders, at most two
    seconds apart, are one frame: the preferred file stands for it, the other is its companion. Of exact copies the file with the
    plainest name stays.
    """
    ignored: dict[str, str] = {}
    kept = _without_copies(frames, contents, ignored)
    by_stem: dict[str, list[Frame]] = defaultdict(list)
    for frame in kept:
        by_stem[exposure_name(frame.path)].append(frame)
    joined: list[Frame] = []
    for candidates in by_stem.values():
        joined.extend(_join(candidates, settings, ignored))
    joined.sort(key=lambda frame: (natural_key(frame.path), -1 if frame.page is None else frame.page))
    return Paired(frames=tuple(joined), ignored=MappingProxyType(ignored))


def _join(candidates: list[Frame], settings: GroupingSettings, ignored: dict[str, str]) -> list[Frame]:
    raws = [frame for frame in candidates if is_raw(frame.path)]
    rendered = [frame for frame in candidates if not is_raw(frame.path)]
    if not raws or not rendered:
        return candidates
    result: list[Frame] = []
    free = list(rendered)
    for raw in raws:
        matches = [other for other in free if _same_moment(raw, other)]
        free = [other for other in free if other not in matches]
        if not matches:
            result.append(raw)
            continue
        first, others = (raw, matches) if settings.pair_preference == "raw" else (matches[0], [raw, *matches[1:]])
        for other in others:
            ignored[other.path] = f"it is the same exposure as {name_of(first.path)}, which is stacked"
        companions = (*first.companion_paths, *(other.path for other in others))
        result.append(replace(first, companion_paths=tuple(sorted(set(companions), key=natural_key))))
    return [*result, *free]


def _same_moment(first: Frame, second: Frame) -> bool:
    one, two = first.meta, second.meta
    if one.captured_at is None or two.captured_at is None:
        return True
    if "mtime" in (one.sources.get("captured_at"), two.sources.get("captured_at")):
        return True
    # A program that drops the time zone shifts by whole quarters of an hour: still the same moment.
    apart_s = abs((one.captured_at - two.captured_at).total_seconds())
    return min(apart_s % 900.0, 900.0 - apart_s % 900.0) <= PAIR_TOLERANCE_S and apart_s <= _WIDEST_ZONE_S


_WIDEST_ZONE_S = 26 * 3600.0
"""From UTC−12 to UTC+14."""


def _without_copies(frames: Sequence[Frame], contents: Mapping[str, ContentSignature], ignored: dict[str, str]) -> list[Frame]:
    ordered = sorted(frames, key=lambda frame: (len(frame.path), natural_key(frame.path), frame.page or 0))
    stems = frozenset(f"{name_parts(frame.path).folder}/{name_parts(frame.path).stem}".casefold() for frame in frames)
    seen: dict[tuple[object, ...], Frame] = {}
    by_stem: dict[str, list[Frame]] = defaultdict(list)
    kept: list[Frame] = []
    for frame in ordered:
        identities = _identities(frame, contents.get(frame.path))
        original = next((seen[key] for key in identities if key in seen), None)
        if original is None:
            named = copy_of(frame.path, stems)
            original = next((each for each in by_stem.get(named or "", []) if _is_copy(frame, each, contents)), None)
        if original is not None:
            ignored[frame.path] = f"it is a copy of {name_of(original.path)}"
            continue
        for key in identities:
            seen[key] = frame
        parts = name_parts(frame.path)
        by_stem[f"{parts.folder}/{parts.stem}".casefold()].append(frame)
        kept.append(frame)
    return kept


def _identities(frame: Frame, content: ContentSignature | None) -> list[tuple[object, ...]]:
    """Give what only copies of one file share; files of different formats never are copies here."""
    found: list[tuple[object, ...]] = []
    meta = frame.meta
    if content is not None and meta.sources.get("captured_at") not in {None, *WEAK_TIME_SOURCES}:
        # Two exposures never have the same noise: equal to the last digit means the same bytes.
        pixels = (content.thumbnail.tobytes(), content.sharpness.tobytes())
        found.append(("pixels", frame.fingerprint.size_bytes, meta.captured_at, *pixels, frame.page))
    if frame.fingerprint.content_sha256 is not None:
        found.append(("bytes", frame.fingerprint.content_sha256, frame.page))
    if meta.captured_at is not None and meta.time_resolution_s < 1.0 and meta.body_serial and meta.shutter_count is not None:
        found.append(("exposure", meta.captured_at, meta.body_serial, meta.shutter_count, is_raw(frame.path), frame.page))
    return found


def _is_copy(frame: Frame, original: Frame, contents: Mapping[str, ContentSignature]) -> bool:
    """Confirm by time, else by bytes and looks, that a file named like a copy is one."""
    one, two = frame.meta, original.meta
    if is_raw(frame.path) != is_raw(original.path) or frame.page != original.page:
        return False
    times = (one.sources.get("captured_at", "mtime"), two.sources.get("captured_at", "mtime"))
    if one.captured_at is not None and two.captured_at is not None and "mtime" not in times:
        return one.captured_at == two.captured_at
    if frame.fingerprint.size_bytes != original.fingerprint.size_bytes:
        return False
    first, second = contents.get(frame.path), contents.get(original.path)
    if first is None or second is None:
        return False
    return first.thumbnail.shape == second.thumbnail.shape and bool((first.thumbnail == second.thumbnail).all())


def exposure_name(path: str) -> str:
    """Name what files of one exposure share: the stem without case, and a folder in which formats are not told apart."""
    parts = name_parts(path)
    parent, slash, last = parts.folder.rpartition("/")
    folder = f"{parent}{slash}*" if _RAW_OR_JPEG_FOLDER.search(last) else parts.folder
    return f"{folder}/{parts.stem}".casefold()
