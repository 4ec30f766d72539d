"""Kill the service before every call that changes its disk, or let the system refuse that call: one composite comes out."""

import hashlib
import json
import os
import re
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]

CALLS = "write,pwrite64,ftruncate,openat,mkdir,rename,renameat,renameat2,link,linkat,unlink,unlinkat,fsync,fdatasync"
"""What changes a disk. Of `openat` only those that may make a file."""

ERRORS = ("ENOSPC", "EROFS", "EIO", "EACCES", "EDQUOT")

OUTPUTS = {f"beetle_01-beetle_03_3f_depth_from_defocus_review.{suffix}" for suffix in ("json", "tif")}

EVERYTHING = "STACKD_EVERY_CALL" in os.environ
"""Every error at every call; otherwise each call meets one of them, in turn."""

LONGEST_S = 30.0
"""A life takes a tenth of a second."""

SAID = re.compile(r"cannot be (written|read or written|used)|disappeared")
"""How a reason to wait is told."""


@dataclass(frozen=True)
class Call:
    """A system call of the run: the `number`th of its name."""

    name: str
    number: int


class Lives:
    """A process that forks lives of the service; see `publishing_run`."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(LONGEST_S)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.publishing_run", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        theirs.close()

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def hear(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def live_alone(self, place: Path) -> int:
        """Live once with nothing in the way; gives the exit code."""
        self.say(f"alone {place}")
        self.hear()
        return self.hear()

    def live(self, place: Path, *options: str) -> tuple[int, list[str]]:
        """Live once under strace with these options; gives the exit code and what strace saw before it was taken off."""
        self.say(f"traced {place}")
        life = self.hear()
        self.socket.recv(1)
        seen = place / "strace.txt"
        command = ["strace", "-y", "-s", "0", "-o", str(seen), "-p", str(life), "-e", f"trace={CALLS}", *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
            assert strace.stderr is not None
            is_on = "attached" in strace.stderr.readline()
            self.socket.send(b"!")
            ready, _, _ = select.select([self.socket, self.process.stdout], [], [], LONGEST_S)
            strace.terminate()
        if not is_on:
            os.kill(life, signal.SIGKILL)
            pytest.skip("this machine does not let a test trace a process")
        assert ready, "neither ended nor done"
        if self.socket in ready:
            self.socket.recv(1)
            self.socket.send(b"!")
        return self.hear(), seen.read_text(errors="replace").splitlines()


@pytest.fixture(scope="module")
def lives() -> Iterator[Lives]:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    lives = Lives()
    yield lives
    assert lives.process.stdin is not None
    lives.process.stdin.close()
    assert lives.process.wait() == 0


@pytest.fixture(scope="module")
def calls(lives: Lives, tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """All calls of an undisturbed run that touch its folder; of writes between two syncs the first and the last."""
    place = tmp_path_factory.mktemp("undisturbed")
    (place / "out").mkdir()
    code, seen = lives.live(place)
    assert code == 0
    found: list[Call] = []
    counts: dict[str, int] = {}
    writes = 0
    for line in seen:
        name = line.partition("(")[0]
        counts[name] = counts.get(name, 0) + 1
        if str(place) not in line or (name == "openat" and "O_CREAT" not in line):
            continue
        writes = writes + 1 if name == "pwrite64" else 0
        if writes > 2:
            found.pop()
        found.append(Call(name, counts[name]))
    return found


def assert_survived(lives: Lives, place: Path) -> None:
    """Start once more, undisturbed: all that is promised after a kill or a refusal holds."""
    assert lives.live_alone(place) == 0
    assert {str(path.relative_to(place / "out")) for path in (place / "out").rglob("*")} == OUTPUTS
    with closing(sqlite3.connect(place / "journal.sqlite3")) as journal:
        assert journal.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert journal.execute("SELECT state FROM job").fetchall() == [("done",)]
        rows = journal.execute("SELECT folder, final_name, sha256 FROM output").fetchall()
    assert len(rows) == len(OUTPUTS)
    for folder, name, sha256 in rows:
        assert hashlib.sha256((Path(os.fsdecode(folder)) / os.fsdecode(name)).read_bytes()).hexdigest() == sha256


def test_a_publishing_run_makes_calls_of_every_kind(calls: list[Call]) -> None:
    assert {"write", "pwrite64", "openat", "unlink", "fsync", "fdatasync"} < {call.name for call in calls}
    assert 60 <= len(calls) <= 160


def test_killed_before_any_call_it_still_publishes_once(lives: Lives, calls: list[Call], tmp_path: Path) -> None:
    for call in calls:
        place = tmp_path / f"{call.name}-{call.number}"
        (place / "out").mkdir(parents=True)

        code, seen = lives.live(place, "-e", f"inject={call.name}:signal=KILL:when={call.number}")

        assert code == -signal.SIGKILL, (call, seen)
        assert_survived(lives, place)


def test_refused_from_any_call_on_it_waits_says_so_and_resumes_by_itself(lives: Lives, calls: list[Call], tmp_path: Path) -> None:
    errors = cycle(ERRORS)
    waited = 0
    for call in calls:
        for error in ERRORS if EVERYTHING else (next(errors),):
            place = tmp_path / f"{call.name}-{call.number}-{error}"
            (place / "out").mkdir(parents=True)

            code, _ = lives.live(place, "-e", f"inject={call.name}:error={error}:when={call.number}+")
            life = json.loads((place / "life.json").read_text()) if code == 0 else {}

            assert code == 0, (call, error)
            if life["in_trouble"] != ["done"]:
                waited += 1
                assert any(SAID.search(words) for words in life["said"]), (call, error, life)
            assert life["at_last"] == ["done"], (call, error, life)
            assert_survived(lives, place)
    assert waited > len(calls) / 2
