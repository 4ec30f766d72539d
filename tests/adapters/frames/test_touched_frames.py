"""A frame is used as it was found or not at all: links in its place are not followed, and changes that hide are noticed."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stackd.adapters.beneath import keep_within, open_beneath
from stackd.adapters.folder.scan import FolderScan
from stackd.adapters.formats.opened_image import open_image
from stackd.adapters.frames.reader import FrameFiles
from stackd.config.settings import Recipe
from stackd.errors import FrameChanged, MixedStack, UnreachableFrame, UnreadableFrame
from stackd.model.frame import Fingerprint, Frame
from stackd.model.stack import Decision, SealReason, Stack, StackKind
from stackd.service.ports import Handling, Placing, StackingRequest
from stackd.wiring.processes import describe_named, describe_one, stack_one
from tests.real_service import shoot


@pytest.fixture(autouse=True)
def free_again() -> Iterator[None]:
    """What holds for a process of the service must not hold for other tests."""
    yield
    keep_within(None)


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    shoot(tmp_path / "in" / "shoot")
    return tmp_path / "in"


def quiet(stage: str, done: int, total: int) -> None:
    del stage, done, total


def swap_for_a_link(folder: Path) -> None:
    """Put a link in the place of a folder; what it leads to looks the same."""
    elsewhere = folder.with_name("elsewhere")
    shutil.copytree(folder, elsewhere)
    shutil.rmtree(folder)
    folder.symlink_to(elsewhere)


def change_in_secret(frame: Path) -> None:
    """Write other bytes and keep size and modification time."""
    before = frame.stat()
    content = bytearray(frame.read_bytes())
    content[-40] ^= 0xFF
    with frame.open("r+b") as file:
        file.write(content)
    os.utime(frame, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = frame.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def request_for(inbox: Path, output: Path) -> StackingRequest:
    output.mkdir(exist_ok=True)
    frames = []
    for path in sorted((inbox / "shoot").iterdir()):
        status = path.stat()
        fingerprint = Fingerprint(size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
        frames.append(Frame(path=f"shoot/{path.name}", fingerprint=fingerprint))
    stack = Stack(
        id="abc",
        frames=tuple(frames),
        kind=StackKind.FOCUS,
        reason=SealReason.GAP,
        confidence=1.0,
        decision=Decision.PROCESS,
        evidence=(),
    )
    return StackingRequest(
        job_id=1,
        attempt=1,
        stack=stack,
        input_folder=inbox,
        output_folder=output,
        recipe_name="default",
        recipe=Recipe(),
        version=1,
        placing=Placing(review=Handling.PUBLISH, reject=Handling.PUBLISH),
        owner="a",
    )


def test_a_link_in_the_place_of_a_frame_is_not_followed(inbox: Path, tmp_path: Path) -> None:
    frame = inbox / "shoot" / "DEMO0001.JPG"
    frame.rename(tmp_path / "secret.jpg")
    frame.symlink_to(tmp_path / "secret.jpg")
    keep_within(inbox)

    with pytest.raises(UnreachableFrame, match="is a link or lies behind one"):
        open_image(frame)
    with pytest.raises(UnreadableFrame, match="is a link or lies behind one"):
        FrameFiles().fingerprint(frame)


def test_a_link_in_the_place_of_a_folder_above_a_frame_is_not_followed(inbox: Path) -> None:
    swap_for_a_link(inbox / "shoot")
    keep_within(inbox)

    with pytest.raises(UnreachableFrame, match="is a link or lies behind one"):
        open_image(inbox / "shoot" / "DEMO0001.JPG")


def test_what_leads_to_the_watched_folder_is_the_users_choice(inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(inbox)
    keep_within(tmp_path / "way")

    with open_image(tmp_path / "way" / "shoot" / "DEMO0001.JPG") as image:
        assert image.size_bytes > 0


def test_no_path_leads_up(inbox: Path) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        open_beneath(inbox, Path("shoot/../../secret.jpg"))


def test_a_file_behind_a_link_is_not_described_and_one_that_a_user_named_is(inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (inbox / "m").mkdir()
    for name in ("stack.json", "a.jpg"):
        (tmp_path / "outside" / name).write_bytes((inbox / "shoot" / "DEMO0001.JPG").read_bytes())
        (inbox / "m" / name).symlink_to(tmp_path / "outside" / name)

    for name in ("m/stack.json", "m/a.jpg"):
        with pytest.raises(UnreachableFrame):
            describe_one((inbox, name, True), quiet)
    keep_within(None)

    assert isinstance(describe_named((inbox, "m/a.jpg", True), quiet), tuple)


def test_pictures_from_behind_a_link_never_become_a_composite(inbox: Path, tmp_path: Path) -> None:
    request = request_for(inbox, tmp_path / "out")
    swap_for_a_link(inbox / "shoot")

    with pytest.raises(MixedStack, match="is a link or lies behind one"):
        stack_one(request, quiet)

    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("stage", ["register", "judge"])
def test_a_frame_changed_in_secret_while_its_stack_is_made_is_noticed(inbox: Path, tmp_path: Path, stage: str) -> None:
    """Size and modification time were kept: the composite was published, and the journal had the hash of other bytes."""
    request = request_for(inbox, tmp_path / "out")
    seen: list[str] = []

    def at(now: str, done: int, total: int) -> None:
        del done, total
        if now == stage and now not in seen:
            change_in_secret(inbox / "shoot" / "DEMO0003.JPG")
        seen.append(now)

    with pytest.raises(FrameChanged, match=r"DEMO0003\.JPG was changed while its stack was being worked on"):
        stack_one(request, at)

    assert stage in seen
    assert list((tmp_path / "out").iterdir()) == []


def test_a_stack_that_nobody_touches_is_made_and_its_hashes_are_those_of_the_files(inbox: Path, tmp_path: Path) -> None:
    result = stack_one(request_for(inbox, tmp_path / "out"), quiet)

    scan = FolderScan(inbox)
    assert len(result.fingerprints) == 6
    assert scan.first_changed(result.fingerprints) is None


@pytest.mark.parametrize(
    ("touch", "told"),
    [
        (change_in_secret, "shoot/DEMO0002.JPG was changed before the composite was published."),
        (lambda frame: frame.chmod(0o600), None),
        (lambda frame: os.link(frame, frame.with_suffix(".bak")), None),
        (lambda frame: swap_for_a_link(frame.parent), "shoot/DEMO0002.JPG was removed before the composite was published."),
    ],
    ids=["changed in secret", "other rights", "a second name", "behind a link"],
)
@pytest.mark.parametrize("after_a_restart", [False, True])
def test_before_publishing_the_content_decides_where_a_file_was_touched(
    inbox: Path, touch: Callable[[Path], None], told: str | None, *, after_a_restart: bool
) -> None:
    frame = inbox / "shoot" / "DEMO0002.JPG"
    known = FrameFiles().fingerprint(frame)
    if after_a_restart:
        # The journal keeps the hash, and not when the file was touched last.
        known = replace(known, changed_ns=None, inode=None)

    touch(frame)

    assert FolderScan(inbox).first_changed({"shoot/DEMO0002.JPG": known}) == told
