"""What the service knows, as frozen values: its settings, the watched folders and the jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from stackd.intake.arrival.admit import Admitted
from stackd.intake.arrival.manifest import Manifest
from stackd.intake.arrival.settle import Settling
from stackd.intake.grouping.candidates import CandidateStack, Grouping
from stackd.intake.grouping.parts import Prepared, Sorting
from stackd.intake.settings import IntakeSettings
from stackd.model.frame import Fingerprint, Frame, FrameMeta
from stackd.model.job import Job
from stackd.model.override import Override
from stackd.model.stack import Stack
from stackd.model.verdict import SUBFOLDERS
from stackd.service.plan.taken import NOTHING_TAKEN, Taken
from stackd.service.ports import (
    Described,
    FileSighting,
    FolderReport,
    NotDescribed,
    OpenStack,
    Placing,
    Publication,
    Telling,
    Wish,
    WorkerEvent,
)

if TYPE_CHECKING:
    # Named for the type checker alone: recipes bring the imaging core along, which the service itself never loads.
    from stackd.config.settings import Recipe
    from stackd.model.content import ContentSignature

# -------------------------------------------------------------- settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A folder to watch, as configured."""

    watch: str
    """The input folder's path; names the watch in the journal."""
    label: str
    """What the user calls it."""
    input: Path
    output: Path
    recipe_name: str
    rescan_s: float
    """Look at least this often."""
    events: bool = True
    """Whether to listen for change notices."""
    placing: Placing = field(default_factory=Placing)
    """What is done with composites that do not pass."""

    @property
    def written(self) -> tuple[Path, ...]:
        """Every folder that composites are written into, whatever is configured now: earlier it may have been otherwise."""
        return (self.output, *(self.output / name for name in SUBFOLDERS))

    def placing_of(self, job: Job) -> Placing:
        """Say what is done with the composite of a job, by what the user decided about it."""
        return self.placing.accepted() if job.accepted else self.placing


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeChoice:
    """A recipe with the hash that tells whether it was changed."""

    recipe: "Recipe"
    recipe_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """All that steers the service."""

    watched: tuple[Watched, ...]
    intake: IntakeSettings
    recipes: Mapping[str, RecipeChoice]
    jobs_at_once: int = 1
    keep_days: float = 0
    """How long stacks that are over are remembered once their frames are gone; 0 for ever."""
    memory_bytes: float = float("inf")
    """What the jobs at once may need together; one is always worked on."""
    job_timeout_s: float | None = None
    """Seconds after which a worker counts as hung; None leaves that to the workers."""
    telling: Telling = field(default_factory=Telling)
    """Whom the service tells how it is and what needs a person."""
    takes_a_restart: tuple[str, ...] = ()
    """Keys that were changed in the configuration and that only a new start takes over."""

    def folder(self, watch: str) -> Watched | None:
        """Find a watched folder; None when it is no longer configured."""
        return next((one for one in self.watched if one.watch == watch), None)


# ----------------------------------------------------------------- state


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A watched folder, as known after some looks."""

    online: bool = True
    trouble: str = ""
    events: bool = True
    canary_heard: bool | None = None
    """See `Look`."""
    looking: bool = False
    look_asked_s: float = float("-inf")
    """When the look that is under way began."""
    last_look_s: float | None = None
    """Monotonic time of the last complete look; none before the first."""
    look_due_s: float = float("-inf")
    took_s: float = 0.0
    failed_looks: int = 0
    """How many looks in a row ended in an error that nobody foresaw; sets the back-off."""
    sightings: Mapping[str, FileSighting] = field(default_factory=lambda: MappingProxyType({}))
    """Every regular file of the last look."""
    passed_over: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What the last look found that is no regular file, with the reason."""
    admitted: Admitted = field(default_factory=Admitted)
    frame_paths: frozenset[str] = frozenset()
    """The admitted frames, for looking up."""
    settling: Settling = field(default_factory=Settling)
    settled: frozenset[str] = frozenset()
    unsettled: frozenset[str] = frozenset()
    """The other files: each look goes through these and what changed."""
    afresh: bool = True
    """Nothing may be taken over from the looks before: none was, or what steers intake changed."""
    unrecalled: frozenset[str] = frozenset()
    """Frames and manifests that appeared, of which the journal has not told what it knows: nothing is concluded before."""
    recall_asked: bool = False
    settle_due_s: float = float("inf")
    """When the next file can have settled."""
    missing_since_s: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Frames of unfinished stacks that a look did not find: one look alone proves nothing."""
    asked: Mapping[str, Fingerprint] = field(default_factory=lambda: MappingProxyType({}))
    """Files whose description is on its way."""
    descriptions: Mapping[str, Described | NotDescribed] = field(default_factory=lambda: MappingProxyType({}))
    unreadable: frozenset[str] = frozenset()
    """Those of them that are no readable frame."""
    frames: Mapping[str, tuple[FrameMeta, Fingerprint, Frame]] = field(default_factory=lambda: MappingProxyType({}))
    """The frames as they were last sorted, with what they were made of: a frame that did not change stays the same value."""
    prepared: Prepared | None = None
    """What is to be sorted, while the journal is asked what it looks like."""
    contents: "Mapping[str, ContentSignature] | None" = None
    """What the frames to be sorted next look like, once the journal has told it."""
    manifests: Mapping[str, tuple[Fingerprint, Manifest | str]] = field(default_factory=lambda: MappingProxyType({}))
    """Path → manifest, or the reason why it is not obeyed."""
    stale: bool = False
    """A frame was found changed since the last look: nothing is sealed before the next one."""
    regroup: bool = False
    """Something changed since the frames were last sorted into stacks."""
    sort_due_s: float = float("-inf")
    """When they may be again, while descriptions still come."""
    recheck: bool = False
    """A look or a description came since the stacks were last asked whether they are complete."""
    compare: bool = False
    """A look came, or the journal refused something, since the frames of unfinished stacks were compared with what lies there."""
    sorting: Sorting = field(default_factory=Sorting)
    recorded: Mapping[int, CandidateStack] = field(default_factory=lambda: MappingProxyType({}))
    """Stacks of the grouping, by identity, that the journal has: they are not weighed again."""
    complete_due_s: float = float("inf")
    """When the next open stack may be complete; a look at that time decides."""
    open_stacks: tuple[OpenStack, ...] = ()
    reported: FolderReport | None = None
    report_due_s: float = float("-inf")
    """The journal is told no earlier again: a long report has its price."""
    report_waits: bool = False

    @property
    def grouping(self) -> Grouping:
        """The frames as they were last sorted into stacks."""
        return self.sorting.grouping

    stumbled_due_s: float = float("-inf")
    """After an error that nobody foresaw: when its files are to be thought about again (monotonic)."""

    @property
    def seen_s(self) -> float:
        """Monotonic time up to which the folder is known; minus infinity before the first look."""
        return float("-inf") if self.last_look_s is None else self.last_look_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An unfinished job with its stack and what is known beyond the journal."""

    job: Job
    stack: Stack
    not_before_s: float = float("-inf")
    """Do not begin or resume earlier (back-off)."""
    waits: int = 0
    """How often in a row the job was blocked; sets the back-off."""
    refused_by: Path | None = None
    """The folder that could not be written when the job was blocked; None where that is not known."""
    outcome: WorkerEvent | None = None
    """What the worker reported last, when it has ended."""
    publication: Publication | None = None
    sources_asked: bool = False
    """The frames are being compared with what was stacked; a share that hangs may take its time."""
    sources_held: bool = False
    """The frames were found unchanged after the work; publishing may go on."""
    published: int = 0
    """Files made visible so far."""
    name_taken: bool = False
    """Somebody took a final name meanwhile; others must be chosen."""
    progress_noted_s: float = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything the planner remembers between two calls."""

    folders: Mapping[str, Folder] = field(default_factory=lambda: MappingProxyType({}))
    tickets: Mapping[int, Ticket] = field(default_factory=lambda: MappingProxyType({}))
    """Job id → unfinished job (anything but DONE, SUPERSEDED and DISMISSED)."""
    finished: Mapping[str, Job] = field(default_factory=lambda: MappingProxyType({}))
    """Stack id → its newest finished job, DONE, SUPERSEDED or DISMISSED, for stacks of which a frame lies in a watched folder."""
    taken: Mapping[str, Taken] = field(default_factory=lambda: MappingProxyType({}))
    """Watch → frames of recorded stacks that are not superseded: those that lie there, and those that may under another name."""
    overrides: tuple[Override, ...] = ()
    split_stacks: frozenset[str] = frozenset()
    """Stacks the user cut: their parts are stacks of their own, though none of their frames is new."""
    wishes: tuple[Wish, ...] = ()
    """Decisions that wait for an answer."""
    history_job: int = 0
    """Jobs up to this one were gone through for what is to be forgotten."""
    history_due_s: float = float("-inf")
    journal_due_s: float = float("-inf")
    """While the journal is blocked: when to try it again; nothing new begins before."""
    journal_waits: int = 0
    journal_trouble: str = ""

    def taken_of(self, watch: str) -> Taken:
        """Frames of the recorded stacks of a watch."""
        return self.taken.get(watch, NOTHING_TAKEN)

    def job_of(self, stack_id: str) -> Job | None:
        """Find the newest job of a stack."""
        jobs = [ticket.job for ticket in self.tickets.values() if ticket.job.stack_id == stack_id]
        finished = self.finished.get(stack_id)
        if finished is not None:
            jobs.append(finished)
        return max(jobs, key=lambda job: job.id, default=None)
