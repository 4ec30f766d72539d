"""Perform effects: each `match` case is one call of a port, and what came of it.

Nothing is decided here. An effect that fails becomes an observation.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Final, assert_never

from stackd.errors import JournalBlocked, NameTaken, OutputBlocked, StackdError
from stackd.model.job import Job, JobState
from stackd.model.stack import Stack
from stackd.service.plan import effects as do
from stackd.service.plan import observations as seen
from stackd.service.plan.jobs import warnings_of
from stackd.service.plan.unforeseen import set_aside
from stackd.service.plan.values import ServiceSettings, State, Watched
from stackd.service.ports import (
    Answer,
    Clock,
    Compared,
    Described,
    Describer,
    Inbox,
    Journal,
    Publication,
    Publisher,
    ServiceManager,
    Signals,
    StackingRequest,
    Teller,
    Waker,
    Workers,
)

NOTES: Final = (do.Remember, do.Forget, do.Record, do.NoteFolder, do.NoteProgress, do.AnswerWish)
"""Effects that do nothing but write into the journal."""

NOTES_AT_ONCE: Final = 500
"""Most notes in one transaction: a turn of the loop stays short, and a power cut loses little that is not yet safe."""

log = logging.getLogger("stackd.service")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything outside that the service works with."""

    clock: Clock
    waker: Waker
    signals: Signals
    manager: ServiceManager
    journal: Journal
    describer: Describer
    workers: Workers
    publisher: Publisher
    teller: Teller
    open_inbox: Callable[[Watched], Inbox]
    load_settings: Callable[[], ServiceSettings]


class Performer:
    """Does what the planner wants.

    Parameters
    ----------
    world : World
    inboxes : mapping of str to Inbox
        Watch → its inbox; the daemon adds and removes them.
    """

    def __init__(self, world: World, inboxes: Mapping[str, Inbox]) -> None:
        self._world = world
        self._inboxes = inboxes
        self._owner = world.journal.owner()
        self._answers: list[Answer] = []

    def answered(self) -> tuple[seen.Observation, ...]:
        """Pass on what files say of themselves, with the recorded frames that they may be though they are called otherwise."""
        self._answers += self._world.describer.answers()
        by_watch: dict[str, list[Answer]] = {}
        for answer in self._answers:
            by_watch.setdefault(answer.watch, []).append(answer)
        try:
            found = tuple(one for answers in by_watch.values() for one in self._compared_with_recorded(answers))
        except JournalBlocked as error:
            # They wait: a frame that is not known again would be stacked twice.
            return (seen.JournalRefused(message=str(error)),)
        self._answers = []
        return found

    def _compared_with_recorded(self, answers: Sequence[Answer]) -> tuple[seen.Observation, ...]:
        try:
            alike = self._world.journal.alike([one for one in answers if isinstance(one, Described)])
        except JournalBlocked:
            raise
        except Exception as error:  # What a file says of itself comes from outside: one that makes no sense costs itself alone.
            if len(answers) > 1:
                return tuple(found for one in answers for found in self._compared_with_recorded([one]))
            (answer,) = answers
            log.exception("answer.stumbled about=%r", answer.path)
            return (seen.Answered(answers=(set_aside(answer, error),)),)
        return (seen.Answered(answers=tuple(answers), alike=alike),)

    def perform_all(self, effects: Sequence[do.Effect], state: State, settings: ServiceSettings) -> list[seen.Observation]:
        """Do what the planner wants, in order. Notes in the journal that follow one another share one sync of the disk."""
        observations: list[seen.Observation] = []
        for is_note, some in groupby(effects, key=lambda effect: isinstance(effect, NOTES)):
            run = list(some)
            if not is_note or len(run) == 1:
                for effect in run:
                    observations += self.perform(effect, state, settings)
                continue
            for start in range(0, len(run), NOTES_AT_ONCE):
                observations += self._perform_together(run[start : start + NOTES_AT_ONCE], state, settings)
        return observations

    def _perform_together(
        self, effects: Sequence[do.Effect], state: State, settings: ServiceSettings
    ) -> tuple[seen.Observation, ...]:
        """Write several notes at once: what came of them is told only when all are safe."""
        observations: list[seen.Observation] = []
        try:
            with self._world.journal.together():
                for effect in effects:
                    observations += self.perform(effect, state, settings)
        except JournalBlocked as error:
            log.warning("journal.refused reason=%r", str(error))
            return (seen.JournalRefused(message=str(error)),)
        return tuple(observations)

    def perform(self, effect: do.Effect, state: State, settings: ServiceSettings) -> tuple[seen.Observation, ...]:
        """Do what the planner wants, given what it knows; a failure comes back as an observation."""
        try:
            return self._do(effect, state, settings)
        except JournalBlocked as error:
            log.warning("journal.refused reason=%r", str(error))
            return (seen.JournalRefused(message=str(error)),)
        except NameTaken as error:
            return (_refused(effect, error, name_taken=True),)
        except OutputBlocked as error:
            return (_refused(effect, error, name_taken=False),)
        except Exception as error:  # One stack that cannot be worked on must not stop the others.
            job_id = effect.job_id if isinstance(effect, do.JobStep) else None
            log.exception("effect.failed effect=%s job=%s", type(effect).__name__, job_id)
            return () if job_id is None else (seen.WorkLost(job_id=job_id, message=f"Something unexpected happened: {error}"),)

    def _do(self, effect: do.Effect, state: State, settings: ServiceSettings) -> tuple[seen.Observation, ...]:  # noqa: C901, PLR0912, PLR0915  (one case an effect)
        world, journal, now_at = self._world, self._world.journal, self._world.clock.now_at()
        match effect:
            case do.LookAt(watch=watch, closely=closely):
                self._inboxes[watch].ask(closely)
                look = self._inboxes[watch].answer()
                return () if look is None else (seen.Looked(watch=watch, look=look),)
            case do.DescribeFile(watch=watch, path=path, fingerprint=fingerprint, with_hash=with_hash):
                world.describer.ask(watch, Path(watch), path, fingerprint, with_hash=with_hash)
                return self.answered()
            case do.Recall(watch=watch, paths=paths):
                return (seen.Recalled(watch=watch, paths=paths, known=journal.recall(watch, paths)),)
            case do.Remember(described=described):
                with journal.together():
                    for one in described:
                        journal.remember(one)
                return (seen.Remembered(watch=described[0].watch, described=described),)
            case do.RecallContents(watch=watch, paths=paths):
                return (seen.ContentsRecalled(watch=watch, contents=journal.contents(watch, paths)),)
            case do.Forget(watch=watch, paths=paths):
                journal.forget(watch, paths)
                return ()
            case do.Record():
                job = journal.record_sealed(
                    effect.stack,
                    watch=effect.watch,
                    recipe_name=effect.recipe_name,
                    recipe_hash=effect.recipe_hash,
                    state=effect.state,
                    version=effect.version,
                    at=now_at,
                )
                log.info(
                    "stack.sealed watch=%s stack=%s frames=%d state=%s",
                    *(_label(job, settings), job.stack_id, len(effect.stack.frames), job.state),
                )
                return (seen.JobChanged(job=job, stack=effect.stack),)
            case do.Move():
                return (self._move(effect, state, settings),)
            case do.BeginRun(job_id=job_id):
                return self._begin_run(job_id, state, settings)
            case do.TryOutput(job_id=job_id, folder=folder, subfolder=subfolder, needed_bytes=needed_bytes):
                prefix = f".stackd-{self._owner}-{job_id}-"
                world.publisher.try_folder(folder, subfolder=subfolder, needed_bytes=needed_bytes, temporary_prefix=prefix)
                for left in journal.left_publications():
                    if left.job_id == job_id and folder in (left.folder, left.folder.parent):
                        self._take_back(left)
                return (self._move(do.Move(job_id=job_id, state=JobState.READY), state, settings),)
            case do.CancelRun(job_id=job_id):
                world.workers.cancel(job_id)
                return ()
            case do.RemoveRemains():
                self._remove_remains(effect)
                return ()
            case do.BeginPublication(job_id=job_id, folder=folder, result=result):
                names = world.publisher.choose_names(folder, result.staged)
                return self._begin_publication(
                    Publication(
                        job_id=job_id,
                        folder=folder,
                        files=tuple(zip(result.staged, names, strict=True)),
                        verdict=result.verdict,
                        warnings=warnings_of(result.findings),
                        fingerprints=result.fingerprints,
                        seconds=result.seconds,
                        peak_rss_bytes=result.peak_rss_bytes,
                    ),
                    state,
                )
            case do.Hold(job_id=job_id):
                job = journal.hold(job_id, effect.verdict, effect.warnings, at=now_at, error=effect.error, hint=effect.hint)
                log.info(
                    "stack.held watch=%s stack=%s judgement=%s reason=%r",
                    *(_label(job, settings), job.stack_id, effect.verdict.judgement, effect.error),
                )
                return (seen.JobChanged(job=job, stack=self._stack_of(job, state)),)
            case do.RenamePublication(job_id=job_id):
                publication = _publication(job_id, state)
                # What is visible already moves with the rest: all files of a composite share one stem.
                self._withdraw(job_id, state)
                staged = tuple(file for file, _ in publication.files)
                names = world.publisher.choose_names(publication.folder, staged)
                return self._begin_publication(replace(publication, files=tuple(zip(staged, names, strict=True))), state)
            case do.WithdrawPublication(job_id=job_id):
                try:
                    self._withdraw(job_id, state)
                except OutputBlocked as error:
                    # The journal keeps what it was; see `_take_back`.
                    log.warning("publication.left job=%d reason=%r", job_id, str(error))
                return ()
            case do.TakeBackLeft():
                for left in journal.left_publications():
                    try:
                        self._take_back(left)
                    except OutputBlocked as error:
                        # One folder that cannot be written must not keep the others as they are.
                        log.warning("publication.left job=%d reason=%r", left.job_id, str(error))
                return ()
            case do.CheckSources(job_id=job_id, watch=watch, fingerprints=fingerprints):
                inbox = self._inboxes[watch]
                inbox.compare(job_id, fingerprints)
                return (seen.SourcesAsked(job_id=job_id), *told(inbox.compared()))
            case do.PublishFile(job_id=job_id, index=index):
                publication = _publication(job_id, state)
                staged_file, name = publication.files[index]
                world.publisher.publish(publication.folder, staged_file, name)
                return (seen.FilePublished(job_id=job_id),)
            case do.FinishPublication(job_id=job_id):
                job = journal.finish_publication(job_id, at=now_at)
                stack = state.tickets[job_id].stack
                judged = job.verdict.judgement if job.verdict else "unknown"
                log.info(
                    "stack.published watch=%s stack=%s frames=%d judgement=%s composite=%r",
                    *(_label(job, settings), job.stack_id, len(stack.frames), judged, job.composite_path),
                )
                return (seen.JobChanged(job=job, stack=stack),)
            case do.AnswerWish(wish_id=wish_id, answer=answer):
                journal.answer_wish(wish_id, answer)
                log.info("wish.answered wish=%d answer=%r", wish_id, answer)
                return (seen.WishAnswered(wish_id=wish_id),)
            case do.ForgetHistory():
                count, next_job = journal.forget_history(
                    effect.watches, before=effect.before, keep=effect.keep, after_job=effect.after_job
                )
                if count:
                    log.info("history.forgotten stacks=%d before=%s", count, effect.before.date())
                return (seen.HistoryForgotten(next_job=next_job),)
            case do.NoteFolder(report=report):
                journal.note_folder(report)
                return ()
            case do.NoteProgress(progress=progress):
                journal.note_progress(progress)
                return ()
            case do.TellUnforeseen(about=about, error=error):
                log.error("plan.stumbled about=%r", about, exc_info=error)
                return ()
            case do.TryJournal():
                journal.try_writing()
                log.info("journal.taken")
                return (seen.JournalTaken(),)
            case _:
                assert_never(effect)

    def _move(self, effect: do.Move, state: State, settings: ServiceSettings) -> seen.Observation:
        job = self._world.journal.move(
            effect.job_id,
            effect.state,
            at=self._world.clock.now_at(),
            error=effect.error,
            hint=effect.hint,
            crashed=effect.crashed,
            forgive=effect.forgive,
            accept=effect.accept,
        )
        reason = f" reason={effect.error!r}" if effect.error else ""
        log.info(
            "stack.moved watch=%s stack=%s job=%d state=%s%s", _label(job, settings), job.stack_id, job.id, job.state, reason
        )
        return seen.JobChanged(job=job, stack=self._stack_of(job, state))

    def _begin_run(self, job_id: int, state: State, settings: ServiceSettings) -> tuple[seen.Observation, ...]:
        choice = settings.recipes.get(state.tickets[job_id].job.recipe_name)
        recipe_hash = None if choice is None else choice.recipe_hash
        job = self._world.journal.move(job_id, JobState.RUNNING, at=self._world.clock.now_at(), recipe_hash=recipe_hash)
        stack = self._stack_of(job, state)
        begun = seen.JobChanged(job=job, stack=stack)
        watched = settings.folder(job.watch)
        if watched is None or choice is None:
            message = f'The recipe "{job.recipe_name}" is no longer in the configuration.'
            return (begun, seen.WorkLost(job_id=job_id, message=message))
        log.info(
            "stack.begun watch=%s stack=%s job=%d attempt=%d frames=%d",
            *(watched.label, job.stack_id, job.id, job.attempt, len(stack.frames)),
        )
        try:
            self._world.workers.start(
                StackingRequest(
                    job_id=job.id,
                    attempt=job.attempt,
                    stack=stack,
                    input_folder=watched.input,
                    output_folder=watched.output,
                    recipe_name=job.recipe_name,
                    recipe=choice.recipe,
                    version=job.version,
                    placing=watched.placing_of(job),
                    owner=self._owner,
                    timeout_s=settings.job_timeout_s,
                )
            )
        except OSError as error:
            return (begun, seen.WorkLost(job_id=job_id, message=f"No worker could be started: {error}."))
        return (begun,)

    def _begin_publication(self, publication: Publication, state: State) -> tuple[seen.Observation, ...]:
        job = self._world.journal.begin_publication(publication, at=self._world.clock.now_at())
        return (seen.JobChanged(job=job, stack=self._stack_of(job, state)), seen.PublicationBegun(publication=publication))

    def _withdraw(self, job_id: int, state: State) -> None:
        ticket = state.tickets[job_id]
        publication = _publication(job_id, state)
        for file, name in publication.files[: ticket.published]:
            self._world.publisher.withdraw(publication.folder, file, name)

    def _take_back(self, left: Publication) -> None:
        """Take back what stayed visible of a publication that was given up."""
        for file, name in left.files:
            self._world.publisher.withdraw(left.folder, file, name)
        self._remove_remains(do.RemoveRemains(folders=(left.folder,), job_id=left.job_id))
        self._world.journal.forget_publication(left.job_id)

    def _stack_of(self, job: Job, state: State) -> Stack:
        ticket = state.tickets.get(job.id)
        if ticket is not None:
            return ticket.stack
        stack = self._world.journal.stack(job.stack_id)
        if stack is None:
            msg = f"stack {job.stack_id} is not in the journal"
            raise LookupError(msg)
        return stack

    def _remove_remains(self, effect: do.RemoveRemains) -> None:
        mine = f".stackd-{self._owner}-" + ("" if effect.job_id is None else f"{effect.job_id}-")
        for path in (path for folder in effect.folders for path in self._world.publisher.remains(folder)):
            if path.name.startswith(mine) and path not in effect.keep:
                try:
                    self._world.publisher.remove(path)
                except OutputBlocked as error:
                    # It lies there until the folder can be written again; the next start sweeps it.
                    log.warning("remains.kept path=%r reason=%r", str(path), str(error))
                else:
                    log.info("remains.removed path=%r", str(path))


def told(comparisons: Iterable[Compared]) -> tuple[seen.SourcesChecked, ...]:
    """Pass on what became of frames that were compared."""
    return tuple(seen.SourcesChecked(job_id=one.job_id, changed=one.changed) for one in comparisons)


def _label(job: Job, settings: ServiceSettings) -> str:
    """Name a job's watch as the user calls it; one that is no longer configured by its path."""
    watched = settings.folder(job.watch)
    return job.watch if watched is None else watched.label


def _publication(job_id: int, state: State) -> Publication:
    publication = state.tickets[job_id].publication
    if publication is None:
        msg = f"job {job_id} has nothing to publish"
        raise LookupError(msg)
    return publication


def _refused(effect: do.Effect, error: StackdError, *, name_taken: bool) -> seen.Observation:
    if not isinstance(effect, do.JobStep):
        raise error
    folder = error.folder if isinstance(error, OutputBlocked) else None
    return seen.PublishRefused(job_id=effect.job_id, message=error.message, hint=error.hint, name_taken=name_taken, folder=folder)
