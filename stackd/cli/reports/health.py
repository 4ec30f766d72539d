"""How the service is, for `stackd status` and for monitoring: what is wrong, what to do, and the facts. Light: no numpy."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stackd.model.job import NEED_A_HAND, JobState
from stackd.model.names import shown
from stackd.model.verdict import Judgement

if TYPE_CHECKING:
    from stackd.service.once.report import JournalReport
    from stackd.service.ports import Health, WatchHealth

WELL: Final = 0
NEEDS_A_PERSON: Final = 1
NOT_WORKING: Final = 2
"""Exit codes of `stackd status --check`, as Nagios counts: OK, WARNING, CRITICAL."""

OLD_S: Final = 60.0
"""The loop turns at least once a second and tells how it is every 15 s; a service manager's watchdog waits a minute too."""

LEAST_ROOM_BYTES: Final = 256 << 10
"""Below this the journal cannot note a stack of some hundred frames."""

THOUSAND: Final = 1_000
"""Disks are sold and told in powers of ten."""

WORDS: Final = {
    JobState.HELD: "held",
    JobState.FAILED: "failed",
    JobState.BLOCKED: "blocked",
    JobState.QUARANTINED: "set aside",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that somebody should know, and what to do about it."""

    level: int
    what: str
    do: str
    told_below: bool = False
    """`stackd status` has a table for it."""

    @property
    def lines(self) -> tuple[str, str]:
        """Both, for a terminal."""
        return self.what, f"  → {self.do}"


def problems(
    report: "JournalReport | None", process: int | None, state_folder: Path, health: "Health | None", now_s: float
) -> tuple[Problem, ...]:
    """Find what is wrong, the worst first.

    Parameters
    ----------
    report : JournalReport or None
        None where nothing was ever watched.
    process : int or None
        The service that runs; None when none does.
    state_folder : Path
    health : Health or None
        What a service told last.
    now_s : float
        Monotonic, of this machine.
    """
    found: list[Problem] = []
    full = trouble_with(state_folder)
    if full:
        found.append(Problem(level=NEEDS_A_PERSON, what=full, do="Make room; it goes on by itself."))
    found += _loop(process, health, now_s, full=bool(full))
    if health is not None and process is not None and not is_old(health, process, now_s):
        found += _told(health, now_s)
    folders = () if report is None else report.folders
    # Of folders that are no longer configured the journal still holds the last report.
    watched = {one.watch for one in health.watches} if health is not None and process is not None else frozenset()
    found += [
        Problem(
            level=NEEDS_A_PERSON, what=f"{shown(one.watch)}: {shown(one.trouble)}", do="Put it right; stackd goes on by itself."
        )
        for one in folders
        if one.trouble and (not watched or shown(one.watch) in watched)
    ]
    if report is not None:
        found += _stacks(report)
    return tuple(sorted(found, key=lambda one: -one.level))


def check_code(found: Sequence[Problem]) -> int:
    """Give the exit code of `stackd status --check`."""
    return max((one.level for one in found), default=WELL)


def is_old(health: "Health", process: int, now_s: float) -> bool:
    """Tell whether what was told last says nothing of how the service is now: another process told it, or too long ago."""
    # One from before the machine was started has a later time than now.
    return health.process != process or not 0.0 <= now_s - health.written_s <= OLD_S


def trouble_with(state_folder: Path) -> str:
    """Say that the disk of the journal is full: then the journal cannot say so itself. Empty when it is not."""
    try:
        disk = os.statvfs(state_folder)
    except OSError:
        return ""
    if disk.f_bavail * disk.f_frsize >= LEAST_ROOM_BYTES:
        return ""
    return f"The disk of {shown(state_folder)} is full: nothing new begins, and what stands below may be old. Make room."


def facts(health: "Health", now_s: float) -> list[str]:
    """Say how the service is, in lines for people."""
    age_s = now_s - health.written_s
    working = ", ".join(f"{one.stack_id} for {_span(one.seconds + age_s)}" for one in health.running)
    room = ", ".join(
        f"{_size(one.free_bytes)} for {one.use} ({one.folder})" for one in health.disks if one.free_bytes is not None
    )
    lines = [f"Loop: told {_span(age_s)} ago; working on {working or 'nothing'}."]
    lines += [f"Watch {one.label}: {_look_words(one, age_s)}; {_events_words(one)}." for one in health.watches]
    lines += [f"Room: {room}."] if room else []
    if health.last_error:
        at = "" if health.last_error_at is None else f" ({health.last_error_at:%Y-%m-%d %H:%M} UTC)"
        lines.append(f"Last error{at}: {health.last_error}")
    return lines


def health_object(health: "Health", now_s: float) -> dict[str, Any]:
    """Describe the facts as plain JSON values, with their ages as of now."""
    age_s = max(now_s - health.written_s, 0.0)
    return {
        "process": health.process,
        "version": health.version,
        "started_at": health.started_at.isoformat(),
        "written_at": health.written_at.isoformat(),
        "age_s": round(age_s, 3),
        "watches": [
            {**asdict(one), "looked_s": None if one.looked_s is None else round(one.looked_s + age_s, 3)}
            for one in health.watches
        ],
        "journal_ok": not health.journal_trouble,
        "journal_trouble": health.journal_trouble,
        "running": [{"stack": one.stack_id, "seconds": round(one.seconds + age_s, 3)} for one in health.running],
        "waiting": dict(health.waiting),
        "disks": [asdict(one) for one in health.disks],
        "errors": health.errors,
        "last_error": health.last_error,
        "last_error_at": None if health.last_error_at is None else health.last_error_at.isoformat(),
        "notices": health.notices,
        "notices_failed": health.notices_failed,
    }


def _loop(process: int | None, health: "Health | None", now_s: float, *, full: bool) -> list[Problem]:
    if process is None:
        return [
            Problem(
                level=NOT_WORKING,
                what="Nothing is watched while it does not run.",
                do="Start it: `stackd run`; as a service: `stackd service status`.",
            )
        ]
    if health is None or health.process != process or health.written_s > now_s:
        if full:
            return []
        return [Problem(level=NOT_WORKING, what="It has not begun to watch yet.", do="Wait; if it stays so, its log says why.")]
    age_s = now_s - health.written_s
    if age_s <= OLD_S or full:
        # On a full disk the old facts stay, however well the loop turns.
        return []
    return [
        Problem(
            level=NOT_WORKING,
            what=f"It hangs: it has told nothing for {_span(age_s)}, and should every 15 s. What stands below is as old.",
            do="Stop it and start it again; if it is a service, its manager does so. The log may say why.",
        )
    ]


def _told(health: "Health", now_s: float) -> list[Problem]:
    found = []
    age_s = now_s - health.written_s
    if health.journal_trouble:
        found.append(Problem(level=NEEDS_A_PERSON, what=health.journal_trouble, do="Put it right; stackd goes on by itself."))
    for one in health.watches:
        late = one.online and one.looked_s is not None and one.looked_s + age_s > one.late_s
        if late:
            what = f"{one.label}: the last look was finished {_span(one.looked_s + age_s)} ago, which is late."  # type: ignore[operator]
            found.append(Problem(level=NEEDS_A_PERSON, what=what, do=f"See whether {one.watch} answers: `ls` it."))
    return found


def _stacks(report: "JournalReport") -> list[Problem]:
    counts = {state: 0 for state in JobState if state in NEED_A_HAND}
    for (state, _), count in report.counts.items():
        if state in counts:
            counts[state] += count
    told = [(f"{count} {WORDS[state]}", "`stackd status` says why, and what to do.") for state, count in counts.items() if count]
    for judgement, words in ((Judgement.REVIEW, "to review"), (Judgement.REJECT, "rejected")):
        count = sum(one is judgement for one in report.to_see.values())
        if count:
            told.append((f"{count} {words}", "Look at what `stackd status` names; `stackd release STACK` says that you have."))
    return [Problem(level=NEEDS_A_PERSON, what=f"{what}.", do=do, told_below=True) for what, do in told]


def _look_words(one: "WatchHealth", age_s: float) -> str:
    looked = "not looked at yet" if one.looked_s is None else f"last look finished {_span(one.looked_s + age_s)} ago"
    return looked if one.looking_s is None else f"{looked}, a look under way for {_span(one.looking_s + age_s)}"


def _events_words(one: "WatchHealth") -> str:
    if not one.events:
        return "change notices are not listened for"
    return "change notices arrive" if one.canary_heard else "change notices are listened for"


def _span(seconds: float) -> str:
    for size_s, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size_s:
            return f"{int(seconds // size_s)} {unit}s"
    return f"{max(seconds, 0.0):.0f} s"


def _size(count: int | None) -> str:
    value = float(count or 0)
    for unit in ("B", "KB", "MB", "GB"):
        if value < THOUSAND:
            return f"{value:.3g} {unit}"
        value /= THOUSAND
    return f"{value:.3g} TB"
