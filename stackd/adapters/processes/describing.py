"""Reads metadata in a process of its own: a file that crashes or hangs a decoder costs that file only."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from stackd.adapters.processes.child_process import GRACE_S, ChildProcess
from stackd.errors import StackdError
from stackd.model.content import ContentSignature
from stackd.model.frame import Fingerprint, FrameMeta
from stackd.service.ports import Answer, Clock, Described, ManifestRead, NotDescribed

ONE_FILE_S: Final = 60.0
"""Longest time for one file: a hundred megabytes over a slow share take twenty seconds (a guess)."""

ALL_FILES_CPU_S: Final = 24 * 3600
"""CPU seconds after which a fresh process is started; a file that spins is ended by `ONE_FILE_S` long before."""


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
        self._waiting: deque[_Asked] = deque()
        self._child: ChildProcess | None = None
        self._current: _Asked | None = None
        self._since_s = 0.0

    def ask(self, watch: str, folder: Path, path: str, fingerprint: Fingerprint, *, with_hash: bool = False) -> None:
        """Queue a file; returns at once."""
        self._waiting.append(_Asked(watch=watch, folder=folder, path=path, fingerprint=fingerprint, with_hash=with_hash))
        self._go_on()

    def answers(self) -> tuple[Answer, ...]:
        """Take what has been found out since the last call."""
        found: list[Answer] = []
        if self._child is not None:
            ended = self._child.ended()
            found += [
                _answer(self._current, kind, content)
                for kind, content in self._child.reported()
                if kind != "progress" and self._current is not None
            ]
            if found:
                self._current = None
            if ended is not None or self._hangs():
                found += self._give_up(ended or f"reading it took longer than {ONE_FILE_S:.0f} seconds")
        self._go_on()
        return tuple(found)

    def close(self) -> None:
        """Stop reading; nothing asked before is answered."""
        self._waiting.clear()
        self._current = None
        self._end_child(0.0)

    def _go_on(self) -> None:
        if self._current is not None or not self._waiting:
            return
        if self._child is None:
            self._child = ChildProcess(self._entry, cpu_s=ALL_FILES_CPU_S)
            self._watch(self._child.reports)
        self._current = self._waiting.popleft()
        self._since_s = self._clock.now_s()
        self._child.send((self._current.folder, self._current.path, self._current.with_hash), last=False)

    def _hangs(self) -> bool:
        return self._current is not None and self._clock.now_s() - self._since_s > ONE_FILE_S

    def _give_up(self, reason: str) -> list[Answer]:
        """Answer for the file that was being read, and let the next one have a fresh process."""
        self._end_child(0.0)
        asked, self._current = self._current, None
        if asked is None:
            return []
        return [_refused(asked, f"{asked.path} cannot be read: {reason}.")]

    def _end_child(self, grace_s: float) -> None:
        if self._child is not None:
            self._unwatch(self._child.reports)
            self._child.kill()
            self._child.close(min(grace_s, GRACE_S))
            self._child = None


def _answer(asked: _Asked | None, kind: str, content: object) -> Answer:
    if asked is None:
        msg = "a description came that nobody asked for"
        raise ValueError(msg)
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
