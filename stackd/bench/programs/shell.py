"""Run a command line and count what it costs: processor time, elapsed time, peak of memory.

Between stackd and the command stands a small process that does nothing but wait. The system begins a child's peak of memory with
that of the process it was started from, so a large stackd would hide what small programs take.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from stackd.bench.programs.benchmark import Cost, Ran

SHELL: Final = "/bin/sh"

KIBIBYTE: Final = 1024
"""Linux counts resident memory in KiB, macOS in bytes."""

MEASURER: Final = """
import json, os, sys, time
shell, command, report = sys.argv[1:]
began = time.monotonic()
child = os.posix_spawn(shell, [shell, "-c", command], os.environ)
_, status, used = os.wait4(child, 0)
wall_s = time.monotonic() - began
with open(report, "w") as file:
    json.dump([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, wall_s, used.ru_maxrss], file)
"""
"""What the process between does; it imports nothing large."""


class MeasuredShell:
    """The `Shell` of daily use."""

    def run(self, command: str) -> Ran:
        """Run a command and wait for it; Ctrl-C ends it with everything it started."""
        with tempfile.TemporaryDirectory(prefix="stackd-bench-") as folder:
            report, said, complained = (Path(folder) / name for name in ("report", "said", "complained"))
            with said.open("wb") as out, complained.open("wb") as complaints:
                process = subprocess.Popen(  # noqa: S603  (the shell line is the user's own, given to be run)
                    [sys.executable, "-I", "-S", "-c", MEASURER, SHELL, command, str(report)],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=complaints,
                    start_new_session=True,
                )
                try:
                    process.wait()
                except BaseException:
                    os.killpg(process.pid, signal.SIGTERM)
                    process.wait()
                    raise
            exit_code, cpu_s, wall_s, peak = json.loads(report.read_text(encoding="utf-8"))
            return Ran(
                exit_code=exit_code,
                said=said.read_text(encoding="utf-8", errors="replace"),
                complained=complained.read_text(encoding="utf-8", errors="replace"),
                cost=Cost(cpu_s=cpu_s, wall_s=wall_s, peak_bytes=peak if sys.platform == "darwin" else peak * KIBIBYTE),
            )
