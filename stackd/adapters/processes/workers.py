"""A process for each job at once: a crash, a hang or too much memory costs that job only.

A process that has done its job well stays for the next one, because starting it takes longer than stacking a few small frames. It
is replaced after some jobs, when it has grown, and when nothing came for a while. A job that is tried again always gets a fresh
one: what an earlier job may have left behind cannot bring it down twice.
"""

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

JOBS_A_PROCESS: Final = 100
"""After so many jobs a process is replaced: its start is then a hundredth of each, and no leak goes on for long."""

STAYS_BELOW_BYTES: Final = 500 * 10**6
"""A process that is larger after its job is not kept: one that has just started holds 150 MB, and beside a stack of large frames
its start is nothing."""

IDLE_S: Final = 20.0
"""So long a process waits for the next job; the frames of a shoot arrive with such pauses."""


@dataclass(slots=True)
class _Running:
    child: ChildProcess
    request: StackingRequest
    since_s: float
    heard_s: float
    timeout_s: float
    jobs: int
    has_reported: bool = False


@dataclass(slots=True)
class _Idle:
    child: ChildProcess
    since_s: float
    timeout_s: float
    """What its limit of CPU time was reckoned from."""
    jobs: int


@dataclass(slots=True)
class _Leaving:
    child: ChildProcess
    until_s: float


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
    jobs_a_process : int
        A process is replaced after so many.
    stays_below_bytes : int
        A process that is larger after a job is replaced.
    idle_s : float
        A process without work ends after so long.
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
        jobs_a_process: int = JOBS_A_PROCESS,
        stays_below_bytes: int = STAYS_BELOW_BYTES,
        idle_s: float = IDLE_S,
    ) -> None:
        self._entry = entry
        self._clock = clock
        self._job_timeout_s = job_timeout_s
        self._silent_s = silent_s
        self._jobs_a_process = jobs_a_process
        self._stays_below_bytes = stays_below_bytes
        self._idle_s = idle_s
        self._watch = watch
        self._unwatch = unwatch
        self._running: dict[int, _Running] = {}
        self._idle: list[_Idle] = []
        self._leaving: list[_Leaving] = []

    def start(self, request: StackingRequest) -> None:
        """Begin a job; returns at once."""
        timeout_s = self._job_timeout_s if request.timeout_s is None else request.timeout_s
        waiting = next((one for one in reversed(self._idle) if one.timeout_s == timeout_s and request.attempt <= 1), None)
        if waiting is not None:
            self._idle.remove(waiting)
        self._start(request, timeout_s, waiting)

    def _start(self, request: StackingRequest, timeout_s: float, waiting: _Idle | None) -> None:
        if waiting is None:
            # All threads count: a job that may take an hour may use an hour of every core.
            child = ChildProcess(self._entry, cpu_s=int(timeout_s * (os.cpu_count() or 1)) + 1)
            self._watch(child.reports)
        else:
            child = waiting.child
        child.send(request, last=False)
        now_s = self._clock.now_s()
        jobs = 1 if waiting is None else waiting.jobs + 1
        self._running[request.job_id] = _Running(
            child=child, request=request, since_s=now_s, heard_s=now_s, timeout_s=timeout_s, jobs=jobs
        )

    def cancel(self, job_id: int) -> None:
        """Ask a job to stop, and kill it when it has not stopped three seconds later."""
        running = self._running.pop(job_id, None)
        if running is not None:
            running.child.ask_to_end()
            self._let_go(running.child, GRACE_S)

    def events(self) -> tuple[WorkerEvent, ...]:
        """Take what has been reported since the last call."""
        events: list[WorkerEvent] = []
        for job_id, running in list(self._running.items()):
            ended = running.child.ended()
            reports = running.child.reported()
            if reports:
                running.heard_s = self._clock.now_s()
                running.has_reported = True
            heard = [_event(job_id, kind, content) for kind, content in reports]
            events += heard
            if any(not isinstance(event, Progressed) for event in heard):
                self._keep(self._running.pop(job_id), did_well=isinstance(heard[-1], Finished) and ended is None)
            elif ended is not None and running.jobs > 1 and not running.has_reported:
                # It may have died while it waited for work: that is not this job's fault, and a fresh process tells.
                self._forget(job_id, 0.0)
                self._start(running.request, running.timeout_s, None)
            elif ended is not None:
                self._forget(job_id, 0.0)
                events.append(Crashed(job_id=job_id, reason=ended))
            elif (hung := self._hung(running)) is not None:
                running.child.kill()
                self._forget(job_id, 0.0)
                events.append(Crashed(job_id=job_id, reason=hung))
        self._tidy()
        return tuple(events)

    def running(self) -> frozenset[int]:
        """Jobs whose worker is alive."""
        return frozenset(self._running)

    def close(self) -> None:
        """Cancel everything, all at the same time, and wait until no worker is left."""
        children = [*(one.child for one in self._running.values()), *(one.child for one in self._idle)]
        for child in children:
            child.ask_to_end()
        children += [one.child for one in self._leaving]
        self._running, self._idle, self._leaving = {}, [], []
        until_s = self._clock.now_s() + GRACE_S
        for child in children:
            # A clock that is moved, as by programs that pretend another time, must not make the wait longer.
            self._let_go(child, min(max(until_s - self._clock.now_s(), 0.0), GRACE_S))

    def _keep(self, done: _Running, *, did_well: bool) -> None:
        """Keep a process for the next job, or let it end by itself."""
        may_stay = did_well and done.jobs < self._jobs_a_process and done.child.rss_bytes() < self._stays_below_bytes
        if may_stay:
            self._idle.append(_Idle(child=done.child, since_s=self._clock.now_s(), timeout_s=done.timeout_s, jobs=done.jobs))
        else:
            self._let_leave(done.child)

    def _let_leave(self, child: ChildProcess) -> None:
        """Take no more work to it; it ends by itself while the service goes on."""
        self._unwatch(child.reports)
        child.dismiss()
        self._leaving.append(_Leaving(child=child, until_s=self._clock.now_s() + GRACE_S))

    def _tidy(self) -> None:
        now_s = self._clock.now_s()
        for waiting in [one for one in self._idle if now_s - one.since_s > self._idle_s or one.child.ended() is not None]:
            self._idle.remove(waiting)
            self._let_leave(waiting.child)
        for leaving in [one for one in self._leaving if now_s > one.until_s or one.child.ended() is not None]:
            self._leaving.remove(leaving)
            leaving.child.close(0.0)

    def _hung(self, running: _Running) -> str | None:
        now_s = self._clock.now_s()
        if now_s - running.heard_s > self._silent_s:
            return f"it made no progress for {self._silent_s:.0f} seconds and was ended"
        if now_s - running.since_s > running.timeout_s:
            return f"it took longer than {running.timeout_s:.0f} seconds ([work] job_timeout_s) and was ended"
        return None

    def _forget(self, job_id: int, grace_s: float) -> None:
        self._let_go(self._running.pop(job_id).child, grace_s)

    def _let_go(self, child: ChildProcess, grace_s: float) -> None:
        self._unwatch(child.reports)
        child.close(grace_s)


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
