"""Events wake, looks tell; an observer that has gone deaf is noticed and replaced."""

import errno
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stackd.adapters.folder import inbox as watchdog_inbox
from stackd.adapters.folder.inbox import WatchdogInbox
from stackd.adapters.folder.scan import FolderScan
from stackd.adapters.machine.instance_lock import FolderLock
from stackd.adapters.machine.system_clock import SystemClock
from stackd.service.ports import Compared, Look

LONGEST_S = 10.0


class Watched:
    """An inbox, and a way to wait for it."""

    def __init__(self, folder: Path, probe: Path, *, events: bool = True) -> None:
        self.folder = folder
        self.rang = threading.Event()
        hold = FolderLock(folder, beside=probe).hold
        self.inbox = WatchdogInbox(folder, probe=probe, clock=SystemClock(), wake=self.rang.set, hold=hold, events=events)

    def look(self) -> Look:
        self.inbox.ask()
        deadline_s = time.monotonic() + LONGEST_S
        while (look := self.inbox.answer()) is None:
            assert time.monotonic() < deadline_s
            self.rang.wait(0.05)
            self.rang.clear()
        return look

    def compared(self) -> Compared:
        deadline_s = time.monotonic() + LONGEST_S
        while not (compared := self.inbox.compared()):
            assert time.monotonic() < deadline_s
            self.rang.wait(0.05)
            self.rang.clear()
        return compared[0]

    def settle(self) -> None:
        """Look until nothing wakes any more."""
        self.look()
        self.await_canary()
        self.inbox.woken()

    def await_canary(self) -> None:
        watch = self.inbox._watch
        assert watch is not None
        assert watch._canary_heard.wait(LONGEST_S)

    def is_woken(self) -> bool:
        deadline_s = time.monotonic() + LONGEST_S
        while time.monotonic() < deadline_s:
            if self.inbox.woken():
                return True
            self.rang.wait(0.05)
            self.rang.clear()
        return False


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    (tmp_path / "in").mkdir()
    watched = Watched(tmp_path / "in", tmp_path / "probe")
    watched.settle()
    yield watched
    watched.inbox.close()


def _write(inbox: Path, outside: Path) -> None:
    del outside
    (inbox / "a.jpg").write_bytes(b"x")


def _rename_in(inbox: Path, outside: Path) -> None:
    (outside / "a.jpg").write_bytes(b"x")
    (outside / "a.jpg").rename(inbox / "a.jpg")


def _link_in(inbox: Path, outside: Path) -> None:
    (outside / "a.jpg").write_bytes(b"x")
    os.link(outside / "a.jpg", inbox / "a.jpg")


def _move_a_folder_in(inbox: Path, outside: Path) -> None:
    (outside / "shoot").mkdir()
    (outside / "shoot" / "a.jpg").write_bytes(b"x")
    (outside / "shoot").rename(inbox / "shoot")


def _make_folders_and_write(inbox: Path, outside: Path) -> None:
    del outside
    (inbox / "one" / "two").mkdir(parents=True)
    (inbox / "one" / "two" / "a.jpg").write_bytes(b"x")


@pytest.mark.parametrize("arrive", [_write, _rename_in, _link_in, _move_a_folder_in, _make_folders_and_write])
def test_however_a_frame_arrives_it_wakes_and_is_found(
    watched: Watched, tmp_path: Path, arrive: Callable[[Path, Path], None]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()

    arrive(watched.folder, outside)

    assert watched.is_woken()
    assert [Path(file.path).name for file in watched.look().files] == ["a.jpg"]


def test_looking_does_not_wake_itself(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    # A link is one event; a file that is written is several, and the last may come late on a busy machine.
    _link_in(watched.folder, tmp_path / "outside")
    assert watched.is_woken()
    watched.look()
    watched.inbox.woken()

    for _ in range(5):
        watched.look()

    assert not watched.inbox.woken()


def test_frames_are_compared_with_what_they_were(watched: Watched) -> None:
    (watched.folder / "a.jpg").write_bytes(b"x")
    (seen,) = watched.look().files

    watched.inbox.compare(7, {"a.jpg": seen.fingerprint})
    same = watched.compared()
    (watched.folder / "a.jpg").unlink()
    watched.inbox.compare(8, {"a.jpg": seen.fingerprint})
    gone = watched.compared()

    assert same == Compared(job_id=7, changed=None)
    assert gone.job_id == 8
    assert gone.changed is not None
    assert "removed" in gone.changed


def test_a_folder_deleted_and_made_again_is_away_and_then_watched_again(watched: Watched) -> None:
    shutil.rmtree(watched.folder)
    away = watched.look()
    watched.folder.mkdir()
    back = watched.look()
    watched.settle()

    (watched.folder / "a.jpg").write_bytes(b"x")

    assert not away.online
    assert back.online
    assert back.events
    assert watched.is_woken()


def test_an_observer_that_died_is_noticed_and_looks_take_its_place(watched: Watched) -> None:
    watch = watched.inbox._watch
    assert watch is not None
    assert watch._observer is not None
    watch._observer.stop()
    watch._observer.join(LONGEST_S)

    look = watched.look()

    assert not look.events
    assert "the watcher ended" in look.trouble


def test_an_observer_that_hears_nothing_is_noticed_by_the_canary(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog_inbox, "CANARY_S", 0.0)
    watch = watched.inbox._watch
    assert watch is not None
    # Deaf in the way a livelock is: every thread lives, no event comes through.
    watch._canary_heard = threading.Event()
    watch._touched_s = time.monotonic() - 1.0

    look = watched.look()

    assert not look.events
    assert "no longer hears" in look.trouble


def test_a_failed_observer_is_tried_again_later(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog_inbox, "FIRST_RETRY_S", 0.0)
    watch = watched.inbox._watch
    assert watch is not None
    watch._retry_s = 0.0
    assert watch._observer is not None
    watch._observer.stop()
    watch._observer.join(LONGEST_S)

    look = watched.look()

    assert look.events


def test_lost_events_wake(watched: Watched) -> None:
    logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed; filesystem events were lost")

    assert watched.inbox.woken()


def test_an_exception_while_an_event_is_noted_cannot_reach_the_observer(watched: Watched) -> None:
    handler = watchdog_inbox._Handler(watched.inbox._note_event)

    # Putting into a queue without bounds and setting a flag: neither can fail.
    assert handler.on_any_event.__func__.__code__.co_names == ("_paths", "put", "src_path", "_note")


def test_a_change_in_place_that_is_announced_is_told_by_the_next_look_of_a_folder_that_was_quiet(watched: Watched) -> None:
    path = watched.folder / "a.jpg"
    path.write_bytes(b"x")
    for _ in range(4):
        watched.look()
    assert watched.is_woken()

    path.write_bytes(b"longer")
    assert watched.is_woken()
    (sighting,) = watched.look().files

    assert sighting.fingerprint.size_bytes == 6


def test_without_events_looks_find_everything(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    watched = Watched(tmp_path / "in", tmp_path / "probe", events=False)
    (tmp_path / "in" / "a.jpg").write_bytes(b"x")

    look = watched.look()

    assert [file.path for file in look.files] == ["a.jpg"]
    assert not look.events
    watched.inbox.close()


def test_too_many_folders_are_looked_at_instead_of_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog_inbox, "MOST_WATCHED_FOLDERS", 5)
    for number in range(10):
        (tmp_path / "in" / f"{number}").mkdir(parents=True)
    watched = Watched(tmp_path / "in", tmp_path / "probe")

    look = watched.look()

    assert look.online
    assert not look.events
    assert "subfolders" in look.trouble
    watched.inbox.close()


def test_a_folder_made_again_that_another_stackd_took_is_left_to_it(watched: Watched, tmp_path: Path) -> None:
    shutil.rmtree(watched.folder)
    watched.folder.mkdir()
    (watched.folder / "a.jpg").write_bytes(b"x")
    faster = FolderLock(watched.folder, beside=tmp_path)

    look = watched.look()

    assert not look.online
    assert "Another stackd" in look.trouble
    faster.close()
    assert [sighting.path for sighting in watched.look().files] == ["a.jpg"]


def test_an_error_nobody_foresaw_costs_one_look_and_is_told(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread that looks ended with it, and the folder was never looked at again."""
    watched.settle()
    with monkeypatch.context() as broken:
        broken.setattr(FolderScan, "look", fail_with(RuntimeError("a\x1b[2J")))
        failed = watched.look()

    again = watched.look()

    assert (failed.online, failed.failed, again.online, again.failed) == (False, True, True, False)
    assert r"something unexpected happened (RuntimeError: a\x1b[2J)" in failed.trouble
    assert any("look.failed" in record.message and record.exc_info for record in caplog.records)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ends_all_the_same_is_begun_anew(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.settle()
    with monkeypatch.context() as broken:
        broken.setattr(FolderScan, "look", fail_with(SystemExit()))
        failed = watched.look()

    again = watched.look()

    assert failed.failed
    assert "the thread that looks ended" in failed.trouble
    assert again.online


def test_frames_that_could_not_be_compared_are_compared_again(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share that failed for a moment made them count as removed."""
    frame = watched.folder / "a.jpg"
    frame.write_bytes(b"x")
    known = {"a.jpg": watched.look().files[0].fingerprint}
    with monkeypatch.context() as broken:
        broken.setattr("stackd.adapters.folder.scan.stat_beneath", fail_with(OSError(errno.EIO, "Input/output error")))
        watched.inbox.compare(7, known)
        failed = watched.look()
    watched.inbox.ask()

    assert failed.failed
    assert watched.compared() == Compared(job_id=7, changed=None)


def fail_with(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail
