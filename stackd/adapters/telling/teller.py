"""The `Teller` of daily use: a health file in the state folder, a file for Prometheus, and notices by a command."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from stackd.adapters.telling.disks import DiskGauge
from stackd.adapters.telling.exposition import exposition
from stackd.adapters.telling.health_file import write_health
from stackd.adapters.telling.notices import Notices, Steps
from stackd.adapters.telling.whole_file import write_whole
from stackd.model.names import shown
from stackd.service.ports import Disk, Health, Telling

STOP_S: Final = 1.0
"""The last facts have so long to be written: a metrics file on a share that hangs is left behind."""

log = logging.getLogger("stackd.telling")


class FileTeller:
    """Writes the health file at once, since the state folder is local, and all else in threads of its own.

    Parameters
    ----------
    state_folder : Path
    scratch : Path
        Where stacks are worked on.
    steps : Steps
        The steps of stacks in the journal.
    """

    def __init__(self, state_folder: Path, *, scratch: Path, steps: Steps) -> None:
        self._state_folder = state_folder
        self._scratch = scratch
        self._gauge = DiskGauge()
        self._errors = _LastError()
        logging.getLogger("stackd").addHandler(self._errors)
        self._notices = Notices(steps, state_folder)
        self._metrics = _MetricsFile()
        self._trouble = ""
        self._health: Health | None = None

    def follow(self, telling: Telling) -> None:
        """Tell whom the configuration names from now on."""
        self._notices.follow(telling)
        self._metrics.follow(telling.metrics)

    def tell(self, health: Health, outputs: tuple[Path, ...]) -> None:
        """Make the facts known."""
        places = (("state", self._state_folder), *(("output", folder) for folder in outputs), ("scratch", self._scratch))
        self._health = health = replace(
            health,
            disks=tuple(
                Disk(use=use, folder=shown(folder), free_bytes=self._gauge.free_bytes(folder))
                for use, folder in dict.fromkeys(places)
            ),
            errors=self._errors.count,
            last_error=self._errors.last,
            last_error_at=self._errors.last_at,
            notices=self._notices.run,
            notices_failed=self._notices.failed,
        )
        try:
            write_health(self._state_folder, health)
        except OSError as error:
            if str(error) != self._trouble:
                log.warning("health.not_written reason=%r", str(error))
                self._trouble = str(error)
        else:
            self._trouble = ""
        self._metrics.write(health, up=True)

    def notice(self) -> None:
        """Say that the journal took a step of a stack."""
        self._notices.wake()

    def close(self) -> None:
        """End, and leave the last facts as those of a service that was stopped."""
        logging.getLogger("stackd").removeHandler(self._errors)
        self._notices.close()
        if self._health is not None:
            self._metrics.write(self._health, up=False)
        self._metrics.close()


class _LastError(logging.Handler):
    """Keeps the last error of the log, and counts them."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count, self.last = 0, ""
        self.last_at: datetime | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it: the event, and what was met."""
        met = record.exc_info[1] if record.exc_info else None
        self.count += 1
        self.last = shown(record.getMessage() + ("" if met is None else f" {type(met).__name__}: {met}"))
        self.last_at = datetime.fromtimestamp(record.created, UTC)


class _MetricsFile:
    """Writes the newest facts in a thread: the folder of node_exporter may lie anywhere."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._newest: Callable[[], str] | None = None
        self._wanted = threading.Event()
        self._closing = False
        self._trouble = ""
        self._thread: threading.Thread | None = None

    def follow(self, path: Path | None) -> None:
        """Write there from now on."""
        self._path = path
        if path is not None and self._thread is None:
            self._thread = threading.Thread(target=self._work, name="metrics", daemon=True)
            self._thread.start()

    def write(self, health: Health, *, up: bool) -> None:
        """Have these facts written."""
        self._newest = lambda: exposition(health, up=up)
        self._wanted.set()

    def close(self) -> None:
        """Write what is to be written, and end."""
        self._closing = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def _work(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            closing, text, path = self._closing, self._newest, self._path
            if text is not None and path is not None:
                try:
                    write_whole(path, text())
                except Exception as error:  # noqa: BLE001  (told in the log; metrics are never a reason to end)
                    if str(error) != self._trouble:
                        log.warning("metrics.not_written file=%r reason=%r", str(path), str(error))
                        self._trouble = str(error)
                else:
                    self._trouble = ""
            if closing:
                return
