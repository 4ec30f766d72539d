"""Runs the user's command once for an event: without a shell, within a time, and away from the loop."""

import contextlib
import logging
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from typing import Final

from stackd.model.names import excerpt

POLL_S: Final = 0.1
"""How soon a stop of the service ends a command that runs."""

SAID_BYTES: Final = 500
"""What of a failed command's complaints is read."""

log = logging.getLogger("stackd.notify")


def run_command(command: tuple[str, ...], told: Mapping[str, str], *, timeout_s: float, stopping: threading.Event) -> str | None:
    """Run a program with more environment variables.

    Its standard error goes to a file and not to a pipe: neither much of it nor a process left behind can keep us waiting.

    Parameters
    ----------
    command : tuple of str
        Program and arguments.
    told : mapping of str to str
        The variables; what an environment cannot hold is taken out of them.
    timeout_s : float
    stopping : threading.Event
        Ends it early.

    Returns
    -------
    str or None
        What failed, in words; empty when nothing did. None when it was ended because the service stops.
    """
    environment = {**os.environ, **{name: value.replace("\0", "") for name, value in told.items()}}
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(  # noqa: S603  (the user's own command, from the configuration)
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return f"it could not be started: {error}"
        ended = _wait(process, timeout_s=timeout_s, stopping=stopping)
        if ended is None:
            _end(process)
            return None if stopping.is_set() else f"it took longer than {timeout_s:g} s"
        if ended == 0:
            return ""
        complaints.seek(0)
        said = excerpt(complaints.read(SAID_BYTES).decode("utf-8", "surrogateescape").strip())
        how = f"signal {-ended}" if ended < 0 else f"exit code {ended}"
        return f"{how}{': ' if said else ''}{said}"


def _wait(process: "subprocess.Popen[bytes]", *, timeout_s: float, stopping: threading.Event) -> int | None:
    rest_s = timeout_s
    while rest_s > 0 and not stopping.is_set():
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(min(POLL_S, rest_s))
        rest_s -= POLL_S
    return process.poll()


def _end(process: "subprocess.Popen[bytes]") -> None:
    # With all that it started: it has a session of its own.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
