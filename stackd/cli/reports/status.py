"""What `stackd status` says: an object for programs, a few lines for people. Light: no numpy."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, assert_never

from stackd.model.job import JobState
from stackd.model.names import shown
from stackd.model.verdict import Judgement, Verdict

if TYPE_CHECKING:
    from stackd.service.once.report import JobRecord, JournalReport
    from stackd.service.ports import FolderReport, LeftAlone

LEFT_ALONE = {
    "exposure": "exposure bracket",
    "burst": "burst",
    "panorama": "panorama",
    "timelapse": "time-lapse",
}

NOT_PASSED: "Mapping[Judgement | None, str]" = MappingProxyType({Judgement.REVIEW: "to review", Judgement.REJECT: "rejected"})
"""How composites that are published and do not pass are counted."""

NEED_A_HAND = frozenset({JobState.HELD, JobState.FAILED, JobState.BLOCKED, JobState.QUARANTINED})
"""States that last until somebody does something."""

REASONS_SHOWN = 3
"""Sentences that say why a stack is held; `--json` has all."""

LEAST_ROOM_BYTES = 256 << 10
"""Below this the journal cannot note a stack of some hundred frames."""

NAMES_SHOWN = 5
"""Files named in a list before the rest is counted."""


def as_object(report: "JournalReport | None", process: int | None, state_folder: Path) -> dict[str, Any]:
    """Describe the service as plain JSON values. Names that are not text keep their bytes as escapes."""
    folders = () if report is None else report.folders
    jobs = () if report is None else report.jobs
    wishes = () if report is None else report.wishes
    return {
        "running": process is not None,
        "process": process,
        "state_folder": shown(state_folder),
        "trouble": trouble_with(state_folder),
        "summary": {} if report is None else {words.replace(" ", "_"): count for words, count in summed(report)},
        "folders": [_folder_object(folder) for folder in folders],
        "stacks": [_stack_object(record) for record in jobs],
        "decisions": [
            {
                "kind": wish.kind,
                "stack": wish.stack_id,
                "asked_at": wish.asked_at.isoformat(),
                "frames": [shown(frame) for frame in wish.frames],
                "others": list(wish.other_stack_ids),
                "answer": wish.answer,
            }
            for wish in wishes
        ],
    }


def as_lines(report: "JournalReport | None", process: int | None, state_folder: Path) -> list[str]:
    """Describe the service in lines for a terminal, which spells what is in them (`terminal.say`)."""
    lines = [f"stackd is running (process {process})." if process is not None else "stackd is not running."]
    trouble = trouble_with(state_folder)
    if trouble:
        lines.append(trouble)
    if report is None:
        return [*lines, f"It has not watched anything yet: there is no journal in {shown(state_folder)}."]
    # What needs a hand comes first: in a list of thousands nobody finds it.
    lines += [f"{shown(folder.watch)}: {folder.trouble}" for folder in report.folders if folder.trouble]
    shown_jobs = [record for record in report.jobs if not _is_replaced(record, report.jobs)]
    lines += _table("These need you:", [record for record in shown_jobs if record.job.state in NEED_A_HAND])
    for folder in report.folders:
        lines += ["", *_folder_lines(folder)]
    lines += _table("", [record for record in shown_jobs if record.job.state not in NEED_A_HAND])
    if shown_jobs:
        lines += ["", f"{', '.join(f'{count} {words}' for words, count in summed(report))}."]
    else:
        lines += ["", "No stack is complete yet."]
    waiting = [wish for wish in report.wishes if wish.answer is None]
    lines += [f"Asked for: {wish.kind} {wish.stack_id}; stackd takes it up when it runs." for wish in waiting]
    return lines


def _table(heading: str, records: "list[JobRecord]") -> list[str]:
    if not records:
        return []
    lines = ["", *([heading] if heading else []), f"{'STACK':<13} {'STATE':<12} {'FRAMES':>6}  WHAT"]
    for record in records:
        lines += _stack_lines(record)
    return lines


def summed(report: "JournalReport") -> tuple[tuple[str, int], ...]:
    """Count stacks by how they stand: composites that do not pass apart from those that do, and nothing that became another."""
    sums: dict[str, int] = {}
    for (state, judgement), count in report.counts.items():
        if state is not JobState.SUPERSEDED:
            words = NOT_PASSED.get(judgement, "done") if state is JobState.DONE else state.value
            sums[words] = sums.get(words, 0) + count
    order = ("done", *NOT_PASSED.values(), *JobState)
    return tuple(sorted(sums.items(), key=lambda entry: order.index(entry[0])))


def trouble_with(state_folder: Path) -> str:
    """Say that the disk of the journal is full: then the journal cannot say so itself. Empty when it is not."""
    try:
        disk = os.statvfs(state_folder)
    except OSError:
        return ""
    if disk.f_bavail * disk.f_frsize >= LEAST_ROOM_BYTES:
        return ""
    return f"The disk of {shown(state_folder)} is full: nothing new begins, and what stands below may be old. Make room."


def counted(count: int, what: str) -> str:
    """Say how many."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def _folder_object(folder: "FolderReport") -> dict[str, Any]:
    return {
        "path": shown(folder.watch),
        "at": folder.at.isoformat(),
        "online": folder.online,
        "trouble": shown(folder.trouble),
        "files": folder.files,
        "settling": folder.settling,
        "open_stacks": [
            {"frames": [shown(frame) for frame in stack.frames], "waits_for": stack.waits_for} for stack in folder.open_stacks
        ],
        "set_aside": {shown(path): shown(reason) for path, reason in folder.set_aside.items()},
        "passed_over": {shown(path): shown(reason) for path, reason in folder.passed_over.items()},
        "passed_over_count": folder.passed_over_count,
        "left_alone": [
            {"kind": each.kind, "frames": each.count, "first": shown(each.first), "last": shown(each.last)}
            for each in folder.left_alone
        ],
    }


def _stack_object(record: "JobRecord") -> dict[str, Any]:
    job, progress = record.job, record.progress
    return {
        "id": job.stack_id,
        "state": job.state,
        "version": job.version,
        "frames": record.frame_count,
        "first": shown(record.first_frame),
        "last": shown(record.last_frame),
        "confidence": record.confidence,
        "evidence": [shown(sentence) for sentence in record.evidence],
        "folder": shown(job.watch),
        "recipe": job.recipe_name,
        "attempts": job.attempt,
        "crashes": job.crashes,
        "error": None if job.error is None else shown(job.error),
        "hint": None if job.hint is None else shown(job.hint),
        "warnings": [{"code": one.code, "sentence": shown(one.sentence)} for one in record.warnings],
        "verdict": None if job.verdict is None else _verdict_object(job.verdict),
        "composite": None if job.composite_path is None else shown(job.composite_path),
        "outputs": [shown(path) for path in record.outputs],
        "progress": None if progress is None else {"stage": progress.stage, "done": progress.done, "total": progress.total},
        "queued_at": job.queued_at.isoformat(),
        "started_at": None if job.started_at is None else job.started_at.isoformat(),
        "finished_at": None if job.finished_at is None else job.finished_at.isoformat(),
    }


def _verdict_object(verdict: Verdict) -> dict[str, Any]:
    return {
        "judgement": verdict.judgement,
        "rejection_probability": verdict.rejection_probability,
        "reasons": list(verdict.reasons),
    }


def _verdict_words(verdict: Verdict) -> str:
    match verdict.judgement:
        case Judgement.PASS:
            return "pass"
        case Judgement.REVIEW:
            return f"review: look at it, {verdict.likely}"
        case Judgement.REJECT:
            return f"reject: {verdict.likely}"
        case _:
            assert_never(verdict.judgement)


def _left_alone(each: "LeftAlone") -> str:
    ends = shown(each.first) if each.count == 1 else f"{shown(each.first)} … {shown(each.last)}"
    if each.kind == "single":
        return f"{counted(each.count, 'single frame')}, {ends}"
    return f"{LEFT_ALONE.get(each.kind, each.kind)} of {each.count}, {ends}"


def _folder_lines(folder: "FolderReport") -> list[str]:
    arriving = f", {folder.settling} still arriving" if folder.settling else ""
    state = f"{counted(folder.files, 'frame')}{arriving}" if folder.online else "away"
    lines = [f"{shown(folder.watch)}: {state}"]
    lines += [
        f"  open: {len(one.frames)} frames, {shown(one.frames[0])} … {shown(one.frames[-1])}: {one.waits_for}"
        for one in folder.open_stacks
    ]
    aside = list(folder.set_aside.items())[:NAMES_SHOWN]
    lines += [f"  set aside: {shown(path)}: {shown(reason)}" for path, reason in aside]
    if len(folder.set_aside) > NAMES_SHOWN:
        lines.append(f"  set aside: {len(folder.set_aside) - NAMES_SHOWN} more; see `stackd status --json`")
    lines += [f"  left alone: {_left_alone(each)}" for each in folder.left_alone]
    if folder.passed_over_count:
        lines.append(f"  passed over: {counted(folder.passed_over_count, 'other file')}; see `stackd status --json`")
    return lines


def _is_replaced(record: "JobRecord", records: "tuple[JobRecord, ...]") -> bool:
    """Tell whether a later stack holds frames of this one: then it needs no line of its own."""
    if record.job.state is not JobState.SUPERSEDED:
        return False
    frames = set(record.frames)
    return any(other.job.id > record.job.id and not frames.isdisjoint(other.frames) for other in records)


def _from_to(record: "JobRecord") -> str:
    return f"{shown(record.first_frame)} … {shown(record.last_frame)}"


def _stack_lines(record: "JobRecord") -> list[str]:
    job = record.job
    version = f" (version {job.version})" if job.version > 1 else ""
    match job.state:
        case JobState.DONE:
            what = shown(job.composite_path or "")
        case JobState.RUNNING if record.progress is not None:
            what = f"{record.progress.stage} {record.progress.done}/{record.progress.total}"
        case JobState.HELD if job.verdict is None:
            what = f"{_from_to(record)}; {100 * record.confidence:.0f} % sure that they are one stack"
        case _:
            what = _from_to(record)
    lines = [f"{job.stack_id:<13} {job.state:<12} {record.frame_count:>6}  {what}{version}"]
    if job.state is JobState.DONE and job.verdict is not None:
        lines.append(f"{'':<14}{_verdict_words(job.verdict)}")
    if job.state is JobState.HELD and job.verdict is None:
        lines += [f"{'':<14}{shown(sentence)}" for sentence in record.evidence[:REASONS_SHOWN]]
        lines.append(f"{'':<14}`stackd release {job.stack_id}` or `stackd dismiss {job.stack_id}`")
    lines += [f"{'':<14}{shown(text)}" for text in (job.error, job.hint) if text]
    notes = [one for one in record.warnings if one.sentence not in (job.error or "")]
    lines += [f"{'':<14}note: {shown(one.sentence)}" for one in notes[:NAMES_SHOWN]]
    return lines
