"""A daemon in a process of its own, and what it costs while a measurement watches it."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from stackd.adapters.journal.sqlite_journal import JOURNAL_NAME
from stackd.errors import StackdError

CONFIG: Final = """\
[state]
folder = "state"
[work]
jobs_at_once = {jobs}
[[watch]]
name = "bench"
input = "in"
output = "out"
[intake]
settle_s = 0.5
quiet_s = 2.0
"""

POLL_S: Final = 0.1
START_S: Final = 120.0


@dataclass
class WatchedService:
    """The real daemon on folders of its own.

    Parameters
    ----------
    place : Path
        An empty folder.
    jobs_at_once : int
    """

    place: Path
    jobs_at_once: int = 1
    process: "psutil.Popen | None" = None
    turns_s: list[float] = field(default_factory=list)
    """When the loop said that it turns (monotonic)."""
    peak_rss_bytes: int = 0
    _notices: "socket.socket | None" = None

    @property
    def inbox(self) -> Path:
        """The watched folder."""
        return self.place / "in"

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.place / "state" / JOURNAL_NAME

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self.place / "stackd.toml"

    def prepare(self) -> None:
        """Make its folders and its configuration."""
        self.inbox.mkdir(parents=True, exist_ok=True)
        (self.place / "out").mkdir(exist_ok=True)
        self.config.write_text(CONFIG.format(jobs=self.jobs_at_once), encoding="utf-8")

    def start(self) -> float:
        """Start it and wait until it watches; gives the CPU seconds it took."""
        self.prepare()
        address = self.place / "notify"
        address.unlink(missing_ok=True)
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notices.bind(str(address))
        ready = threading.Event()
        threading.Thread(target=self._hear, args=(self._notices, ready), daemon=True).start()
        with (self.place / "log").open("ab") as log:
            self.process = psutil.Popen(
                [sys.executable, "-m", "stackd", "run", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": str(address)},
            )
        if not ready.wait(START_S):
            self.kill()
            raise StackdError("The daemon did not start.", hint=f"See {self.place / 'log'}.")
        return self.cpu_s()

    def wait_until(self, true: Callable[[], bool], *, limit_s: float, what: str) -> float:
        """Wait for something; gives the seconds it took.

        Raises
        ------
        StackdError
            If it takes longer than `limit_s`.
        """
        began_s = time.monotonic()
        while not true():
            self.look()
            if time.monotonic() - began_s > limit_s:
                self.kill()
                raise StackdError(f"Not {what} within {limit_s:.0f} seconds.", hint="Try with fewer frames.")
            time.sleep(POLL_S)
        self.look()
        return time.monotonic() - began_s

    def look(self) -> None:
        """Note how large it is now."""
        self.peak_rss_bytes = max(self.peak_rss_bytes, self.rss_bytes())

    def rss_bytes(self) -> int:
        """Resident memory of the daemon itself, without its workers."""
        return int(self._alive().memory_info().rss)

    def descriptors(self) -> int:
        """Count its open files."""
        return int(self._alive().num_fds())

    def cpu_s(self) -> float:
        """CPU seconds of the daemon and everything it started."""
        process = self._alive()
        own = process.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for child in process.children():
            with contextlib.suppress(psutil.Error):
                used = child.cpu_times()
                total += used.user + used.system
        return float(total)

    def own_cpu_s(self) -> float:
        """CPU seconds of the daemon's own process."""
        own = self._alive().cpu_times()
        return float(own.user + own.system)

    def longest_turn_s(self) -> float:
        """Give the longest time in which the loop did not say that it turns; it sleeps for a second at most."""
        return max((later - earlier for earlier, later in zip(self.turns_s, self.turns_s[1:], strict=False)), default=0.0)

    def stop(self) -> float:
        """Ask it to stop; gives the seconds that took."""
        process = self._alive()
        began_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120.0)
        took_s = time.monotonic() - began_s
        self._end()
        return took_s

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            with contextlib.suppress(psutil.Error):
                self.process.kill()
                self.process.wait(timeout=10.0)
        self._end()

    def count(self, query: str) -> int:
        """Ask the journal for a number."""
        with contextlib.closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True, timeout=10.0)) as db:
            (found,) = db.execute(query).fetchone()
        return int(found)

    def jobs(self, state: str = "") -> int:
        """Count the jobs, or those in a state."""
        return self.count(f"SELECT COUNT(*) FROM job WHERE state = '{state}'" if state else "SELECT COUNT(*) FROM job")  # noqa: S608

    def _alive(self) -> "psutil.Popen":
        if self.process is None or self.process.poll() is not None:
            raise StackdError("The daemon has ended.", hint=f"See {self.place / 'log'}.")
        return self.process

    def _hear(self, notices: socket.socket, ready: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while message := notices.recv(4096):
                if message.startswith(b"WATCHDOG=1"):
                    self.turns_s.append(time.monotonic())
                elif message.startswith(b"READY=1"):
                    ready.set()

    def _end(self) -> None:
        self.process = None
        if self._notices is not None:
            self._notices.close()
            self._notices = None
