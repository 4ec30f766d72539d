"""The service's end of a child process (`child` is the other): requests out, reports in, and a sure end."""

import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Final

import psutil

from stackd.adapters.processes.messages import LENGTH, Report, framed

READ_BYTES: Final = 1 << 16
"""A pipe's usual size on Linux."""

GRACE_S: Final = 3.0
"""How long a child may take to remove what it began before it is killed: well inside the ten seconds in which a service stops."""

MOST_REPORT_BYTES: Final = 1 << 30
"""A longer report is no report: the child writes nonsense."""


class ChildProcess:
    """A spawned process in a session of its own, with one pipe each way.

    Parameters
    ----------
    entry : str
        `module:function`, called in the child for every request.
    cpu_s : int
        CPU seconds of one request after which the system ends it.
    """

    def __init__(self, entry: str, *, cpu_s: int) -> None:
        requests_out, self._requests = os.pipe()
        self.reports, reports_in = os.pipe()
        os.set_blocking(self.reports, False)
        self._buffer = bytearray()
        try:
            self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
                [
                    *(sys.executable, "-P", "-X", "faulthandler", "-m", "stackd.adapters.processes.child"),
                    *(entry, str(requests_out), str(reports_in), str(os.getpid()), str(cpu_s)),
                ],
                stdin=subprocess.DEVNULL,
                pass_fds=(requests_out, reports_in),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._requests)
            os.close(self.reports)
            raise
        finally:
            os.close(requests_out)
            os.close(reports_in)

    def send(self, request: object, *, last: bool) -> None:
        """Send a request; after the last one the child ends by itself. A child that is gone takes no notice."""
        remaining = memoryview(framed(request))
        with suppress(BrokenPipeError):
            while remaining:
                remaining = remaining[os.write(self._requests, remaining) :]
        if last:
            self._close_requests()

    def reported(self) -> list[Report]:
        """Take the reports that have come."""
        with suppress(BlockingIOError):
            while chunk := os.read(self.reports, READ_BYTES):
                self._buffer += chunk
        found: list[Report] = []
        while len(self._buffer) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer)
            if length > MOST_REPORT_BYTES:
                self.kill()
                self._buffer.clear()
                break
            if len(self._buffer) < LENGTH.size + length:
                break
            content = bytes(self._buffer[LENGTH.size : LENGTH.size + length])
            del self._buffer[: LENGTH.size + length]
            found.append(pickle.loads(content))  # noqa: S301  (comes from our own child alone)
        return found

    def ended(self) -> str | None:
        """Say how the process ended, in plain words; None while it lives."""
        code = self._process.poll()
        if code is None:
            return None
        if code >= 0:
            return f"its process ended with code {code}"
        name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
        explained = {"SIGKILL": "killed, perhaps because memory ran out", "SIGXCPU": "it used more CPU time than it may"}
        return f"its process was ended by {name} ({explained.get(name, 'a crash in a library')})"

    def rss_bytes(self) -> int:
        """Resident memory; none where it has ended."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def dismiss(self) -> None:
        """Send no more: it ends by itself."""
        self._close_requests()

    def ask_to_end(self) -> None:
        """Ask it to stop; see `GRACE_S`."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End it now, with everything it may have started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            self._process.kill()

    def close(self, grace_s: float) -> None:
        """Wait at most `grace_s` for it to end, then kill it, and let go of its pipes."""
        self._close_requests()
        try:
            self._process.wait(timeout=grace_s)
        except (subprocess.TimeoutExpired, OSError):
            # OSError: on a machine whose clock jumped the system refuses to sleep until a moment before time began.
            self.kill()
            self._process.wait()
        # What it started itself must not outlive it either.
        self.kill()
        with suppress(OSError):
            os.close(self.reports)
        self.reports = -1

    def _close_requests(self) -> None:
        if self._requests >= 0:
            with suppress(OSError):
                os.close(self._requests)
            self._requests = -1
