"""The real daemon in a process of its own, on folders of a test; and the frames to drop into them."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from stackd.adapters.output.demo_camera import DemoCamera
from stackd.rendering.scenes import SceneSettings, render_stack, two_planes

CONFIG = """\
[state]
folder = "state"
[[watch]]
name = "test"
input = "in"
output = "out"
rescan_s = {rescan_s}
events = {events}
[intake]
settle_s = 0.2
quiet_s = {quiet_s}
[recipe.default.export]
format = "png"
"""

LONGEST_WAIT_S = 60.0
"""A slow machine shared with others; passing tests wait a few seconds."""


def shoot(folder: Path, count: int = 6) -> list[Path]:
    """Render a small focus stack and write it as a camera would."""
    folder.mkdir(parents=True, exist_ok=True)
    scene = SceneSettings(subject=two_planes, height_px=120, width_px=160, frame_count=count, seed=3)
    camera = DemoCamera(folder, began_at=datetime(2026, 5, 1, 12, 0, tzinfo=UTC))
    frames = render_stack(scene).frames
    return [camera.expose(np.asarray(frame, np.uint8)) for frame in frames]


def wait_until(true: Callable[[], bool], *, timeout_s: float = LONGEST_WAIT_S, what: str = "it") -> None:
    """Poll: what other processes do announces itself to nobody here."""
    deadline_s = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline_s:
            message = f"{what} did not happen within {timeout_s:.0f} s"
            raise TimeoutError(message)
        time.sleep(0.05)


@dataclass
class RealService:
    """A place for the daemon, started and ended as often as a test likes."""

    place: Path
    quiet_s: float = 1.0
    rescan_s: float = 30.0
    events: bool = True
    environment: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.inbox.mkdir(parents=True, exist_ok=True)
        self.output.mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(quiet_s=self.quiet_s, rescan_s=self.rescan_s, events=str(self.events).lower())
        self.config.write_text(text, encoding="utf-8")

    @property
    def inbox(self) -> Path:
        return self.place / "in"

    @property
    def output(self) -> Path:
        return self.place / "out"

    @property
    def config(self) -> Path:
        return self.place / "stackd.toml"

    @property
    def journal(self) -> Path:
        return self.place / "state" / "journal.sqlite3"

    def start(self, *, wait: bool = True) -> "subprocess.Popen[bytes]":
        """Start the daemon; wait until it watches."""
        with (self.place / "log").open("ab") as log:
            before = self.log().count("service.started")
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stackd", "run", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
            )
        if wait:
            wait_until(lambda: self.log().count("service.started") > before, what="the start")
        return self.process

    def kill(self) -> None:
        """Cut the power."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; gives the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=LONGEST_WAIT_S)

    def log(self) -> str:
        path = self.place / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def composites(self) -> list[Path]:
        # Whatever is judged of it: what small stacks are worth is told by other tests.
        return sorted(path for path in self.output.rglob("*.png") if not path.stem.endswith("_depth"))

    def temporary(self) -> list[str]:
        return [path.name for path in self.output.rglob(".*") if path.is_file()]

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Ask the journal."""
        with closing(sqlite3.connect(self.journal)) as db:
            return db.execute(query).fetchall()

    def states(self) -> list[str]:
        return [str(state) for (state,) in self.rows("SELECT state FROM job ORDER BY id")]

    def outputs_match_the_journal(self) -> bool:
        """Whether every published file holds what the journal says."""
        rows = self.rows(
            "SELECT o.folder, o.final_name, o.sha256 FROM output o JOIN job j ON j.id = o.job_id WHERE j.state = 'done'"
        )
        return all(
            hashlib.sha256((Path(os.fsdecode(folder)) / os.fsdecode(name)).read_bytes()).hexdigest() == sha256
            for folder, name, sha256 in rows  # type: ignore[arg-type]
        )


def children_of(pid: int) -> list[int]:
    """Processes whose parent is `pid`, ended ones not counted (Linux)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not (Linux)."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
