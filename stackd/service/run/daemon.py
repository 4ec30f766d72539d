"""The loop: gather what happened, ask the planner, let it be performed, sleep until something may happen.

Nothing is decided here. The loop ends only when asked to.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from stackd.errors import AlreadyRunning, JournalBlocked, WrongConfiguration
from stackd.model.job import OVER, JobState
from stackd.service.plan import effects as do
from stackd.service.plan.fold import next_wake_s, plan
from stackd.service.plan.observations import Answered, JournalRefused, Looked, Observation, Wished, Woken, Worked
from stackd.service.plan.recovery import recover
from stackd.service.plan.values import Folder, ServiceSettings, State, Ticket
from stackd.service.plan.wishes import overrides_of
from stackd.service.ports import Inbox, Progressed, WishKind
from stackd.service.run.health import TELL_S, Tally, news_of
from stackd.service.run.performer import Performer, World, told

LONGEST_SLEEP_S: Final = 1.0
"""The loop turns at least this often: it asks the journal for decisions and tells the service manager that it is alive."""

LONGEST_TURN_S: Final = 0.5
"""What is left to do after so long is done in the next turn: signals and the service manager do not wait."""

LONGEST_REST_S: Final = 0.2
"""The loop rests as long as it worked, so that it never takes more than half a core, but no longer than this."""

MOST_ROUNDS: Final = 10_000
"""Plans in one turn after which something goes in circles: a folder of ten thousand stacks needs fewer (a guess)."""

UNFINISHED: Final = tuple(state for state in JobState if state not in OVER)
"""States of jobs in which something is left to do, if only for the user."""

log = logging.getLogger("stackd.service")


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
        self._inboxes: dict[str, Inbox] = {}
        self._performer = Performer(world, self._inboxes)
        self._status = ""
        self._away: dict[str, str] = {}
        """Watch → why it is away."""
        self._tally = Tally(world.clock)
        self._told_s, self._told = float("-inf"), news_of(State())
        world.teller.follow(settings.telling)
        self.state = self._remembered(State(), settings)
        self._follow_wishes = True
        self._left: list[Observation] = []
        """What came of the last turn's steps, where it ended before it was dealt with."""
        self._recover(crashed_inside=crashed_inside)
        for watched in settings.watched:
            self._inboxes[watched.watch] = world.open_inbox(watched)

    # ------------------------------------------------------------ the loop

    def run(self) -> None:
        """Work until a stop is asked for; then end workers, leave nothing half done, and return."""
        self.turn()
        self._world.manager.ready()
        log.info("service.started watches=%d", len(self._settings.watched))
        while not self._world.signals.stop_asked():
            if self._world.signals.reload_asked():
                self.reload()
            began_s = self._world.clock.now_s()
            self.turn()
            now_s = self._world.clock.now_s()
            # Whatever wakes it meanwhile is dealt with in one go afterwards: in a large folder a turn has its price.
            self._world.waker.rest(min(now_s - began_s, LONGEST_REST_S))
            wake_s = 0.0 if self._left else next_wake_s(self.state, self._settings) - self._world.clock.now_s()
            self._world.waker.wait(min(max(wake_s, 0.0), LONGEST_SLEEP_S))
        self.stop()

    def turn(self) -> None:
        """Gather, plan and perform until nothing is left to do now."""
        began_s = self._world.clock.now_s()
        observations, self._left = [*self._left, *self._gather()], []
        for _ in range(MOST_ROUNDS):
            if log.isEnabledFor(logging.DEBUG):
                for observation in observations:
                    _log_detail(observation)
            self.state, wanted = plan(
                self.state,
                observations,
                now_s=self._world.clock.now_s(),
                now_at=self._world.clock.now_at(),
                settings=self._settings,
            )
            if not wanted:
                break
            observations = self._counted(self._performer.perform_all(wanted, self.state, self._settings))
            if self._world.clock.now_s() - began_s > LONGEST_TURN_S:
                self._left = observations
                break
        else:
            log.error("loop.circled rounds=%d", MOST_ROUNDS)
        self._world.manager.alive()
        self._tell_status()
        self._tell_health()

    def reload(self) -> None:
        """Read the configuration again; a wrong one changes nothing."""
        self._world.manager.reloading()
        opened: dict[str, Inbox] = {}
        try:
            settings = self._world.load_settings()
            for watched in settings.watched:
                if watched != self._settings.folder(watched.watch):
                    opened[watched.watch] = self._world.open_inbox(watched)
            state = self._reloaded(settings)
        except (WrongConfiguration, AlreadyRunning, JournalBlocked) as error:
            log.error("configuration.refused reason=%r", str(error))  # noqa: TRY400  (a sentence, not a traceback)
            self._world.manager.status(f"The new configuration cannot be used, the old one stays: {error.message}")
            for inbox in opened.values():
                inbox.close()
        else:
            wanted = {watched.watch for watched in settings.watched}
            for watch in [watch for watch in self._inboxes if watch in opened or watch not in wanted]:
                self._inboxes.pop(watch).close()
            self._inboxes.update(opened)
            self._settings, self.state = settings, state
            self._world.teller.follow(settings.telling)
            log.info("configuration.reloaded watches=%d", len(settings.watched))
            if settings.takes_a_restart:
                keys = ", ".join(settings.takes_a_restart)
                log.warning("configuration.waits_for_restart keys=%r", keys)
                self._world.manager.status(f"The new configuration holds, but for {keys}: start stackd again for that.")
        self._world.manager.ready()

    def stop(self) -> None:
        """End everything: no worker, no temporary file of a running job, every job in a state to go on from."""
        self._world.manager.stopping()
        self._take_in(self._left)
        self._close("describer", self._world.describer.close)
        self._close("workers", self._world.workers.close)
        for ticket in self.state.tickets.values():
            if ticket.job.state is JobState.RUNNING:
                folder = self._settings.folder(ticket.job.watch)
                if folder is not None:
                    self._performer.perform(
                        do.RemoveRemains(folders=folder.written, job_id=ticket.job.id), self.state, self._settings
                    )
                # A stop is nobody's fault: the attempt does not count against a stack that never crashed.
                forgive = ticket.job.crashes == 0
                self._performer.perform(
                    do.Move(job_id=ticket.job.id, state=JobState.READY, forgive=forgive), self.state, self._settings
                )
        for watch, inbox in self._inboxes.items():
            self._close(watch, inbox.close)
        # Before the journal, which it reads.
        self._close("teller", self._world.teller.close)
        self._close("journal", self._world.journal.close)
        log.info("service.stopped")

    def _close(self, what: str, close: Callable[[], None]) -> None:
        """Let go of a part of the world; one that fails to end must not keep the others from it."""
        try:
            close()
        except Exception:
            log.exception("stop.failed part=%r", what)

    # ----------------------------------------------------------- beginning

    def _reloaded(self, settings: ServiceSettings) -> State:
        # What was asked of an inbox ended with it.
        again = {watch: replace(one, looking=False, afresh=True, regroup=True) for watch, one in self.state.folders.items()}
        tickets = {job_id: replace(ticket, sources_asked=False) for job_id, ticket in self.state.tickets.items()}
        return self._remembered(replace(self.state, folders=MappingProxyType(again), tickets=MappingProxyType(tickets)), settings)

    def _remembered(self, state: State, settings: ServiceSettings) -> State:
        """Take from the journal what is not known yet."""
        journal = self._world.journal
        tickets = dict(state.tickets)
        for job in journal.jobs(UNFINISHED):
            stack = None if job.id in tickets else journal.stack(job.stack_id)
            if stack is not None:
                tickets[job.id] = Ticket(job=job, stack=stack, publication=journal.publication(job.id))
        folders = {watched.watch: state.folders.get(watched.watch, Folder()) for watched in settings.watched}
        return replace(state, folders=MappingProxyType(folders), tickets=MappingProxyType(tickets))

    def _recover(self, *, crashed_inside: bool) -> None:
        jobs = [ticket.job for ticket in self.state.tickets.values()]
        publications = {
            job_id: ticket.publication for job_id, ticket in self.state.tickets.items() if ticket.publication is not None
        }
        outputs = [folder for watched in self._settings.watched for folder in watched.written]
        for effect in recover(jobs, publications, outputs, crashed_inside=crashed_inside):
            observations = self._perform(effect)
            for observation in observations:
                if isinstance(observation, JournalRefused):
                    # A job left as it is would wait for a worker that nobody starts.
                    raise JournalBlocked(observation.message)
            self._take_in(observations)
        self.state = self._remembered(self.state, self._settings)

    def _take_in(self, observations: Iterable[Observation]) -> None:
        """Follow what happened, and begin nothing."""
        self.state, _ = plan(
            self.state,
            observations,
            now_s=self._world.clock.now_s(),
            now_at=self._world.clock.now_at(),
            settings=replace(self._settings, watched=()),
        )

    # ----------------------------------------------------------- gathering

    def _gather(self) -> list[Observation]:
        observations: list[Observation] = []
        for watch, inbox in self._inboxes.items():
            if inbox.woken():
                observations.append(Woken(watch=watch))
            look = inbox.answer()
            if look is not None:
                observations.append(Looked(watch=watch, look=look))
            observations += told(inbox.compared())
        observations += self._performer.answered()
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
            open_wishes = tuple(wish for wish in wishes if wish.answer is None)
            jobs = tuple(job for wish in open_wishes if (job := journal.newest_job(wish.stack_id)) is not None)
        except JournalBlocked as error:
            return (JournalRefused(message=str(error)),)
        self._follow_wishes = False
        return (
            Wished(
                overrides=overrides_of(wishes, stacks),
                split_stacks=frozenset(wish.stack_id for wish in wishes if wish.kind is WishKind.SPLIT),
                open_wishes=open_wishes,
                jobs=jobs,
            ),
        )

    def _tell_status(self) -> None:
        self._log_folders()
        counts: dict[str, int] = {}
        for ticket in self.state.tickets.values():
            counts[ticket.job.state] = counts.get(ticket.job.state, 0) + 1
        words = [f"{count} {state}" for state, count in sorted(counts.items())]
        words += [f"{folder.trouble}" for folder in self.state.folders.values() if not folder.online]
        count = len(self._settings.watched)
        watching = f"Watching {count} folder{'' if count == 1 else 's'}."
        sentence = self.state.journal_trouble or f"{watching} {', '.join(words)}".strip()
        if sentence != self._status:
            self._world.manager.status(sentence)
            self._status = sentence

    def _log_folders(self) -> None:
        """Tell in the log when a folder goes away or comes back; one that hangs can say nothing itself."""
        for watched in self._settings.watched:
            folder = self.state.folders.get(watched.watch)
            away = folder.trouble if folder is not None and not folder.online else ""
            if away and away != self._away.get(watched.watch):
                log.warning("folder.away watch=%s reason=%r", watched.label, away)
            if not away and watched.watch in self._away:
                log.info("folder.back watch=%s", watched.label)
            if away:
                self._away[watched.watch] = away
            else:
                self._away.pop(watched.watch, None)

    def _tell_health(self) -> None:
        now_s = self._world.clock.now_s()
        news = news_of(self.state)
        if now_s < self._told_s + TELL_S and news == self._told:
            return
        self._told_s, self._told = now_s, news
        try:
            health = self._tally.health(self.state, self._settings)
            self._world.teller.tell(health, tuple(dict.fromkeys(watched.output for watched in self._settings.watched)))
        except Exception:  # Telling is never a reason to end.
            log.exception("health.failed")

    def _perform(self, effect: do.Effect) -> list[Observation]:
        return self._counted(self._performer.perform(effect, self.state, self._settings))

    def _counted(self, observations: Iterable[Observation]) -> list[Observation]:
        """Count the steps of stacks among what was brought about, and say that there is news."""
        brought_about = list(observations)
        if self._tally.count(brought_about):
            self._world.teller.notice()
        return brought_about


def _log_detail(observation: Observation) -> None:
    """Tell what only who asked for more wants to know (`--verbose`)."""
    match observation:
        case Woken(watch=watch):
            log.debug("folder.woken watch=%s", watch)
        case Looked(watch=watch, look=look):
            log.debug("look.done watch=%s online=%s files=%d seconds=%.3f", watch, look.online, len(look.files), look.took_s)
        case Answered(answers=answers):
            for answer in answers:
                log.debug("file.read watch=%s path=%r as=%s", answer.watch, answer.path, type(answer).__name__)
        case Worked(event=Progressed() as event):
            log.debug("worker.told job=%d stage=%s done=%d total=%d", event.job_id, event.stage, event.done, event.total)
        case Worked(event=event):
            log.debug("worker.ended job=%d with=%s", event.job_id, type(event).__name__)
        case _:
            pass
