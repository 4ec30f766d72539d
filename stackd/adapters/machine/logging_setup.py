"""Logs to standard error, one event a line: `stack.published stack=7f3a frames=42`. Names from outside are escaped."""

import faulthandler
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from stackd import __version__
from stackd.model.names import shown

FAULT_NAME = "fault.txt"
"""In the state folder: where a crash of the service itself leaves its trace."""

FAULT_MODE = 0o640
"""A trace names what stackd was doing, and concerns nobody else."""

ABORTED = b"Fatal Python error: Aborted"
TRACE_BYTES = 200
"""How faulthandler begins the trace of a SIGABRT, and enough bytes of a trace to see that."""

ERROR_NAME = "unexpected-error.txt"
"""In the state folder: the last error of a command that nobody foresaw, for whoever mends it."""

_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""Syslog priorities, which the systemd journal reads from `<n>` at the start of a line (sd-daemon(3))."""


class OneLine(logging.Formatter):
    """One line an event, whatever its text holds: control characters and undecodable bytes are escaped."""

    def __init__(self, *, for_systemd: bool) -> None:
        super().__init__("%(message)s" if for_systemd else "%(asctime)s %(levelname)-7s %(message)s")
        self._for_systemd = for_systemd

    def format(self, record: logging.LogRecord) -> str:
        """Write the event."""
        text = shown(super().format(record))
        return f"<{_PRIORITIES.get(record.levelno, 6)}>{text}" if self._for_systemd else text


def set_up_logging(*, verbose: bool = False) -> None:
    """Log events from INFO on (DEBUG when verbose) to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    # systemd sets this when standard error leads to its journal, which has times of its own.
    handler.setFormatter(OneLine(for_systemd="JOURNAL_STREAM" in os.environ))
    root = logging.getLogger("stackd")
    root.handlers = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    root.propagate = False
    spell_what_libraries_say(for_systemd="JOURNAL_STREAM" in os.environ)


def spell_what_libraries_say(*, for_systemd: bool = False) -> None:
    """Send warnings and log lines of libraries through the same door: they may name files and hold what is in them."""
    logging.captureWarnings(True)
    handler = logging.lastResort
    if handler is not None:
        handler.setFormatter(OneLine(for_systemd=for_systemd))
        logging.getLogger("py.warnings").handlers = [handler]


def note_faults(state_folder: Path) -> tuple[bool, TextIO | None]:
    """Let a crash inside this process (a fault in a library) leave its trace in the state folder.

    Returns
    -------
    bool
        Whether the process before this one left one: it crashed, and was not just killed or aborted.
    TextIO or None
        The open file; keep it. None where there can be none now: a full disk is no reason not to start.
    """
    path = state_folder / FAULT_NAME
    try:
        # A link is not followed: what it leads to would be emptied.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FAULT_MODE)
    except OSError as error:
        logging.getLogger("stackd.service").warning("faults.not_noted path=%r reason=%r", str(path), str(error))
        return False, None
    # What was aborted did not crash: so a service manager ends a service that hangs, and no stack is to blame for that.
    trace = os.pread(descriptor, TRACE_BYTES, 0)
    crashed = bool(trace) and not trace.startswith(ABORTED)
    os.ftruncate(descriptor, 0)
    file = os.fdopen(descriptor, "w", encoding="utf-8")
    faulthandler.enable(file)
    return crashed, file


def note_error(error: Exception, state_folder: Path) -> Path:
    """Write an unforeseen error with its traceback into the state folder, in place of the one before it.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    state_folder.mkdir(parents=True, exist_ok=True)
    path = state_folder / ERROR_NAME
    when = datetime.now(UTC).isoformat(timespec="seconds")
    lines = [f"{when} stackd {__version__} python {sys.version.split()[0]} {sys.platform}", f"arguments: {sys.argv[1:]!r}", ""]
    text = "\n".join(lines) + "\n" + "".join(traceback.format_exception(error))
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path
