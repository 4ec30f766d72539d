"""Begin, and where the journal cannot be used yet, wait for it: a backup that holds it or a full disk is no reason to end."""

import logging
from collections.abc import Callable
from typing import Final

from stackd.errors import JournalBlocked
from stackd.service.plan.jobs import blocked_wait_s
from stackd.service.ports import Clock, ServiceManager, Signals, Waker
from stackd.service.run.daemon import Daemon

LONGEST_SLEEP_S: Final = 1.0
"""The wait is cut up: a stop is heard within this time."""

PATIENCE_S: Final = 30.0
"""How much longer the service manager is asked to wait for the start, again and again: far above one sleep and one try."""

log = logging.getLogger("stackd.service")


def begin(
    try_to_begin: Callable[[], Daemon], *, clock: Clock, waker: Waker, signals: Signals, manager: ServiceManager
) -> Daemon | None:
    """Give the daemon as soon as its journal can be used; None when a stop was asked for before.

    Raises
    ------
    JournalBlocked
        If waiting cannot help, as with a damaged journal.
    """
    waits = 0
    while True:
        try:
            return try_to_begin()
        except JournalBlocked as error:
            if not error.retry_helps:
                raise
            log.warning("start.waits reason=%r", str(error))
            manager.status(f"Waiting to start: {error.message}")
        until_s = clock.now_s() + blocked_wait_s(waits)
        waits += 1
        while clock.now_s() < until_s:
            if signals.stop_asked():
                log.info("service.stopped")
                return None
            manager.starting(PATIENCE_S)
            waker.wait(min(until_s - clock.now_s(), LONGEST_SLEEP_S))
