"""What the service does next, given what it knows and what it was told. PURE.

`plan` is called again with what its effects brought about, until it asks for nothing more. Time comes in as `now_s` (monotonic)
and `now_at` (time of day); nothing here reads a clock, a file or the journal.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, assert_never

from stackd.intake.grouping.candidates import CandidateStack
from stackd.model.job import OVER, Job, JobState
from stackd.model.stack import Stack
from stackd.service.plan.effects import Effect, NoteProgress, TryJournal
from stackd.service.plan.folder import next_look_s, next_plan_s, take_look, take_recollection, take_remembered
from stackd.service.plan.history import next_history_s, plan_history, take_forgotten
from stackd.service.plan.jobs import CRASH_WAIT_S, blocked_wait_s, next_due_s, plan_jobs
from stackd.service.plan.observations import (
    Answered,
    ContentsRecalled,
    FilePublished,
    HistoryForgotten,
    JobChanged,
    JournalRefused,
    JournalTaken,
    Looked,
    Observation,
    PublicationBegun,
    PublishRefused,
    Recalled,
    Remembered,
    SourcesAsked,
    SourcesChecked,
    WishAnswered,
    Wished,
    Woken,
    Worked,
    WorkLost,
)
from stackd.service.plan.unforeseen import plan_any_folder, take_any_answers
from stackd.service.plan.values import Folder, ServiceSettings, State, Ticket
from stackd.service.plan.wishes import plan_wishes
from stackd.service.ports import Cause, Crashed, Failed, Finished, Progressed, Publication, Recollection, WorkerEvent

WAKE_COALESCE_S: Final = 0.3
"""Events that come together are answered by one look: a camera writes a frame in several system calls (a guess)."""

PROGRESS_NOTE_S: Final = 1.0
"""The journal notes how far a job is at most this often: each note is a write that waits for the disk."""


def plan(
    state: State, observations: Iterable[Observation], *, now_s: float, now_at: datetime, settings: ServiceSettings
) -> tuple[State, tuple[Effect, ...]]:
    """Decide what to do.

    Parameters
    ----------
    state : State
        What the last call gave back.
    observations : iterable of Observation
        What was learned since, in order; the results of performed effects among them.
    now_s : float
        Monotonic.
    now_at : datetime
        Aware, UTC.
    settings : ServiceSettings

    Returns
    -------
    State
        What is known now.
    tuple of Effect
        What to do, in this order. When one fails, the others are still to be performed; its failure is an observation.
    """
    state = _with_folders(state, settings)
    effects: list[Effect] = []
    for observation in _gathered(observations):
        state, more = _take_in(state, observation, now_s=now_s, settings=settings)
        effects += more
    if state.journal_trouble and now_s >= state.journal_due_s:
        state = replace(state, journal_due_s=now_s + blocked_wait_s(state.journal_waits), journal_waits=state.journal_waits + 1)
        effects.append(TryJournal())
    claimed: frozenset[int] = frozenset()
    if not state.journal_trouble:
        answered, claimed = plan_wishes(state, settings)
        effects += answered
    for watched in settings.watched:
        step = plan_any_folder(state, watched, now_s=now_s, now_at=now_at, settings=settings)
        state = _with_folder(state, watched.watch, step.folder)
        effects += step.effects
        claimed |= step.claimed
    if not state.journal_trouble:
        effects += plan_jobs(state, now_s=now_s, settings=settings, claimed=claimed)
        state, forgotten = plan_history(state, now_s=now_s, now_at=now_at, settings=settings)
        effects += forgotten
    return state, tuple(effects)


def next_wake_s(state: State, settings: ServiceSettings) -> float:
    """Say when `plan` is to be called again even if nothing happens (monotonic)."""
    looks = [
        next_look_s(state.folders[watched.watch], watched)
        for watched in settings.watched
        if watched.watch in state.folders and not state.folders[watched.watch].looking
    ]
    if state.journal_trouble:
        return min([state.journal_due_s, *looks])
    plans = [next_plan_s(state.folders[watched.watch]) for watched in settings.watched if watched.watch in state.folders]
    busy = sum(ticket.job.state is JobState.RUNNING for ticket in state.tickets.values()) >= settings.jobs_at_once
    jobs = [
        next_due_s(ticket)
        for ticket in state.tickets.values()
        if not (busy and ticket.job.state is JobState.READY) and settings.folder(ticket.job.watch) is not None
    ]
    return min([*looks, *plans, *jobs, next_history_s(state, settings)], default=float("inf"))


# ------------------------------------------------------------- taking in


def _take_in(  # noqa: C901, PLR0912  (one case an observation)
    state: State, observation: Observation, *, now_s: float, settings: ServiceSettings
) -> tuple[State, tuple[Effect, ...]]:
    match observation:
        case Woken(watch=watch):
            return _wake(state, watch, now_s=now_s), ()
        case Looked(watch=watch, look=look):
            folder = state.folders.get(watch)
            if folder is None:
                return state, ()
            step = take_look(folder, watch, look, now_s=now_s, intake=settings.intake, taken=state.taken_of(watch))
            gone = folder.sightings.keys() - step.folder.sightings.keys()
            return _with_folder(_without_taken(state, watch, gone) if gone else state, watch, step.folder), step.effects
        case Recalled(watch=watch):
            state = _with_recollection(state, watch, observation.known)
            folder = state.folders.get(watch)
            if folder is None:
                return state, ()
            step = take_recollection(folder, observation, intake=settings.intake, taken=state.taken_of(watch))
            return _with_folder(state, watch, step.folder), step.effects
        case Remembered(watch=watch, described=described):
            return _with_changed_folder(state, watch, lambda folder: take_remembered(folder, described)), ()
        case ContentsRecalled(watch=watch, contents=contents):
            return _with_changed_folder(state, watch, lambda folder: replace(folder, contents=contents)), ()
        case Answered(answers=answers, alike=alike):
            state = _with_recollection(state, answers[0].watch, alike)
            folder = state.folders.get(answers[0].watch)
            if folder is None:
                return state, ()
            step = take_any_answers(folder, answers, taken=state.taken_of(answers[0].watch))
            return _with_folder(state, answers[0].watch, step.folder), step.effects
        case Worked(event=event):
            return _take_worker_event(state, event, now_s=now_s)
        case JobChanged(job=job, stack=stack):
            return _take_job(state, job, stack, now_s=now_s), ()
        case PublicationBegun(publication=publication):
            state = _with_hashes(state, publication)
            return _with_ticket(state, publication.job_id, lambda ticket: _begun(ticket, publication)), ()
        case SourcesAsked(job_id=job_id):
            return _with_ticket(state, job_id, lambda ticket: replace(ticket, sources_asked=True)), ()
        case SourcesChecked(job_id=job_id):
            asked = state.tickets.get(job_id)
            if asked is None or asked.job.state is not JobState.PUBLISHING:
                return state, ()
            return _take_check(state, observation, now_s=now_s), ()
        case FilePublished(job_id=job_id):
            return _with_ticket(state, job_id, lambda ticket: replace(ticket, published=ticket.published + 1)), ()
        case PublishRefused():
            return _take_refusal(state, observation, now_s=now_s), ()
        case WorkLost(job_id=job_id, message=message):
            failed = Failed(job_id=job_id, message=message, hint="", cause=Cause.OTHER, retry_helps=False)
            return _with_ticket(state, job_id, lambda ticket: replace(ticket, outcome=failed)), ()
        case JournalRefused(message=message):
            doubtful = {
                watch: replace(
                    one,
                    recheck=True,
                    compare=True,
                    reported=None,
                    report_due_s=now_s,
                    recall_asked=False,
                    prepared=None,
                    regroup=one.regroup or one.prepared is not None,
                )
                for watch, one in state.folders.items()
            }
            due_s = state.journal_due_s if state.journal_trouble else now_s + blocked_wait_s(0)
            return replace(state, folders=MappingProxyType(doubtful), journal_trouble=message, journal_due_s=due_s), ()
        case JournalTaken():
            return replace(state, journal_trouble="", journal_waits=0), ()
        case Wished(overrides=overrides):
            renewed = overrides != state.overrides
            folders = dict(state.folders)
            if renewed:
                nothing: Mapping[int, CandidateStack] = MappingProxyType({})
                folders = {
                    watch: replace(one, recorded=nothing, sort_due_s=now_s, regroup=True) for watch, one in folders.items()
                }
            finished = {job.stack_id: job for job in observation.jobs if job.state in OVER}
            return replace(
                state,
                finished=MappingProxyType({**state.finished, **finished}) if finished else state.finished,
                overrides=overrides,
                split_stacks=observation.split_stacks,
                wishes=observation.open_wishes,
                folders=MappingProxyType(folders),
            ), ()
        case HistoryForgotten(next_job=next_job):
            return take_forgotten(state, next_job, now_s=now_s), ()
        case WishAnswered(wish_id=wish_id):
            return replace(state, wishes=tuple(wish for wish in state.wishes if wish.id != wish_id)), ()
        case _:
            assert_never(observation)


def _wake(state: State, watch: str, *, now_s: float) -> State:
    folder = state.folders.get(watch)
    if folder is None:
        return state
    return _with_folder(state, watch, replace(folder, look_due_s=min(folder.look_due_s, now_s + WAKE_COALESCE_S)))


def _with_stale_folder(state: State, job_id: int, *, now_s: float) -> State:
    """Look again before anything more is concluded about the folder of a job whose frame was found changed."""
    ticket = state.tickets.get(job_id)
    folder = None if ticket is None else state.folders.get(ticket.job.watch)
    if ticket is None or folder is None:
        return state
    return _with_folder(state, ticket.job.watch, replace(folder, stale=True, look_due_s=now_s))


def _take_worker_event(state: State, event: WorkerEvent, *, now_s: float) -> tuple[State, tuple[Effect, ...]]:
    ticket = state.tickets.get(event.job_id)
    if ticket is None or ticket.job.state is not JobState.RUNNING:
        return state, ()
    match event:
        case Progressed():
            if now_s - ticket.progress_noted_s < PROGRESS_NOTE_S or state.journal_trouble:
                return state, ()
            state = _with_ticket(state, event.job_id, lambda one: replace(one, progress_noted_s=now_s))
            return state, (NoteProgress(progress=event),)
        case Finished() | Failed() | Crashed():
            state = _with_ticket(state, event.job_id, lambda one: replace(one, outcome=event))
            if isinstance(event, Failed) and event.cause is Cause.FRAME_CHANGED:
                return _with_stale_folder(state, event.job_id, now_s=now_s), ()
            return state, ()
        case _:
            assert_never(event)


def _take_check(state: State, check: SourcesChecked, *, now_s: float) -> State:
    if check.changed is None:
        return _with_ticket(state, check.job_id, lambda ticket: replace(ticket, sources_asked=False, sources_held=True))
    failed = Failed(
        job_id=check.job_id,
        message=check.changed,
        hint="Its frames are looked at again.",
        cause=Cause.FRAME_CHANGED,
        retry_helps=True,
    )
    state = _with_ticket(state, check.job_id, lambda ticket: replace(ticket, sources_asked=False, outcome=failed))
    return _with_stale_folder(state, check.job_id, now_s=now_s)


def _take_refusal(state: State, refused: PublishRefused, *, now_s: float) -> State:
    ticket = state.tickets.get(refused.job_id)
    if ticket is not None and ticket.job.state is JobState.BLOCKED:
        # Tried again and still blocked.
        wait_s = blocked_wait_s(ticket.waits)
        return _with_ticket(state, refused.job_id, lambda one: replace(one, waits=one.waits + 1, not_before_s=now_s + wait_s))
    if refused.name_taken:
        return _with_ticket(state, refused.job_id, lambda one: replace(one, name_taken=True))
    failed = Failed(
        job_id=refused.job_id,
        message=refused.message,
        hint=refused.hint,
        cause=Cause.OUTPUT_BLOCKED,
        retry_helps=True,
        folder=refused.folder,
    )
    return _with_ticket(state, refused.job_id, lambda one: replace(one, outcome=failed))


def _take_job(state: State, job: Job, stack: Stack, *, now_s: float) -> State:
    """Follow a step that the journal took."""
    before = state.tickets.get(job.id)
    tickets = {job_id: ticket for job_id, ticket in state.tickets.items() if job_id != job.id}
    finished = dict(state.finished)
    if job.state in OVER:
        finished[job.stack_id] = job
    else:
        finished.pop(job.stack_id, None)
        tickets[job.id] = _next_ticket(before, job, stack, now_s=now_s)
    state = replace(state, tickets=MappingProxyType(tickets), finished=MappingProxyType(finished))
    if before is None or job.state is JobState.SUPERSEDED:
        state = _with_taken(state, job, stack)
    folder = state.folders.get(job.watch)
    if folder is not None and (job.state in OVER or before is None):
        folder = replace(folder, recheck=True)
        if job.state is JobState.SUPERSEDED:
            # Its frames are free again.
            folder = replace(folder, recorded=MappingProxyType({}), regroup=True, sort_due_s=now_s)
        state = _with_folder(state, job.watch, folder)
    return state


def _next_ticket(before: Ticket | None, job: Job, stack: Stack, *, now_s: float) -> Ticket:
    ticket = Ticket(job=job, stack=stack) if before is None else replace(before, job=job)
    match job.state:
        case JobState.RUNNING:
            return Ticket(job=job, stack=stack, waits=ticket.waits)
        case JobState.BLOCKED:
            return Ticket(
                job=job,
                stack=stack,
                waits=ticket.waits + 1,
                not_before_s=now_s + blocked_wait_s(ticket.waits),
                refused_by=ticket.outcome.folder if isinstance(ticket.outcome, Failed) else None,
            )
        case JobState.READY:
            wait_s = CRASH_WAIT_S * 2.0**job.crashes if job.crashes and job.error else 0.0
            return Ticket(job=job, stack=stack, waits=ticket.waits, not_before_s=now_s + wait_s)
        case _:
            return ticket


def _with_taken(state: State, job: Job, stack: Stack) -> State:
    taken = state.taken_of(job.watch)
    taken = taken.without_stack(stack) if job.state is JobState.SUPERSEDED else taken.with_stack(stack)
    return replace(state, taken=MappingProxyType({**state.taken, job.watch: taken}))


def _without_taken(state: State, watch: str, gone: AbstractSet[str]) -> State:
    """Let go of what is known of recorded stacks whose frames are gone: the journal knows it, should they come back."""
    before = state.taken_of(watch)
    leaving = {before.frames[path].stack_id for path in gone if path in before.frames}
    if not leaving:
        return state
    taken = before.without(gone)
    leaving -= {known.stack_id for known in taken.frames.values()}
    finished = {stack_id: job for stack_id, job in state.finished.items() if stack_id not in leaving}
    return replace(state, taken=MappingProxyType({**state.taken, watch: taken}), finished=MappingProxyType(finished))


def _with_recollection(state: State, watch: str, known: Recollection) -> State:
    """Take in which files belong to recorded stacks."""
    if not known.taken and not known.jobs:
        return state
    taken = state.taken_of(watch).with_recalled(known.taken)
    finished = {job.stack_id: job for job in known.jobs if job.state in OVER}
    return replace(
        state,
        taken=MappingProxyType({**state.taken, watch: taken}),
        finished=MappingProxyType({**finished, **state.finished}),
    )


def _with_hashes(state: State, publication: Publication) -> State:
    """Keep the hashes of a stack's frames, by which a frame that is copied, moved or rated is known again."""
    ticket = state.tickets.get(publication.job_id)
    if ticket is None:
        return state
    watch = ticket.job.watch
    taken = state.taken_of(watch).with_hashes(ticket.job.stack_id, publication.fingerprints)
    return replace(state, taken=MappingProxyType({**state.taken, watch: taken}))


def _gathered(observations: Iterable[Observation]) -> Iterator[Observation]:
    """Take answers that follow one another together: each alone would cost as much as all."""
    waiting: Answered | None = None
    for observation in observations:
        if not isinstance(observation, Answered):
            if waiting is not None:
                yield waiting
            waiting = None
            yield observation
        elif waiting is not None and waiting.answers[0].watch == observation.answers[0].watch:
            waiting = waiting.with_more(observation)
        else:
            if waiting is not None:
                yield waiting
            waiting = observation
    if waiting is not None:
        yield waiting


def _with_folders(state: State, settings: ServiceSettings) -> State:
    """Know exactly the configured folders."""
    watches = [watched.watch for watched in settings.watched]
    if list(state.folders) == watches:
        return state
    folders = {watch: state.folders.get(watch, Folder()) for watch in watches}
    return replace(state, folders=MappingProxyType(folders))


def _with_changed_folder(state: State, watch: str, changed: Callable[[Folder], Folder]) -> State:
    folder = state.folders.get(watch)
    return state if folder is None else _with_folder(state, watch, changed(folder))


def _with_folder(state: State, watch: str, folder: Folder) -> State:
    if state.folders.get(watch) is folder:
        return state
    return replace(state, folders=MappingProxyType({**state.folders, watch: folder}))


def _begun(ticket: Ticket, publication: Publication) -> Ticket:
    return replace(ticket, publication=publication, published=0, sources_held=False, name_taken=False, outcome=None)


def _with_ticket(state: State, job_id: int, changed: Callable[[Ticket], Ticket]) -> State:
    """Change what is known of an unfinished job; one that is no longer there stays away."""
    ticket = state.tickets.get(job_id)
    if ticket is None:
        return state
    return replace(state, tickets=MappingProxyType({**state.tickets, job_id: changed(ticket)}))
