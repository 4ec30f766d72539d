"""An output folder is tried before work is done for it, without a trace."""

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
