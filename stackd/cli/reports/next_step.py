"""What to do about a stack, by its state: one sentence with the exact command. Light: no numpy."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stackd.model.job import NEED_A_HAND, JobState

if TYPE_CHECKING:
    from stackd.service.once.report import JobRecord, JournalReport

BY_ITSELF: Final = "Nothing is to be done: it goes on by itself"

STEPS: Final[Mapping[JobState, str]] = MappingProxyType(
    {
        JobState.HELD: "One stack? `stackd release {0}` or `stackd dismiss {0}`; `stackd split {0} --before FRAME` parts it",
        JobState.FAILED: "Put right what it says, then `stackd retry {0}`; `stackd dismiss {0}` drops it",
        JobState.BLOCKED: "Put right what it says: it then goes on by itself, or at once with `stackd retry {0}`",
        JobState.QUARANTINED: "Look at its frames, then `stackd retry {0}`; `stackd dismiss {0}` drops it",
        JobState.DISMISSED: "`stackd retry {0}` if you change your mind",
        JobState.SUPERSEDED: "Nothing is to be done: another stack takes its place where its frames are still there",
        JobState.DONE: "Nothing is to be done",
        JobState.READY: BY_ITSELF,
        JobState.RUNNING: BY_ITSELF,
        JobState.PUBLISHING: BY_ITSELF,
    }
)
"""What to do in each state; {0} is the stack."""

TO_SEE: Final = "Look at it; then `stackd release {0}`, or move, rename or delete the file"


def needs_a_person(record: "JobRecord", report: "JournalReport") -> bool:
    """Tell whether a stack waits for somebody: to decide, to put something right, or to look at its composite."""
    return record.job.state in NEED_A_HAND or record.job.id in report.to_see


def next_step(record: "JobRecord", report: "JournalReport | None") -> str:
    """Say what to do; that nothing is to be done where stackd goes on by itself."""
    job = record.job
    if job.hint and "`stackd " in job.hint and job.state in NEED_A_HAND:
        return job.hint
    step = TO_SEE if report is not None and job.id in report.to_see else STEPS[job.state]
    return step.format(job.stack_id)
