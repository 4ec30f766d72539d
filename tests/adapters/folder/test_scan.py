"""A look at a folder finds regular files only, follows nothing, and never fails for what lies there."""

import os
import socket
import sys
from pathlib import Path

import pytest

from stackd.adapters.folder.scan import FolderScan


def paths_in(folder: Path) -> set[str]:
    return {file.path for file in FolderScan(folder).look().look.files}


def test_files_in_subfolders_are_found_with_their_size_and_time(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").write_bytes(b"12345")
    os.utime(tmp_path / "a" / "1.jpg", ns=(7, 7))

    (sighting,) = FolderScan(tmp_path).look().look.files

    assert (sighting.path, sighting.fingerprint.size_bytes, sighting.fingerprint.mtime_ns) == ("a/1.jpg", 5, 7)


def test_links_are_named_and_never_followed(tmp_path: Path) -> None:
    outside, inbox = tmp_path / "outside", tmp_path / "in"
    outside.mkdir()
    inbox.mkdir()
    (outside / "secret.jpg").write_bytes(b"x")
    (inbox / "file.jpg").symlink_to(outside / "secret.jpg")
    (inbox / "folder").symlink_to(outside)
    (inbox / "loop").symlink_to(inbox)
    (inbox / "root").symlink_to("/")

    look = FolderScan(inbox).look().look

    assert look.files == ()
    assert set(look.passed_over) == {"file.jpg", "folder", "loop", "root"}
    assert set(look.passed_over.values()) == {"it is a link, and links are not followed"}


def test_pipes_and_sockets_with_a_picture_s_name_are_passed_over_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.tif"))

        look = FolderScan(tmp_path).look().look

    assert look.files == ()
    assert look.passed_over == {"pipe.tif": "it is a pipe, not a file", "socket.tif": "it is a socket, not a file"}


def test_folders_of_systems_and_hidden_folders_are_not_entered(tmp_path: Path) -> None:
    for folder in ("@eaDir", ".stversions", "real"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.tif").write_bytes(b"x")

    look = FolderScan(tmp_path).look().look

    assert {file.path for file in look.files} == {"real/a.tif"}
    assert set(look.passed_over) == {"@eaDir", ".stversions"}


def test_a_tree_deeper_than_any_habit_ends_somewhere(tmp_path: Path) -> None:
    deepest = tmp_path
    for number in range(60):
        deepest /= f"{number}"
        deepest.mkdir()
    (deepest / "a.jpg").write_bytes(b"x")

    look = FolderScan(tmp_path).look().look

    assert look.files == ()
    assert any("folders deep" in reason for reason in look.passed_over.values())


@pytest.mark.parametrize(
    "name",
    [
        b"line\nbreak.jpg",
        b"\x1b[31mred.jpg",
        "\u202egpj.jpg".encode(),
        b"-rf.jpg",
        b"%s%n.jpg",
        b"'\"].jpg",
        b"\xff\xfe.jpg",
        b"a" * 251 + b".jpg",
        "é.jpg".encode(),
        "e\u0301.jpg".encode(),
        b"CON.jpg",
        b"space .jpg ",
    ],
)
def test_a_name_is_given_back_byte_for_byte(tmp_path: Path, name: bytes) -> None:
    with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:  # noqa: PTH118, PTH123  (bytes)
        file.write(b"x")

    assert {os.fsencode(path) for path in paths_in(tmp_path)} == {name}


def test_a_missing_folder_is_away_with_a_sentence(tmp_path: Path) -> None:
    look = FolderScan(tmp_path / "gone").look().look

    assert not look.online
    assert "is not there" in look.trouble


def test_a_file_instead_of_a_folder_is_away(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"")

    assert not FolderScan(tmp_path / "in").look().look.online


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who writes")
def test_a_file_held_open_for_writing_is_told_until_it_is_closed(tmp_path: Path) -> None:
    scan = FolderScan(tmp_path)
    with (tmp_path / "a.jpg").open("wb") as writer:
        writer.write(b"half")
        writer.flush()
        while_open = [scan.look().look.files[0].being_written for _ in range(5)]
    after = [scan.look().look.files[0].being_written for _ in range(4)]

    assert while_open == [True] * 5
    assert after == [False] * 4


def test_a_file_held_open_for_reading_only_is_not_being_written(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")

    with (tmp_path / "a.jpg").open("rb"):
        (sighting,) = FolderScan(tmp_path).look().look.files

    assert not sighting.being_written


def test_a_changed_and_a_removed_frame_are_named(tmp_path: Path) -> None:
    scan = FolderScan(tmp_path)
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    seen = {file.path: file.fingerprint for file in scan.look().look.files}
    same = scan.first_changed(seen)

    (tmp_path / "b.jpg").write_bytes(b"other")
    changed = scan.first_changed(seen)
    (tmp_path / "a.jpg").unlink()
    removed = scan.first_changed(seen)
    (tmp_path / "a.jpg").symlink_to("b.jpg")
    swapped = scan.first_changed(seen)

    assert same is None
    assert changed is not None
    assert changed.startswith("b.jpg was changed")
    assert removed is not None
    assert removed.startswith("a.jpg was removed")
    assert swapped is not None
    assert swapped.startswith("a.jpg was changed")


def test_ten_thousand_files_are_looked_at_in_well_under_a_second_each_thousand(tmp_path: Path) -> None:
    for number in range(3_000):
        (tmp_path / f"{number}.txt").touch()

    assert len(paths_in(tmp_path)) == 3_000


def test_in_between_only_files_that_may_have_changed_are_looked_at_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        (tmp_path / f"{number:02d}.jpg").write_bytes(b"x")
    scan = FolderScan(tmp_path)
    first = [scan.look(()).look for _ in range(4)][-1]
    asked: list[str] = []
    stat = os.stat

    def counted(path: str, **how: object) -> os.stat_result:
        asked.append(path)
        return stat(path, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", counted)
    (tmp_path / "03.jpg").unlink()
    (tmp_path / "new.jpg").write_bytes(b"x")
    (tmp_path / "other").write_bytes(b"longer")
    (tmp_path / "other").rename(tmp_path / "05.jpg")
    (tmp_path / "07.jpg").write_bytes(b"longer")
    (tmp_path / "09.jpg").write_bytes(b"longer")
    look = scan.look({"07.jpg"}).look
    in_between, asked[:] = list(asked), []
    thorough = scan.look().look

    sizes = {file.path: file.fingerprint.size_bytes for file in look.files}
    before = {file.path: file for file in first.files}
    assert sorted(in_between) == ["05.jpg", "07.jpg", "new.jpg"]
    assert (len(sizes), sizes["05.jpg"], sizes["07.jpg"], "03.jpg" in sizes) == (50, 6, 6, False)
    assert sum(file is before.get(file.path) for file in look.files) == 47
    assert len(asked) == 50
    assert {file.path: file.fingerprint.size_bytes for file in thorough.files}["09.jpg"] == 6
