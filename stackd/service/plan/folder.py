"""What to do about a watched folder: look, describe, sort into stacks, seal. PURE.

A stack is sealed only on what a look told at or after the moment it could be complete: a lost event costs time, never a frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from stackd.intake.arrival.admit import RAW_SUFFIXES, RENDERED_SUFFIXES, sort_out
from stackd.intake.arrival.manifest import Manifest, parse_manifest
from stackd.intake.arrival.settle import looked
from stackd.intake.grouping.candidates import CandidateStack, Grouping
from stackd.intake.grouping.complete import Complete, WaitUntil, is_followed_in_order, when_complete
from stackd.intake.grouping.grouping import group
from stackd.intake.settings import IntakeSettings
from stackd.model.frame import Fingerprint, Frame
from stackd.model.job import Job, JobState
from stackd.model.stack import Decision, SealReason, StackKind
from stackd.service.plan.effects import (
    CancelRun,
    DescribeFile,
    Effect,
    Forget,
    LookAt,
    Move,
    NoteFolder,
    Record,
    Remember,
    RemoveRemains,
)
from stackd.service.plan.values import Folder, ServiceSettings, State, Ticket, Watched
from stackd.service.ports import Answer, Described, FolderReport, LeftAlone, Look, ManifestRead, NotDescribed, OpenStack

MIN_LOOK_DISTANCE_S: Final = 0.2
"""Looks never follow each other faster: a burst of events costs five looks a second at most (a guess)."""

LOOK_SHARE: Final = 20.0
"""Time between looks is at least this many times what the last one took, so that looking costs 5 % of one core at most."""

POLL_S: Final = 2.0
"""Look this often where no events announce changes: a frame is then found within two seconds."""

OFFLINE_RETRY_S: Final = 5.0
"""Look this often for a folder that is away: a share comes back within seconds of being mounted (a guess)."""

SLOW_LOOK_S: Final = 60.0
"""A folder that does not answer a look for so long counts as away until it does: a share that hangs (a guess)."""

VANISHED_S: Final = 2.0
"""A frame counts as removed when looks this far apart both miss it: programs that save by delete and rename take milliseconds."""

UNREADABLE_PATIENCE_S: Final = 60.0
"""A file that settled but cannot be read may be a copy that stalled: its neighbours wait so long after its change (a guess)."""

SORT_DISTANCE_S: Final = 2.0
"""While descriptions come in one by one, frames are sorted into stacks this often and not for each of them (a guess)."""

PASSED_OVER_SHOWN: Final = 20
"""Names in the report of files that are no frames; the rest is counted."""

LEFT_ALONE_SHOWN: Final = 10
"""Exposure brackets, bursts and other sequences named in the report."""

PICTURE_MARKS: Final = tuple(f"{suffix}." for suffix in RAW_SUFFIXES | RENDERED_SUFFIXES)
"""A temporary name that still shows what it becomes: `.IMG_1.tif.x7Yz`, `IMG_1.tif.part`."""

_UNFINISHED_BUSINESS = frozenset(
    {JobState.HELD, JobState.READY, JobState.RUNNING, JobState.BLOCKED, JobState.FAILED, JobState.QUARANTINED}
)
"""States of a job whose stack is given up when its frames change: nothing of it is visible yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderStep:
    """A folder after planning, with what to do and which jobs were dealt with."""

    folder: Folder
    effects: tuple[Effect, ...] = ()
    claimed: frozenset[int] = frozenset()


# ------------------------------------------------------------- taking in


def take_look(
    folder: Folder,
    watch: str,
    look: Look,
    *,
    now_s: float,
    intake: IntakeSettings,
    taken: Mapping[str, tuple[Fingerprint, str]],
) -> FolderStep:
    """Take in a complete look; asks for descriptions of files that have settled.

    An offline folder changes nothing but its own note: what is absent from a share that is away has not been removed.
    """
    if not look.online:
        away = replace(folder, online=False, trouble=look.trouble, looking=False, look_due_s=now_s + OFFLINE_RETRY_S)
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
        if known is None or _bare(known) != fingerprint or _may_be_readable_now(folder, path):
            with_hash = path in taken and _may_be_the_same(taken[path][0], fingerprint)
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
        looking=False,
        last_look_s=now_s,
        took_s=look.took_s,
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


def take_answer(folder: Folder, answer: Answer) -> FolderStep:
    """Take in what a file says of itself; an answer about content that has changed since is dropped."""
    asked = {path: fingerprint for path, fingerprint in folder.asked.items() if path != answer.path}
    sighting = folder.sightings.get(answer.path)
    folder = replace(folder, asked=MappingProxyType(asked), recheck=True)
    if sighting is None or sighting.fingerprint != _bare(answer.fingerprint):
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
        folder = replace(folder, online=False, trouble="The folder does not answer; is its disk or share all right?")
    effects: list[Effect] = []
    claimed: frozenset[int] = frozenset()
    writable = not state.journal_trouble
    is_news = folder.recheck or folder.regroup or folder.reported is None or not folder.online
    knows = folder.online and folder.last_look_s is not None and not folder.stale
    if knows and (folder.regroup or folder.recheck) and writable:
        step = _give_up_changed(state, watched, folder)
        folder = step.folder
        # Stacks given up must be out of the journal before their frames are sealed anew.
        if not step.claimed:
            if folder.regroup and (not folder.asked or now_s - folder.sorted_s >= SORT_DISTANCE_S):
                folder = replace(folder, grouping=_sorted(state, watched, folder, settings), regroup=False, sorted_s=now_s)
            if not folder.regroup:
                step = _seal_complete(state, watched, folder, last_look_s=_last(folder), settings=settings)
                folder = replace(step.folder, recheck=False)
        effects += step.effects
        claimed = step.claimed
    folder, looking = _plan_look(folder, watched, now_s=now_s)
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


def _plan_look(folder: Folder, watched: Watched, *, now_s: float) -> tuple[Folder, tuple[Effect, ...]]:
    if folder.looking or now_s < next_look_s(folder, watched):
        return folder, ()
    asked = replace(folder, looking=True, look_asked_s=now_s, look_due_s=float("inf"))
    return asked, (LookAt(watch=watched.watch),)


def _give_up_changed(state: State, watched: Watched, folder: Folder) -> FolderStep:
    """Supersede stacks whose frames were changed or removed."""
    effects: list[Effect] = []
    claimed: set[int] = set()
    missing_since_s: dict[str, float] = {}
    for ticket in state.tickets.values():
        if ticket.job.watch != watched.watch or ticket.job.state not in _UNFINISHED_BUSINESS:
            continue
        reason = None
        for frame in ticket.stack.frames:
            sighting = folder.sightings.get(frame.path)
            if sighting is None:
                since_s = folder.missing_since_s.get(frame.path, _last(folder))
                missing_since_s[frame.path] = since_s
                if _last(folder) - since_s >= VANISHED_S:
                    reason = f"{frame.path} was removed before the composite was finished."
            elif not sighting.fingerprint.same_file_as(_bare(frame.fingerprint)):
                reason = f"{frame.path} was changed before the composite was finished."
        if reason is not None:
            effects += give_up(ticket, watched, reason)
            claimed.add(ticket.job.id)
    folder = replace(folder, missing_since_s=MappingProxyType(missing_since_s))
    return FolderStep(folder=folder, effects=tuple(effects), claimed=frozenset(claimed))


def give_up(ticket: Ticket, watched: Watched, reason: str) -> tuple[Effect, ...]:
    """Supersede a job; its worker is ended first."""
    ended: tuple[Effect, ...] = ()
    if ticket.job.state is JobState.RUNNING:
        ended = (CancelRun(job_id=ticket.job.id), RemoveRemains(folder=watched.output, job_id=ticket.job.id))
    return (*ended, Move(job_id=ticket.job.id, state=JobState.SUPERSEDED, error=reason))


def _sorted(state: State, watched: Watched, folder: Folder, settings: ServiceSettings) -> Grouping:
    taken = state.taken.get(watched.watch, {})
    described = [
        answer
        for path, answer in folder.descriptions.items()
        if isinstance(answer, Described)
        and path in folder.settled
        and _bare(answer.fingerprint) == folder.sightings[path].fingerprint
        and path in folder.frame_paths
    ]
    return group(
        (Frame(path=one.path, fingerprint=_recorded(one, taken), meta=one.meta) for one in described),
        {one.path: one.content for one in described if one.content is not None},
        settings.intake.grouping,
        manifests=[found for _, found in folder.manifests.values() if isinstance(found, Manifest)],
        overrides=state.overrides,
    )


def _seal_complete(
    state: State, watched: Watched, folder: Folder, *, last_look_s: float, settings: ServiceSettings
) -> FolderStep:
    """Seal what is complete as of the last look; the rest stays open, and the next look is due when it may be complete."""
    effects: list[Effect] = []
    claimed: set[int] = set()
    still_open: list[OpenStack] = []
    due_s = float("inf")
    arrivals_s = {path: seen.unchanged_since_s for path, seen in folder.settling.observations.items()}
    by_folder: dict[str, dict[str, float]] = {}
    for path, at_s in arrivals_s.items():
        by_folder.setdefault(_folder_of(path), {})[path] = at_s
    sorted_frames = [*folder.grouping.singles, *(frame for stack in folder.grouping.stacks for frame in stack.frames)]
    for candidate in folder.grouping.stacks:
        parents = _parents(state, watched, folder, candidate)
        if not _is_news(state, watched, candidate, parents):
            continue
        folders = {_folder_of(frame.path) for frame in candidate.frames}
        here = {path: at_s for one in folders for path, at_s in by_folder.get(one, {}).items()}
        own = {frame.path for frame in candidate.frames}
        others = [frame for frame in sorted_frames if _folder_of(frame.path) in folders and frame.path not in own]
        verdict = when_complete(
            candidate,
            arrivals_s,
            last_look_s,
            settings.intake,
            folder_arrivals_s={path: at_s for path, at_s in here.items() if path in folder.frame_paths},
            is_done_marked=folders <= folder.admitted.done_folders,
            is_still_arriving=_is_still_arriving(folder, here, last_look_s=last_look_s),
            is_followed=is_followed_in_order(candidate, others, arrivals_s),
        )
        names = tuple(frame.path for frame in candidate.frames)
        publishing = [parent for parent in parents if parent.state is JobState.PUBLISHING]
        if isinstance(verdict, WaitUntil):
            still_open.append(OpenStack(frames=names, waits_for=verdict.sentence))
            due_s = min(due_s, verdict.at_s)
        elif publishing:
            still_open.append(OpenStack(frames=names, waits_for="waits until the composite without its late frames is published"))
        else:
            # The parts of a stack that was cut replace it together: the first of them supersedes it.
            step, jobs = _seal(state, watched, candidate, verdict, parents, settings, superseded=frozenset(claimed))
            effects += step
            claimed |= jobs
    folder = replace(folder, open_stacks=tuple(still_open), complete_due_s=due_s)
    return FolderStep(folder=folder, effects=tuple(effects), claimed=frozenset(claimed))


def _seal(
    state: State,
    watched: Watched,
    candidate: CandidateStack,
    complete: Complete,
    parents: tuple[Job, ...],
    settings: ServiceSettings,
    *,
    superseded: frozenset[int],
) -> tuple[tuple[Effect, ...], set[int]]:
    """Supersede what the stack replaces, then record it: the other way round, a power cut between would leave both."""
    unfinished = [state.tickets[parent.id] for parent in parents if parent.id in state.tickets and parent.id not in superseded]
    reason = f"{len(candidate.frames)} frames belong together now, which replaces this stack."
    given_up = [effect for ticket in unfinished for effect in give_up(ticket, watched, reason)]
    version = 1 + max((parent.version for parent in parents if parent.state is JobState.DONE), default=0)
    was_dismissed = any(parent.state is JobState.DISMISSED for parent in parents)
    held = candidate.decision is Decision.HOLD or (was_dismissed and candidate.decided_by is not SealReason.ASKED)
    asked = candidate.recipe
    recipe_name = asked if asked is not None and asked in settings.recipes else watched.recipe_name
    stack = candidate.sealed(complete.reason)
    notes = [complete.sentence]
    if asked is not None and asked not in settings.recipes:
        notes.append(f'the manifest asks for the recipe "{asked}", which is not configured; "{recipe_name}" is used')
    if was_dismissed:
        notes.append("it contains frames of a stack that was dismissed")
    record = Record(
        watch=watched.watch,
        stack=replace(stack, evidence=(*stack.evidence, *notes)),
        recipe_name=recipe_name,
        recipe_hash=settings.recipes[recipe_name].recipe_hash,
        state=JobState.HELD if held else JobState.READY,
        version=version,
    )
    return (*given_up, record), {ticket.job.id for ticket in unfinished}


def _parents(state: State, watched: Watched, folder: Folder, candidate: CandidateStack) -> tuple[Job, ...]:
    """Find the newest job of every recorded stack that shares unchanged frames with the candidate, oldest first.

    A RAW file that comes after the JPEG of the same exposure was stacked makes a new version, not a second composite.
    """
    taken = state.taken.get(watched.watch, {})
    paired = [path for frame in candidate.frames for path in frame.companion_paths if path in folder.sightings]
    now = {path: folder.sightings[path].fingerprint for path in paired}
    now |= {frame.path: frame.fingerprint for frame in candidate.frames}
    ids = {
        taken[path][1] for path, fingerprint in now.items() if path in taken and fingerprint.same_file_as(_bare(taken[path][0]))
    }
    jobs = [job for stack_id in ids if (job := state.job_of(stack_id)) is not None]
    return tuple(sorted((job for job in jobs if job.state is not JobState.SUPERSEDED), key=lambda job: job.id))


def _is_news(state: State, watched: Watched, candidate: CandidateStack, parents: tuple[Job, ...]) -> bool:
    """Tell whether a candidate is a stack that the journal does not have yet.

    The rest of a recorded stack whose other frames were cleared away is none, unless the user cut it so.
    """
    known = state.job_of(candidate.id)
    if known is not None and known.state is not JobState.SUPERSEDED:
        return False
    taken = state.taken.get(watched.watch, {})
    has_new_frame = any(
        frame.path not in taken or not frame.fingerprint.same_file_as(_bare(taken[frame.path][0])) for frame in candidate.frames
    )
    was_asked_for = candidate.decided_by is SealReason.ASKED or any(one.stack_id in state.split_stacks for one in parents)
    return has_new_frame or not parents or was_asked_for


def _is_still_arriving(folder: Folder, here: Mapping[str, float], *, last_look_s: float) -> bool:
    """Tell whether a file beside the stack is on its way: not settled, not described yet, or a copy that may have stalled."""
    for path, changed_s in here.items():
        if path in folder.frame_paths:
            answer = folder.descriptions.get(path)
            if path not in folder.settled or path in folder.asked:
                return True
            if isinstance(answer, NotDescribed) and last_look_s - changed_s < UNREADABLE_PATIENCE_S:
                return True
        elif path not in folder.settled and any(mark in f"{path.lower()}." for mark in PICTURE_MARKS):
            return True
    return False


def _may_be_readable_now(before: Folder, path: str) -> bool:
    """Tell whether a file that could not be read is to be tried again though its size and time are the same.

    It could not be opened, or something else about it changed (its permissions, or a file of the same size and time took its
    place), or its folder was away meanwhile.
    """
    answer = before.descriptions.get(path)
    return isinstance(answer, NotDescribed) and (answer.may_pass or path not in before.settled or not before.online)


def _may_be_the_same(recorded: Fingerprint, now: Fingerprint) -> bool:
    """Tell whether only the content can say if a frame is still the recorded one: copied again, or touched."""
    return recorded.content_sha256 is not None and recorded.size_bytes == now.size_bytes and recorded.mtime_ns != now.mtime_ns


def _recorded(described: Described, taken: Mapping[str, tuple[Fingerprint, str]]) -> Fingerprint:
    """Give the fingerprint under which a frame's content is recorded: a frame copied again is no new frame."""
    content_sha256 = described.fingerprint.content_sha256
    if content_sha256 is not None and described.path in taken and taken[described.path][0].content_sha256 == content_sha256:
        return _bare(taken[described.path][0])
    return _bare(described.fingerprint)


def _bare(fingerprint: Fingerprint) -> Fingerprint:
    return replace(fingerprint, content_sha256=None)


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _last(folder: Folder) -> float:
    return float("-inf") if folder.last_look_s is None else folder.last_look_s


def _or_never(at_s: float | None) -> float:
    return float("inf") if at_s is None else at_s
