"""The daemon, and the world it works in."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stackd.errors import StackdError
from stackd.wiring.processes import DESCRIBE_ENTRY, WORK_ENTRY

if TYPE_CHECKING:
    from collections.abc import Callable

    from stackd.adapters.machine.wakeup import Wakeup
    from stackd.config.settings import Settings
    from stackd.service.plan.values import ServiceSettings, Watched
    from stackd.service.ports import Inbox
    from stackd.service.run.performer import World


def run_service(config: Path | None, *, verbose: bool = False) -> None:
    """Watch the configured folders until the process is asked to stop.

    Raises
    ------
    WrongConfiguration
        If the configuration cannot be used, or names no folder.
    AlreadyRunning
        If another stackd has the state folder or a watched folder.
    JournalBlocked
        If the state folder cannot be used, or the journal will not become usable by waiting.
    """
    from stackd.adapters.machine.instance_lock import InstanceLock
    from stackd.adapters.machine.logging_setup import note_faults, set_up_logging
    from stackd.adapters.machine.service_manager import SystemdNotifier
    from stackd.adapters.machine.system_clock import SystemClock
    from stackd.adapters.machine.wakeup import Wakeup
    from stackd.config.load import load_settings
    from stackd.service.run.daemon import Daemon
    from stackd.service.run.start import begin

    set_up_logging(verbose=verbose)
    loaded = load_settings(config)
    settings = service_settings(loaded.settings, loaded.path)
    state_folder = loaded.settings.state.folder

    def load_again() -> ServiceSettings:
        again = load_settings(loaded.path)
        # The journal is open, and locked, where it was at the start.
        moved = again.settings.state.folder != loaded.settings.state.folder
        return replace(service_settings(again.settings, again.path), takes_a_restart=("[state] folder",) if moved else ())

    with ExitStack() as at_the_end:
        wakeup = Wakeup()
        at_the_end.callback(wakeup.close)
        wakeup.take_signals()
        crashed_inside: bool | None = None
        world: World | None = None

        def try_to_begin() -> Daemon:
            """Take up where the try before this one was refused: what is held stays held."""
            nonlocal crashed_inside, world
            if crashed_inside is None:
                at_the_end.callback(InstanceLock(state_folder).close)
                crashed_inside, faults = note_faults(state_folder)
                if faults is not None:
                    at_the_end.callback(faults.close)
            if world is None:
                world = service_world(loaded.settings, wakeup=wakeup, load_again=load_again)
            return Daemon(settings, world, crashed_inside=crashed_inside)

        try:
            daemon = begin(try_to_begin, clock=SystemClock(), waker=wakeup, signals=wakeup, manager=SystemdNotifier())
            if daemon is not None:
                daemon.run()
        except StackdError:
            raise
        except Exception:
            logging.getLogger("stackd.service").exception("service.failed")
            raise


def service_world(settings: Settings, *, wakeup: Wakeup, load_again: Callable[[], ServiceSettings]) -> World:
    """Put together everything the service works with."""
    from stackd.adapters.folder.inbox import WatchdogInbox
    from stackd.adapters.journal.event_log import EventLog
    from stackd.adapters.journal.sqlite_journal import JOURNAL_NAME, SqliteJournal
    from stackd.adapters.machine.instance_lock import FolderLock
    from stackd.adapters.machine.service_manager import SystemdNotifier
    from stackd.adapters.machine.system_clock import SystemClock
    from stackd.adapters.output.publisher import FolderPublisher
    from stackd.adapters.output.scratch_planes import scratch_folder
    from stackd.adapters.processes.describing import DescribingProcesses
    from stackd.adapters.processes.workers import WorkerProcesses
    from stackd.adapters.telling.teller import FileTeller
    from stackd.service.run.performer import World

    clock = SystemClock()
    state_folder = settings.state.folder
    # First of all: where it cannot be opened yet, nothing else is begun that another try would meet again.
    journal = SqliteJournal(state_folder / JOURNAL_NAME)
    # In the user's own place, whatever state folder is configured: two services need not share one to watch the same card.
    beside = _shared_place(state_folder) / "watched"
    locks = {watch.input: FolderLock(watch.input, beside=beside) for watch in settings.watch}

    def open_inbox(watched: Watched) -> Inbox:
        # A folder that was ever watched stays locked until the service ends.
        if watched.input not in locks:
            locks[watched.input] = FolderLock(watched.input, beside=beside)
        probe = state_folder / "probe" / str(list(locks).index(watched.input))
        hold = locks[watched.input].hold
        return WatchdogInbox(watched.input, probe=probe, clock=clock, wake=wakeup.wake, hold=hold, events=watched.events)

    return World(
        clock=clock,
        waker=wakeup,
        signals=wakeup,
        manager=SystemdNotifier(),
        journal=journal,
        describer=DescribingProcesses(DESCRIBE_ENTRY, clock=clock, watch=wakeup.watch, unwatch=wakeup.unwatch),
        workers=WorkerProcesses(
            WORK_ENTRY,
            clock=clock,
            job_timeout_s=settings.work.job_timeout_s,
            watch=wakeup.watch,
            unwatch=wakeup.unwatch,
        ),
        publisher=FolderPublisher(settled=True),
        teller=FileTeller(state_folder, scratch=scratch_folder(), steps=EventLog(state_folder / JOURNAL_NAME)),
        open_inbox=open_inbox,
        load_settings=load_again,
    )


def _shared_place(state_folder: Path) -> Path:
    """Where every service of this user looks; the state folder where a user has no such place, as a system service's may not."""
    from stackd.config.places import default_state_folder

    try:
        place = default_state_folder()
        place.mkdir(parents=True, exist_ok=True, mode=0o750)
    except (OSError, RuntimeError):
        return state_folder
    return place


def service_settings(settings: Settings, path: Path | None) -> ServiceSettings:
    """Take from the configuration what steers the service.

    Raises
    ------
    WrongConfiguration
        If no folder is to be watched.
    """
    from stackd.adapters.machine.room import MOST_JOBS, cores, memory_bytes
    from stackd.config.settings import recipe_hash
    from stackd.errors import WrongConfiguration
    from stackd.service.plan.values import RecipeChoice, ServiceSettings, Watched
    from stackd.service.ports import Event, Handling, Placing, Telling

    if not settings.watch:
        raise WrongConfiguration(
            f"{path or 'The configuration'} names no folder to watch.",
            hint="Add a [[watch]] with input and output; `stackd config init` writes a file to edit.",
        )
    return ServiceSettings(
        watched=tuple(
            Watched(
                watch=str(watch.input),
                label=watch.label,
                input=watch.input,
                # Where the path leads now: a link that takes its place later was chosen by nobody.
                output=Path(os.path.realpath(watch.output)),
                recipe_name=watch.recipe,
                rescan_s=watch.rescan_s,
                events=watch.events,
                placing=Placing(review=Handling(watch.quality.review), reject=Handling(watch.quality.reject)),
            )
            for watch in settings.watch
        ),
        intake=settings.intake,
        recipes={name: RecipeChoice(recipe=recipe, recipe_hash=recipe_hash(recipe)) for name, recipe in settings.recipe.items()},
        jobs_at_once=settings.work.jobs_at_once or min(cores(), MOST_JOBS),
        keep_days=settings.state.keep_days,
        memory_bytes=int(settings.work.memory_share * memory_bytes()),
        job_timeout_s=settings.work.job_timeout_s,
        telling=Telling(
            metrics=settings.metrics.file,
            command=settings.notify.command,
            on=frozenset(Event(name) for name in settings.notify.on),
            timeout_s=settings.notify.timeout_s,
        ),
    )
