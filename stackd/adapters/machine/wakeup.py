"""Lets the loop sleep until a folder changed, a child reported or a signal came, and remembers which signals came."""

import os
import select
import signal
import time
from contextlib import suppress
from types import FrameType
from typing import Final

DRAIN_BYTES: Final = 4_096
"""Wakes that came together are taken together."""


class Wakeup:
    """A `Waker` over one pipe, and the `Signals` that write into it."""

    def __init__(self) -> None:
        self._out, self._in = os.pipe()
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)
        self._watched: set[int] = set()
        self._stop = False
        self._reload = False

    def wake(self) -> None:
        """End the sleep; may be called from any thread."""
        # A full pipe wakes just as well, a closed one needs nobody.
        with suppress(BlockingIOError, OSError):
            os.write(self._in, b"!")

    def watch(self, descriptor: int) -> None:
        """Wake when this can be read."""
        self._watched.add(descriptor)

    def unwatch(self, descriptor: int) -> None:
        """Wake for it no more; before it is closed."""
        self._watched.discard(descriptor)

    def wait(self, timeout_s: float) -> None:
        """Sleep for `timeout_s` or until something may have happened."""
        poller = select.poll()
        for descriptor in (self._out, *self._watched):
            poller.register(descriptor, select.POLLIN)
        poller.poll(max(timeout_s, 0.0) * 1000)
        with suppress(BlockingIOError):
            while os.read(self._out, DRAIN_BYTES):
                pass

    def rest(self, seconds: float) -> None:
        """Sleep for so long, or until a signal came."""
        if seconds > 0.0 and not self._stop:
            time.sleep(seconds)

    def take_signals(self) -> None:
        """Note SIGTERM, SIGINT and SIGHUP from now on instead of ending."""
        # A byte in the pipe makes `poll` return: Python would otherwise restart it after the handler.
        signal.set_wakeup_fd(self._in, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note_stop)
        signal.signal(signal.SIGHUP, self._note_reload)

    def stop_asked(self) -> bool:
        """Whether the service is to end."""
        return self._stop

    def reload_asked(self) -> bool:
        """Whether the configuration is to be read again; true once for each request."""
        reload, self._reload = self._reload, False
        return reload

    def close(self) -> None:
        """Let go of the pipe."""
        with suppress(ValueError):
            signal.set_wakeup_fd(-1)
        os.close(self._in)
        os.close(self._out)

    def _note_stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stop = True

    def _note_reload(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._reload = True
