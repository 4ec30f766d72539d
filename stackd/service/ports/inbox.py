"""The watched folder: what is in it, and what wakes the service."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from stackd.model.frame import Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSighting:
    """A regular file as one look at the folder found it. `path` is relative to the watched folder (see `Frame.path`)."""

    path: str
    fingerprint: Fingerprint
    inode: int
    changed_ns: int
    """Inode change time: moves even when a copy preserves the modification time."""
    being_written: bool = False
    """True when the system knows of a process that has it open for writing; False proves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One complete look at a watched folder."""

    online: bool
    """False when the folder is missing or cannot be read now: nothing may be concluded from what is absent."""
    files: tuple[FileSighting, ...] = ()
    passed_over: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Paths that are no frames, with the reason (link, device, hidden, temporary, sidecar …)."""
    trouble: str = ""
    """Why the folder is offline, or what limits the look, in plain words."""
    events: bool = True
    """False when no event will announce a change: looks must come more often."""
    canary_heard: bool | None = None
    """Whether a file that the watcher touches on purpose was announced; None where none was touched yet, or nothing listens."""
    took_s: float = 0.0
    """How long the look took; the next one keeps a distance in proportion."""
    failed: bool = False
    """True when the look ended in an error that nobody foresaw: the next ones keep a growing distance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The frames of a job were compared with what they were when they were stacked."""

    job_id: int
    changed: str | None
    """What became of the first that is not the same, in a sentence; None when all are the same."""


class Inbox(Protocol):
    """A watched folder."""

    def woken(self) -> bool:
        """Whether something may have changed since the last call. A hint only; a look is the truth."""
        ...

    def ask(self, closely: Collection[str] = ()) -> None:
        """Begin a look at the folder, unless one is under way. Returns at once: a share that hangs must not hang the service.

        The look tells of every file that is there. Those named in `closely`, those that appeared and those of which a change was
        announced are looked at one by one; of the others a change in place may be told some seconds late.
        """
        ...

    def answer(self) -> Look | None:
        """Take the finished look, once; None while there is none. A look that could not be finished at all is one that failed."""
        ...

    def compare(self, job_id: int, fingerprints: Mapping[str, Fingerprint]) -> None:
        """Begin to compare files with what they were. Returns at once."""
        ...

    def compared(self) -> tuple[Compared, ...]:
        """Take finished comparisons, each once."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


class Signals(Protocol):
    """What whoever started the service asks of it."""

    def stop_asked(self) -> bool:
        """Whether the service is to end."""
        ...

    def reload_asked(self) -> bool:
        """Whether the configuration is to be read again; true once for each request."""
        ...


class Waker(Protocol):
    """Lets the loop sleep until something may have happened."""

    def wait(self, timeout_s: float) -> None:
        """Return after `timeout_s`, or earlier when a folder changed, a worker reported or a signal came."""
        ...

    def rest(self, seconds: float) -> None:
        """Return after so long, whatever happens meanwhile but a signal; nothing of it is lost to the next `wait`."""
        ...
