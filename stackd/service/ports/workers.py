"""Jobs, each in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from stackd.errors import Cancelled, FrameChanged, OutputBlocked, StackdError
from stackd.model.frame import Fingerprint
from stackd.model.stack import Stack
from stackd.model.verdict import Verdict
from stackd.service.ports.output import StagedFile
from stackd.service.ports.placing import Placing

if TYPE_CHECKING:
    from stackd.config.settings import Recipe
    from stackd.model.composite import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class StackingRequest:
    """All that a worker needs to turn a stack into staged files. Picklable."""

    job_id: int
    attempt: int
    stack: Stack
    input_folder: Path
    output_folder: Path
    recipe_name: str
    recipe: Recipe
    version: int = 1
    placing: Placing = field(default_factory=Placing)
    """What is done with the composite if it does not pass."""
    owner: str = "fuse"
    """Tells the temporary files of one service from those of another that writes into the same folder."""
    timeout_s: float | None = None
    """Seconds after which the worker counts as hung; None leaves that to who starts it."""

    @property
    def temporary_prefix(self) -> str:
        """Begin the name of every temporary file of this attempt with this."""
        return f".stackd-{self.owner}-{self.job_id}-{self.attempt}-"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackingResult:
    """What a worker hands back: staged files, composite last, or nothing but a verdict that holds the composite."""

    staged: tuple[StagedFile, ...]
    """All in the folder in which they are to become visible; empty where the composite is held."""
    verdict: Verdict
    findings: tuple[Finding, ...]
    seconds: Mapping[str, float]
    peak_rss_bytes: int
    fingerprints: Mapping[str, Fingerprint]
    """Of every frame as it was read, by frame path."""
    held_because: str = ""
    """Why the composite is held where its verdict is not the reason."""

    @property
    def folder(self) -> Path | None:
        """Where the files are to become visible; None where nothing is."""
        return self.staged[-1].temporary_path.parent if self.staged else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """A running job got on."""

    job_id: int
    stage: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A job's worker staged its files."""

    job_id: int
    result: StackingResult


class Cause(Enum):
    """Why a job failed, as far as it decides what becomes of the job."""

    CANCELLED = "cancelled"
    """It was asked to stop."""
    FRAME_CHANGED = "frame changed"
    """Its frames are no longer those that were sealed."""
    OUTPUT_BLOCKED = "output blocked"
    """Its output cannot be written now."""
    OTHER = "other"
    """Anything else, told in the message."""

    @classmethod
    def of(cls, error: StackdError) -> Cause:
        """Tell the cause of an error."""
        match error:
            case Cancelled():
                return cls.CANCELLED
            case FrameChanged():
                return cls.FRAME_CHANGED
            case OutputBlocked():
                return cls.OUTPUT_BLOCKED
            case _:
                return cls.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A job's worker reported an error in plain words."""

    job_id: int
    message: str
    hint: str
    cause: Cause
    retry_helps: bool
    folder: Path | None = None
    """The folder that could not be written, where that is known."""

    @classmethod
    def by(cls, error: StackdError, *, job_id: int) -> Failed:
        """Report an error."""
        return cls(
            job_id=job_id,
            message=error.message,
            hint=error.hint,
            cause=Cause.of(error),
            retry_helps=error.retry_helps,
            folder=error.folder if isinstance(error, OutputBlocked) else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed:
    """A job's worker died without a word (killed, out of memory, a crash in a decoder), or hung and was ended."""

    job_id: int
    reason: str


WorkerEvent: TypeAlias = Progressed | Finished | Failed | Crashed


class Workers(Protocol):
    """Runs each job in a process of its own."""

    def start(self, request: StackingRequest) -> None:
        """Begin a job; returns at once."""
        ...

    def cancel(self, job_id: int) -> None:
        """Ask a job to stop, and make sure it does; its temporary files are removed. No event follows."""
        ...

    def events(self) -> tuple[WorkerEvent, ...]:
        """Take what has been reported since the last call."""
        ...

    def running(self) -> frozenset[int]:
        """Jobs whose worker is alive."""
        ...

    def close(self) -> None:
        """Cancel everything and wait until no worker is left."""
        ...
