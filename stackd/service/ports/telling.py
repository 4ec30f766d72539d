"""What the running service tells of itself: facts for `stackd status` and monitoring, and events for a command of the user's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Protocol


class Event(StrEnum):
    """What a command of the user's can be told of."""

    HELD = "held"
    REVIEW = "review"
    FAILED = "failed"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Whom the service tells, as configured."""

    metrics: Path | None = None
    """File for Prometheus; None for none."""
    command: tuple[str, ...] = ()
    """Program and arguments to run for an event; empty for none."""
    on: frozenset[Event] = frozenset()
    timeout_s: float = 30.0
    """The command is ended after this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchHealth:
    """A watched folder, as known when it was written."""

    watch: str
    label: str
    online: bool
    trouble: str
    events: bool
    """Change notices are listened for: the watcher and its emitters lived at the last look."""
    canary_heard: bool | None
    """A file touched on purpose was announced; None where none was touched yet, or notices are not listened for."""
    looked_s: float | None
    """Seconds since the last look that was finished; None before the first."""
    looking_s: float | None
    """Seconds that the look under way has taken; None while there is none."""
    late_s: float
    """A last look older than this is late."""
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Room where the service writes."""

    use: str
    """state, output or scratch."""
    folder: str
    free_bytes: int | None
    """None where the disk does not answer, or the folder is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningJob:
    """A stack that is worked on."""

    stack_id: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The service, as its own loop saw it. Counts begin anew with each start."""

    process: int
    version: str
    started_at: datetime
    written_at: datetime
    written_s: float
    """Monotonic: what a reader on the same machine tells the age by, whatever becomes of the time of day."""
    watches: tuple[WatchHealth, ...] = ()
    journal_trouble: str = ""
    running: tuple[RunningJob, ...] = ()
    waiting: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Unfinished stacks by state."""
    moves: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Steps of stacks by the state they came to."""
    published: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Composites by what was judged of them."""
    disks: tuple[Disk, ...] = ()
    errors: int = 0
    last_error: str = ""
    last_error_at: datetime | None = None
    notices: int = 0
    notices_failed: int = 0
    """Runs of the user's command, and those of them that failed."""


class Teller(Protocol):
    """Takes what the service tells of itself; every call returns at once and none of them fails."""

    def follow(self, telling: Telling) -> None:
        """Tell whom the configuration names from now on."""
        ...

    def tell(self, health: Health, outputs: tuple[Path, ...]) -> None:
        """Make the facts known, with the room in the output folders."""
        ...

    def notice(self) -> None:
        """Say that the journal took a step of a stack: somebody may want to know."""
        ...

    def close(self) -> None:
        """End, and leave the last facts as those of a service that was stopped."""
        ...
