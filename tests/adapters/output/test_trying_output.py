"""An output folder is tried before work is done for it, without a trace."""

import pickle
from pathlib import Path

import pytest

from stackd.adapters.output.publisher import FolderPublisher
from stackd.errors import OutputBlocked


def test_a_folder_with_room_passes_and_nothing_stays(tmp_path: Path) -> None:
    FolderPublisher().try_folder(tmp_path, needed_bytes=1_000, temporary_prefix=".stackd-a-1-")

    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputBlocked, match="missing"):
        FolderPublisher().try_folder(tmp_path / "gone", needed_bytes=0, temporary_prefix=".stackd-a-1-")


def test_too_little_room_is_told_and_nothing_stays(tmp_path: Path) -> None:
    with pytest.raises(OutputBlocked, match="full"):
        FolderPublisher().try_folder(tmp_path, needed_bytes=1 << 60, temporary_prefix=".stackd-a-1-")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_inside_that_is_a_file_or_a_link_is_told_and_one_that_is_missing_is_not(tmp_path: Path) -> None:
    (tmp_path / "review").write_text("mine")
    (tmp_path / "reject").symlink_to(tmp_path)

    with pytest.raises(OutputBlocked, match="no folder"):
        FolderPublisher().try_folder(tmp_path, subfolder="review", needed_bytes=0, temporary_prefix=".stackd-a-1-")
    with pytest.raises(OutputBlocked, match="link"):
        FolderPublisher().try_folder(tmp_path, subfolder="reject", needed_bytes=0, temporary_prefix=".stackd-a-1-")
    FolderPublisher().try_folder(tmp_path, subfolder="other", needed_bytes=0, temporary_prefix=".stackd-a-1-")

    assert {path.name for path in tmp_path.iterdir()} == {"review", "reject"}


def test_an_error_that_comes_from_another_process_still_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputBlocked) as raised:
        FolderPublisher().try_folder(tmp_path / "gone", needed_bytes=0, temporary_prefix=".stackd-a-1-")

    assert pickle.loads(pickle.dumps(raised.value)).folder == tmp_path / "gone"  # noqa: S301
