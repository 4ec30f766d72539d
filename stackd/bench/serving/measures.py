"""What is measured of the daemon: many frames at once, one frame among many old ones, years of history."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from stackd.bench.serving.shoot import History, shoot_stacks
from stackd.bench.serving.watched import WatchedService
from stackd.imaging.ground.frames import Progress

LIMIT_S: Final = 3_600.0
REST_S: Final = 4.0
"""Long enough for looks and reports that were due."""

RESCANS_S: Final = 62.0
"""Two rescans: what the daemon does in any case, which is taken off what a new frame costs."""

QUIET_RESTS: Final = 3
"""Between the first look and the first sorting nothing happens for a while."""

CAMERA_FRAMES: Final = 10
"""In each stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One number, and what it should be at most or at least."""

    what: str
    value: float
    unit: str
    aim: str = ""


def many_at_once(place: Path, *, stacks: int, jobs: int, publish: bool, progress: Progress) -> list[Measured]:
    """Drop many stacks at once and wait until all are sealed, and published where that is wanted."""
    service = WatchedService(place, jobs_at_once=jobs)
    service.prepare()
    card = place / "card"
    total = stacks * CAMERA_FRAMES
    for number, _ in enumerate(shoot_stacks(card, stacks, CAMERA_FRAMES), start=1):
        progress("shoot", number, total)
    began_cpu_s = service.start()
    card.rename(service.inbox / "card")
    began_s = time.monotonic()
    about = f"{total:,} frames at once"
    try:
        service.wait_until(_told(service.jobs, stacks, "seal", progress), limit_s=LIMIT_S, what="sealed")
        # Sealing and stacking run side by side; what stacking took by then is in it.
        found = [
            Measured(what=f"{about}: until all are sealed", value=time.monotonic() - began_s, unit="s"),
            Measured(what=f"{about}: daemon until then", value=service.own_cpu_s(), unit="CPU s", aim="≤ 60 for 3,000"),
            Measured(what=f"{about}: all processes until then", value=service.cpu_s() - began_cpu_s, unit="CPU s"),
        ]
        if publish:
            done = _told(lambda: service.jobs("done"), stacks, "publish", progress)
            service.wait_until(done, limit_s=LIMIT_S, what="published")
            took_s = time.monotonic() - began_s
            found += [
                Measured(what=f"{about}: published", value=60.0 * stacks / took_s, unit="stacks/min", aim="≥ 120"),
                Measured(what=f"{about}: all processes", value=(service.cpu_s() - began_cpu_s) / stacks, unit="CPU s/stack"),
            ]
        found += [
            Measured(what=f"{about}: peak of the daemon", value=service.peak_rss_bytes / 1e6, unit="MB", aim="< 250"),
            Measured(what=f"{about}: open files", value=service.descriptors(), unit=""),
            Measured(what=f"{about}: longest turn and sleep", value=service.longest_turn_s(), unit="s", aim="< 3"),
        ]
        return [*found, Measured(what=f"{about}: stopped after", value=service.stop(), unit="s", aim="≤ 10")]
    finally:
        service.kill()


def stop_while_busy(place: Path, *, stacks: int, after_s: tuple[float, ...], progress: Progress) -> list[Measured]:
    """Ask the daemon to stop at several moments of its work."""
    service = WatchedService(place)
    service.prepare()
    for number, _ in enumerate(shoot_stacks(service.inbox / "card", stacks, CAMERA_FRAMES), start=1):
        progress("shoot", number, stacks * CAMERA_FRAMES)
    longest_s = 0.0
    for number, seconds in enumerate(after_s, start=1):
        progress("stop", number, len(after_s))
        service.start()
        time.sleep(seconds)
        longest_s = max(longest_s, service.stop())
    return [
        Measured(what=f"{stacks * CAMERA_FRAMES:,} frames: longest stop of {len(after_s)}", value=longest_s, unit="s", aim="≤ 10")
    ]


def one_among_many(place: Path, *, frames: int, rest_s: float = RESCANS_S, progress: Progress) -> list[Measured]:
    """Drop one frame into a folder of old ones."""
    service = WatchedService(place)
    service.prepare()
    history = History(stacks=frames // CAMERA_FRAMES, frames=CAMERA_FRAMES)
    progress("fill", 0, 1)
    sizes = history.fill_folder(service.inbox)
    history.write_journal(service.journal, watch=service.inbox, sizes=sizes)
    progress("fill", 1, 1)
    about = f"{frames:,} old frames"
    try:
        began_cpu_s = service.start()
        _settle(service)
        found = [
            Measured(what=f"{about}: start", value=began_cpu_s, unit="CPU s"),
            Measured(what=f"{about}: start and first sorting", value=service.cpu_s(), unit="CPU s"),
        ]
        at_rest_s = service.own_cpu_s()
        time.sleep(rest_s)
        at_rest_s = (service.own_cpu_s() - at_rest_s) / rest_s
        before_s, began_s = service.own_cpu_s(), time.monotonic()
        known = service.count("SELECT COUNT(*) FROM described")
        (new,) = list(shoot_stacks(place / "new", 1, 2))[:1]
        new.rename(service.inbox / "NEW0001.JPG")
        service.wait_until(lambda: service.count("SELECT COUNT(*) FROM described") > known, limit_s=LIMIT_S, what="described")
        _settle(service)
        spent_s = service.own_cpu_s() - before_s - at_rest_s * (time.monotonic() - began_s)
        return [
            *found,
            Measured(what=f"{about}: daemon at rest", value=100.0 * at_rest_s, unit="% of a core"),
            Measured(what=f"{about}: one new frame", value=spent_s, unit="CPU s", aim="< 1"),
            Measured(what=f"{about}: memory", value=service.rss_bytes() / 1e6, unit="MB"),
        ]
    finally:
        service.kill()


def long_history(place: Path, *, frames: int, progress: Progress) -> list[Measured]:
    """Start on a journal of frames that were stacked and cleared away long ago, and take a decision about one of them."""
    service = WatchedService(place)
    service.prepare()
    progress("write", 0, 1)
    history = History(stacks=frames // CAMERA_FRAMES, frames=CAMERA_FRAMES)
    history.write_journal(service.journal, watch=service.inbox)
    progress("write", 1, 1)
    about = f"{frames:,} frames of history"
    try:
        began_cpu_s = service.start()
        _settle(service)
        stack = _text(service, "SELECT stack_id FROM job ORDER BY id LIMIT 1 OFFSET 7")
        environment = {**os.environ}
        began = psutil.Process().cpu_times()
        subprocess.run(  # noqa: S603  (our own program)
            [sys.executable, "-m", "stackd", "dismiss", stack, "--config", str(service.config)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        ended = psutil.Process().cpu_times()
        decided_s = ended.children_user + ended.children_system - began.children_user - began.children_system
        service.wait_until(
            lambda: not service.count("SELECT COUNT(*) FROM wish WHERE answer IS NULL"), limit_s=60.0, what="answered"
        )
        return [
            Measured(what=f"{about}: journal", value=service.journal.stat().st_size / 1e6, unit="MB"),
            Measured(what=f"{about}: start", value=began_cpu_s, unit="CPU s", aim="< 3"),
            Measured(what=f"{about}: memory at rest", value=service.rss_bytes() / 1e6, unit="MB", aim="< 150"),
            Measured(what=f"{about}: a decision (stackd retry)", value=decided_s, unit="CPU s", aim="< 1"),
        ]
    finally:
        service.kill()


def _text(service: WatchedService, query: str) -> str:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(f"file:{service.journal}?mode=ro", uri=True)) as db:
        return str(db.execute(query).fetchone()[0])


def _settle(service: WatchedService) -> None:
    """Wait until the daemon is at rest: it uses less than a twentieth of a core, three times in a row."""
    quiet = 0
    while quiet < QUIET_RESTS:
        before_s = service.own_cpu_s()
        time.sleep(REST_S)
        service.look()
        quiet = quiet + 1 if service.own_cpu_s() - before_s < REST_S / 20.0 else 0


def _told(count: Callable[[], int], wanted: int, what: str, progress: Progress) -> Callable[[], bool]:
    def reached() -> bool:
        found = count()
        progress(what, min(found, wanted), wanted)
        return found >= wanted

    return reached
