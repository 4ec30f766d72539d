"""What the service is told: a closed union, taken in by the fold with one `match`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from stackd.model.job import Job
from stackd.model.override import Override
from stackd.model.stack import Stack
from stackd.service.ports import Answer, Described, Look, Publication, Recollection, Wish, WorkerEvent

if TYPE_CHECKING:
    from stackd.model.content import ContentSignature


@dataclass(frozen=True, slots=True, kw_only=True)
class Woken:
    """Something may have changed in a folder."""

    watch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A look at a folder is complete."""

    watch: str
    look: Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What the journal knows of files that appeared."""

    watch: str
    paths: tuple[str, ...]
    known: Recollection


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """Descriptions are safe in the journal."""

    watch: str
    described: tuple[Described, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentsRecalled:
    """What files look like that are about to be sorted."""

    watch: str
    contents: "Mapping[str, ContentSignature]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Files of one watch were described."""

    answers: tuple[Answer, ...]
    alike: Recollection = field(default_factory=Recollection)
    """Recorded frames that they may be though they are called otherwise."""

    def with_more(self, other: "Answered") -> "Answered":
        """Add what was told right after it."""
        alike = Recollection(
            taken=MappingProxyType({**self.alike.taken, **other.alike.taken}), jobs=(*self.alike.jobs, *other.alike.jobs)
        )
        return Answered(answers=(*self.answers, *other.answers), alike=alike)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """A worker reported."""

    event: WorkerEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChanged:
    """The journal took a step of a job."""

    job: Job
    stack: Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationBegun:
    """Names and hashes are in the journal; files may become visible."""

    publication: Publication


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesAsked:
    """The comparison of a job's frames with what was stacked has begun."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesChecked:
    """The frames were compared with what was stacked; `changed` says what became of the first that is no longer the same."""

    job_id: int
    changed: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePublished:
    """The next file of a publication is visible."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRefused:
    """A file could not be made visible, or no names could be chosen."""

    job_id: int
    message: str
    hint: str
    name_taken: bool
    folder: Path | None = None
    """The folder that refused, where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLost:
    """Doing a step for a job failed in a way nobody foresaw."""

    job_id: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRefused:
    """The journal could not be written."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalTaken:
    """The journal could be written again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wished:
    """The user's decisions, all of them, as overrides of the grouping; those without an answer as they are."""

    overrides: tuple[Override, ...]
    split_stacks: frozenset[str]
    open_wishes: tuple[Wish, ...]
    jobs: tuple[Job, ...] = ()
    """The newest job of every stack that a decision without an answer is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryForgotten:
    """A step of forgetting is done."""

    next_job: int | None
    """The job to go on after; none where all were gone through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WishAnswered:
    """A decision was taken up."""

    wish_id: int


Observation: TypeAlias = (
    Woken
    | Looked
    | Recalled
    | Remembered
    | ContentsRecalled
    | Answered
    | Worked
    | JobChanged
    | PublicationBegun
    | SourcesAsked
    | SourcesChecked
    | FilePublished
    | PublishRefused
    | WorkLost
    | JournalRefused
    | JournalTaken
    | Wished
    | HistoryForgotten
    | WishAnswered
)
