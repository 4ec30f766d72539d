"""When stacks that are over for long are forgotten. PURE."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from stackd.service.plan.effects import Effect, ForgetHistory
from stackd.service.plan.values import ServiceSettings, State

STEP_S: Final = 1.0
"""Between two steps through the journal: forgetting is in no hurry."""

ROUND_S: Final = 86_400.0
"""Between two rounds through all of it."""


def plan_history(state: State, *, now_s: float, now_at: datetime, settings: ServiceSettings) -> tuple[State, tuple[Effect, ...]]:
    """Go one step on with forgetting, where it is wanted and nothing else is to be done.

    A stack of which a frame lies in a watched folder stays: its frames would be stacked again. So nothing is forgotten of a
    folder that was not looked at yet, or is away.
    """
    if now_s < next_history_s(state, settings):
        return state, ()
    folders = state.folders
    watches = tuple(
        watch
        for watch, folder in folders.items()
        if folder.online and folder.last_look_s is not None and not folder.unrecalled and not folder.regroup
    )
    if not watches:
        return replace(state, history_due_s=now_s + STEP_S), ()
    wanted = ForgetHistory(
        watches=watches,
        before=now_at - timedelta(days=settings.keep_days),
        keep=frozenset(stack_id for watch in watches for stack_id in state.taken_of(watch).stack_ids),
        after_job=state.history_job,
    )
    return replace(state, history_due_s=now_s + ROUND_S), (wanted,)


def take_forgotten(state: State, next_job: int | None, *, now_s: float) -> State:
    """Go on after this job, or begin anew tomorrow."""
    if next_job is None:
        return replace(state, history_job=0, history_due_s=now_s + ROUND_S)
    return replace(state, history_job=next_job, history_due_s=now_s + STEP_S)


def next_history_s(state: State, settings: ServiceSettings) -> float:
    """Say when the next step is due (monotonic); never where everything is kept."""
    return state.history_due_s if settings.keep_days else float("inf")
