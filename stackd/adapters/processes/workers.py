"""One spawned process a job: a crash, a hang or too much memory costs that job only."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stackd.adapters.processes.child_process import GRACE_S, ChildProcess
from stackd.errors import StackdError
from stackd.service.ports import (
    Cause,
    Clock,
    Crashed,
    Failed,
    Finished,
    Progressed,
    StackingRequest,
    StackingResult,
    WorkerEvent,
)

SILENT_S: Final = 900.0
"""A job that reports nothing for so long hangs: the longest step between two reports, one huge frame, takes seconds (a guess)."""


@dataclass(slots=True)
class _Running:
    child: ChildProcess
    since_s: float
    heard_s: float
    timeout_s: float


class WorkerProcesses:
    """`Workers` that call `entry` in processes of their own.

    Parameters
    ----------
    entry : str
        `module:function`, called as `function(request, progress)` in the child; gives a `StackingResult`.
    clock : Clock
    job_timeout_s : float
        A job that takes longer counts as hung, unless its request says otherwise.
    watch, unwatch : callable
        Told which descriptor becomes readable when a worker reports.
    """

    def __init__(
        self,
        entry: str,
        *,
        clock: Clock,
        job_timeout_s: float,
        watch: Callable[[int], None],
        unwatch: Callable[[int], None],
        silent_s: float = SILENT_S,
    ) -> None:
        self._entry = entry
        self._clock = clock
        self._job_timeout_s = job_timeout_s
        self._silent_s = silent_s
        self._watch = watch
        self._unwatch = unwatch
        self._running: dict[int, _Running] = {}

    def start(self, request: StackingRequest) -> None:
        """Begin a job; returns at once."""
        # All threads count: a job that may take an hour may use an hour of every core.
        timeout_s = self._job_timeout_s if request.timeout_s is None else request.timeout_s
        child = ChildProcess(self._entry, cpu_s=int(timeout_s * (os.cpu_count() or 1)) + 1)
        child.send(request, last=True)
        now_s = self._clock.now_s()
        self._running[request.job_id] = _Running(child=child, since_s=now_s, heard_s=now_s, timeout_s=timeout_s)
        self._watch(child.reports)

    def cancel(self, job_id: int) -> None:
        """Ask a job to stop, and kill it when it has not stopped three seconds later."""
        running = self._running.pop(job_id, None)
        if running is not None:
            running.child.ask_to_end()
            self._let_go(running, GRACE_S)

    def events(self) -> tuple[WorkerEvent, ...]:
        """Take what has been reported since the last call."""
        events: list[WorkerEvent] = []
        for job_id, running in list(self._running.items()):
            ended = running.child.ended()
            reports = running.child.reported()
            if reports:
                running.heard_s = self._clock.now_s()
            heard = [_event(job_id, kind, content) for kind, content in reports]
            events += heard
            if any(not isinstance(event, Progressed) for event in heard):
                self._forget(job_id, GRACE_S)
            elif ended is not None:
                self._forget(job_id, GRACE_S)
                events.append(Crashed(job_id=job_id, reason=ended))
            elif (hung := self._hung(running)) is not None:
                running.child.kill()
                self._forget(job_id, GRACE_S)
                events.append(Crashed(job_id=job_id, reason=hung))
        return tuple(events)

    def running(self) -> frozenset[int]:
        """Jobs whose worker is alive."""
        return frozenset(self._running)

    def close(self) -> None:
        """Cancel everything, all at the same time, and wait until no worker is left."""
        for running in self._running.values():
            running.child.ask_to_end()
        until_s = self._clock.now_s() + GRACE_S
        for job_id in list(self._running):
            # A clock that is moved, as by programs that pretend another time, must not make the wait longer.
            self._forget(job_id, min(max(until_s - self._clock.now_s(), 0.0), GRACE_S))

    def _hung(self, running: _Running) -> str | None:
        now_s = self._clock.now_s()
        if now_s - running.heard_s > self._silent_s:
            return f"it made no progress for {self._silent_s:.0f} seconds and was ended"
        if now_s - running.since_s > running.timeout_s:
            return f"it took longer than {running.timeout_s:.0f} seconds ([work] job_timeout_s) and was ended"
        return None

    def _forget(self, job_id: int, grace_s: float) -> None:
        self._let_go(self._running.pop(job_id), grace_s)

    def _let_go(self, running: _Running, grace_s: float) -> None:
        self._unwatch(running.child.reports)
        running.child.close(grace_s)


def _event(job_id: int, kind: str, content: object) -> WorkerEvent:
    match kind, content:
        case "progress", (str(stage), int(done), int(total)):
            return Progressed(job_id=job_id, stage=stage, done=done, total=total)
        case "result", StackingResult() as result:
            return Finished(job_id=job_id, result=result)
        case "error", StackdError() as error:
            return Failed.by(error, job_id=job_id)
        case _:
            return Failed(job_id=job_id, message=str(content), hint="", cause=Cause.OTHER, retry_helps=False)
