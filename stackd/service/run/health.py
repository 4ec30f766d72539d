"""What the loop knows of its own health, and counts of what it did since it began."""

import os
from collections import Counter
from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from stackd import __version__
from stackd.model.job import JobState
from stackd.model.names import shown
from stackd.service.plan.folder import LOOK_SHARE, OFFLINE_RETRY_S, SLOW_LOOK_S
from stackd.service.plan.observations import JobChanged, Observation
from stackd.service.plan.values import Folder, ServiceSettings, State, Watched
from stackd.service.ports import Clock, Health, RunningJob, WatchHealth

TELL_S: Final = 15.0
"""The facts are written this often: a quarter of the minute after which they count as old."""


class Tally:
    """Counts since the service began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_at = clock.now_at()
        self._moves: Counter[str] = Counter()
        self._published: Counter[str] = Counter()

    def count(self, observations: Iterable[Observation]) -> bool:
        """Count the steps of stacks among what was brought about; False where there is none."""
        jobs = [observation.job for observation in observations if isinstance(observation, JobChanged)]
        self._moves.update(job.state.value for job in jobs)
        self._published.update(
            job.verdict.judgement.value for job in jobs if job.state is JobState.DONE and job.verdict is not None
        )
        return bool(jobs)

    def health(self, state: State, settings: ServiceSettings) -> Health:
        """Say how the service is now. What only others can know, as the room on disks, is left open."""
        now_s, now_at = self._clock.now_s(), self._clock.now_at()
        jobs = [ticket.job for ticket in state.tickets.values()]
        return Health(
            process=os.getpid(),
            version=__version__,
            started_at=self._began_at,
            written_at=now_at,
            written_s=now_s,
            watches=tuple(
                _watch(watched, state.folders[watched.watch], now_s)
                for watched in settings.watched
                if watched.watch in state.folders
            ),
            journal_trouble=shown(state.journal_trouble),
            running=tuple(
                RunningJob(
                    stack_id=job.stack_id,
                    seconds=0.0 if job.started_at is None else max((now_at - job.started_at).total_seconds(), 0.0),
                )
                for job in jobs
                if job.state is JobState.RUNNING
            ),
            waiting=MappingProxyType(dict(Counter(job.state.value for job in jobs))),
            moves=MappingProxyType(dict(self._moves)),
            published=MappingProxyType(dict(self._published)),
        )


def news_of(state: State) -> tuple[object, ...]:
    """Give what is told at once when it changes: whether folders and the journal are in order."""
    folders = ((watch, one.online, one.trouble, one.last_look_s is None) for watch, one in state.folders.items())
    return (state.journal_trouble, *folders)


def _watch(watched: Watched, folder: Folder, now_s: float) -> WatchHealth:
    distance_s = max(watched.rescan_s, LOOK_SHARE * folder.took_s, OFFLINE_RETRY_S)
    return WatchHealth(
        watch=shown(watched.watch),
        label=shown(watched.label),
        online=folder.online,
        trouble=shown(folder.trouble),
        events=folder.events,
        canary_heard=folder.canary_heard if folder.events else None,
        looked_s=None if folder.last_look_s is None else max(now_s - folder.last_look_s, 0.0),
        looking_s=max(now_s - folder.look_asked_s, 0.0) if folder.looking else None,
        late_s=distance_s + folder.took_s + SLOW_LOOK_S + TELL_S,
        files=len(folder.frame_paths),
    )
