"""What the children of `test_worker_processes` do."""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from stackd.errors import OutputBlocked, UnreadableFrame
from stackd.model.frame import FrameMeta
from stackd.model.verdict import Judgement, Verdict
from stackd.service.ports import StackingRequest, StackingResult

Progress = Callable[[str, int, int], None]

PASSED = Verdict(judgement=Judgement.PASS, rejection_probability=0.01)


def work(request: StackingRequest, progress: Progress) -> StackingResult:
    """Behave as the recipe says."""
    progress("fuse", 1, 2)
    return BEHAVIOURS[str(request.recipe)](request, progress)


def describe(asked: tuple[Path, str, bool], progress: Progress) -> bytes | tuple[FrameMeta, None, None]:
    del progress
    folder, name, _ = asked
    if name.startswith("crash"):
        ctypes.string_at(0)
    if name.startswith("hang"):
        time.sleep(600)
    if name.startswith("broken"):
        raise UnreadableFrame(f"{name} is cut off.")
    if name.endswith(".json"):
        return (folder / name).read_bytes()
    return FrameMeta(iso=100.0), None, None


def _well(request: StackingRequest, progress: Progress) -> StackingResult:
    del request, progress
    return StackingResult(
        staged=(),
        verdict=PASSED,
        findings=(),
        seconds=MappingProxyType({"fuse": 1.0}),
        peak_rss_bytes=1,
        fingerprints=MappingProxyType({}),
    )


def _crash(request: StackingRequest, progress: Progress) -> StackingResult:
    ctypes.string_at(0)
    return _well(request, progress)


def _blocked(request: StackingRequest, progress: Progress) -> StackingResult:
    del request, progress
    raise OutputBlocked("The disk is full.", hint="Make room.")


def _unexpected(request: StackingRequest, progress: Progress) -> StackingResult:
    del request, progress
    raise ZeroDivisionError("of all things\x1b[2J")


def _hang(request: StackingRequest, progress: Progress) -> StackingResult:
    time.sleep(600)
    return _well(request, progress)


def _report_on(request: StackingRequest, progress: Progress) -> StackingResult:
    for number in range(100_000):
        progress("fuse", number, 100_000)
        time.sleep(0.01)
    return _well(request, progress)


def _stubborn(request: StackingRequest, progress: Progress) -> StackingResult:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    progress("stubborn", 1, 1)
    return _hang(request, progress)


def _tell_limits(request: StackingRequest, progress: Progress) -> StackingResult:
    import resource

    seconds = {
        "nice": float(os.getpriority(os.PRIO_PROCESS, 0)),
        "core": float(resource.getrlimit(resource.RLIMIT_CORE)[0]),
        "session": float(os.getsid(0) == os.getpid()),
        "open_files": float(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
    }
    result = _well(request, progress)
    return StackingResult(
        staged=(),
        verdict=PASSED,
        findings=(),
        seconds=MappingProxyType(seconds),
        peak_rss_bytes=1,
        fingerprints=result.fingerprints,
    )


def _tell_process(request: StackingRequest, progress: Progress) -> StackingResult:
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    left_s = resource.getrlimit(resource.RLIMIT_CPU)[0] - int(used.ru_utime + used.ru_stime)
    return replace(_well(request, progress), seconds=MappingProxyType({"process": float(os.getpid()), "cpu_left": float(left_s)}))


KEPT: list[bytearray] = []


def _grow(request: StackingRequest, progress: Progress) -> StackingResult:
    KEPT.append(bytearray(b"x" * 200_000_000))
    return _tell_process(request, progress)


BEHAVIOURS = {
    "well": _well,
    "crash": _crash,
    "blocked": _blocked,
    "unexpected": _unexpected,
    "hang": _hang,
    "report on": _report_on,
    "stubborn": _stubborn,
    "tell limits": _tell_limits,
    "tell process": _tell_process,
    "grow": _grow,
}
