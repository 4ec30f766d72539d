"""A watched folder: events of the system only wake, a look at the folder is the truth.

watchdog's observer can go deaf in many ways without saying so (its queue overflows, a handler raises, the folder is replaced, the
limits of inotify are reached). So every look checks its health: threads alive, the folder still the one that is watched, and a
canary, a file touched in a probe folder of our own, whose event must have come by the next look. An observer that fails is
replaced by more frequent looks, and tried again later.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from stackd.adapters.folder.scan import FolderScan, Scanned
from stackd.model.frame import Fingerprint
from stackd.model.names import excerpt, shown
from stackd.service.ports import Clock, Compared, Look

EVENTS: Final[list[type[FileSystemEvent]]] = [
    FileCreatedEvent,
    FileClosedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]
"""What can mean a new frame. Opening and reading are left out: our own looks would wake us."""

MOST_WATCHED_FOLDERS: Final = 1_000
"""Above it, looks replace events: rebuilding the watches after an overflow makes about five events a folder, which at the usual
queue of 16,384 overflows again from 3,300 folders on, for ever."""

FIRST_RETRY_S: Final = 60.0
LONGEST_RETRY_S: Final = 3_600.0
"""A failed observer is started again after a minute, then twice as long each time (a guess)."""

CANARY_S: Final = 2.0
"""An event that takes longer on the same machine is lost, or as good as lost."""

THOROUGH_S: Final = 10.0
"""Every file is looked at one by one this often, for changes in place that nobody announced; in between only those that may have
changed. What is stacked is compared once more when it is read, and before it is published."""

THOROUGH_SHARE: Final = 100.0
"""But no more often than this many times what it takes, so that it costs 1 % of a core at most."""

JOIN_S: Final = 1.0
"""A thread that hangs in a dead share is left behind."""

log = logging.getLogger("stackd.inbox")


class WatchdogInbox:
    """An `Inbox` over a folder tree.

    Parameters
    ----------
    folder : Path
        The watched folder.
    probe : Path
        A folder of our own for the canary; made when it is missing.
    wake : callable
        Ends the loop's sleep; called from other threads.
    hold : callable
        Makes sure that no other stackd watches the folder that has the name now; False when one does. Called at every look.
    events : bool
        Whether to listen for events at all.
    """

    def __init__(
        self,
        folder: Path,
        *,
        probe: Path,
        clock: Clock,
        wake: Callable[[], None],
        hold: Callable[[], bool],
        events: bool = True,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._wake = wake
        self._hold = hold
        self._scan = FolderScan(folder)
        self._watch = _Watch(folder, probe=probe, clock=clock, wake=self._note_event) if events else None
        self._woken = threading.Event()
        self._wanted = threading.Event()
        self._look_wanted = threading.Event()
        self._comparisons: SimpleQueue[tuple[int, Mapping[str, Fingerprint]]] = SimpleQueue()
        self._compared: list[Compared] = []
        self._closing = False
        self._closely: Collection[str] = ()
        self._thorough_due_s = float("-inf")
        self._lock = threading.Lock()
        self._look: Look | None = None
        self._thread = self._begin_thread()

    def woken(self) -> bool:
        """Whether something may have changed since the last call."""
        woken = self._woken.is_set()
        self._woken.clear()
        return woken

    def ask(self, closely: Collection[str] = ()) -> None:
        """Begin a look, unless one is under way."""
        self._closely = closely
        self._look_wanted.set()
        self._wanted.set()

    def answer(self) -> Look | None:
        """Take the finished look, once; one that failed where the thread that looks has ended, which is begun anew."""
        if not self._thread.is_alive() and not self._closing:
            log.error("look.ended folder=%r", str(self._folder))
            self._thread = self._begin_thread()
            return self._failed("the thread that looks ended")
        with self._lock:
            look, self._look = self._look, None
        return look

    def compare(self, job_id: int, fingerprints: Mapping[str, Fingerprint]) -> None:
        """Begin to compare files with what they were; the thread that looks does it."""
        self._comparisons.put((job_id, fingerprints))
        self._wanted.set()

    def compared(self) -> tuple[Compared, ...]:
        """Take finished comparisons, each once."""
        with self._lock:
            compared, self._compared = tuple(self._compared), []
        return compared

    def close(self) -> None:
        """Stop watching."""
        self._closing = True
        self._wanted.set()
        self._thread.join(JOIN_S)
        if self._watch is not None:
            self._watch.stop()

    def _note_event(self) -> None:
        self._woken.set()
        self._wake()

    def _begin_thread(self) -> threading.Thread:
        # A look at a share that hangs must hang this thread and not the service; a daemon thread does not keep the process.
        thread = threading.Thread(target=self._work, name="look", daemon=True)
        thread.start()
        return thread

    def _work(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._closing:
                return
            try:
                self._compare_all()
                look = self._look_now() if self._look_wanted.is_set() else None
            except Exception as error:
                # Whatever it was, this thread is the only one that looks at this folder: it goes on.
                log.exception("look.failed folder=%r", str(self._folder))
                look = self._failed(f"{type(error).__name__}: {error}")
            if look is not None:
                with self._lock:
                    self._look = look
            self._wake()

    def _compare_all(self) -> None:
        while not self._comparisons.empty():
            job_id, fingerprints = self._comparisons.get()
            try:
                changed = self._scan.first_changed(fingerprints)
            except BaseException:
                # Nothing is known of these frames yet; with the next look they are compared again.
                self._comparisons.put((job_id, fingerprints))
                raise
            with self._lock:
                self._compared.append(Compared(job_id=job_id, changed=changed))

    def _look_now(self) -> Look:
        self._look_wanted.clear()
        began_s = self._clock.now_s()
        closely = self._to_look_at(began_s)
        scanned = self._scan.look(closely) if self._hold() else _SOMEBODY_ELSES
        took_s = self._clock.now_s() - began_s
        if closely is None:
            self._thorough_due_s = began_s + max(THOROUGH_S, THOROUGH_SHARE * took_s)
        health = _POLLING if self._watch is None else self._watch.check(scanned)
        trouble = " ".join(filter(None, (scanned.look.trouble, health.trouble)))
        return replace(scanned.look, events=health.events, canary_heard=health.canary_heard, took_s=took_s, trouble=trouble)

    def _to_look_at(self, now_s: float) -> Collection[str] | None:
        """Name the files to look at one by one; None for all, which it is from time to time and where nothing is announced."""
        if self._watch is None or not self._watch.is_on:
            return None
        announced = self._watch.announced()
        return None if now_s >= self._thorough_due_s else {*self._closely, *announced}

    def _failed(self, why: str) -> Look:
        return Look(
            online=False,
            failed=True,
            trouble=f"The watched folder {shown(self._folder)} could not be looked at: something unexpected happened"
            f" ({excerpt(why)}). It is tried again.",
        )


class _Health:
    """Whether events can be relied on, and why not."""

    def __init__(self, *, events: bool, trouble: str = "", canary_heard: bool | None = None) -> None:
        self.events = events
        self.trouble = trouble
        self.canary_heard = canary_heard


_POLLING: Final = _Health(events=False)

_SOMEBODY_ELSES: Final = Scanned(look=Look(online=False, trouble="Another stackd already watches this folder."), root=None)
"""The folder was replaced, and another service was faster to take the new one."""


class _Handler(FileSystemEventHandler):
    """Sets flags and nothing else: an exception in here would end the observer's thread unseen."""

    def __init__(self, note: Callable[[], None], paths: "SimpleQueue[str | bytes] | None" = None) -> None:
        self._note = note
        self._paths = paths

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Note that something happened, and where."""
        if self._paths is not None:
            self._paths.put(event.src_path)
        self._note()


class _OverflowListener(logging.Handler):
    """watchdog tells of lost events in its log only."""

    def __init__(self, note: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._note = note

    def emit(self, record: logging.LogRecord) -> None:
        """Note lost events."""
        if "overflow" in record.getMessage():
            self._note()


class _Watch:
    """An observer of one folder tree, checked at every look and replaced when it failed. Used by the look thread only."""

    def __init__(self, folder: Path, *, probe: Path, clock: Clock, wake: Callable[[], None]) -> None:
        self._folder = folder
        self._probe = probe
        self._clock = clock
        self._wake = wake
        self._observer: BaseObserver | None = None
        self._root: tuple[int, int] | None = None
        self._touched_s: float | None = None
        self._canary_heard = threading.Event()
        self._retry_s = FIRST_RETRY_S
        self._due_s = float("-inf")
        self._trouble = ""
        self._changed: SimpleQueue[str | bytes] = SimpleQueue()
        self._listener = _OverflowListener(wake)
        logging.getLogger("watchdog").addHandler(self._listener)

    @property
    def is_on(self) -> bool:
        """Whether changes are announced now, as far as is known."""
        return self._observer is not None

    def announced(self) -> set[str]:
        """Take the files of which a change was announced, relative to the folder."""
        found: set[str] = set()
        base = os.path.join(os.fspath(self._folder), "")  # noqa: PTH118  (a text to cut off)
        while not self._changed.empty():
            found.add(os.fsdecode(self._changed.get()).removeprefix(base))
        return found

    def check(self, scanned: Scanned) -> _Health:
        """See whether the observer hears, start or replace it where it is needed, and say whether events can be relied on."""
        if scanned.root is None:
            self._end()
            return _POLLING
        if scanned.folders > MOST_WATCHED_FOLDERS:
            self._end()
            return _Health(
                events=False,
                trouble=f"More than {MOST_WATCHED_FOLDERS} subfolders: changes are looked for instead of announced.",
            )
        if self._observer is not None and self._root != scanned.root:
            # Deleted and made again: the old watch would stay silent for ever.
            self._end()
            self._due_s = float("-inf")
        if self._observer is not None and (failure := self._failure()):
            self._fail(failure)
        if self._observer is None and self._clock.now_s() >= self._due_s:
            self._begin(scanned.root)
        if self._observer is None:
            return _Health(events=False, trouble=self._trouble)
        # One that was touched and not heard in time has ended the observer by now.
        heard = True if self._canary_heard.is_set() else None
        self._touch_canary()
        return _Health(events=True, canary_heard=heard)

    def stop(self) -> None:
        """End the observer."""
        logging.getLogger("watchdog").removeHandler(self._listener)
        self._end()

    def _begin(self, root: tuple[int, int]) -> None:
        observer = Observer()
        try:
            self._probe.mkdir(parents=True, exist_ok=True)
            observer.schedule(_Handler(self._wake, self._changed), str(self._folder), recursive=True, event_filter=EVENTS)
            observer.schedule(_Handler(self._canary_heard.set), str(self._probe), event_filter=EVENTS)
            observer.start()
        except Exception as error:  # noqa: BLE001  (whatever fails in there, looks go on)
            with suppress(Exception):
                observer.stop()
            self._fail(_explain(error))
            return
        self._observer, self._root, self._touched_s = observer, root, None
        # Between the look and the start something may have come.
        self._wake()

    def _failure(self) -> str:
        observer = self._observer
        if observer is None:
            return ""
        if not observer.is_alive() or not all(emitter.is_alive() for emitter in observer.emitters):
            return "the watcher ended"
        heard = self._canary_heard.is_set()
        if self._touched_s is not None and not heard and self._clock.now_s() - self._touched_s > CANARY_S:
            return "the watcher no longer hears changes"
        if heard:
            self._retry_s, self._trouble = FIRST_RETRY_S, ""
        return ""

    def _fail(self, reason: str) -> None:
        self._end()
        self._due_s = self._clock.now_s() + self._retry_s
        self._retry_s = min(self._retry_s * 2, LONGEST_RETRY_S)
        self._trouble = f"Changes are not announced ({reason}); they are looked for instead."
        log.warning("watcher.failed folder=%r reason=%r", str(self._folder), reason)

    def _touch_canary(self) -> None:
        if self._touched_s is not None and not self._canary_heard.is_set():
            return
        self._canary_heard.clear()
        self._touched_s = self._clock.now_s()
        canary = self._probe / "canary"
        with suppress(OSError):
            canary.unlink(missing_ok=True)
            canary.touch()

    def _end(self) -> None:
        observer, self._observer = self._observer, None
        self._touched_s = None
        if observer is None:
            return
        with suppress(Exception):
            observer.stop()
        # An observer in a livelock never ends; its thread is a daemon and is left behind.
        with suppress(RuntimeError):
            observer.join(JOIN_S)


def _explain(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if sys.platform == "linux" and number is not None:
        words = os.strerror(number)
        if "space" in words.lower():
            return "too many folders are watched on this machine; raise fs.inotify.max_user_watches with sysctl"
        if "open files" in words.lower():
            return "too many programs watch folders on this machine; raise fs.inotify.max_user_instances with sysctl"
    return str(error)
