"""What to do about a watched folder: look, describe, sort into stacks, have them sealed. PURE."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from stackd.intake.arrival.admit import sort_out
from stackd.intake.arrival.manifest import Manifest, parse_manifest
from stackd.intake.arrival.settle import looked
from stackd.intake.grouping.candidates import Grouping
from stackd.intake.grouping.grouping import group
from stackd.intake.settings import IntakeSettings
from stackd.model.frame import Fingerprint, Frame
from stackd.model.names import shown
from stackd.model.stack import StackKind
from stackd.service.plan.effects import (
    DescribeFile,
    Effect,
    Forget,
    LookAt,
    NoteFolder,
    Remember,
)
from stackd.service.plan.jobs import blocked_wait_s
from stackd.service.plan.sealing import VANISHED_S, FolderStep, give_up_changed, seal_complete
from stackd.service.plan.taken import Taken
from stackd.service.plan.values import Folder, ServiceSettings, State, Watched
from stackd.service.ports import Answer, Described, FolderReport, LeftAlone, Look, ManifestRead, NotDescribed

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

    An offline folder changes nothing but its own note: what is absent from a share that is away has not been removed.
    """
    if not look.online:
        wait_s = blocked_wait_s(folder.failed_looks) if look.failed else OFFLINE_RETRY_S
        failed = folder.failed_looks + 1 if look.failed else 0
        away = replace(folder, online=False, trouble=look.trouble, looking=False, look_due_s=now_s + wait_s, failed_looks=failed)
        return FolderStep(folder=away)
    sightings = MappingProxyType({file.path: file for file in look.files})
    settling = looked(folder.settling, look.files, now_s=now_s)
    settled = settling.settled(intake.settle_s)
    admitted = folder.admitted if sightings.keys() == folder.sightings.keys() else sort_out(sightings)
    gone = tuple(path for path in folder.descriptions if path not in sightings)
    descriptions = {path: answer for path, answer in folder.descriptions.items() if path in sightings}
    manifests = {path: found for path, found in folder.manifests.items() if path in sightings}
    asked = {path: fingerprint for path, fingerprint in folder.asked.items() if path in sightings}
    wanted = []
    for path in (*admitted.frames, *(admitted.manifests if intake.grouping.manifests else ())):
        fingerprint = sightings[path].fingerprint
        if path not in settled or asked.get(path) == fingerprint:
            continue
        known = descriptions[path].fingerprint if path in descriptions else manifests[path][0] if path in manifests else None
        if known is None or known.without_hash != fingerprint or _may_be_readable_now(folder, path):
            with_hash = taken.may_be_changed(path, fingerprint)
            wanted.append(DescribeFile(watch=watch, path=path, fingerprint=fingerprint, with_hash=with_hash))
            asked[path] = fingerprint
    # Only what is described can be sorted: a file on its way changes nothing yet.
    changed = any(
        (path in settled) != (path in folder.settled) or sightings[path].fingerprint != folder.sightings[path].fingerprint
        for path in descriptions
        if path in folder.sightings
    )
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
        frame_paths=frozenset(admitted.frames),
        settling=settling,
        settled=settled,
        settle_due_s=_or_never(settling.next_settled_s(intake.settle_s)),
        asked=MappingProxyType(asked),
        descriptions=MappingProxyType(descriptions),
        manifests=MappingProxyType(manifests),
        regroup=folder.regroup or changed or bool(gone),
        recheck=True,
        stale=False,
    )
    forgotten: tuple[Effect, ...] = (Forget(watch=watch, paths=gone),) if gone else ()
    return FolderStep(folder=after, effects=(*forgotten, *wanted))


def take_answer(folder: Folder, answer: Answer, *, taken: Taken) -> FolderStep:
    """Take in what a file says of itself; an answer about content that has changed since is dropped.

    A file that may be a frame of a finished stack under another name is asked once more, for the hash of its picture.
    """
    sighting = folder.sightings.get(answer.path)
    is_current = sighting is not None and sighting.fingerprint == answer.fingerprint.without_hash
    if isinstance(answer, Described) and is_current and taken.may_hold(answer):
        again = DescribeFile(watch=answer.watch, path=answer.path, fingerprint=answer.fingerprint.without_hash, with_hash=True)
        return FolderStep(folder=folder, effects=(again,))
    asked = {path: fingerprint for path, fingerprint in folder.asked.items() if path != answer.path}
    folder = replace(folder, asked=MappingProxyType(asked), recheck=True)
    if not is_current:
        return FolderStep(folder=folder)
    if isinstance(answer, ManifestRead):
        manifest = parse_manifest(answer.content, path=answer.path)
        found: Manifest | str = manifest if isinstance(manifest, Manifest) else manifest.reason
        manifests = MappingProxyType({**folder.manifests, answer.path: (answer.fingerprint, found)})
        return FolderStep(folder=replace(folder, manifests=manifests, regroup=True))
    descriptions = MappingProxyType({**folder.descriptions, answer.path: answer})
    remembered: tuple[Effect, ...] = (Remember(described=answer),) if isinstance(answer, Described) else ()
    return FolderStep(folder=replace(folder, descriptions=descriptions, regroup=True), effects=remembered)


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
    is_news = folder.recheck or folder.regroup or folder.reported is None or not folder.online
    knows = folder.online and folder.last_look_s is not None and not folder.stale
    if knows and (folder.regroup or folder.recheck) and writable:
        step = give_up_changed(state, watched, folder)
        folder = step.folder
        # Stacks given up must be out of the journal before their frames are sealed anew.
        if not step.claimed:
            if folder.regroup and (not folder.asked or now_s - folder.sorted_s >= SORT_DISTANCE_S):
                folder = replace(folder, grouping=_sorted(state, watched, folder, settings), regroup=False, sorted_s=now_s)
            if not folder.regroup:
                step = seal_complete(state, watched, folder, last_look_s=folder.seen_s, settings=settings)
                folder = replace(step.folder, recheck=False)
        effects += step.effects
        claimed = step.claimed
    folder, looking = plan_look(folder, watched, now_s=now_s)
    if writable and is_news:
        report = report_of(folder, watched, now_at=now_at, settle_s=settings.intake.settle_s)
        if folder.reported is None or replace(folder.reported, at=now_at) != report:
            effects.append(NoteFolder(report=report))
            folder = replace(folder, reported=report)
    return FolderStep(folder=folder, effects=(*effects, *looking), claimed=claimed)


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


def report_of(folder: Folder, watched: Watched, *, now_at: datetime, settle_s: float) -> FolderReport:
    """Sum a folder up for `stackd status`."""
    passed_over = {**folder.passed_over, **folder.admitted.ignored, **folder.grouping.ignored}
    set_aside = {path: answer.reason for path, answer in folder.descriptions.items() if isinstance(answer, NotDescribed)}
    set_aside |= {path: found for path, (_, found) in folder.manifests.items() if isinstance(found, str)}
    frames = folder.frame_paths
    return FolderReport(
        watch=watched.watch,
        at=now_at,
        online=folder.online,
        trouble=folder.trouble,
        files=len(frames),
        settling=len(frames & folder.settling.settling(settle_s)),
        open_stacks=folder.open_stacks,
        set_aside=MappingProxyType(dict(sorted(set_aside.items()))),
        passed_over=MappingProxyType(dict(sorted(passed_over.items())[:PASSED_OVER_SHOWN])),
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
    return asked, (LookAt(watch=watched.watch),)


def _sorted(state: State, watched: Watched, folder: Folder, settings: ServiceSettings) -> Grouping:
    taken = state.taken_of(watched.watch)
    described = [
        answer
        for path, answer in folder.descriptions.items()
        if isinstance(answer, Described)
        and path in folder.settled
        and answer.fingerprint.without_hash == folder.sightings[path].fingerprint
        and path in folder.frame_paths
    ]
    found = group(
        (Frame(path=one.path, fingerprint=_recorded(one, taken), meta=one.meta) for one in described),
        {one.path: one.content for one in described if one.content is not None},
        settings.intake.grouping,
        manifests=[found for _, found in folder.manifests.values() if isinstance(found, Manifest)],
        overrides=state.overrides,
    )
    present = {one.path: one.fingerprint for one in described if taken.holds_picture(one.path, one.fingerprint)}
    return _as_present(found, present) if present else found


def _as_present(found: Grouping, present: Mapping[str, Fingerprint]) -> Grouping:
    """Give frames the fingerprints their files have now; they were sorted under those of the user's decisions."""

    def now(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
        return tuple(replace(each, fingerprint=present.get(each.path, each.fingerprint)) for each in frames)

    stacks = tuple(replace(stack, frames=now(stack.frames), captured=now(stack.captured)) for stack in found.stacks)
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
