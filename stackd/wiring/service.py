"""The daemon, and the world it works in."""

from __future__ import annotations

import logging
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
        If the state folder or the journal cannot be used.
    """
    from stackd.adapters.machine.instance_lock import InstanceLock
    from stackd.adapters.machine.logging_setup import note_faults, set_up_logging
    from stackd.adapters.machine.wakeup import Wakeup
    from stackd.config.load import load_settings
    from stackd.service.run.daemon import Daemon

    set_up_logging(verbose=verbose)
    loaded = load_settings(config)
    settings = service_settings(loaded.settings, loaded.path)
    state_folder = loaded.settings.state.folder
    lock = InstanceLock(state_folder)
    crashed_inside, faults = note_faults(state_folder)
    wakeup = Wakeup()
    wakeup.take_signals()

    def load_again() -> ServiceSettings:
        again = load_settings(loaded.path)
        return service_settings(again.settings, again.path)

    try:
        world = service_world(loaded.settings, wakeup=wakeup, load_again=load_again)
        Daemon(settings, world, crashed_inside=crashed_inside).run()
    except StackdError:
        raise
    except Exception:
        logging.getLogger("stackd.service").exception("service.failed")
        raise
    finally:
        wakeup.close()
        faults.close()
        lock.close()


def service_world(settings: Settings, *, wakeup: Wakeup, load_again: Callable[[], ServiceSettings]) -> World:
    """Put together everything the service works with."""
    from stackd.adapters.folder.inbox import WatchdogInbox
    from stackd.adapters.journal.sqlite_journal import JOURNAL_NAME, SqliteJournal
    from stackd.adapters.machine.instance_lock import FolderLock
    from stackd.adapters.machine.service_manager import SystemdNotifier
    from stackd.adapters.machine.system_clock import SystemClock
    from stackd.adapters.output.publisher import FolderPublisher
    from stackd.adapters.processes.describing import DescribingProcesses
    from stackd.adapters.processes.workers import WorkerProcesses
    from stackd.service.run.performer import World

    clock = SystemClock()
    state_folder = settings.state.folder
    locks = {watch.input: FolderLock(watch.input) for watch in settings.watch}

    def open_inbox(watched: Watched) -> Inbox:
        # A folder that was ever watched stays locked until the service ends.
        if watched.input not in locks:
            locks[watched.input] = FolderLock(watched.input)
        probe = state_folder / "probe" / str(list(locks).index(watched.input))
        hold = locks[watched.input].hold
        return WatchdogInbox(watched.input, probe=probe, clock=clock, wake=wakeup.wake, hold=hold, events=watched.events)

    return World(
        clock=clock,
        waker=wakeup,
        signals=wakeup,
        manager=SystemdNotifier(),
        journal=SqliteJournal(state_folder / JOURNAL_NAME),
        describer=DescribingProcesses(DESCRIBE_ENTRY, clock=clock, watch=wakeup.watch, unwatch=wakeup.unwatch),
        workers=WorkerProcesses(
            WORK_ENTRY,
            clock=clock,
            job_timeout_s=settings.work.job_timeout_s,
            watch=wakeup.watch,
            unwatch=wakeup.unwatch,
        ),
        publisher=FolderPublisher(),
        open_inbox=open_inbox,
        load_settings=load_again,
    )


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
    from stackd.service.ports import Handling, Placing

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
                output=watch.output,
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
    )
