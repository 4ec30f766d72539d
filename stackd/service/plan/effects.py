"""What the planner can ask for: a closed union, performed by the daemon with one `match`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from stackd.model.frame import Fingerprint
from stackd.model.job import JobState
from stackd.model.stack import Stack
from stackd.model.verdict import Verdict
from stackd.service.ports import Described, FolderReport, Progressed, StackingResult, Warned


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAt:
    """Begin a look at a watched folder."""

    watch: str
    closely: frozenset[str] = frozenset()
    """Files that may be changing: they are looked at one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeFile:
    """Read what a settled file says of itself."""

    watch: str
    path: str
    fingerprint: Fingerprint
    with_hash: bool = False
    """Also hash its content: a frame of a finished stack has another time, and may still be the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """Ask the journal what it knows of files that appeared."""

    watch: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallContents:
    """Ask the journal what files look like that are about to be sorted."""

    watch: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """Keep descriptions of files of one watch in the journal."""

    described: tuple[Described, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Drop descriptions of files that are gone."""

    watch: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Write a sealed stack and its job into the journal: from here a power cut loses nothing."""

    watch: str
    stack: Stack
    recipe_name: str
    recipe_hash: str
    state: JobState
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Step a job."""

    job_id: int
    state: JobState
    error: str | None = None
    hint: str | None = None
    crashed: bool = False
    forgive: bool = False
    accept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginRun:
    """Count the attempt, then start the job's worker."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TryOutput:
    """See whether a blocked job's output can be written again, and let the job go on if so."""

    job_id: int
    folder: Path
    subfolder: str
    """The one inside it that refused; empty where it was the folder itself."""
    needed_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRun:
    """End the job's worker."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRemains:
    """Remove temporary files: of one job where it is named, else all of this service's; never those to `keep`."""

    folders: tuple[Path, ...]
    job_id: int | None = None
    keep: frozenset[Path] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginPublication:
    """Choose names and write them with their hashes into the journal."""

    job_id: int
    folder: Path
    result: StackingResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Keep a composite back, with the verdict that says why, until the user decides."""

    job_id: int
    verdict: Verdict
    warnings: tuple[Warned, ...]
    error: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenamePublication:
    """Choose other names for staged files: one was taken meanwhile."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawPublication:
    """Take back what is visible of a publication that is given up: sidecars without their composite belong to nobody."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBackLeft:
    """Take back what stayed visible when a publication was given up and its folder could not be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSources:
    """Compare the frames on disk with those that were stacked."""

    job_id: int
    watch: str
    fingerprints: Mapping[str, Fingerprint]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishFile:
    """Make one staged file visible."""

    job_id: int
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishPublication:
    """Write into the journal that everything is visible."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerWish:
    """Note what became of a decision of the user."""

    wish_id: int
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetHistory:
    """Forget some of the stacks that were over before a day, but none of those to keep."""

    watches: tuple[str, ...]
    before: datetime
    keep: frozenset[str]
    after_job: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteFolder:
    """Refresh what `stackd status` shows of a folder."""

    report: FolderReport


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteProgress:
    """Refresh what `stackd status` shows of a running job."""

    progress: Progressed


@dataclass(frozen=True, slots=True, kw_only=True)
class TellUnforeseen:
    """Tell in the log of an error nobody foresaw, with its traceback; `about` is the file or folder it was met at."""

    about: str
    error: Exception


@dataclass(frozen=True, slots=True, kw_only=True)
class TryJournal:
    """See whether the journal can be written again."""


JobStep: TypeAlias = (
    BeginRun
    | TryOutput
    | CancelRun
    | Hold
    | BeginPublication
    | RenamePublication
    | WithdrawPublication
    | CheckSources
    | PublishFile
    | FinishPublication
)
"""A step of one job; where it fails, the job has failed or is blocked."""

Effect: TypeAlias = (
    JobStep
    | LookAt
    | DescribeFile
    | Recall
    | RecallContents
    | Remember
    | Forget
    | Record
    | Move
    | RemoveRemains
    | TakeBackLeft
    | AnswerWish
    | ForgetHistory
    | NoteFolder
    | NoteProgress
    | TellUnforeseen
    | TryJournal
)
