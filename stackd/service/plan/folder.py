"""What to do about a watched folder: look, describe, sort into stacks, have them sealed. PURE."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from heapq import nsmallest
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from stackd.intake.arrival.admit import sort_out
from stackd.intake.arrival.manifest import Manifest, parse_manifest
from stackd.intake.arrival.settle import has_settled, looked_on
from stackd.intake.grouping.candidates import Grouping
from stackd.intake.grouping.parts import Prepared, prepare, sort_prepared
from stackd.intake.names import natural_key
from stackd.intake.settings import IntakeSettings
from stackd.model.frame import Fingerprint, Frame, FrameMeta
from stackd.model.names import shown
from stackd.model.stack import StackKind
from stackd.service.plan.effects import (
    DescribeFile,
    Effect,
    Forget,
    LookAt,
    NoteFolder,
    Recall,
    RecallContents,
    Remember,
)
from stackd.service.plan.jobs import blocked_wait_s
from stackd.service.plan.observations import Recalled
from stackd.service.plan.sealing import VANISHED_S, FolderStep, give_up_changed, seal_complete
from stackd.service.plan.taken import Taken
from stackd.service.plan.values import Folder, ServiceSettings, State, Watched
from stackd.service.ports import Answer, Described, FolderReport, LeftAlone, Look, ManifestRead, NotDescribed

if TYPE_CHECKING:
    from stackd.model.content import ContentSignature

MIN_LOOK_DISTANCE_S: Final = 0.2
"""Looks never follow each other faster: a burst of events costs five looks a second at most (a guess)."""

LOOK_SHARE: Final = 20.0
"""Time between looks is at least this many times what the last one took, so that looking costs 5 % of one core at most."""

POLL_S: Final = 2.0
"""Look this often where no events announce changes: a frame is then found within two seconds."""

OFFLINE_RETRY_S: Final = 5.0
"""Look this often for a folder that is away: a share comes back within seconds of being mounted (a guess)."""

SLOW_LOOK_S: Final = 45.0
"""A folder that does not answer a look for so long counts as away until it does: a share that hangs. It is told within a minute,
and far above what a look at the largest folder takes (a guess)."""


SORT_DISTANCE_S: Final = 2.0
"""While descriptions come in one by one, frames are sorted into stacks this often and not for each of them (a guess)."""

SORT_S_A_FRAME: Final = 0.005
"""Time from one sorting to the next for each frame that had to be sorted: it takes 0.6 ms, so this costs an eighth of a core."""

SORT_MOST_S: Final = 10.0
"""But no longer: a frame that comes after thousands is soon sorted too."""

SORTED_IN_A_STEP: Final = 500
"""Frames after which sorting pauses for one turn of the loop, which then takes half a second."""

REPORT_S_A_FRAME: Final = 0.0001
"""Time from one report to the next for each frame in the folder: two seconds for 20,000, which all may be named in it."""

PASSED_OVER_SHOWN: Final = 20
"""Names in the report of files that are no frames; the rest is counted."""

LEFT_ALONE_SHOWN: Final = 10
"""Exposure brackets, bursts and other sequences named in the report."""


# ------------------------------------------------------------- taking in


def take_look(
    folder: Folder,
    watch: str,
    look: Look,
    *,
    now_s: float,
    intake: IntakeSettings,
    taken: Taken,
) -> FolderStep:
    """Take in a complete look; asks for descriptions of files that have settled.

    What costs more than a glance is done for files that changed or have not settled, not for those that lie there as before. An
    offline folder changes nothing but its own note: what is absent from a share that is away has not been removed.
    """
    if not look.online:
        wait_s = blocked_wait_s(folder.failed_looks) if look.failed else OFFLINE_RETRY_S
        failed = folder.failed_looks + 1 if look.failed else 0
        away = replace(folder, online=False, trouble=look.trouble, looking=False, look_due_s=now_s + wait_s, failed_looks=failed)
        return FolderStep(folder=away)
    before = folder.sightings
    sightings = MappingProxyType({file.path: file for file in look.files})
    gone = before.keys() - sightings.keys()
    if folder.afresh:
        touched = set(sightings)
    else:
        touched = {file.path for file in look.files if (known := before.get(file.path)) is not file and known != file}
        touched |= folder.unsettled - gone
    appeared = {path for path in touched if path not in before}
    settling = looked_on(folder.settling, [sightings[path] for path in touched], gone=gone, now_s=now_s)
    unsettled = frozenset(path for path in touched if not has_settled(settling.observations[path], intake.settle_s))
    settled = (folder.settled - gone - touched) | (touched - unsettled)
    admitted = folder.admitted if not gone and not appeared else sort_out(sightings, folder.admitted)
    frame_paths = folder.frame_paths if admitted is folder.admitted else frozenset(admitted.frames)
    unrecalled = (folder.unrecalled | appeared) & (frame_paths | frozenset(admitted.manifests))
    forgotten = tuple(sorted(gone & folder.descriptions.keys()))
    # Only what is described can be sorted: a file on its way changes nothing yet.
    changed = any(
        (path in settled) != (path in folder.settled) or sightings[path].fingerprint != before[path].fingerprint
        for path in touched
        if path in folder.descriptions and path in before
    )
    came_back = folder.unreadable if not folder.online else {path for path in folder.unreadable if _may_pass(folder, path)}
    after = replace(
        folder,
        online=True,
        trouble=look.trouble,
        events=look.events,
        canary_heard=look.canary_heard,
        looking=False,
        last_look_s=now_s,
        took_s=look.took_s,
        failed_looks=0,
        sightings=sightings,
        passed_over=look.passed_over,
        admitted=admitted,
        frame_paths=frame_paths,
        settling=settling,
        settled=settled,
        unsettled=unsettled,
        afresh=False,
        settle_due_s=_or_never(settling.next_settled_s(intake.settle_s, among=unsettled)),
        unrecalled=unrecalled,
        recall_asked=folder.recall_asked and unrecalled == folder.unrecalled,
        asked=_without(folder.asked, gone),
        descriptions=_without(folder.descriptions, gone),
        unreadable=folder.unreadable - gone,
        manifests=_without(folder.manifests, gone),
        regroup=folder.regroup or changed or bool(forgotten),
        recheck=True,
        compare=True,
        stale=False,
    )
    after, wanted = _with_wanted(
        after, (touched | came_back) - unrecalled - gone, watch=watch, intake=intake, taken=taken, before=folder
    )
    forget: tuple[Effect, ...] = (Forget(watch=watch, paths=forgotten),) if forgotten else ()
    return FolderStep(folder=after, effects=(*forget, *wanted))


def take_recollection(folder: Folder, recalled: Recalled, *, intake: IntakeSettings, taken: Taken) -> FolderStep:
    """Take in what the journal knows of files that appeared, and ask for descriptions of the others that have settled."""
    here = frozenset(path for path in recalled.paths if path in folder.sightings)
    known = {one.path: one for one in recalled.known.described if one.path in here and one.path not in folder.descriptions}
    unreadable = folder.unreadable | {path for path, one in known.items() if isinstance(one, NotDescribed)}
    folder = replace(
        folder,
        unrecalled=folder.unrecalled - here,
        recall_asked=False,
        descriptions=MappingProxyType({**folder.descriptions, **known}) if known else folder.descriptions,
        unreadable=unreadable,
        regroup=folder.regroup or bool(known),
        recheck=True,
    )
    folder, wanted = _with_wanted(folder, here, watch=recalled.watch, intake=intake, taken=taken, before=folder)
    return FolderStep(folder=folder, effects=wanted)


def _with_wanted(
    folder: Folder,
    paths: AbstractSet[str],
    *,
    watch: str,
    intake: IntakeSettings,
    taken: Taken,
    before: Folder,
) -> tuple[Folder, tuple[DescribeFile, ...]]:
    """Ask for descriptions of those of these files that have settled and are not known as they are now."""
    wanted: list[DescribeFile] = []
    manifests = frozenset(folder.admitted.manifests) if intake.grouping.manifests else frozenset()
    for path in sorted((paths & folder.settled) & (folder.frame_paths | manifests), key=natural_key):
        fingerprint = folder.sightings[path].fingerprint
        if folder.asked.get(path) == fingerprint:
            continue
        found = folder.descriptions.get(path)
        known = found.fingerprint if found is not None else folder.manifests[path][0] if path in folder.manifests else None
        if known is None or known.without_hash != fingerprint or _may_be_readable_now(before, path):
            with_hash = taken.may_be_changed(path, fingerprint)
            wanted.append(DescribeFile(watch=watch, path=path, fingerprint=fingerprint, with_hash=with_hash))
    if not wanted:
        return folder, ()
    asked = MappingProxyType({**folder.asked, **{one.path: one.fingerprint for one in wanted}})
    return replace(folder, asked=asked), tuple(wanted)


def take_answers(folder: Folder, answers: Sequence[Answer], *, taken: Taken) -> FolderStep:
    """Take in what files say of themselves; an answer about content that has changed since is dropped.

    A file that may be a frame of a finished stack under another name is asked once more, for the hash of its picture.
    """
    again: list[DescribeFile] = []
    descriptions: dict[str, Described | NotDescribed] = {}
    manifests: dict[str, tuple[Fingerprint, Manifest | str]] = {}
    remembered: list[Described] = []
    for answer in answers:
        sighting = folder.sightings.get(answer.path)
        now = answer.fingerprint.without_hash
        if sighting is None or sighting.fingerprint != now:
            continue
        if isinstance(answer, Described) and taken.may_hold(answer):
            again.append(DescribeFile(watch=answer.watch, path=answer.path, fingerprint=now, with_hash=True))
            continue
        if isinstance(answer, ManifestRead):
            manifest = parse_manifest(answer.content, path=answer.path)
            manifests[answer.path] = (answer.fingerprint, manifest if isinstance(manifest, Manifest) else manifest.reason)
            continue
        descriptions[answer.path] = answer
        if isinstance(answer, Described):
            remembered.append(answer)
    folder = replace(
        folder,
        asked=_without(folder.asked, {answer.path for answer in answers} - {one.path for one in again}),
        descriptions=MappingProxyType({**folder.descriptions, **descriptions}) if descriptions else folder.descriptions,
        unreadable=(folder.unreadable - descriptions.keys())
        | {path for path, one in descriptions.items() if isinstance(one, NotDescribed)},
        manifests=MappingProxyType({**folder.manifests, **manifests}) if manifests else folder.manifests,
        recheck=True,
        regroup=folder.regroup or bool(descriptions or manifests),
    )
    notes = (Remember(described=tuple(remembered)),) if remembered else ()
    return FolderStep(folder=folder, effects=(*notes, *again))


def take_remembered(folder: Folder, described: Sequence[Described]) -> Folder:
    """Let go of what frames look like once the journal keeps it."""
    lighter = {
        one.path: replace(one, content=None, content_is_kept=one.content is not None)
        for one in described
        if folder.descriptions.get(one.path) is one
    }
    return replace(folder, descriptions=MappingProxyType({**folder.descriptions, **lighter})) if lighter else folder


# -------------------------------------------------------------- planning


def plan_folder(state: State, watched: Watched, *, now_s: float, now_at: datetime, settings: ServiceSettings) -> FolderStep:
    """Say what a folder needs now: stacks given up or sealed, a look, a fresh report."""
    folder = state.folders[watched.watch]
    if folder.looking and folder.online and now_s - folder.look_asked_s > SLOW_LOOK_S:
        folder = replace(
            folder,
            online=False,
            trouble=f"The watched folder {shown(watched.watch)} does not answer; is its disk or share all right?",
        )
    effects: list[Effect] = []
    claimed: frozenset[int] = frozenset()
    writable = not state.journal_trouble
    is_news = folder.recheck or folder.regroup or folder.reported is None or not folder.online or folder.report_waits
    if writable and folder.unrecalled and not folder.recall_asked:
        effects.append(Recall(watch=watched.watch, paths=tuple(sorted(folder.unrecalled))))
        folder = replace(folder, recall_asked=True)
    knows = folder.online and folder.last_look_s is not None and not folder.stale and not folder.unrecalled
    if knows and (folder.regroup or folder.recheck or folder.prepared is not None) and writable:
        if folder.compare:
            step = give_up_changed(state, watched, folder)
            folder, claimed = replace(step.folder, compare=bool(step.claimed)), step.claimed
            effects += step.effects
        # Stacks given up must be out of the journal before their frames are sealed anew.
        if not claimed:
            if folder.prepared is None and folder.regroup and (now_s >= folder.sort_due_s or not folder.sorting.is_whole):
                folder, asked = _prepared(state, watched, folder, settings)
                effects += asked
            if folder.prepared is not None and folder.contents is not None:
                taken = state.taken_of(watched.watch)
                folder = _sorted(folder, folder.prepared, folder.contents, taken=taken, now_s=now_s)
            if not folder.regroup and folder.prepared is None:
                step = seal_complete(state, watched, folder, last_look_s=folder.seen_s, settings=settings)
                folder, claimed = step.folder, step.claimed
                effects += step.effects
    folder, looking = plan_look(folder, watched, now_s=now_s)
    if writable and is_news:
        folder, noted = _reported(folder, watched, now_s=now_s, now_at=now_at)
        effects += noted
    return FolderStep(folder=folder, effects=(*effects, *looking), claimed=claimed)


def next_plan_s(folder: Folder) -> float:
    """Say when a folder is to be planned for again though nothing happens (monotonic): to sort it, or to report on it."""
    sort_s = float("inf")
    if folder.regroup and folder.online and folder.last_look_s is not None and not folder.stale and not folder.unrecalled:
        sort_s = folder.sort_due_s if folder.sorting.is_whole else float("-inf")
    due_s = min(sort_s, folder.report_due_s if folder.report_waits else float("inf"))
    return max(due_s, folder.stumbled_due_s)


def _reported(folder: Folder, watched: Watched, *, now_s: float, now_at: datetime) -> tuple[Folder, tuple[Effect, ...]]:
    """Tell the journal how the folder is, where that is news, and not too often where it is long."""
    if now_s < folder.report_due_s:
        return replace(folder, report_waits=True), ()
    report = report_of(folder, watched, now_at=now_at)
    folder = replace(folder, report_waits=False, report_due_s=now_s + REPORT_S_A_FRAME * len(folder.frame_paths))
    if folder.reported is not None and replace(folder.reported, at=now_at) == report:
        return folder, ()
    return replace(folder, reported=report), (NoteFolder(report=report),)


def next_look_s(folder: Folder, watched: Watched) -> float:
    """Say when the folder is to be looked at again (monotonic)."""
    if not folder.online:
        return folder.look_due_s
    if folder.last_look_s is None:
        return float("-inf")
    rest_s = watched.rescan_s if folder.events else min(watched.rescan_s, POLL_S)
    missing = [since_s + VANISHED_S for since_s in folder.missing_since_s.values()]
    wanted_s = min(folder.last_look_s + rest_s, folder.settle_due_s, folder.complete_due_s, folder.look_due_s, *missing)
    return max(wanted_s, folder.last_look_s + max(MIN_LOOK_DISTANCE_S, LOOK_SHARE * folder.took_s))


def report_of(folder: Folder, watched: Watched, *, now_at: datetime) -> FolderReport:
    """Sum a folder up for `stackd status`."""
    passed_over = {**folder.passed_over, **folder.admitted.ignored, **folder.grouping.ignored}
    unreadable = ((path, folder.descriptions[path]) for path in folder.unreadable)
    set_aside = {path: answer.reason for path, answer in unreadable if isinstance(answer, NotDescribed)}
    set_aside |= {path: found for path, (_, found) in folder.manifests.items() if isinstance(found, str)}
    frames = folder.frame_paths
    return FolderReport(
        watch=watched.watch,
        at=now_at,
        online=folder.online,
        trouble=folder.trouble,
        files=len(frames),
        settling=len(folder.unsettled & frames),
        open_stacks=folder.open_stacks,
        set_aside=MappingProxyType(dict(sorted(set_aside.items()))),
        passed_over=MappingProxyType(dict(nsmallest(PASSED_OVER_SHOWN, passed_over.items()))),
        passed_over_count=len(passed_over),
        left_alone=_left_alone(folder.grouping),
    )


# --------------------------------------------------------------- private


def _left_alone(grouping: Grouping) -> tuple[LeftAlone, ...]:
    recognised = [other for other in grouping.others if other.kind is not StackKind.UNKNOWN]
    in_sequences = {frame.path for other in recognised for frame in other.frames}
    singles = [frame for frame in grouping.singles if frame.path not in in_sequences]
    sets = [(other.kind.value, other.frames) for other in recognised[:LEFT_ALONE_SHOWN]]
    sets += [("single", tuple(singles))] if singles else []
    return tuple(LeftAlone(kind=kind, count=len(each), first=each[0].path, last=each[-1].path) for kind, each in sets)


def plan_look(folder: Folder, watched: Watched, *, now_s: float) -> tuple[Folder, tuple[Effect, ...]]:
    """Begin a look where one is due."""
    if folder.looking or now_s < next_look_s(folder, watched):
        return folder, ()
    asked = replace(folder, looking=True, look_asked_s=now_s, look_due_s=float("inf"))
    return asked, (LookAt(watch=watched.watch, closely=folder.unsettled),)


def _prepared(state: State, watched: Watched, folder: Folder, settings: ServiceSettings) -> tuple[Folder, tuple[Effect, ...]]:
    """Find out what is to be sorted, and ask the journal what it looks like where only that knows."""
    taken = state.taken_of(watched.watch)
    frames = _frames(folder, taken)
    prepared = prepare(
        folder.sorting,
        (frame for _, _, frame in frames.values()),
        settings.intake.grouping,
        manifests=[found for _, found in folder.manifests.values() if isinstance(found, Manifest)],
        overrides=state.overrides,
        is_recorded=lambda frame: taken.is_recorded_at(frame.path, frame.fingerprint) is not None,
        most_frames=SORTED_IN_A_STEP,
    )
    described = (folder.descriptions[frame.path] for frame in prepared.to_sort)
    kept = tuple(one.path for one in described if isinstance(one, Described) and one.content_is_kept)
    folder = replace(
        folder,
        frames=MappingProxyType(frames),
        prepared=prepared,
        contents=None if kept else MappingProxyType({}),
        # What comes from now on is sorted next time.
        regroup=False,
    )
    return folder, (RecallContents(watch=watched.watch, paths=kept),) if kept else ()


def _sorted(folder: Folder, prepared: Prepared, kept: "Mapping[str, ContentSignature]", *, taken: Taken, now_s: float) -> Folder:
    """Sort the frames into stacks, or a part of them where it takes more than one step."""
    described = ((frame.path, folder.descriptions.get(frame.path)) for frame in prepared.to_sort)
    fresh = {path: one.content for path, one in described if isinstance(one, Described) and one.content is not None}
    sorting = sort_prepared(prepared, {**kept, **fresh})
    count = sorting.frames_sorted
    if sorting.is_whole:
        sorting = replace(sorting, grouping=_as_present(sorting.grouping, _present(folder, taken)))
    return replace(
        folder,
        prepared=None,
        contents=None,
        sorting=sorting,
        regroup=folder.regroup or not sorting.is_whole,
        # Nothing waits for it while descriptions still come.
        sort_due_s=now_s + max(min(SORT_S_A_FRAME * count, SORT_MOST_S), SORT_DISTANCE_S if folder.asked else 0.0),
    )


def _frames(folder: Folder, taken: Taken) -> dict[str, tuple[FrameMeta, Fingerprint, Frame]]:
    """Put together the frames to sort: those that are described as they lie there, settled."""
    frames: dict[str, tuple[FrameMeta, Fingerprint, Frame]] = {}
    for path, answer in folder.descriptions.items():
        if not isinstance(answer, Described) or path not in folder.settled or path not in folder.frame_paths:
            continue
        now = folder.sightings[path].fingerprint
        known = folder.frames.get(path)
        if known is not None and known[0] is answer.meta and known[1] == now:
            frame = known[2]
            recorded = frame.fingerprint if answer.fingerprint.content_sha256 is None else _recorded(answer, taken)
            frames[path] = known if recorded == frame.fingerprint else (answer.meta, now, replace(frame, fingerprint=recorded))
        elif answer.fingerprint.without_hash == now:
            frames[path] = (answer.meta, now, Frame(path=path, fingerprint=_recorded(answer, taken), meta=answer.meta))
    return frames


_Value = TypeVar("_Value")


def _without(mapping: Mapping[str, _Value], paths: AbstractSet[str]) -> Mapping[str, _Value]:
    gone = paths & mapping.keys()
    return mapping if not gone else MappingProxyType({path: value for path, value in mapping.items() if path not in gone})


def _may_pass(folder: Folder, path: str) -> bool:
    answer = folder.descriptions.get(path)
    return isinstance(answer, NotDescribed) and answer.may_pass


def _present(folder: Folder, taken: Taken) -> Mapping[str, Fingerprint]:
    """Give the fingerprints of files that hold a recorded picture and are not what they were then."""
    hashed = (one for one in folder.descriptions.values() if one.fingerprint.content_sha256 is not None)
    return {one.path: one.fingerprint for one in hashed if taken.holds_picture(one.path, one.fingerprint)}


def _as_present(found: Grouping, present: Mapping[str, Fingerprint]) -> Grouping:
    """Give frames the fingerprints their files have now; they were sorted under those of the user's decisions."""
    if not present:
        return found

    def now(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
        return tuple(replace(each, fingerprint=present.get(each.path, each.fingerprint)) for each in frames)

    stacks = tuple(
        replace(stack, frames=now(stack.frames), captured=now(stack.captured))
        if any(frame.path in present for frame in stack.frames)
        else stack
        for stack in found.stacks
    )
    return replace(found, stacks=stacks)


def _may_be_readable_now(before: Folder, path: str) -> bool:
    """Tell whether a file that could not be read is to be tried again though its size and time are the same.

    It could not be opened, or something else about it changed (its permissions, or a file of the same size and time took its
    place), or its folder was away meanwhile.
    """
    answer = before.descriptions.get(path)
    return isinstance(answer, NotDescribed) and (answer.may_pass or path not in before.settled or not before.online)


def _recorded(described: Described, taken: Taken) -> Fingerprint:
    """Give the fingerprint of the user's decisions about a frame, the recorded one, where its picture is the same."""
    if taken.holds_picture(described.path, described.fingerprint):
        return taken.frames[described.path].fingerprint.without_hash
    return replace(described.fingerprint.without_hash, picture=described.fingerprint.picture)


def _or_never(at_s: float | None) -> float:
    return float("inf") if at_s is None else at_s
