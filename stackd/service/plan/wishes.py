"""What becomes of the user's decisions. PURE."""

from collections.abc import Iterable, Mapping
from typing import assert_never

from stackd.model.job import Job, JobState
from stackd.model.override import Dismiss, Merge, Override, Release, Split, frame_key, frame_keys
from stackd.model.stack import Stack
from stackd.service.plan.effects import AnswerWish, CancelRun, Effect, Move, RemoveRemains
from stackd.service.plan.values import ServiceSettings, State
from stackd.service.ports import Wish, WishKind, is_decidable


def overrides_of(wishes: Iterable[Wish], stacks: Mapping[str, Stack]) -> tuple[Override, ...]:
    """Turn decisions about stacks into what the grouping obeys; decisions about stacks the journal does not know have no effect.

    Parameters
    ----------
    wishes : iterable of Wish
        Oldest first.
    stacks : mapping of str to Stack
        Every stack that a wish names, by id.
    """
    overrides: list[Override] = []
    for wish in wishes:
        stack = stacks.get(wish.stack_id)
        if stack is None:
            continue
        match wish.kind:
            case WishKind.RETRY | WishKind.RELEASE:
                overrides.append(Release(frames=frame_keys(stack.frames)))
            case WishKind.DISMISS:
                overrides.append(Dismiss(frames=frame_keys(stack.frames)))
            case WishKind.SPLIT:
                overrides += [Split(before=frame_key(frame)) for frame in stack.frames if frame.path in wish.frames]
            case WishKind.MERGE:
                joined = [stack, *(stacks[other] for other in wish.other_stack_ids if other in stacks)]
                overrides.append(Merge(frames=frozenset().union(*(frame_keys(one.frames) for one in joined))))
            case _:
                assert_never(wish.kind)
    return tuple(overrides)


def plan_wishes(state: State, settings: ServiceSettings) -> tuple[tuple[Effect, ...], frozenset[int]]:
    """Take up decisions that wait for an answer. Gives the jobs that were dealt with, too."""
    effects: list[Effect] = []
    claimed: set[int] = set()
    for wish in state.wishes:
        job = state.job_of(wish.stack_id)
        if job is None:
            effects.append(AnswerWish(wish_id=wish.id, answer="there is no such stack"))
            continue
        if job.id in claimed:
            continue
        steps, answer = _take_up(wish, job, settings)
        if steps:
            claimed.add(job.id)
        effects += [*steps, AnswerWish(wish_id=wish.id, answer=answer)]
    return tuple(effects), frozenset(claimed)


def _take_up(wish: Wish, job: Job, settings: ServiceSettings) -> tuple[tuple[Effect, ...], str]:
    match wish.kind:
        case WishKind.RETRY:
            if is_decidable(wish.kind, job):
                return (Move(job_id=job.id, state=JobState.READY, forgive=True),), "tried again"
            return (), f"not tried again: the stack is {job.state}"
        case WishKind.RELEASE:
            if is_decidable(wish.kind, job) and job.state is JobState.DONE:
                return (), "noted: its composite was looked at"
            if is_decidable(wish.kind, job):
                # What is released after it was stacked is released with all that was judged of it.
                return (Move(job_id=job.id, state=JobState.READY, accept=job.verdict is not None),), "released"
            return (), f"not released: the stack is {job.state}"
        case WishKind.DISMISS:
            if job.state is JobState.RUNNING:
                watched = settings.folder(job.watch)
                remains = () if watched is None else (RemoveRemains(folders=watched.written, job_id=job.id),)
                ready = Move(job_id=job.id, state=JobState.READY)
                return (CancelRun(job_id=job.id), *remains, ready, Move(job_id=job.id, state=JobState.DISMISSED)), "dismissed"
            if is_decidable(wish.kind, job):
                return (Move(job_id=job.id, state=JobState.DISMISSED),), "dismissed"
            return (), f"not dismissed: the stack is {job.state}"
        case WishKind.SPLIT | WishKind.MERGE:
            # The grouping obeys from now on; stacks that it no longer finds are superseded when their frames are sealed anew.
            return (), "taken up: the frames are sorted anew"
        case _:
            assert_never(wish.kind)
