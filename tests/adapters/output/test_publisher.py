"""Publishing replaces nothing, loses nothing and leaves nothing behind."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from stackd.adapters.output import publisher
from stackd.adapters.output.publisher import FolderPublisher
from stackd.adapters.output.staging import Staging
from stackd.errors import NameTaken, OutputBlocked
from stackd.service.ports import StagedFile

PREFIX = ".stackd-fuse-7-1-"


def staged(folder: Path, *names: str, content: bytes = b"pixels") -> tuple[StagedFile, ...]:
    with Staging(folder, temporary_prefix=PREFIX) as staging:
        for name in names:
            with staging.file(name) as file:
                file.write(content)
        return staging.staged


def names_in(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


# ------------------------------------------------------------------------------- staging


def test_a_staged_file_is_hidden_and_tells_its_hash_and_size(tmp_path: Path):
    (file,) = staged(tmp_path, "a.tif", content=b"x" * 20_000_000)

    assert file.temporary_path.name.startswith(PREFIX)
    assert file.sha256 == hashlib.sha256(file.temporary_path.read_bytes()).hexdigest()
    assert file.size_bytes == 20_000_000


def test_staged_files_get_the_rights_any_new_file_gets(tmp_path: Path):
    before = os.umask(0o027)
    try:
        (file,) = staged(tmp_path, "a.tif")
    finally:
        os.umask(before)

    assert file.temporary_path.stat().st_mode & 0o777 == 0o640


def test_one_file_that_fails_takes_all_of_them_away(tmp_path: Path):
    def write_one_and_a_half() -> None:
        with Staging(tmp_path, temporary_prefix=PREFIX) as staging:
            with staging.file("depth.tif") as file:
                file.write(b"done")
            with staging.file("a.tif") as file:
                file.write(b"half")
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_one_and_a_half()

    assert names_in(tmp_path) == set()


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "full"), (errno.EIO, "error"), (errno.EDQUOT, "quota")])
def test_a_write_that_fails_says_why_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str):
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(OutputBlocked, match=words):
        staged(tmp_path, "a.tif")

    assert names_in(tmp_path) == set()


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(OutputBlocked, match="missing") as caught:
        staged(tmp_path / "gone", "a.tif")

    assert str(tmp_path / "gone") in caught.value.message


# ---------------------------------------------------------------------------- publishing


def test_a_published_file_has_its_name_and_its_content(tmp_path: Path):
    (file,) = staged(tmp_path, "a.tif")

    FolderPublisher().publish(tmp_path, file, "a.tif")

    assert names_in(tmp_path) == {"a.tif"}
    assert (tmp_path / "a.tif").read_bytes() == b"pixels"


WAYS = [(), ("_rename_exclusively",), ("_rename_exclusively", "_link_and_unlink")]


@pytest.fixture(params=WAYS, ids=["rename", "link", "reserve"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away ways of renaming, as exFAT and older network shares do."""

    def refuse(*_: Path) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    for name in request.param:
        monkeypatch.setattr(publisher, name, refuse)


@pytest.mark.usefixtures("way")
def test_nothing_is_ever_replaced(tmp_path: Path):
    (tmp_path / "a.tif").write_bytes(b"somebody's work")
    (file,) = staged(tmp_path, "a.tif")

    with pytest.raises(NameTaken, match=r"a\.tif"):
        FolderPublisher().publish(tmp_path, file, "a.tif")

    assert (tmp_path / "a.tif").read_bytes() == b"somebody's work"
    assert file.temporary_path.exists()


@pytest.mark.usefixtures("way")
def test_every_way_of_renaming_publishes(tmp_path: Path):
    (file,) = staged(tmp_path, "a.tif")

    FolderPublisher().publish(tmp_path, file, "a.tif")

    assert names_in(tmp_path) == {"a.tif"}
    assert (tmp_path / "a.tif").read_bytes() == b"pixels"


@pytest.mark.usefixtures("way")
def test_publishing_again_after_a_power_cut_counts_as_done(tmp_path: Path):
    (file,) = staged(tmp_path, "a.tif")
    FolderPublisher().publish(tmp_path, file, "a.tif")

    FolderPublisher().publish(tmp_path, file, "a.tif")

    assert names_in(tmp_path) == {"a.tif"}


def test_a_power_cut_between_link_and_unlink_is_tidied_up(tmp_path: Path):
    (file,) = staged(tmp_path, "a.tif")
    os.link(file.temporary_path, tmp_path / "a.tif")

    FolderPublisher().publish(tmp_path, file, "a.tif")

    assert names_in(tmp_path) == {"a.tif"}


def test_a_link_in_the_way_is_not_followed(tmp_path: Path):
    target = tmp_path / "elsewhere"
    target.write_bytes(b"pixels")
    (tmp_path / "a.tif").symlink_to(target)
    (file,) = staged(tmp_path, "a.tif")

    with pytest.raises(NameTaken):
        FolderPublisher().publish(tmp_path, file, "a.tif")


def test_a_staged_file_that_was_swept_away_blocks(tmp_path: Path):
    (file,) = staged(tmp_path, "a.tif")
    file.temporary_path.unlink()

    with pytest.raises(OutputBlocked, match="disappeared"):
        FolderPublisher().publish(tmp_path, file, "a.tif")


def test_a_folder_that_cannot_be_synced_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What a power cut could still take away must not be seen: the sync is not tried again, the work is."""
    (file,) = staged(tmp_path, "a.tif")

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "I/O error")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(OutputBlocked):
        FolderPublisher().publish(tmp_path, file, "a.tif")

    assert names_in(tmp_path) == set()


# --------------------------------------------------------------------------------- names


def test_free_names_are_taken_as_they_are(tmp_path: Path):
    files = staged(tmp_path, "a_depth.tif", "a.json", "a.tif")

    assert FolderPublisher().choose_names(tmp_path, files) == ("a_depth.tif", "a.json", "a.tif")


def test_one_taken_name_numbers_all_of_them(tmp_path: Path):
    (tmp_path / "a.json").touch()
    (tmp_path / "a_2_depth.tif").touch()
    files = staged(tmp_path, "a_depth.tif", "a.json", "a.tif")

    assert FolderPublisher().choose_names(tmp_path, files) == ("a_3_depth.tif", "a_3.json", "a_3.tif")


@pytest.mark.parametrize("stem", ["x" * 251, "ü" * 125, "目" * 83])
def test_numbered_names_fit_255_bytes(tmp_path: Path, stem: str):
    (tmp_path / f"{stem}.tif").touch()
    files = staged(tmp_path, f"{stem}_depth.tif", f"{stem}.tif")

    names = FolderPublisher().choose_names(tmp_path, files)

    assert all(len(os.fsencode(name)) <= 255 for name in names)
    for file, name in zip(files, names, strict=True):
        FolderPublisher().publish(tmp_path, file, name)
    assert set(names) <= names_in(tmp_path)


# ------------------------------------------------------------------------------- remains


def test_only_temporary_files_of_ours_are_listed_and_removed(tmp_path: Path):
    (file,) = staged(tmp_path, "a.tif")
    for name in (".stackd-notes.txt", "IMG_1.tif", ".hidden.tmp"):
        (tmp_path / name).touch()
    (tmp_path / ".stackd-folder.tmp").mkdir()
    (tmp_path / ".stackd-link.tmp").symlink_to(tmp_path / "IMG_1.tif")

    assert FolderPublisher().remains(tmp_path) == (file.temporary_path,)
    FolderPublisher().remove(file.temporary_path)
    FolderPublisher().remove(file.temporary_path)
    assert not file.temporary_path.exists()
    with pytest.raises(ValueError, match="no temporary file"):
        FolderPublisher().remove(tmp_path / "IMG_1.tif")
    assert (tmp_path / "IMG_1.tif").exists()


def test_a_missing_folder_has_no_remains(tmp_path: Path):
    assert FolderPublisher().remains(tmp_path / "gone") == ()


def test_what_was_published_can_be_taken_back_and_published_under_another_name(tmp_path: Path):
    (file,) = staged(tmp_path, "a.tif")
    FolderPublisher().publish(tmp_path, file, "a.tif")

    FolderPublisher().withdraw(tmp_path, file, "a.tif")
    FolderPublisher().publish(tmp_path, file, "a_2.tif")

    assert names_in(tmp_path) == {"a_2.tif"}


def test_a_published_file_that_somebody_changed_is_not_taken_back(tmp_path: Path):
    (file,) = staged(tmp_path, "a.tif")
    FolderPublisher().publish(tmp_path, file, "a.tif")
    (tmp_path / "a.tif").write_bytes(b"edited")

    FolderPublisher().withdraw(tmp_path, file, "a.tif")

    assert names_in(tmp_path) == {"a.tif"}
