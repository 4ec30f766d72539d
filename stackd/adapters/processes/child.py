"""What a child process of the service runs: it ends with its parent, keeps within limits, takes requests and reports back.

Started as `python -P -m stackd.adapters.processes.child ENTRY REQUESTS REPORTS PARENT CPU_S`. ENTRY is `module:function`;
it is called as
`function(request, progress)` for every request and imported only when the first one has come. Requests and reports are
`messages`.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from types import FrameType
from typing import BinaryIO, Final

from stackd.adapters.processes.messages import Report, framed, read_message
from stackd.errors import Cancelled, StackdError
from stackd.model.names import shown

PR_SET_PDEATHSIG: Final = 1
"""Linux prctl(2): the signal this process gets when its parent dies."""

NICENESS: Final = 10
"""Stacking leaves the machine to whoever sits at it; the same step as `nice` without an argument."""

MOST_OPEN_FILES: Final = 4_096
"""Far above the frames of a stack that are ever open together; a leak ends this process, not the machine."""

OOM_SCORE: Final = 500
"""Of −1000 to 1000: when memory runs out the system ends a worker and not the service (Linux)."""


def main() -> None:
    """Serve requests until the parent closes the pipe."""
    entry, requests_fd, reports_fd, parent, cpu_s = sys.argv[1:]
    _end_with(int(parent))
    _keep_within_limits()
    # Ctrl-C in a terminal is for the service, which ends its children itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = _StopFlag()
    with open(int(requests_fd), "rb") as requests, open(int(reports_fd), "wb", buffering=0) as reports:  # noqa: PTH123  (descriptors)
        while not stop.asked and (request := read_message(requests)) is not None:
            _allow_cpu(int(cpu_s))
            _answer(entry, request, reports, stop)


class _StopFlag:
    """Turns SIGTERM into `Cancelled` at the next progress report, so that the work can remove what it has begun."""

    def __init__(self) -> None:
        self.asked = False
        self.working = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if not self.working:
            os._exit(0)
        self.asked = True


def _answer(entry: str, request: object, reports: BinaryIO, stop: _StopFlag) -> None:
    def progress(stage: str, done: int, total: int) -> None:
        if stop.asked:
            raise Cancelled("The work was asked to stop.")
        _send(reports, ("progress", (stage, done, total)))

    try:
        module, _, name = entry.partition(":")
        work: Callable[[object, Callable[[str, int, int], None]], object] = getattr(import_module(module), name)
        stop.working = True
        report: Report = ("result", work(request, progress))
    except StackdError as error:
        report = ("error", error)
    except MemoryError:
        report = ("unexpected", "There was not enough memory for it.")
    except Exception as error:  # noqa: BLE001  (where a job's unforeseen errors end: told, and the service goes on)
        _tell(error)
        report = ("unexpected", f"Something unexpected happened: {type(error).__name__}: {error}")
    finally:
        stop.working = False
    _send(reports, report)


def _tell(error: Exception) -> None:
    """Write the traceback to the service's log, spelled as the log spells everything: it may name files."""
    for line in "".join(traceback.format_exception(error)).splitlines():
        sys.stderr.write(f"{shown(line)}\n")


def _send(reports: BinaryIO, report: Report) -> None:
    remaining = memoryview(framed(report))
    while remaining:
        remaining = remaining[reports.write(remaining) :]


def _end_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        # The parent died before it could be watched.
        os._exit(1)


def _allow_cpu(cpu_s: int) -> None:
    """Let the next request use so much beyond what the ones before it did."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + cpu_s)


def _limit(limit: int, wanted: int) -> None:
    _, hard = resource.getrlimit(limit)
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(limit, (soft, hard))


def _keep_within_limits() -> None:
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, MOST_OPEN_FILES)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(os.getpriority(os.PRIO_PROCESS, 0), NICENESS))
    if sys.platform == "linux":
        # Where it is not allowed (containers), the system chooses whom to end.
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:  # noqa: PTH123
            score.write(str(OOM_SCORE))


if __name__ == "__main__":
    main()
