"""What the service needs of the world, worded for the service: small protocols, each with one real adapter and one fake.

Types that bring numpy along are named for the type checker only: `stackd status` imports this module and must answer at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from stackd.model.frame import Fingerprint, FrameMeta
from stackd.model.job import Job, JobState
from stackd.model.stack import Stack

if TYPE_CHECKING:
    from stackd.imaging.frames import FrameSource
    from stackd.model.composite import Composite, DepthMap, Finding
    from stackd.model.content import ContentSignature

# ------------------------------------------------------------------ time


class Clock(Protocol):
    """Time, in its two kinds that are never mixed."""

    def now_s(self) -> float:
        """Seconds on a clock that only goes forward."""
        ...

    def now_at(self) -> datetime:
        """The time of day, aware, UTC."""
        ...


class Meter(Protocol):
    """What the work costs."""

    def peak_rss_bytes(self) -> int:
        """Most memory this process had resident so far."""
        ...


# ---------------------------------------------------------------- folder


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
    took_s: float = 0.0
    """How long the look took; the next one keeps a distance in proportion."""


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

    def ask(self) -> None:
        """Begin a look at the folder, unless one is under way. Returns at once: a share that hangs must not hang the service."""
        ...

    def answer(self) -> Look | None:
        """Take the finished look, once; None while there is none."""
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


# ---------------------------------------------------------------- frames


class FrameReader(Protocol):
    """Reads frames of every supported format."""

    def describe(self, path: Path) -> FrameMeta:
        """Read what metadata and header say. A file without metadata gives an almost empty `FrameMeta`.

        Raises
        ------
        UnreadableFrame
            If the file is no image of a supported format, or is cut off where that can be told cheaply.
        """
        ...

    def check(self, frames: Sequence[FrameFile]) -> Mapping[FrameFile, str]:
        """Name the frames that cannot take part, each with the reason in plain words: unreadable, cut off, or of another size.

        The size that most frames share wins. Cheap: headers and structure, no decoding of whole frames.
        """
        ...

    def open(self, frames: Sequence[FrameFile], develop: object) -> FrameSource:
        """Prepare to read frames of one stack, near → far; RAW files all developed alike by the recipe's `develop` table."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFile:
    """Where one frame's pixels are: absolute path, and the plane in a multi-page file."""

    path: Path
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a settled file says of itself, and of its content where the grouping asks for it."""

    watch: str
    path: str
    fingerprint: Fingerprint
    meta: FrameMeta
    content: ContentSignature | None = None
    """What the frame looks like; none when its pixels could not be looked at cheaply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDescribed:
    """A settled file that is no readable frame, and why in plain words."""

    watch: str
    path: str
    fingerprint: Fingerprint
    reason: str
    may_pass: bool = False
    """Whether the same file may be readable later: it could not be opened, or its share failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRead:
    """A settled manifest's bytes, no more than the largest manifest that is obeyed plus one."""

    watch: str
    path: str
    fingerprint: Fingerprint
    content: bytes


Answer: TypeAlias = Described | NotDescribed | ManifestRead


class Describer(Protocol):
    """Reads metadata outside the service's own process: a decoder that crashes or hangs on a file costs that file only."""

    def ask(self, watch: str, folder: Path, path: str, fingerprint: Fingerprint, *, with_hash: bool = False) -> None:
        """Queue a file; returns at once. `with_hash` asks for the content hash in the answer's fingerprint."""
        ...

    def answers(self) -> tuple[Answer, ...]:
        """Take what has been found out since the last call."""
        ...

    def close(self) -> None:
        """Stop reading; nothing asked before is answered."""
        ...


# ---------------------------------------------------------------- output


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """A finished output file under its temporary name, synced to disk, waiting to be made visible."""

    temporary_path: Path
    final_name: str
    """Wanted name; a number is added to the stem when it is taken."""
    sha256: str
    size_bytes: int


class Exporter(Protocol):
    """Writes composites in the recipe's format."""

    def stage(
        self,
        composite: Composite,
        *,
        folder: Path,
        version: int,
        temporary_prefix: str,
        frames: Sequence[Path],
        name: str | None,
        export: object,
    ) -> tuple[StagedFile, ...]:
        """Write the composite and its sidecars under temporary names into `folder` and sync them; the composite comes last.

        Parameters
        ----------
        version : int
            Added to the name as `_v2`, `_v3` … when late frames made a new composite.
        frames : sequence of Path
            The source frames near → far, for the name template and for the metadata of the reference frame, which is the one
            whose name ends with `composite.reference_path`.
        name : str or None
            The stack's own name where a manifest or folder gave one; replaces the name template.
        export : ExportSettings
            The recipe's `export` table.

        Raises
        ------
        OutputBlocked
            If the folder cannot be written (full, missing, no permission); what was written is removed first.
        """
        ...

    def made(self, path: Path) -> bool:
        """Whether stackd wrote this file; False when in doubt."""
        ...

    def stage_depth_map(self, depth: DepthMap, *, folder: Path, temporary_prefix: str, picture: bool) -> StagedFile:
        """Write a depth map alone: positions as 16-bit TIFF, or a picture of them as PNG.

        Raises
        ------
        OutputBlocked
            As `stage`.
        """
        ...


class Publisher(Protocol):
    """Makes staged files visible, never replacing anything."""

    def choose_names(self, folder: Path, staged: Sequence[StagedFile]) -> tuple[str, ...]:
        """Find free final names that share one stem."""
        ...

    def publish(self, folder: Path, staged: StagedFile, name: str) -> None:
        """Rename to `name` without replacing, then sync the folder.

        Raises
        ------
        NameTaken
            If `name` exists with other content. A file of the same content counts as published.
        OutputBlocked
            If the folder cannot be written now.
        """
        ...

    def withdraw(self, folder: Path, staged: StagedFile, name: str) -> None:
        """Give a published file its temporary name back; one that is gone or was changed since stays as it is.

        Raises
        ------
        OutputBlocked
            If the folder cannot be written now.
        """
        ...

    def replace(self, folder: Path, staged: StagedFile, name: str) -> None:
        """Rename to `name` in place of what is there, then sync the folder. Only for what the user asked to make again.

        Raises
        ------
        OutputBlocked
            If the folder cannot be written now.
        """
        ...

    def try_folder(self, folder: Path, *, needed_bytes: int, temporary_prefix: str) -> None:
        """See whether the folder can be written and has room, before work is done for it; leaves nothing behind.

        Raises
        ------
        OutputBlocked
            If it cannot be written now, or has less than `needed_bytes` free.
        """
        ...

    def remains(self, folder: Path) -> tuple[Path, ...]:
        """List temporary files of ours in `folder`."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a temporary file of ours; refuses any other."""
        ...


# --------------------------------------------------------------- workers


@dataclass(frozen=True, slots=True, kw_only=True)
class StackingRequest:
    """All that a worker needs to turn a stack into staged files. Picklable."""

    job_id: int
    attempt: int
    stack: Stack
    input_folder: Path
    output_folder: Path
    recipe_name: str
    recipe: object
    """A `stackd.config.settings.Recipe`."""
    version: int = 1
    owner: str = "fuse"
    """Tells the temporary files of one service from those of another that writes into the same folder."""

    @property
    def temporary_prefix(self) -> str:
        """Begin the name of every temporary file of this attempt with this."""
        return f".stackd-{self.owner}-{self.job_id}-{self.attempt}-"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackingResult:
    """What a worker hands back: files staged in the output folder, composite last."""

    staged: tuple[StagedFile, ...]
    findings: tuple[Finding, ...]
    seconds: Mapping[str, float]
    peak_rss_bytes: int
    fingerprints: Mapping[str, Fingerprint]
    """Of every frame as it was read, by frame path."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A job's worker reported an error in plain words."""

    job_id: int
    message: str
    hint: str
    kind: str
    """Class name of the error, such as `OutputBlocked`."""
    retry_helps: bool


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


# --------------------------------------------------------------- journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is about to become visible: written to the journal before the first rename."""

    job_id: int
    folder: Path
    files: tuple[tuple[StagedFile, str], ...]
    """Staged files with their final names, composite last."""
    warnings: tuple[Warned, ...] = ()
    fingerprints: Mapping[str, Fingerprint] = field(default_factory=lambda: MappingProxyType({}))
    """Of every frame as it was read, by frame path."""
    seconds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    peak_rss_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something the user should know about a composite."""

    code: str
    sentence: str


class WishKind(StrEnum):
    """What a user can decide about a stack."""

    RETRY = "retry"
    RELEASE = "release"
    SPLIT = "split"
    MERGE = "merge"
    DISMISS = "dismiss"


DECIDABLE: Final[Mapping[WishKind, frozenset[JobState]]] = MappingProxyType(
    {
        WishKind.RETRY: frozenset({JobState.FAILED, JobState.QUARANTINED, JobState.BLOCKED, JobState.DISMISSED}),
        WishKind.RELEASE: frozenset({JobState.HELD}),
        WishKind.DISMISS: frozenset(
            {JobState.HELD, JobState.READY, JobState.RUNNING, JobState.BLOCKED, JobState.FAILED, JobState.QUARANTINED}
        ),
        WishKind.SPLIT: frozenset(JobState) - {JobState.SUPERSEDED},
        WishKind.MERGE: frozenset(JobState) - {JobState.SUPERSEDED},
    }
)
"""States of a stack in which a decision about it means something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A user's decision, kept for ever; it wins over what the grouping finds."""

    id: int
    kind: WishKind
    stack_id: str
    asked_at: datetime
    frames: tuple[str, ...] = ()
    """SPLIT: first frame of every later part. MERGE: nothing."""
    other_stack_ids: tuple[str, ...] = ()
    """MERGE: the stacks to join with `stack_id`."""
    answer: str | None = None
    """What became of it; None while the service has not taken it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStack:
    """Frames that seem to belong together and are not sealed yet."""

    frames: tuple[str, ...]
    waits_for: str
    """Why it is not sealed, in plain words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftAlone:
    """Frames that are no focus stack, or single ones."""

    kind: str
    """A `StackKind`, or "single"."""
    count: int
    first: str
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderReport:
    """What the service knows of a watched folder, for `stackd status`."""

    watch: str
    at: datetime
    online: bool
    trouble: str = ""
    files: int = 0
    settling: int = 0
    open_stacks: tuple[OpenStack, ...] = ()
    set_aside: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Files that should be frames but cannot be read, with the reason."""
    passed_over: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Files that are no frames, with the reason; the first few only."""
    passed_over_count: int = 0
    left_alone: tuple[LeftAlone, ...] = ()
    """Exposure brackets, bursts and the like, then the single frames; the first few only."""


class Journal(Protocol):
    """The durable record. Every method is one transaction; when it returns, a power cut no longer loses it."""

    def record_sealed(
        self, stack: Stack, *, watch: str, recipe_name: str, recipe_hash: str, state: JobState, version: int, at: datetime
    ) -> Job:
        """Remember a sealed stack and its new job."""
        ...

    def move(
        self,
        job_id: int,
        state: JobState,
        *,
        at: datetime,
        error: str | None = None,
        hint: str | None = None,
        crashed: bool = False,
        forgive: bool = False,
        recipe_hash: str | None = None,
    ) -> Job:
        """Step a job along a legal transition. RUNNING counts the attempt up before anything runs.

        `recipe_hash` notes which content of its recipe the job runs with; the recipe may have changed since it was sealed.
        `crashed` counts one more crash; `forgive` sets attempts and crashes back to none, as a user's retry does.

        Raises
        ------
        IllegalTransition
            If the table in `model/job.py` does not allow it.
        """
        ...

    def begin_publication(self, publication: Publication, *, at: datetime) -> Job:
        """Step to PUBLISHING, with names and hashes; once more with other names when one was taken meanwhile."""
        ...

    def finish_publication(self, job_id: int, *, at: datetime) -> Job:
        """Step to DONE."""
        ...

    def publication(self, job_id: int) -> Publication | None:
        """What was about to become visible when the job stepped to PUBLISHING."""
        ...

    def jobs(self, states: Iterable[JobState] | None = None) -> tuple[Job, ...]:
        """Jobs in these states, oldest first; all when none are named."""
        ...

    def stack(self, stack_id: str) -> Stack | None:
        """A recorded stack with its frames."""
        ...

    def taken_frames(self, watch: str) -> Mapping[str, tuple[Fingerprint, str]]:
        """Frames that belong to recorded stacks of this watch: path → (fingerprint, stack id)."""
        ...

    def owner(self) -> str:
        """Name this journal's service in temporary file names: a few letters, drawn once."""
        ...

    def try_writing(self) -> None:
        """Write something that does not matter.

        Raises
        ------
        JournalBlocked
            If the journal cannot be written.
        """
        ...

    def ask(
        self,
        kind: WishKind,
        stack_id: str,
        *,
        at: datetime,
        frames: tuple[str, ...] = (),
        other_stack_ids: tuple[str, ...] = (),
    ) -> Wish:
        """Keep what the user decided."""
        ...

    def wishes(self) -> tuple[Wish, ...]:
        """Every decision, oldest first."""
        ...

    def answer_wish(self, wish_id: int, answer: str) -> None:
        """Note what became of a decision."""
        ...

    def changed_elsewhere(self) -> bool:
        """Whether another process wrote to the journal since the last call."""
        ...

    def remember(self, described: Described | NotDescribed) -> None:
        """Keep what a file said of itself, so that a restart need not read it again."""
        ...

    def recall(self, watch: str) -> tuple[Described | NotDescribed, ...]:
        """What was remembered of the files of this watch."""
        ...

    def forget(self, watch: str, paths: Iterable[str]) -> None:
        """Drop what was remembered of files that are gone."""
        ...

    def note_folder(self, report: FolderReport) -> None:
        """Replace what `stackd status` shows of a folder."""
        ...

    def note_progress(self, progress: Progressed) -> None:
        """Replace what `stackd status` shows of a running job."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


# --------------------------------------------------------------- service


class ServiceManager(Protocol):
    """What started the service (systemd, launchd, a terminal) and wants to know how it is."""

    def ready(self) -> None:
        """Say that folders are watched and work goes on."""
        ...

    def reloading(self) -> None:
        """Say that the configuration is read again; `ready` follows."""
        ...

    def stopping(self) -> None:
        """Say that the service is going down."""
        ...

    def alive(self) -> None:
        """Say that the loop turns."""
        ...

    def status(self, sentence: str) -> None:
        """Say in one sentence what goes on."""
        ...


__all__ = [
    "Answer",
    "Clock",
    "Crashed",
    "Described",
    "Describer",
    "Exporter",
    "Failed",
    "FileSighting",
    "Finished",
    "FolderReport",
    "FrameFile",
    "FrameReader",
    "Inbox",
    "Journal",
    "Look",
    "ManifestRead",
    "Meter",
    "NotDescribed",
    "OpenStack",
    "Progressed",
    "Publication",
    "Publisher",
    "ServiceManager",
    "Signals",
    "StackingRequest",
    "StackingResult",
    "StagedFile",
    "Waker",
    "Warned",
    "Wish",
    "WishKind",
    "WorkerEvent",
    "Workers",
]
