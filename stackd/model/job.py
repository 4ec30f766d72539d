"""A job: one stack on its way to a composite, with its legal transitions as one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from stackd.model.verdict import Verdict


class JobState(StrEnum):
    """Where a job stands."""

    HELD = "held"
    READY = "ready"
    RUNNING = "running"
    PUBLISHING = "publishing"
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    QUARANTINED = "quarantined"
    SUPERSEDED = "superseded"
    DISMISSED = "dismissed"


TRANSITIONS: Mapping[JobState, frozenset[JobState]] = MappingProxyType(
    {
        JobState.HELD: frozenset({JobState.READY, JobState.DISMISSED, JobState.SUPERSEDED}),
        JobState.READY: frozenset(
            {JobState.RUNNING, JobState.HELD, JobState.SUPERSEDED, JobState.QUARANTINED, JobState.DISMISSED}
        ),
        JobState.RUNNING: frozenset(
            {
                JobState.PUBLISHING,
                JobState.READY,
                JobState.HELD,
                JobState.FAILED,
                JobState.BLOCKED,
                JobState.QUARANTINED,
                JobState.SUPERSEDED,
            }
        ),
        JobState.PUBLISHING: frozenset({JobState.DONE, JobState.READY, JobState.FAILED, JobState.BLOCKED, JobState.SUPERSEDED}),
        JobState.BLOCKED: frozenset({JobState.READY, JobState.SUPERSEDED, JobState.DISMISSED}),
        JobState.FAILED: frozenset({JobState.READY, JobState.SUPERSEDED, JobState.DISMISSED}),
        JobState.QUARANTINED: frozenset({JobState.READY, JobState.SUPERSEDED, JobState.DISMISSED}),
        JobState.DONE: frozenset(),
        JobState.SUPERSEDED: frozenset(),
        JobState.DISMISSED: frozenset({JobState.READY}),
    },
)
"""Every legal step. A late frame or a repeated wish makes a new job; DONE and SUPERSEDED are never left."""

NEED_A_HAND = frozenset({JobState.HELD, JobState.FAILED, JobState.BLOCKED, JobState.QUARANTINED})
"""States that last until somebody decides or puts something right."""

OVER = frozenset({JobState.DONE, JobState.SUPERSEDED, JobState.DISMISSED})
"""States in which nothing is left to do."""

MAX_ATTEMPTS = 3
"""A stack that brought down its worker this often is set aside until the user asks again (a guess, the usual number of tries)."""

MAX_INTERRUPTIONS = 25
"""A stack whose runs were cut short this often by the end of the whole service is set aside too. Power cuts and restarts come in
tens on a bad day, so this is far above `MAX_ATTEMPTS`; but what ends the service each time must not do so for ever (a guess)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One stack to be made into one composite with one recipe."""

    id: int
    stack_id: str
    watch: str
    recipe_name: str
    recipe_hash: str
    state: JobState
    attempt: int
    """Runs begun since the user last asked; counted before the run."""
    queued_at: datetime
    version: int = 1
    """2 and more when late frames made a new composite of an already published stack."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None
    hint: str | None = None
    composite_path: str | None = None
    crashes: int = 0
    """Runs that brought down their worker since the user last asked."""
    verdict: Verdict | None = None
    """What was judged of the composite, without its measures; None before that, and for jobs of a stackd that judged nothing."""
    accepted: bool = False
    """The user wants the composite whatever is judged of it."""


def is_legal(old: JobState, new: JobState) -> bool:
    """Whether a job may step from `old` to `new`."""
    return new in TRANSITIONS[old]
