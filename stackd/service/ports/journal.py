"""The durable record."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from stackd.model.frame import Fingerprint, FrameMeta
from stackd.model.job import Job, JobState
from stackd.model.stack import Stack
from stackd.model.verdict import Verdict
from stackd.service.ports.decisions import FolderReport, Wish, WishKind
from stackd.service.ports.output import StagedFile
from stackd.service.ports.reading import Described, NotDescribed
from stackd.service.ports.workers import Progressed

if TYPE_CHECKING:
    from stackd.model.content import ContentSignature


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenFrame:
    """A frame of a recorded stack, as it was when it was stacked."""

    fingerprint: Fingerprint
    stack_id: str
    meta: FrameMeta
    companions: tuple[str, ...] = ()
    """Other files of its exposure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is about to become visible: written to the journal before the first rename."""

    job_id: int
    folder: Path
    files: tuple[tuple[StagedFile, str], ...]
    """Staged files with their final names, composite last."""
    verdict: Verdict | None = None
    """None where a stackd that judged nothing wrote it."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """What the journal knows of some files of a watch."""

    described: tuple[Described | NotDescribed, ...] = ()
    taken: Mapping[str, TakenFrame] = field(default_factory=lambda: MappingProxyType({}))
    """Path → frame of the newest recorded stack that holds it and is not superseded."""
    jobs: tuple[Job, ...] = ()
    """The newest job of every recorded stack that holds one of the files."""


class Journal(Protocol):
    """The durable record. Every method is one transaction; when it returns, a power cut no longer loses it; see `together`."""

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
        accept: bool = False,
        recipe_hash: str | None = None,
    ) -> Job:
        """Step a job along a legal transition. RUNNING counts the attempt up before anything runs.

        `recipe_hash` notes which content of its recipe the job runs with; the recipe may have changed since it was sealed.
        `crashed` counts one more crash; `forgive` sets attempts and crashes back to none, as a user's retry does. `accept` notes
        for good that the user wants the composite whatever is judged of it.

        Raises
        ------
        IllegalTransition
            If the table in `model/job.py` does not allow it.
        """
        ...

    def hold(self, job_id: int, verdict: Verdict, warnings: Iterable[Warned], *, at: datetime, error: str, hint: str) -> Job:
        """Step from RUNNING to HELD with what was judged of the composite, which nobody gets to see yet."""
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

    def left_publications(self) -> tuple[Publication, ...]:
        """What was to become visible of jobs that are neither done nor publishing: some of it may be."""
        ...

    def forget_publication(self, job_id: int) -> None:
        """Note that nothing of a job that is not done is visible."""
        ...

    def jobs(self, states: Iterable[JobState] | None = None) -> tuple[Job, ...]:
        """Jobs in these states, oldest first; all when none are named."""
        ...

    def stack(self, stack_id: str) -> Stack | None:
        """A recorded stack with its frames."""
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

    def recall(self, watch: str, paths: Sequence[str]) -> Recollection:
        """What is known of these files: what was remembered of them but `contents`, and the recorded stacks that hold them."""
        ...

    def alike(self, described: Sequence[Described]) -> Recollection:
        """Recorded frames that these files of one watch may hold though they are called otherwise; enough to tell whether any."""
        ...

    def contents(self, watch: str, paths: Sequence[str]) -> Mapping[str, ContentSignature]:
        """What these files look like, as far as that was remembered."""
        ...

    def newest_job(self, stack_id: str) -> Job | None:
        """The newest job of a stack."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """Make everything that is written inside durable at once, at the end. A step that fails inside takes back only itself."""
        ...

    def forget_history(
        self, watches: Sequence[str], *, before: datetime, keep: Collection[str], after_job: int
    ) -> tuple[int, int | None]:
        """Forget some stacks that are over since `before`, but none of `keep`: their jobs, frames, events and decisions.

        Returns
        -------
        int
            How many were forgotten.
        int or None
            The job to go on after; none where all jobs were gone through.
        """
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
