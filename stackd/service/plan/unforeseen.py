"""What lies in a folder never ends the plan: an error that nobody foresaw costs the file or the folder it was met at. PURE.

Everything in a watched folder comes from outside. What the checks at the door let through and later code does not expect is told,
set aside, and tried again later, while other folders and all jobs go on.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from stackd.model.names import excerpt, shown
from stackd.service.plan.effects import Effect, NoteFolder, TellUnforeseen
from stackd.service.plan.folder import plan_folder, plan_look, report_of, take_answers
from stackd.service.plan.sealing import FolderStep
from stackd.service.plan.taken import Taken
from stackd.service.plan.values import Folder, ServiceSettings, State, Watched
from stackd.service.ports import Answer, FolderReport, NotDescribed

AGAIN_S: Final = 60.0
"""Distance of the next try at a folder: what was met there seldom goes by itself, and each try tells the log (a guess)."""


def take_any_answers(folder: Folder, answers: Sequence[Answer], *, taken: Taken) -> FolderStep:
    """Take in what files say of themselves; one that nobody can make sense of is set aside like one that cannot be read."""
    try:
        return take_answers(folder, answers, taken=taken)
    except Exception:  # noqa: BLE001  (which of them it is, each alone tells)
        effects: list[Effect] = []
        for answer in answers:
            step = _take_any_answer(folder, answer, taken=taken)
            folder = step.folder
            effects += step.effects
        return FolderStep(folder=folder, effects=tuple(effects))


def _take_any_answer(folder: Folder, answer: Answer, *, taken: Taken) -> FolderStep:
    try:
        return take_answers(folder, (answer,), taken=taken)
    except Exception as error:  # noqa: BLE001  (told in the log and in the status)
        step = take_answers(folder, (set_aside(answer, error),), taken=taken)
        return replace(step, effects=(*step.effects, TellUnforeseen(about=answer.path, error=error)))


def set_aside(answer: Answer, error: Exception) -> NotDescribed:
    """Say that a file cannot be made sense of, in place of what it says of itself."""
    return NotDescribed(
        watch=answer.watch,
        path=answer.path,
        fingerprint=answer.fingerprint,
        reason=f"{shown(answer.path)} cannot be made sense of: {_told(error)}.",
    )


def plan_any_folder(state: State, watched: Watched, *, now_s: float, now_at: datetime, settings: ServiceSettings) -> FolderStep:
    """Say what a folder needs now; one that cannot be made sense of is told of, and thought about again a minute later."""
    folder = state.folders[watched.watch]
    if now_s >= folder.stumbled_due_s:
        try:
            return plan_folder(state, watched, now_s=now_s, now_at=now_at, settings=settings)
        except Exception as error:  # noqa: BLE001  (told in the log and in the status)
            trouble = (
                f"The frames here cannot be sorted: {_told(error)}. Nothing new begins here; it is tried again every minute."
                " Move away what came last."
            )
            folder = replace(
                folder,
                stumbled_due_s=now_s + AGAIN_S,
                complete_due_s=float("inf"),
                # What it stumbled over may be gone by then.
                prepared=None,
                contents=None,
                regroup=folder.regroup or folder.prepared is not None,
            )
            folder, looking = plan_look(folder, watched, now_s=now_s)
            report = replace(_report(folder, watched, now_at), trouble=trouble)
            noted: tuple[Effect, ...] = () if state.journal_trouble else (NoteFolder(report=report),)
            effects = (*noted, *looking, TellUnforeseen(about=watched.watch, error=error))
            return FolderStep(folder=replace(folder, reported=None), effects=effects)
    folder, looking = plan_look(folder, watched, now_s=now_s)
    return FolderStep(folder=folder, effects=looking)


def _report(folder: Folder, watched: Watched, now_at: datetime) -> FolderReport:
    try:
        return report_of(folder, watched, now_at=now_at)
    except Exception:  # noqa: BLE001  (what it stumbled over may be met again here)
        return FolderReport(watch=watched.watch, at=now_at, online=folder.online)


def _told(error: Exception) -> str:
    return f"something unexpected happened ({type(error).__name__}: {excerpt(str(error))})"
