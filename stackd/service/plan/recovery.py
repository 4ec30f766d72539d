"""What to do first when the service starts: the journal and what lies in the output folders decide. PURE.

A job that was running is tried again, one that was publishing goes on where it was, and temporary files nobody owns are removed.
Open stacks need no recovery: the first look finds their frames.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from stackd.model.job import MAX_ATTEMPTS, MAX_INTERRUPTIONS, Job, JobState
from stackd.service.plan.effects import Effect, Move, RemoveRemains, TakeBackLeft
from stackd.service.ports import Publication


def recover(
    jobs: Iterable[Job],
    publications: Mapping[int, Publication],
    output_folders: Iterable[Path],
    *,
    crashed_inside: bool,
) -> tuple[Effect, ...]:
    """Decide how to go on after the service ended, in whatever way.

    Parameters
    ----------
    jobs : iterable of Job
        Unfinished jobs.
    publications : mapping of int to Publication
        What jobs in state PUBLISHING were about to make visible.
    output_folders : iterable of Path
        Every folder that may hold temporary files of this service.
    crashed_inside : bool
        Whether the service itself crashed while it ran last (a fault it could still note), and was not just killed: then what it
        was working on is to blame, and counts as a crash of that stack.
    """
    jobs = tuple(jobs)
    moves: list[Effect] = []
    for job in jobs:
        if job.state is not JobState.RUNNING:
            continue
        crashes = job.crashes + crashed_inside
        if crashes >= MAX_ATTEMPTS or job.attempt >= MAX_INTERRUPTIONS:
            moves.append(
                Move(
                    job_id=job.id,
                    state=JobState.QUARANTINED,
                    error=f"stackd ended {job.attempt} times while it worked on this stack.",
                    hint=f"Look at its frames, then run `stackd retry {job.stack_id}`.",
                    crashed=crashed_inside,
                )
            )
        else:
            moves.append(Move(job_id=job.id, state=JobState.READY, crashed=crashed_inside))
    keep = frozenset(
        staged.temporary_path
        for job_id, publication in publications.items()
        for staged, _ in publication.files
        if any(job.id == job_id and job.state is JobState.PUBLISHING for job in jobs)
    )
    folders = dict.fromkeys([*output_folders, *(publication.folder for publication in publications.values())])
    return (*moves, TakeBackLeft(), RemoveRemains(folders=tuple(folders), keep=keep))
