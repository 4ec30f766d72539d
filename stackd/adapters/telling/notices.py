"""Tells a command of the user's what needs them, each event at least once: a thread that reads the journal beside the service.

What was told is kept as one number in the state folder, written after the command has ended. So a crash between the two tells one
event twice, and none is lost. What happened before the first time that a command was configured is not told.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from stackd.adapters.telling.command import run_command
from stackd.adapters.telling.whole_file import write_whole
from stackd.errors import StackdError
from stackd.model.job import Job
from stackd.model.names import shown
from stackd.service.ports import Event, Telling

TOLD_NAME: Final = "notified"
"""In the state folder: the number of the last step of a stack that was told, or needed not be."""

AGAIN_S: Final = 5.0
"""The journal is asked this often without being told to: it may have been locked."""

STOP_S: Final = 2.0
"""A command that runs has this long to end when the service stops, and is told again at the next start if it does not."""

log = logging.getLogger("stackd.notify")


class Happened(Protocol):
    """A step of a stack."""

    @property
    def number(self) -> int:
        """Grows from step to step."""
        ...

    @property
    def event(self) -> Event | None:
        """None for what nobody needs to be told."""
        ...

    @property
    def job(self) -> Job:
        """The stack's job, as it is now."""
        ...

    @property
    def evidence(self) -> tuple[str, ...]:
        """Why it is held."""
        ...


class Steps(Protocol):
    """The steps of stacks in the journal."""

    def newest(self) -> int:
        """Give the number of the last one."""
        ...

    def after(self, number: int) -> tuple[Happened, ...]:
        """Give the next ones after that number, oldest first."""
        ...


class Notices:
    """Tells one event after another; `wake` says that there may be new ones."""

    def __init__(self, steps: Steps, state_folder: Path) -> None:
        self._steps = steps
        self._kept = state_folder / TOLD_NAME
        self._telling = Telling()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._at: int | None = None
        self._trouble = ""
        self.run, self.failed = 0, 0
        self._thread: threading.Thread | None = None

    def follow(self, telling: Telling) -> None:
        """Tell whom the configuration names from now on; nobody where it names no command."""
        self._telling = telling
        if not telling.command:
            # What happens until there is one again is not told then.
            self._at = None
            with suppress(OSError):
                self._kept.unlink(missing_ok=True)
        elif self._thread is None:
            # At once, as far as can be: what happens from here on is told.
            self._guarded(self._begin)
            self._thread = threading.Thread(target=self._work, name="notify", daemon=True)
            self._thread.start()
        self.wake()

    def wake(self) -> None:
        """Look for new events."""
        self._woken.set()

    def close(self) -> None:
        """End; a command that runs is given a moment."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait(AGAIN_S)
            self._woken.clear()
            self._guarded(self.tell_all)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except StackdError as error:
            self._complain(str(error))
        except Exception:
            log.exception("notify.stumbled")
        else:
            self._trouble = ""

    def tell_all(self) -> None:
        """Tell what has happened since what was told last."""
        if not self._telling.command:
            return
        self._begin()
        while self._at is not None and (found := self._steps.after(self._at)):
            for happened in found:
                telling = self._telling
                if self._stopping.is_set() or not telling.command:
                    return
                if happened.event in telling.on and not self._tell(happened, telling):
                    return
                self._keep(happened.number)

    def _tell(self, happened: Happened, telling: Telling) -> bool:
        """Run the command; False when the service stops meanwhile."""
        told = variables(happened)
        trouble = run_command(telling.command, told, timeout_s=telling.timeout_s, stopping=self._stopping)
        if trouble is None:
            return False
        self.run += 1
        if trouble:
            self.failed += 1
            log.warning("notify.failed event=%s stack=%s reason=%r", happened.event, happened.job.stack_id, trouble)
        else:
            log.info("notify.told event=%s stack=%s", happened.event, happened.job.stack_id)
        return True

    def _recall(self) -> int:
        newest = self._steps.newest()
        try:
            kept = int(self._kept.read_text(encoding="ascii"))
        except (OSError, ValueError):
            self._keep(newest)
            return newest
        # A journal that was begun anew counts from the beginning.
        return kept if kept <= newest else 0

    def _begin(self) -> None:
        if self._at is None:
            self._at = self._recall()

    def _keep(self, number: int) -> None:
        if not self._telling.command:
            return
        self._at = number
        try:
            write_whole(self._kept, f"{number}\n")
        except OSError as error:
            self._complain(f"{shown(self._kept)} cannot be written: {error.strerror}; an event may be told twice.")

    def _complain(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("notify.waits reason=%r", trouble)
            self._trouble = trouble


def variables(happened: Happened) -> Mapping[str, str]:
    """Describe an event as environment variables, which may be empty but are always there."""
    job = happened.job
    likely = "" if job.verdict is None else f"The composite is for {job.verdict.judgement}: {job.verdict.likely}."
    sentence = job.error or (happened.evidence[0] if happened.evidence else "") or likely
    return {
        "STACKD_EVENT": "" if happened.event is None else happened.event.value,
        "STACKD_STACK": job.stack_id,
        # A path and no sentence: its exact bytes.
        "STACKD_COMPOSITE": os.fsdecode(os.fsencode(job.composite_path or "")),
        "STACKD_VERDICT": "" if job.verdict is None else job.verdict.judgement.value,
        "STACKD_SENTENCE": shown(sentence),
    }
