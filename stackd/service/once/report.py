"""What the journal says of the service: the values behind `stackd status`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from stackd.model.job import Job, JobState
from stackd.model.verdict import Judgement
from stackd.service.ports import FolderReport, Progressed, Warned, Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job with all that `stackd status` tells about it."""

    job: Job
    frames: tuple[str, ...]
    """Near → far."""
    confidence: float
    evidence: tuple[str, ...]
    warnings: tuple[Warned, ...]
    outputs: tuple[str, ...]
    progress: Progressed | None

    @property
    def frame_count(self) -> int:
        """How many frames the stack has."""
        return len(self.frames)

    @property
    def first_frame(self) -> str:
        """The nearest frame."""
        return self.frames[0] if self.frames else ""

    @property
    def last_frame(self) -> str:
        """The farthest frame."""
        return self.frames[-1] if self.frames else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalReport:
    """The whole journal as `stackd status` shows it."""

    folders: tuple[FolderReport, ...]
    jobs: tuple[JobRecord, ...]
    wishes: tuple[Wish, ...]
    counts: Mapping[tuple[JobState, Judgement | None], int]
    """How many stacks stand where, by what was judged of them; all of them, however many `jobs` are told."""
    to_see: Mapping[int, Judgement] = field(default_factory=lambda: MappingProxyType({}))
    """Composites that do not pass and that nobody has dealt with: job → what was judged."""
