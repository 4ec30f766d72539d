"""Reads metadata in processes of their own: a file that crashes or hangs a decoder costs that file only."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from stackd.adapters.processes.child_process import GRACE_S, ChildProcess
from stackd.errors import StackdError
from stackd.model.content import ContentSignature
from stackd.model.frame import Fingerprint, FrameMeta
from stackd.service.ports import Answer, Clock, Described, ManifestRead, NotDescribed

ONE_FILE_S: Final = 60.0
"""Longest time for one file: a hundred megabytes over a slow share take twenty seconds (a guess)."""

SLOW_S: Final = 2.0
"""After so long with one file the process gets no more, and others read what it was asked besides."""

START_S: Final = 10.0
"""The first file of a process may take so long: a busy machine starts it in three seconds."""

ASKED_AHEAD: Final = 16
"""Files sent to a process before it has answered: a tiny frame takes a millisecond, to wake the service for each takes longer."""

MOST_PROCESSES: Final = 4
"""So many at most, where each of the others is at a slow file; two images that hang the decoder then hold up nobody."""

USUAL_PROCESSES: Final = 2
"""Decoding keeps both cores of a small machine busy, and a card reader is not faster."""

FILES_WORTH_A_PROCESS: Final = 24
"""A further process takes a second to start, as long as one reads so many files."""

IDLE_S: Final = 20.0
"""A further process ends after so long without work; the first one stays."""

ONE_FILE_CPU_S: Final = 24 * 3600
"""A file that spins is ended by `ONE_FILE_S` long before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    watch: str
    folder: Path
    path: str
    fingerprint: Fingerprint
    with_hash: bool


class DescribingProcess:
    """A `Describer` that calls `entry` in one child process, started when the first file is asked for.

    Parameters
    ----------
    entry : str
        `module:function`, called as `function((folder, path, with_hash), progress)` in the child. Gives the bytes of a manifest,
        or a `FrameMeta`, a `ContentSignature` or None, and the content hash or None.
    """

    def __init__(self, entry: str, *, clock: Clock, watch: Callable[[int], None], unwatch: Callable[[int], None]) -> None:
        self._entry = entry
        self._clock = clock
        self._watch = watch
        self._unwatch = unwatch
        self._child: ChildProcess | None = None
        self._sent: deque[_Asked | None] = deque()
        """What the child was asked, in order; none for what another reads instead."""
        self._since_s = 0.0
        self.has_begun = False
        """Whether the child has answered anything yet."""

    def ask(self, watch: str, folder: Path, path: str, fingerprint: Fingerprint, *, with_hash: bool = False) -> None:
        """Send a file; returns at once."""
        self.read(_Asked(watch=watch, folder=folder, path=path, fingerprint=fingerprint, with_hash=with_hash))

    def read(self, asked: _Asked) -> None:
        """Send a file; returns at once."""
        if self._child is None:
            self._child = ChildProcess(self._entry, cpu_s=ONE_FILE_CPU_S)
            self._watch(self._child.reports)
        if not self._sent:
            self._since_s = self._clock.now_s()
        self._sent.append(asked)
        self._child.send((asked.folder, asked.path, asked.with_hash), last=False)

    def answers(self) -> tuple[Answer, ...]:
        """Take what has been found out since the last call."""
        if self._child is None:
            return ()
        found: list[Answer] = []
        ended = self._child.ended()
        for kind, content in self._child.reported():
            if kind != "progress" and self._sent:
                asked = self._sent.popleft()
                self._since_s = self._clock.now_s()
                self.has_begun = True
                found += [] if asked is None else [_answer(asked, kind, content)]
        if ended is not None or (self._sent and self.waited_s() > ONE_FILE_S):
            found += self._give_up(ended or f"reading it took longer than {ONE_FILE_S:.0f} seconds")
        return tuple(found)

    def asked(self) -> int:
        """Count the files that are not answered yet."""
        return len(self._sent)

    def waited_s(self) -> float:
        """Say how long it has been at its file, or without one."""
        return self._clock.now_s() - self._since_s

    def give_away(self) -> list[_Asked]:
        """Let others read what waits behind the file it is at."""
        waiting = [asked for asked in list(self._sent)[1:] if asked is not None]
        self._sent = deque([self._sent[0], *[None] * (len(self._sent) - 1)]) if self._sent else deque()
        return waiting

    def close(self) -> None:
        """Stop reading; nothing asked before is answered."""
        self._sent.clear()
        self._end_child()

    def _give_up(self, reason: str) -> list[Answer]:
        """Answer for the file that was being read, and let the others have a fresh process."""
        self._end_child()
        sent, self._sent = self._sent, deque()
        first = sent.popleft() if sent else None
        for asked in sent:
            if asked is not None:
                self.read(asked)
        return [] if first is None else [_refused(first, f"{first.path} cannot be read: {reason}.")]

    def _end_child(self) -> None:
        if self._child is not None:
            self._unwatch(self._child.reports)
            self._child.kill()
            self._child.close(GRACE_S)
            self._child = None
            self.has_begun = False


class DescribingProcesses:
    """A `Describer` over several processes: as many as there are files for, and one more where the others are at slow files."""

    def __init__(self, entry: str, *, clock: Clock, watch: Callable[[int], None], unwatch: Callable[[int], None]) -> None:
        self._make = partial(DescribingProcess, entry, clock=clock, watch=watch, unwatch=unwatch)
        self._processes = [self._make()]
        self._waiting: deque[_Asked] = deque()

    def ask(self, watch: str, folder: Path, path: str, fingerprint: Fingerprint, *, with_hash: bool = False) -> None:
        """Queue a file; returns at once."""
        self._waiting.append(_Asked(watch=watch, folder=folder, path=path, fingerprint=fingerprint, with_hash=with_hash))
        self._go_on()

    def answers(self) -> tuple[Answer, ...]:
        """Take what has been found out since the last call."""
        found = [answer for process in self._processes for answer in process.answers()]
        for process in self._processes:
            if _is_slow(process):
                self._waiting.extendleft(reversed(process.give_away()))
        self._go_on()
        for process in [one for one in self._processes[1:] if not one.asked() and one.waited_s() > IDLE_S]:
            self._processes.remove(process)
            process.close()
        return tuple(found)

    def close(self) -> None:
        """Stop reading; nothing asked before is answered."""
        self._waiting.clear()
        for process in self._processes:
            process.close()

    def _go_on(self) -> None:
        while self._waiting:
            ready = [one for one in self._processes if one.asked() < ASKED_AHEAD and not _is_slow(one)]
            busy = sum(not _is_slow(one) for one in self._processes)
            is_worth = not busy or (not ready and busy < USUAL_PROCESSES and len(self._waiting) >= FILES_WORTH_A_PROCESS)
            if is_worth and len(self._processes) < MOST_PROCESSES:
                ready = [self._make()]
                self._processes += ready
            if not ready:
                return
            min(ready, key=DescribingProcess.asked).read(self._waiting.popleft())


def _is_slow(process: DescribingProcess) -> bool:
    return process.asked() > 0 and process.waited_s() > (SLOW_S if process.has_begun else START_S)


def _answer(asked: _Asked, kind: str, content: object) -> Answer:
    match kind, content:
        case "result", bytes(manifest):
            return ManifestRead(watch=asked.watch, path=asked.path, fingerprint=asked.fingerprint, content=manifest)
        case "result", (FrameMeta() as meta, (None | ContentSignature()) as signature, None):
            return Described(watch=asked.watch, path=asked.path, fingerprint=asked.fingerprint, meta=meta, content=signature)
        case "result", (
            FrameMeta() as meta,
            (None | ContentSignature()) as signature,
            (str() as content_sha256, (None | str()) as picture),
        ):
            fingerprint = replace(asked.fingerprint, content_sha256=content_sha256, picture=picture)
            return Described(watch=asked.watch, path=asked.path, fingerprint=fingerprint, meta=meta, content=signature)
        case "error", StackdError() as error:
            return _refused(asked, str(error), may_pass=error.retry_helps)
        case _:
            return _refused(asked, f"{asked.path} cannot be read. {content}")


def _refused(asked: _Asked, reason: str, *, may_pass: bool = False) -> NotDescribed:
    return NotDescribed(watch=asked.watch, path=asked.path, fingerprint=asked.fingerprint, reason=reason, may_pass=may_pass)
