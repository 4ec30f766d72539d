"""Nobody leads a look out of the folder: not even by swapping what was just looked at for a link."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from stackd.adapters.folder.scan import FolderScan, is_being_written

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who writes")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.jpg").write_bytes(b"secret")
    return folder


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def just_before_opening(monkeypatch: pytest.MonkeyPatch, name: str, swap: Callable[[], object]) -> None:
    """Let somebody be faster than the scan: between its look at `name` and its opening it."""
    swaps = [swap]

    def open_after_the_swap(path: object, *arguments: object, **named: object) -> int:
        if path == name and swaps:
            swaps.pop()()
        return os.open(path, *arguments, **named)  # type: ignore[arg-type]

    system = SimpleNamespace(**{**vars(os), "open": open_after_the_swap})
    monkeypatch.setattr(sys.modules[FolderScan.__module__], "os", system)


def test_a_folder_swapped_for_a_link_while_it_is_looked_at_is_not_entered(
    monkeypatch: pytest.MonkeyPatch, inbox: Path, outside: Path
) -> None:
    (inbox / "shoot").mkdir()

    def swap() -> None:
        (inbox / "shoot").rmdir()
        (inbox / "shoot").symlink_to(outside)

    just_before_opening(monkeypatch, "shoot", swap)

    look = FolderScan(inbox).look().look

    assert (inbox / "shoot").is_symlink()
    assert look.online
    assert look.files == ()


@linux_only
def test_a_frame_swapped_for_a_link_tells_nothing_of_who_writes_elsewhere(
    monkeypatch: pytest.MonkeyPatch, inbox: Path, outside: Path
) -> None:
    (inbox / "a.jpg").write_bytes(b"x")

    def swap() -> None:
        (inbox / "a.jpg").unlink()
        (inbox / "a.jpg").symlink_to(outside / "secret.jpg")

    just_before_opening(monkeypatch, "a.jpg", swap)

    with (outside / "secret.jpg").open("ab"):
        (sighting,) = FolderScan(inbox).look().look.files

    assert (inbox / "a.jpg").is_symlink()
    assert not sighting.being_written


@linux_only
def test_a_link_is_not_asked_who_writes_behind_it(inbox: Path, outside: Path) -> None:
    (inbox / "link.jpg").symlink_to(outside / "secret.jpg")
    folder = os.open(inbox, os.O_RDONLY)

    try:
        with (outside / "secret.jpg").open("ab"):
            found = is_being_written("secret.jpg", folder), is_being_written("link.jpg", folder)
    finally:
        os.close(folder)

    assert found == (False, False)


def test_a_frame_swapped_for_a_link_to_its_twin_counts_as_changed(inbox: Path, outside: Path) -> None:
    """Same size, same time, same content: a link is a link all the same, and what it leads to may change later."""
    scan = FolderScan(inbox)
    for path in (inbox / "a.jpg", outside / "a.jpg"):
        path.write_bytes(b"frame")
        os.utime(path, ns=(7, 7))
    seen = {file.path: file.fingerprint for file in scan.look().look.files}

    (inbox / "a.jpg").unlink()
    (inbox / "a.jpg").symlink_to(outside / "a.jpg")
    changed = scan.first_changed(seen)

    assert changed is not None
    assert changed.startswith("a.jpg was changed")


def test_links_that_lead_in_circles_end_the_look_no_later(inbox: Path) -> None:
    (inbox / "shoot").mkdir()
    (inbox / "shoot" / "a.jpg").write_bytes(b"x")
    (inbox / "shoot" / "up").symlink_to("..")
    (inbox / "itself").symlink_to("itself")
    (inbox / "there").symlink_to("back")
    (inbox / "back").symlink_to("there")

    scanned = FolderScan(inbox).look()

    assert [file.path for file in scanned.look.files] == ["shoot/a.jpg"]
    assert set(scanned.look.passed_over) == {"shoot/up", "itself", "there", "back"}
    assert scanned.folders == 2
