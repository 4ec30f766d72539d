"""What one command reads from or writes into the journal, whether the service runs or not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stackd.service.once.report import JobRecord, JournalReport
    from stackd.service.ports import Health, Wish, WishKind


def read_status(state_folder: Path, *, job_limit: int) -> JournalReport | None:
    """Read what `stackd status` shows; None when the service never ran on this state folder."""
    from stackd.adapters.journal.report import read_report
    from stackd.adapters.journal.sqlite_journal import JOURNAL_NAME

    return read_report(state_folder / JOURNAL_NAME, job_limit=job_limit)


def read_stacks(state_folder: Path, beginnings: Sequence[str]) -> tuple[JobRecord, ...]:
    """Read all jobs, oldest first, of the stacks whose ids begin with one of these; nothing else of a long history is read."""
    from stackd.adapters.journal.report import read_records
    from stackd.adapters.journal.sqlite_journal import JOURNAL_NAME

    return read_records(state_folder / JOURNAL_NAME, beginnings)


def running_process(state_folder: Path) -> int | None:
    """Give the process number of the service that uses a state folder; None when none runs."""
    from stackd.adapters.machine.instance_lock import holder

    return holder(state_folder)


def told_health(state_folder: Path) -> Health | None:
    """Read what the service told last of how it is; None where it told nothing."""
    from stackd.adapters.telling.health_file import read_health

    return read_health(state_folder)


def monotonic_s() -> float:
    """Give the time that the age of the service's health is told by."""
    from stackd.adapters.machine.system_clock import SystemClock

    return SystemClock().now_s()


def back_up(state_folder: Path, target: Path) -> int:
    """Copy the journal while the service may go on; gives how many stacks are in the copy."""
    from stackd.adapters.journal.backup import back_up
    from stackd.adapters.journal.sqlite_journal import JOURNAL_NAME

    return back_up(state_folder / JOURNAL_NAME, target)


def forget_stacks(state_folder: Path, stack_ids: Sequence[str]) -> None:
    """Forget stacks for good."""
    from stackd.adapters.journal.sqlite_journal import JOURNAL_NAME, SqliteJournal

    journal = SqliteJournal(state_folder / JOURNAL_NAME, check=False)
    try:
        journal.forget_stacks(stack_ids)
    finally:
        journal.close()


def note_wish(
    state_folder: Path, kind: WishKind, stack_id: str, *, frames: tuple[str, ...] = (), others: tuple[str, ...] = ()
) -> Wish:
    """Write a decision of the user into the journal; the service takes it up within a second, or when it starts."""
    from stackd.adapters.journal.sqlite_journal import JOURNAL_NAME, SqliteJournal
    from stackd.adapters.machine.system_clock import SystemClock

    journal = SqliteJournal(state_folder / JOURNAL_NAME, check=False)
    try:
        return journal.ask(kind, stack_id, at=SystemClock().now_at(), frames=frames, other_stack_ids=others)
    finally:
        journal.close()
