"""Which composites that do not pass still wait for somebody to look at them."""

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from stackd.model.job import Job
from stackd.model.verdict import SUBFOLDERS
from stackd.service.ports import Wish, WishKind

PATIENCE_S: Final = 5.0
"""A share that hangs is not waited for longer; what lies on it still counts as waiting."""


def not_dealt_with(jobs: Iterable[Job], wishes: Iterable[Wish]) -> tuple[Job, ...]:
    """Leave out the composites that somebody has dealt with: those that were released, moved, renamed or deleted.

    Parameters
    ----------
    jobs : iterable of Job
        Published, with composites that do not pass.
    wishes : iterable of Wish
        Every decision.
    """
    released = {wish.stack_id: wish.asked_at for wish in wishes if wish.kind is WishKind.RELEASE}
    left = [
        job
        for job in jobs
        # One that was held and released is wanted whatever is judged of it.
        if not job.accepted
        and not (job.finished_at is not None and job.stack_id in released and released[job.stack_id] >= job.finished_at)
    ]
    taken_away: set[int] = set()

    def look() -> None:
        for job in left:
            if job.composite_path and _is_taken_away(Path(job.composite_path)):
                taken_away.add(job.id)

    looking = threading.Thread(target=look, name="composites", daemon=True)
    looking.start()
    looking.join(PATIENCE_S)
    gone = frozenset(taken_away.copy())
    return tuple(job for job in left if job.id not in gone)


def _is_taken_away(composite: Path) -> bool:
    """Tell whether a composite is no longer where it was put; a disk that is away has taken nothing.

    A share that is not mounted leaves an empty folder. The folders inside the output are on the share itself: where one of
    them is there, the share is.
    """
    try:
        os.lstat(composite)
    except FileNotFoundError:
        try:
            holds_something = any(composite.parent.iterdir())
        except OSError:
            return False
        return holds_something or composite.parent.name in SUBFOLDERS
    except OSError:
        return False
    return False
