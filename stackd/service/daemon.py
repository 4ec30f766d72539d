"""The loop: gather what happened, ask the planner, perform what it wants, sleep until something may happen.

Nothing is decided here. An effect that fails becomes an observation; the loop itself ends only when asked to.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, assert_never

from stackd.errors import JournalBlocked, NameTaken, OutputBlocked, StackdError, WrongConfiguration
from stackd.model.composite import Severity
from stackd.model.job import Job, JobState
from stackd.model.stack import Stack
from stackd.service import effects as do
from stackd.service.planner import GONE, next_wake_s, plan
from stackd.service.ports import (
    Clock,
    Describer,
    Inbox,
    Journal,
    Publication,
    Publisher,
    ServiceManager,
    Signals,
    StackingRequest,
    Waker,
    Warned,
    WishKind,
    Workers,
)
from stackd.service.recovery import recover
from stackd.service.state import (
    Answered,
    FilePublished,
    Folder,
    JobChanged,
    JournalRefused,
    JournalTaken,
    Looked,
    Observation,
    PublicationBegun,
    PublishRefused,
    ServiceSettings,
    SourcesChecked,
    State,
    Ticket,
    Watched,
    WishAnswered,
    Wished,
    Woken,
    Worked,
    WorkLost,
)
from stackd.service.wish_plan import overrides_of

LONGEST_SLEEP_S: Final = 1.0
"""The loop turns at least this often: it asks the journal for decisions and tells the service manager that it is alive."""

MOST_ROUNDS: Final = 10_000
"""Plans in one turn after which something goes in circles: a folder of ten thousand stacks needs fewer (a guess)."""

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
    open_inbox: Callable[[Watched], Inbox]
    load_settings: Callable[[], ServiceSettings]


class Daemon:
    """Watches folders and turns what arrives into composites, until it is asked to stop.

    Parameters
    ----------
    settings : ServiceSettings
    world : World
    crashed_inside : bool
        Whether the service crashed, rather than was killed, when it ran last (see `recover`).
    """

    def __init__(self, settings: ServiceSettings, world: World, *, crashed_inside: bool = False) -> None:
        self._settings = settings
        self._world = world
        self._owner = world.journal.owner()
        self._inboxes: dict[str, Inbox] = {}
        self._status = ""
        self.state = self._remembered(State())
        self._follow_wishes = True
        self._recover(crashed_inside=crashed_inside)
        self._open_inboxes()

    # ------------------------------------------------------------ the loop

    def run(self) -> None:
        """Work until a stop is asked for; then end workers, leave nothing half done, and return."""
        self.turn()
        self._world.manager.ready()
        log.info("service.started watches=%d", len(self._settings.watched))
        while not self._world.signals.stop_asked():
            if self._world.signals.reload_asked():
                self.reload()
            wake_s = next_wake_s(self.state, self._settings) - self._world.clock.now_s()
            self._world.waker.wait(min(max(wake_s, 0.0), LONGEST_SLEEP_S))
            self.turn()
        self.stop()

    def turn(self) -> None:
        """Gather, plan and perform until nothing is left to do now."""
        observations = self._gather()
        for _ in range(MOST_ROUNDS):
            self.state, wanted = plan(
                self.state,
                observations,
                now_s=self._world.clock.now_s(),
                now_at=self._world.clock.now_at(),
                settings=self._settings,
            )
            if not wanted:
                break
            observations = [observation for effect in wanted for observation in self._perform(effect)]
        else:
            log.error("loop.circled rounds=%d", MOST_ROUNDS)
        self._world.manager.alive()
        self._tell_status()

    def reload(self) -> None:
        """Read the configuration again; a wrong one changes nothing."""
        self._world.manager.reloading()
        try:
            settings = self._world.load_settings()
        except WrongConfiguration as error:
            log.error("configuration.refused reason=%r", str(error))  # noqa: TRY400  (a sentence, not a traceback)
            self._world.manager.status(f"The new configuration is wrong, the old one stays: {error.message}")
        else:
            kept = {watched.watch: watched for watched in settings.watched}
            for watch in [watch for watch, inbox in self._inboxes.items() if kept.get(watch) != self._settings.folder(watch)]:
                self._inboxes.pop(watch).close()
            self._settings = settings
            self.state = self._remembered(self.state)
            self._open_inboxes()
            log.info("configuration.reloaded watches=%d", len(settings.watched))
        self._world.manager.ready()

    def stop(self) -> None:
        """End everything: no worker, no temporary file of a running job, every job in a state to go on from."""
        self._world.manager.stopping()
        self._world.describer.close()
        self._world.workers.close()
        for ticket in self.state.tickets.values():
            if ticket.job.state is JobState.RUNNING:
                folder = self._settings.folder(ticket.job.watch)
                if folder is not None:
                    self._perform(do.RemoveRemains(folder=folder.output, job_id=ticket.job.id))
                # A stop is nobody's fault: the attempt does not count against a stack that never crashed.
                forgive = ticket.job.crashes == 0
                self._perform(do.Move(job_id=ticket.job.id, state=JobState.READY, forgive=forgive))
        for inbox in self._inboxes.values():
            inbox.close()
        self._world.journal.close()
        log.info("service.stopped")

    # ----------------------------------------------------------- beginning

    def _remembered(self, state: State) -> State:
        """Take from the journal what is not known yet."""
        journal = self._world.journal
        jobs = journal.jobs()
        tickets = dict(state.tickets)
        finished = {job.stack_id: job for job in jobs if job.state in GONE}
        for job in jobs:
            if job.state in GONE or job.id in tickets:
                continue
            stack = journal.stack(job.stack_id)
            if stack is not None:
                tickets[job.id] = Ticket(job=job, stack=stack, publication=journal.publication(job.id))
        folders = {}
        for watched in self._settings.watched:
            known = state.folders.get(watched.watch)
            if known is None:
                recalled = {answer.path: answer for answer in journal.recall(watched.watch)}
                known = Folder(descriptions=MappingProxyType(recalled))
            folders[watched.watch] = known
        return replace(
            state,
            folders=MappingProxyType(folders),
            tickets=MappingProxyType(tickets),
            finished=MappingProxyType(finished),
            taken=MappingProxyType({watched.watch: journal.taken_frames(watched.watch) for watched in self._settings.watched}),
        )

    def _recover(self, *, crashed_inside: bool) -> None:
        jobs = [ticket.job for ticket in self.state.tickets.values()]
        publications = {
            job_id: ticket.publication for job_id, ticket in self.state.tickets.items() if ticket.publication is not None
        }
        outputs = [watched.output for watched in self._settings.watched]
        for effect in recover(jobs, publications, outputs, crashed_inside=crashed_inside):
            for observation in self._perform(effect):
                self.state, _ = plan(
                    self.state,
                    [observation],
                    now_s=self._world.clock.now_s(),
                    now_at=self._world.clock.now_at(),
                    settings=replace(self._settings, watched=()),
                )
        self.state = self._remembered(self.state)

    def _open_inboxes(self) -> None:
        for watched in self._settings.watched:
            if watched.watch not in self._inboxes:
                self._inboxes[watched.watch] = self._world.open_inbox(watched)

    # ----------------------------------------------------------- gathering

    def _gather(self) -> list[Observation]:
        observations: list[Observation] = []
        for watch, inbox in self._inboxes.items():
            if inbox.woken():
                observations.append(Woken(watch=watch))
            look = inbox.answer()
            if look is not None:
                observations.append(Looked(watch=watch, look=look))
        observations += [Answered(answer=answer) for answer in self._world.describer.answers()]
        observations += [Worked(event=event) for event in self._world.workers.events()]
        observations += self._gather_wishes()
        return observations

    def _gather_wishes(self) -> Iterable[Observation]:
        journal = self._world.journal
        try:
            if not (journal.changed_elsewhere() or self._follow_wishes):
                return ()
            self._follow_wishes = True
            wishes = journal.wishes()
            named = {stack_id for wish in wishes for stack_id in (wish.stack_id, *wish.other_stack_ids)}
            stacks = {stack_id: stack for stack_id in named if (stack := journal.stack(stack_id)) is not None}
        except JournalBlocked as error:
            return (JournalRefused(message=str(error)),)
        self._follow_wishes = False
        return (
            Wished(
                overrides=overrides_of(wishes, stacks),
                split_stacks=frozenset(wish.stack_id for wish in wishes if wish.kind is WishKind.SPLIT),
                open_wishes=tuple(wish for wish in wishes if wish.answer is None),
            ),
        )

    def _tell_status(self) -> None:
        counts: dict[str, int] = {}
        for ticket in self.state.tickets.values():
            counts[ticket.job.state] = counts.get(ticket.job.state, 0) + 1
        words = [f"{count} {state}" for state, count in sorted(counts.items())]
        words += [f"{folder.trouble}" for folder in self.state.folders.values() if not folder.online]
        sentence = self.state.journal_trouble or f"Watching {len(self._settings.watched)} folders. {', '.join(words)}".strip()
        if sentence != self._status:
            self._world.manager.status(sentence)
            self._status = sentence

    # ---------------------------------------------------------- performing

    def _perform(self, effect: do.Effect) -> tuple[Observation, ...]:
        """Do what the planner wants; a failure comes back as an observation."""
        try:
            return self._do(effect)
        except JournalBlocked as error:
            log.warning("journal.refused reason=%r", str(error))
            return (JournalRefused(message=str(error)),)
        except NameTaken as error:
            return (self._refused(effect, error, name_taken=True),)
        except OutputBlocked as error:
            return (self._refused(effect, error, name_taken=False),)
        except Exception as error:  # One stack that cannot be worked on must not stop the others.
            job_id = getattr(effect, "job_id", None)
            log.exception("effect.failed effect=%s job=%s", type(effect).__name__, job_id)
            if isinstance(job_id, int) and not isinstance(effect, do.Move | do.RemoveRemains):
                return (WorkLost(job_id=job_id, message=f"Something unexpected happened: {error}"),)
            return ()

    def _refused(self, effect: do.Effect, error: StackdError, *, name_taken: bool) -> Observation:
        job_id = getattr(effect, "job_id", None)
        if not isinstance(job_id, int):
            raise error
        return PublishRefused(job_id=job_id, message=error.message, hint=error.hint, name_taken=name_taken)

    def _do(self, effect: do.Effect) -> tuple[Observation, ...]:  # noqa: C901, PLR0912  (one case an effect)
        world, journal, now_at = self._world, self._world.journal, self._world.clock.now_at()
        match effect:
            case do.LookAt(watch=watch):
                self._inboxes[watch].ask()
                look = self._inboxes[watch].answer()
                return () if look is None else (Looked(watch=watch, look=look),)
            case do.DescribeFile(watch=watch, path=path, fingerprint=fingerprint):
                world.describer.ask(watch, Path(watch), path, fingerprint)
                return tuple(Answered(answer=answer) for answer in world.describer.answers())
            case do.Remember(described=described):
                journal.remember(described)
                return ()
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
                log.info("stack.sealed stack=%s frames=%d state=%s", job.stack_id, len(effect.stack.frames), job.state)
                return (JobChanged(job=job, stack=effect.stack),)
            case do.Move():
                return (self._move(effect),)
            case do.BeginRun(job_id=job_id):
                return self._begin_run(job_id)
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
                        warnings=tuple(
                            Warned(code=finding.code, sentence=finding.sentence)
                            for finding in result.findings
                            if finding.severity is Severity.WARNING
                        ),
                        fingerprints=result.fingerprints,
                        seconds=result.seconds,
                        peak_rss_bytes=result.peak_rss_bytes,
                    )
                )
            case do.RenamePublication(job_id=job_id):
                publication = self._publication(job_id)
                staged = tuple(file for file, _ in publication.files)
                names = world.publisher.choose_names(publication.folder, staged)
                return self._begin_publication(replace(publication, files=tuple(zip(staged, names, strict=True))))
            case do.CheckSources(job_id=job_id, watch=watch, fingerprints=fingerprints):
                return (SourcesChecked(job_id=job_id, changed=self._inboxes[watch].first_changed(fingerprints)),)
            case do.PublishFile(job_id=job_id, index=index):
                publication = self._publication(job_id)
                staged_file, name = publication.files[index]
                world.publisher.publish(publication.folder, staged_file, name)
                return (FilePublished(job_id=job_id),)
            case do.FinishPublication(job_id=job_id):
                job = journal.finish_publication(job_id, at=now_at)
                stack = self.state.tickets[job_id].stack
                log.info("stack.published stack=%s frames=%d composite=%r", job.stack_id, len(stack.frames), job.composite_path)
                return (JobChanged(job=job, stack=stack),)
            case do.AnswerWish(wish_id=wish_id, answer=answer):
                journal.answer_wish(wish_id, answer)
                log.info("wish.answered wish=%d answer=%r", wish_id, answer)
                return (WishAnswered(wish_id=wish_id),)
            case do.NoteFolder(report=report):
                journal.note_folder(report)
                return ()
            case do.NoteProgress(progress=progress):
                journal.note_progress(progress)
                return ()
            case do.TryJournal():
                journal.owner()
                log.info("journal.taken")
                return (JournalTaken(),)
            case _:
                assert_never(effect)

    def _move(self, effect: do.Move) -> Observation:
        job = self._world.journal.move(
            effect.job_id,
            effect.state,
            at=self._world.clock.now_at(),
            error=effect.error,
            hint=effect.hint,
            crashed=effect.crashed,
            forgive=effect.forgive,
        )
        reason = f" reason={effect.error!r}" if effect.error else ""
        log.info("stack.moved stack=%s job=%d state=%s%s", job.stack_id, job.id, job.state, reason)
        return JobChanged(job=job, stack=self._stack_of(job))

    def _begin_run(self, job_id: int) -> tuple[Observation, ...]:
        job = self._world.journal.move(job_id, JobState.RUNNING, at=self._world.clock.now_at())
        stack = self._stack_of(job)
        begun = JobChanged(job=job, stack=stack)
        watched = self._settings.folder(job.watch)
        choice = self._settings.recipes.get(job.recipe_name)
        if watched is None or choice is None:
            message = f'The recipe "{job.recipe_name}" is no longer in the configuration.'
            return (begun, WorkLost(job_id=job_id, message=message))
        log.info("stack.begun stack=%s job=%d attempt=%d frames=%d", job.stack_id, job.id, job.attempt, len(stack.frames))
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
                    owner=self._owner,
                )
            )
        except OSError as error:
            return (begun, WorkLost(job_id=job_id, message=f"No worker could be started: {error}."))
        return (begun,)

    def _begin_publication(self, publication: Publication) -> tuple[Observation, ...]:
        job = self._world.journal.begin_publication(publication, at=self._world.clock.now_at())
        return (JobChanged(job=job, stack=self._stack_of(job)), PublicationBegun(publication=publication))

    def _publication(self, job_id: int) -> Publication:
        publication = self.state.tickets[job_id].publication
        if publication is None:
            msg = f"job {job_id} has nothing to publish"
            raise LookupError(msg)
        return publication

    def _stack_of(self, job: Job) -> Stack:
        ticket = self.state.tickets.get(job.id)
        if ticket is not None:
            return ticket.stack
        stack = self._world.journal.stack(job.stack_id)
        if stack is None:
            msg = f"stack {job.stack_id} is not in the journal"
            raise LookupError(msg)
        return stack

    def _remove_remains(self, effect: do.RemoveRemains) -> None:
        mine = f".stackd-{self._owner}-" + ("" if effect.job_id is None else f"{effect.job_id}-")
        for path in self._world.publisher.remains(effect.folder):
            if path.name.startswith(mine) and path not in effect.keep:
                try:
                    self._world.publisher.remove(path)
                except OutputBlocked as error:
                    # It lies there until the folder can be written again; the next start sweeps it.
                    log.warning("remains.kept path=%r reason=%r", str(path), str(error))
                else:
                    log.info("remains.removed path=%r", str(path))


__all__ = ["Daemon", "World"]
