"""What users decide about stacks, and what they are told of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from stackd.model.job import Job, JobState
from stackd.model.verdict import Judgement


class WishKind(StrEnum):
    """What a user can decide about a stack."""

    RETRY = "retry"
    RELEASE = "release"
    SPLIT = "split"
    MERGE = "merge"
    DISMISS = "dismiss"


DECIDABLE: Final[Mapping[WishKind, frozenset[JobState]]] = MappingProxyType(
    {
        WishKind.RETRY: frozenset({JobState.HELD, JobState.FAILED, JobState.QUARANTINED, JobState.BLOCKED, JobState.DISMISSED}),
        WishKind.RELEASE: frozenset({JobState.HELD}),
        WishKind.DISMISS: frozenset(
            {JobState.HELD, JobState.READY, JobState.RUNNING, JobState.BLOCKED, JobState.FAILED, JobState.QUARANTINED}
        ),
        WishKind.SPLIT: frozenset(JobState) - {JobState.SUPERSEDED},
        WishKind.MERGE: frozenset(JobState) - {JobState.SUPERSEDED},
    }
)
"""States of a stack in which a decision about it can mean something; see `is_decidable`."""


def is_decidable(kind: WishKind, job: Job) -> bool:
    """Tell whether a decision about a stack means something now.

    A stack is held before it is stacked, because its frames may not belong together, or after, because of its composite. Only in
    the second case has it been tried at all. A published composite that does not pass can be released too: somebody has looked.
    """
    if kind is WishKind.RELEASE and job.state is JobState.DONE:
        return job.verdict is not None and job.verdict.judgement is not Judgement.PASS
    if kind is WishKind.RETRY and job.state is JobState.HELD:
        return job.verdict is not None
    return job.state in DECIDABLE[kind]


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
