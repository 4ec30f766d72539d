"""Which stacks of a watched folder are complete and sealed, and which are given up because their frames changed. PURE.

A stack is sealed only on what a look told at or after the moment it could be complete: a lost event costs time, never a frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from stackd.intake.arrival.admit import RAW_SUFFIXES, RENDERED_SUFFIXES
from stackd.intake.grouping.candidates import CandidateStack
from stackd.intake.grouping.complete import Arrivals, Complete, WaitUntil, when_complete
from stackd.model.frame import Frame
from stackd.model.job import Job, JobState
from stackd.model.stack import Decision, SealReason
from stackd.service.plan.effects import CancelRun, Effect, Move, Record, RemoveRemains
from stackd.service.plan.values import Folder, ServiceSettings, State, Ticket, Watched
from stackd.service.ports import NotDescribed, OpenStack

VANISHED_S: Final = 2.0
"""A frame counts as removed when looks this far apart both miss it: programs that save by delete and rename take milliseconds."""

UNREADABLE_PATIENCE_S: Final = 60.0
"""A file that settled but cannot be read may be a copy that stalled: its neighbours wait so long after its change (a guess)."""

SEALED_AT_ONCE: Final = 100
"""Stacks sealed in one step: the turn of the loop stays short, and their notes in the journal share one sync of the disk."""

PICTURE_MARKS: Final = tuple(f"{suffix}." for suffix in RAW_SUFFIXES | RENDERED_SUFFIXES)
"""A temporary name that still shows what it becomes: `.IMG_1.tif.x7Yz`, `IMG_1.tif.part`."""

UNFINISHED_BUSINESS = frozenset(
    {JobState.HELD, JobState.READY, JobState.RUNNING, JobState.BLOCKED, JobState.FAILED, JobState.QUARANTINED}
)
"""States of a job whose stack is given up when its frames change: nothing of it is visible yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderStep:
    """A folder after planning, with what to do and which jobs were dealt with."""

    folder: Folder
    effects: tuple[Effect, ...] = ()
    claimed: frozenset[int] = frozenset()


def give_up_changed(state: State, watched: Watched, folder: Folder) -> FolderStep:
    """Supersede stacks whose frames were changed or removed."""
    effects: list[Effect] = []
    claimed: set[int] = set()
    missing_since_s: dict[str, float] = {}
    for ticket in state.tickets.values():
        if ticket.job.watch != watched.watch or ticket.job.state not in UNFINISHED_BUSINESS:
            continue
        reason = None
        for frame in ticket.stack.frames:
            sighting = folder.sightings.get(frame.path)
            if sighting is None:
                since_s = folder.missing_since_s.get(frame.path, folder.seen_s)
                missing_since_s[frame.path] = since_s
                if folder.seen_s - since_s >= VANISHED_S:
                    reason = f"{frame.path} was removed before the composite was finished."
            elif not sighting.fingerprint.same_file_as(frame.fingerprint.without_hash):
                reason = f"{frame.path} was changed before the composite was finished."
        if reason is not None:
            effects += _give_up(ticket, watched, reason)
            claimed.add(ticket.job.id)
    folder = replace(folder, missing_since_s=MappingProxyType(missing_since_s))
    return FolderStep(folder=folder, effects=tuple(effects), claimed=frozenset(claimed))


def _give_up(ticket: Ticket, watched: Watched, reason: str) -> tuple[Effect, ...]:
    """Supersede a job; its worker is ended first."""
    ended: tuple[Effect, ...] = ()
    if ticket.job.state is JobState.RUNNING:
        ended = (CancelRun(job_id=ticket.job.id), RemoveRemains(folders=watched.written, job_id=ticket.job.id))
    return (*ended, Move(job_id=ticket.job.id, state=JobState.SUPERSEDED, error=reason))


def seal_complete(state: State, watched: Watched, folder: Folder, *, last_look_s: float, settings: ServiceSettings) -> FolderStep:
    """Seal what is complete as of the last look; the rest stays open, and the next look is due when it may be complete.

    Of many only the first `SEALED_AT_ONCE`; the folder then stays to be checked again.
    """
    effects: list[Effect] = []
    claimed: set[int] = set()
    still_open: list[OpenStack] = []
    recorded: dict[int, CandidateStack] = {}
    due_s = float("inf")
    jobs = _Jobs(state)
    around: _Surroundings | None = None
    sealed = 0
    for candidate in folder.grouping.stacks:
        if id(candidate) in folder.recorded:
            recorded[id(candidate)] = candidate
            continue
        parents = _parents(state, watched, folder, candidate, jobs)
        if not _is_news(state, watched, candidate, parents, jobs):
            recorded[id(candidate)] = candidate
            continue
        if sealed == SEALED_AT_ONCE:
            continue
        around = around or _Surroundings(folder, last_look_s=last_look_s)
        place = around.of(candidate)
        came_s = [around.arrivals_s[frame.path] for frame in candidate.frames if frame.path in around.arrivals_s]
        verdict = when_complete(
            candidate,
            around.arrivals_s,
            last_look_s,
            settings.intake,
            around=place.arrivals,
            is_done_marked=place.is_done_marked,
            is_still_arriving=place.is_still_arriving,
            is_followed=place.arrivals.is_followed(candidate.frames, min(came_s, default=float("-inf"))),
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
            step, given_up = _seal(state, watched, candidate, verdict, parents, settings, superseded=frozenset(claimed))
            effects += step
            claimed |= given_up
            sealed += 1
    folder = replace(
        folder,
        open_stacks=tuple(still_open),
        complete_due_s=due_s,
        recorded=MappingProxyType(recorded),
        recheck=sealed == SEALED_AT_ONCE,
    )
    return FolderStep(folder=folder, effects=tuple(effects), claimed=frozenset(claimed))


class _Jobs:
    """The newest job of every stack, looked up."""

    def __init__(self, state: State) -> None:
        self._unfinished: dict[str, Job] = {}
        for ticket in state.tickets.values():
            known = self._unfinished.get(ticket.job.stack_id)
            if known is None or known.id < ticket.job.id:
                self._unfinished[ticket.job.stack_id] = ticket.job
        self._finished = state.finished

    def of(self, stack_id: str) -> Job | None:
        found = [job for job in (self._unfinished.get(stack_id), self._finished.get(stack_id)) if job is not None]
        return max(found, key=lambda job: job.id, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What goes on in the folders of a stack."""

    arrivals: Arrivals
    is_done_marked: bool
    is_still_arriving: bool


class _Surroundings:
    """What goes on in each folder, found out once for all stacks that lie there."""

    def __init__(self, folder: Folder, *, last_look_s: float) -> None:
        self.arrivals_s = {path: seen.unchanged_since_s for path, seen in folder.settling.observations.items()}
        self._folder = folder
        self._last_look_s = last_look_s
        self._paths: dict[str, list[str]] = {}
        for path in self.arrivals_s:
            self._paths.setdefault(_folder_of(path), []).append(path)
        self._frames: dict[str, list[Frame]] = {}
        sorted_frames = (folder.grouping.singles, *(stack.frames for stack in folder.grouping.stacks))
        for frame in (frame for some in sorted_frames for frame in some):
            self._frames.setdefault(_folder_of(frame.path), []).append(frame)
        self._places: dict[frozenset[str], _Place] = {}

    def of(self, candidate: CandidateStack) -> _Place:
        folders = frozenset(_folder_of(frame.path) for frame in candidate.frames)
        if folders not in self._places:
            here = {path: self.arrivals_s[path] for one in folders for path in self._paths.get(one, ())}
            frames_s = {path: at_s for path, at_s in here.items() if path in self._folder.frame_paths}
            self._places[folders] = _Place(
                arrivals=Arrivals(frames_s, (frame for one in folders for frame in self._frames.get(one, ()))),
                is_done_marked=folders <= self._folder.admitted.done_folders,
                is_still_arriving=_is_still_arriving(self._folder, here, last_look_s=self._last_look_s),
            )
        return self._places[folders]


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
    given_up = [effect for ticket in unfinished for effect in _give_up(ticket, watched, reason)]
    # The parts of a stack that the user cut are stacks of their own, and no newer version of it.
    earlier = [one.version for one in parents if one.state is JobState.DONE and one.stack_id not in state.split_stacks]
    version = 1 + max(earlier, default=0)
    was_dismissed = any(parent.state is JobState.DISMISSED for parent in parents)
    asked = candidate.recipe
    is_unknown = asked is not None and asked not in settings.recipes
    was_released = candidate.decided_by is SealReason.ASKED
    held = candidate.decision is Decision.HOLD or ((was_dismissed or is_unknown) and not was_released)
    recipe_name = asked if asked is not None and asked in settings.recipes else watched.recipe_name
    stack = candidate.sealed(complete.reason)
    notes = [complete.sentence]
    first = (f'the manifest asks for the recipe "{asked}", which is not configured; released, it is made with "{recipe_name}"',)
    if was_dismissed:
        notes.append("it contains frames of a stack that was dismissed")
    record = Record(
        watch=watched.watch,
        stack=replace(stack, evidence=(*(first if is_unknown else ()), *stack.evidence, *notes)),
        recipe_name=recipe_name,
        recipe_hash=settings.recipes[recipe_name].recipe_hash,
        state=JobState.HELD if held else JobState.READY,
        version=version,
    )
    return (*given_up, record), {ticket.job.id for ticket in unfinished}


def _parents(state: State, watched: Watched, folder: Folder, candidate: CandidateStack, jobs: _Jobs) -> tuple[Job, ...]:
    """Find the newest job of every recorded stack that shares unchanged frames with the candidate, oldest first.

    A RAW file that comes after the JPEG of the same exposure was stacked makes a new version, not a second composite.
    """
    taken = state.taken_of(watched.watch)
    paired = [path for frame in candidate.frames for path in frame.companion_paths if path in folder.sightings]
    ids = {taken.is_recorded_at(path, folder.sightings[path].fingerprint) for path in paired}
    ids |= {taken.stack_of(frame) for frame in candidate.frames}
    found = [job for stack_id in ids if stack_id is not None and (job := jobs.of(stack_id)) is not None]
    return tuple(sorted((job for job in found if job.state is not JobState.SUPERSEDED), key=lambda job: job.id))


def _is_news(state: State, watched: Watched, candidate: CandidateStack, parents: tuple[Job, ...], jobs: _Jobs) -> bool:
    """Tell whether a candidate is a stack that the journal does not have yet.

    The rest of a recorded stack whose other frames were cleared away is none, unless the user cut it so.
    """
    known = jobs.of(candidate.id)
    if known is not None and known.state is not JobState.SUPERSEDED:
        return False
    taken = state.taken_of(watched.watch)
    has_new_frame = any(taken.stack_of(frame) is None for frame in candidate.frames)
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


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]
