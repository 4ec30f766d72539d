"""What to do about a job: begin, resume, publish step by step, give up, set aside. PURE.

Every step is derived from what is known, never from what was asked for before: a step that the journal refused is simply planned
again.
"""

from collections.abc import Iterable
from heapq import nsmallest
from typing import Final, assert_never

from stackd.model.composite import Finding, Severity
from stackd.model.job import MAX_ATTEMPTS, Job, JobState
from stackd.model.verdict import Judgement
from stackd.service.plan.effects import (
    BeginPublication,
    BeginRun,
    CheckSources,
    Effect,
    FinishPublication,
    Hold,
    Move,
    PublishFile,
    RemoveRemains,
    RenamePublication,
    TryOutput,
    WithdrawPublication,
)
from stackd.service.plan.values import ServiceSettings, State, Ticket
from stackd.service.ports import Cause, Crashed, Failed, Finished, Placing, Progressed, StackingResult, Warned, subfolder_of

BLOCKED_FIRST_S: Final = 5.0
BLOCKED_MOST_S: Final = 300.0
"""Back-off of a blocked job, doubled each time: a share mounted again is used within seconds, a disk that stays full costs
one attempt in five minutes (a guess)."""

CRASH_WAIT_S: Final = 2.0
"""Distance of the next attempt after a crash, doubled each time; other stacks go first (a guess)."""

MEMORY_OF_A_PROCESS_BYTES: Final = 200 * 10**6
MEMORY_BYTES_A_PIXEL: Final = 120
"""What a job needs at its peak: 3 GB for 24 megapixels with all that a recipe can ask for; the default one uses a third."""

OUTPUT_BYTES_A_PIXEL: Final = 8
"""Room that outputs need at most, roughly: 16-bit colour (6 bytes a pixel) and a 16-bit depth map (2), uncompressed."""

HELD_AS: Final = {Judgement.REVIEW: "for review", Judgement.REJECT: "as a reject"}


def blocked_wait_s(waits: int) -> float:
    """Say how long a job stays blocked the `waits`-th time in a row, from 0."""
    return min(BLOCKED_FIRST_S * 2.0 ** min(waits, 16), BLOCKED_MOST_S)


def plan_jobs(state: State, *, now_s: float, settings: ServiceSettings, claimed: frozenset[int]) -> tuple[Effect, ...]:
    """Take the next step of every job that can go on."""
    effects: list[Effect] = []
    waiting: list[Ticket] = []
    running: list[Ticket] = []
    for ticket in state.tickets.values():
        if ticket.job.state is JobState.RUNNING:
            running.append(ticket)
        if ticket.job.id in claimed or settings.folder(ticket.job.watch) is None:
            continue
        if ticket.job.state is JobState.READY:
            waiting.append(ticket)
        elif ticket.job.state in _GOING_ON:
            effects += _next_steps(ticket, state, now_s=now_s, settings=settings)
    return (*effects, *_begin(waiting, running, now_s=now_s, settings=settings))


def memory_needed_bytes(ticket: Ticket) -> float:
    """Say what a job needs at its peak, by the size of its frames; memory does not grow with their number."""
    return MEMORY_OF_A_PROCESS_BYTES + MEMORY_BYTES_A_PIXEL * _pixels(ticket)


def _begin(waiting: list[Ticket], running: list[Ticket], *, now_s: float, settings: ServiceSettings) -> tuple[BeginRun, ...]:
    """Begin as many as may be worked on at once, in number and in memory."""
    free = settings.jobs_at_once - len(running)
    if free <= 0:
        return ()
    begun: list[BeginRun] = []
    left_bytes = settings.memory_bytes - sum(memory_needed_bytes(ticket) for ticket in running)
    # A stack that was interrupted often goes last: one that always ends badly must not keep the others waiting.
    due = (ticket for ticket in waiting if now_s >= ticket.not_before_s)
    for ticket in nsmallest(free, due, key=lambda one: (one.job.attempt, one.job.id)):
        left_bytes -= memory_needed_bytes(ticket)
        if left_bytes < 0 and (running or begun):
            # Smaller ones that came later wait too: a large stack must not wait for ever.
            break
        begun.append(BeginRun(job_id=ticket.job.id))
    return tuple(begun)


def _pixels(ticket: Ticket) -> int:
    return max(((frame.meta.width_px or 0) * (frame.meta.height_px or 0) for frame in ticket.stack.frames), default=0)


def next_due_s(ticket: Ticket) -> float:
    """Say when time alone lets a job go on (monotonic)."""
    return ticket.not_before_s if ticket.job.state in (JobState.READY, JobState.BLOCKED) else float("inf")


_GOING_ON: Final = frozenset({JobState.BLOCKED, JobState.RUNNING, JobState.PUBLISHING})
"""States in which a job has steps of its own; one that is ready waits for its turn."""


def _next_steps(ticket: Ticket, state: State, *, now_s: float, settings: ServiceSettings) -> tuple[Effect, ...]:
    job = ticket.job
    match job.state:
        case JobState.BLOCKED:
            return _resume(ticket, settings) if now_s >= ticket.not_before_s else ()
        case JobState.RUNNING:
            return _after_work(ticket, settings)
        case JobState.PUBLISHING:
            return _publishing(ticket, state, settings)
        case (
            JobState.READY
            | JobState.HELD
            | JobState.FAILED
            | JobState.QUARANTINED
            | JobState.DONE
            | JobState.SUPERSEDED
            | JobState.DISMISSED
        ):
            return ()
        case _:
            assert_never(job.state)


def _resume(ticket: Ticket, settings: ServiceSettings) -> tuple[Effect, ...]:
    """Try the output first: stacking for a disk that is still full would be work for nothing."""
    watched = settings.folder(ticket.job.watch)
    if watched is None:
        return ()
    needed_bytes = _pixels(ticket) * OUTPUT_BYTES_A_PIXEL
    refused = ticket.refused_by
    subfolder = refused.name if refused is not None and refused in watched.written[1:] else ""
    return (TryOutput(job_id=ticket.job.id, folder=watched.output, subfolder=subfolder, needed_bytes=needed_bytes),)


def _after_work(ticket: Ticket, settings: ServiceSettings) -> tuple[Effect, ...]:
    job = ticket.job
    watched = settings.folder(job.watch)
    if watched is None:
        return ()
    clean_up = RemoveRemains(folders=watched.written, job_id=job.id)
    match ticket.outcome:
        case None | Progressed():
            return ()
        case Finished(result=result):
            if result.folder is None:
                return (hold(job, result, watched.placing_of(job)),)
            return (BeginPublication(job_id=job.id, folder=result.folder, result=result),)
        case Failed(cause=Cause.CANCELLED):
            return (clean_up, Move(job_id=job.id, state=JobState.READY))
        case Failed(message=message, hint=hint, retry_helps=retry_helps):
            state = JobState.BLOCKED if retry_helps else JobState.FAILED
            return (clean_up, Move(job_id=job.id, state=state, error=message, hint=hint))
        case Crashed(reason=reason):
            if job.crashes + 1 >= MAX_ATTEMPTS:
                message = f"The work on this stack ended {job.crashes + 1} times without a result: {reason}"
                hint = f"Look at its frames, then run `stackd retry {job.stack_id}`."
                return (clean_up, Move(job_id=job.id, state=JobState.QUARANTINED, error=message, hint=hint, crashed=True))
            return (clean_up, Move(job_id=job.id, state=JobState.READY, error=reason, crashed=True))
        case _:
            assert_never(ticket.outcome)


def _publishing(ticket: Ticket, state: State, settings: ServiceSettings) -> tuple[Effect, ...]:
    job, publication = ticket.job, ticket.publication
    if publication is None or isinstance(ticket.outcome, Failed):
        return _publishing_failed(ticket, settings)
    if ticket.name_taken:
        return (RenamePublication(job_id=job.id),)
    if not ticket.sources_held:
        folder = state.folders.get(job.watch)
        if ticket.sources_asked or folder is None or not folder.online or folder.last_look_s is None:
            # The frames of a share that is away can neither be called unchanged nor removed.
            return ()
        read = publication.fingerprints
        fingerprints = {frame.path: read.get(frame.path, frame.fingerprint) for frame in ticket.stack.frames}
        return (CheckSources(job_id=job.id, watch=job.watch, fingerprints=fingerprints),)
    if ticket.published < len(publication.files):
        return (PublishFile(job_id=job.id, index=ticket.published),)
    return (FinishPublication(job_id=job.id),)


def _publishing_failed(ticket: Ticket, settings: ServiceSettings) -> tuple[Effect, ...]:
    job = ticket.job
    watched = settings.folder(job.watch)
    folders = () if watched is None else watched.written
    if ticket.publication is not None:
        folders = (ticket.publication.folder,)
    taken_back: tuple[Effect, ...] = () if not ticket.published else (WithdrawPublication(job_id=job.id),)
    clean_up = (*taken_back, RemoveRemains(folders=folders, job_id=job.id))
    match ticket.outcome:
        case Failed(cause=Cause.FRAME_CHANGED, message=message, hint=hint):
            return (*clean_up, Move(job_id=job.id, state=JobState.SUPERSEDED, error=message, hint=hint))
        case Failed(cause=Cause.OUTPUT_BLOCKED, message=message, hint=hint):
            return (*clean_up, Move(job_id=job.id, state=JobState.BLOCKED, error=message, hint=hint))
        case None:
            return (*clean_up, Move(job_id=job.id, state=JobState.READY))
        case Failed(message=message, hint=hint):
            return (*clean_up, Move(job_id=job.id, state=JobState.FAILED, error=message, hint=hint))
        case _:
            return ()


# ---------------------------------------------- what is not published


def hold(job: Job, result: StackingResult, placing: Placing) -> Hold:
    """Keep a composite back, and say what was found and what to do."""
    verdict = result.verdict
    told = {finding.code: finding.sentence for finding in reversed(result.findings)}
    weightiest = next((told[code] for code in verdict.reasons if code in told), "")
    held = f"held {HELD_AS.get(verdict.judgement, 'back')}: {verdict.likely}. {weightiest}".strip()
    folder = subfolder_of(verdict.judgement, placing.accepted().of(verdict.judgement))
    where = f"puts it into {folder}/" if folder else "publishes it"
    return Hold(
        job_id=job.id,
        verdict=verdict,
        warnings=warnings_of(result.findings),
        error=f"The composite is held: {result.held_because}" if result.held_because else f"The composite is {held}",
        hint=f"`stackd release {job.stack_id}` makes it again and {where}, `stackd retry {job.stack_id}` judges it anew after you"
        f" changed its recipe, `stackd dismiss {job.stack_id}` drops it.",
    )


def warnings_of(findings: Iterable[Finding]) -> tuple[Warned, ...]:
    """Pick what the journal keeps of the findings about a composite."""
    return tuple(
        Warned(code=finding.code, sentence=finding.sentence) for finding in findings if finding.severity is Severity.WARNING
    )
