"""One stackd for one state folder and for one watched folder."""

import os
from pathlib import Path

import pytest

from stackd.adapters.machine.instance_lock import FolderLock, InstanceLock, holder
from stackd.errors import AlreadyRunning, JournalBlocked


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
    lock = FolderLock(tmp_path)

    with pytest.raises(AlreadyRunning, match="already watches"):
        FolderLock(tmp_path)

    assert list(tmp_path.iterdir()) == []
    lock.close()
    FolderLock(tmp_path).close()


def test_a_watched_folder_that_is_made_again_is_held_again(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    lock = FolderLock(folder)
    folder.rename(tmp_path / "old")
    folder.mkdir()

    assert lock.hold()

    with pytest.raises(AlreadyRunning, match="already watches"):
        FolderLock(folder)
    FolderLock(tmp_path / "old").close()  # what no longer has the name is let go of


def test_a_watched_folder_that_another_stackd_took_first_is_not_held(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    lock = FolderLock(folder)  # away: nothing to hold yet
    folder.mkdir()
    faster = FolderLock(folder)

    assert not lock.hold()

    faster.close()
    assert lock.hold()


def test_a_state_folder_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(JournalBlocked, match="cannot be used"):
        InstanceLock(tmp_path / "file" / "state")
