"""Ask exiftool, where it is installed, for what other readers cannot decode. Never fatal: no answer in time is no answer.

One process serves many questions (`-stay_open`), which makes a file cost 20 ms instead of 300. It is killed when it does not
answer, and dies with us.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Final

ANSWER_TIMEOUT_S: Final = 5.0
"""For the first file of a question; start-up takes 0.3 s, a file 0.03 s. Generous for slow network folders (a guess)."""
TIMEOUT_PER_FILE_S: Final = 1.0

MAX_FAILURES: Final = 3
"""After so many unanswered questions exiftool is left alone: something is wrong with it, and frames must not wait."""

CLOSING_S: Final = 1.0
READ_BYTES: Final = 1 << 16
SET_PARENT_DEATH_SIGNAL: Final = 1
"""Linux prctl option PR_SET_PDEATHSIG."""

QUESTION: Final = ("-json", "-n", "-G1", "-fast", "-charset", "filename=UTF8")
"""Numbers instead of words, the family 1 group in front of every tag, and no search for trailers behind the picture."""

PASSED_OVER_GROUPS: Final = ("SourceFile", "ExifTool:", "System:", "File:")


class ExiftoolProcess:
    """A running exiftool, started with the first question. Safe for threads: questions wait for each other."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = 0
        self._failures = 0
        self._lock = Lock()

    @classmethod
    def find(cls) -> "ExiftoolProcess | None":
        """Exiftool on the PATH, or None."""
        program = shutil.which("exiftool")
        return None if program is None else cls(program)

    def ask(self, paths: Sequence[Path]) -> Mapping[Path, Mapping[str, str]]:
        """Read the tags of files.

        Returns
        -------
        mapping of Path to mapping of str to str
            "<family 1 group>.<tag>" → value, as written in the file. Files exiftool has no answer for are missing.
        """
        with self._lock:
            if self._failures >= MAX_FAILURES or not paths:
                return MappingProxyType({})
            try:
                answer = self._answer([_name_for_exiftool(path) for path in paths])
                rows = json.loads(answer, parse_int=str, parse_float=str) if answer.strip() else []
            except (OSError, TimeoutError, ValueError):
                self._failures += 1
                self._end()
                return MappingProxyType({})
        by_name = {_name_for_exiftool(path): path for path in paths}
        return MappingProxyType({by_name[row["SourceFile"]]: _tags(row) for row in rows if row.get("SourceFile") in by_name})

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _answer(self, names: Sequence[str]) -> bytes:
        process = self._running()
        if process.stdin is None or process.stdout is None:
            raise OSError("exiftool has no pipes")
        self._asked += 1
        lines = [*QUESTION, *names, f"-execute{self._asked}"]
        process.stdin.write(("\n".join(lines) + "\n").encode())
        process.stdin.flush()
        ready = f"{{ready{self._asked}}}".encode()
        deadline_s = time.monotonic() + ANSWER_TIMEOUT_S + TIMEOUT_PER_FILE_S * len(names)
        answer = bytearray()
        while not answer.rstrip().endswith(ready):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not select.select([process.stdout], [], [], left_s)[0]:
                raise TimeoutError("exiftool does not answer")
            piece = os.read(process.stdout.fileno(), READ_BYTES)
            if not piece:
                raise OSError("exiftool has ended")
            answer += piece
        return bytes(answer.rstrip().removesuffix(ready))

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603  found on the PATH by us
                [self._program, "-stay_open", "True", "-@", "-"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=-1,
                preexec_fn=_die_with_parent(),  # noqa: PLW1509  one system call, looked up before the fork
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(OSError, ValueError):
            if process.stdin is not None:
                process.stdin.close()
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(CLOSING_S)
        if process.stdout is not None:
            process.stdout.close()

    def __del__(self) -> None:
        self._end()


def _die_with_parent() -> Callable[[], None] | None:
    """Make the child be killed when we die: exiftool waits for ever for questions that will never come."""
    if sys.platform != "linux":
        return None
    set_option = ctypes.CDLL(None).prctl

    def in_child() -> None:
        set_option(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)

    return in_child


def _name_for_exiftool(path: Path) -> str:
    # An argument a line, in UTF-8: other names cannot be said, and exiftool reports them as missing.
    name = os.fspath(path.absolute())
    return name.encode("utf-8", "replace").decode().replace("\n", "?")


def _tags(row: Mapping[str, object]) -> Mapping[str, str]:
    return MappingProxyType(
        {
            key.replace(":", ".", 1): value if isinstance(value, str) else json.dumps(value)
            for key, value in row.items()
            if not key.startswith(PASSED_OVER_GROUPS)
        }
    )
