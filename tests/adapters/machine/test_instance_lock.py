"""One stackd for one state folder and for one watched folder."""

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from stackd.adapters.machine.instance_lock import FolderLock, InstanceLock, holder
from stackd.errors import AlreadyRunning, JournalUnusable


def test_the_second_stackd_is_told_who_has_the_state_folder(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path / "state")

    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        InstanceLock(tmp_path / "state")

    assert holder(tmp_path / "state") == os.getpid()
    lock.close()


def test_a_state_folder_is_free_again_when_its_holder_ends(tmp_path: Path) -> None:
    InstanceLock(tmp_path).close()

    assert holder(tmp_path) is None
    InstanceLock(tmp_path).close()


def test_a_watched_folder_is_held_without_putting_anything_into_it(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path, beside=tmp_path / "locks")

    with pytest.raises(AlreadyRunning, match="already watches"):
        FolderLock(tmp_path, beside=tmp_path / "locks")

    assert list(tmp_path.iterdir()) == []
    lock.close()
    FolderLock(tmp_path, beside=tmp_path / "locks").close()


def test_a_watched_folder_that_is_made_again_is_held_again(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    lock = FolderLock(folder, beside=tmp_path / "locks")
    folder.rename(tmp_path / "old")
    folder.mkdir()

    assert lock.hold()

    with pytest.raises(AlreadyRunning, match="already watches"):
        FolderLock(folder, beside=tmp_path / "locks")
    FolderLock(tmp_path / "old", beside=tmp_path / "locks").close()  # what no longer has the name is let go of


def test_a_watched_folder_that_another_stackd_took_first_is_not_held(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    lock = FolderLock(folder, beside=tmp_path / "locks")  # away: nothing to hold yet
    folder.mkdir()
    faster = FolderLock(folder, beside=tmp_path / "locks")

    assert not lock.hold()

    faster.close()
    assert lock.hold()


def test_a_state_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(JournalUnusable, match="cannot be used"):
        InstanceLock(tmp_path / "file" / "state")


def test_who_asks_for_the_holder_never_takes_the_lock(tmp_path: Path) -> None:
    """`stackd status` beside a start had refused 63 of 741 starts: it took the lock for a moment to see whether it was free."""
    InstanceLock(tmp_path).close()
    asked = threading.Event()
    over = threading.Event()

    def ask_again_and_again() -> None:
        while not over.is_set():
            holder(tmp_path)
            asked.set()

    asking = threading.Thread(target=ask_again_and_again)
    asking.start()
    asked.wait()
    try:
        for _ in range(2_000):
            InstanceLock(tmp_path).close()
    finally:
        over.set()
        asking.join()


def test_another_process_sees_who_holds_a_state_folder(tmp_path: Path) -> None:
    ask = f"from pathlib import Path; from {holder.__module__} import holder; print(holder(Path({str(tmp_path)!r})))"
    lock = InstanceLock(tmp_path)

    while_held = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
    lock.close()
    afterwards = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout

    assert (while_held.strip(), afterwards.strip()) == (str(os.getpid()), "None")


OTHER_DISK = Path("/dev/shm")  # noqa: S108  (a disk of its own on Linux)


@pytest.mark.skipif(not OTHER_DISK.is_dir() or not os.access(OTHER_DISK, os.W_OK), reason="there is no second disk here")
def test_a_folder_on_another_disk_is_held_without_keeping_the_disk_busy(tmp_path: Path) -> None:
    """A card could not be unmounted while stackd ran, even idle."""
    with tempfile.TemporaryDirectory(dir=OTHER_DISK) as name:
        folder = Path(name)
        if folder.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("there is no second disk here")
        lock = FolderLock(folder, beside=tmp_path / "locks")

        open_there = [link for link in map(target_of, Path("/proc/self/fd").iterdir()) if link.startswith(name)]
        with pytest.raises(AlreadyRunning, match="already watches"):
            FolderLock(folder, beside=tmp_path / "locks")

        assert open_there == []
        assert lock.hold()
        lock.close()
        FolderLock(folder, beside=tmp_path / "locks").close()


def target_of(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
