"""Trouble with the state folder, met by the real daemon and the real commands: waited for or told, and nothing lost."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.real_service import RealService, shoot, wait_until

pytestmark = pytest.mark.end_to_end

NOBODY = 65534
"""A user who may write nothing of ours."""


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Frames of one small stack."""
    return shoot(tmp_path_factory.mktemp("card"))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RealService]:
    service = RealService(tmp_path)
    yield service
    if service.process is not None and service.process.poll() is None:
        service.kill()


AS_ANOTHER = f"""
import contextlib, logging, os, sys, tempfile, typing
from pathlib import Path
from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.cli.main import main
import typer.main, typer.testing, stackd.wiring.on_demand, stackd.adapters.machine.logging_setup
asked = sys.argv
with tempfile.TemporaryDirectory() as place, contextlib.suppress(SystemExit), contextlib.redirect_stdout(None):
    SqliteJournal(Path(place) / "journal.sqlite3").close()
    (Path(place) / "stackd.toml").write_text('[state]\\nfolder = "."\\n')
    sys.argv = ["stackd", "status", "--config", place + "/stackd.toml"]
    main()
sys.argv = asked
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
main()
"""
"""Another user may not be allowed to read the interpreter's folder: a first status loads everything."""


def stackd(*arguments: str, as_another: bool = False) -> "subprocess.CompletedProcess[str]":
    begin = ["-c", AS_ANOTHER] if as_another else ["-m", "stackd"]
    return subprocess.run([sys.executable, *begin, *arguments], capture_output=True, text=True, check=False)


def drop(card: list[Path], folder: Path) -> None:
    for frame in card:
        shutil.copy(frame, folder)


def test_a_journal_that_a_backup_holds_at_the_start_is_waited_for(service: RealService, card: list[Path]) -> None:
    service.start()
    service.stop()
    drop(card, service.inbox)
    with closing(sqlite3.connect(service.journal, isolation_level=None)) as backup:
        backup.execute("BEGIN EXCLUSIVE")
        service.start(wait=False)
        wait_until(lambda: "start.waits" in service.log(), what="the wait")
        told = service.log()
        backup.execute("ROLLBACK")
    wait_until(lambda: service.journal.exists() and "done" in service.states(), what="the composite")

    assert "is locked by another program" in told
    assert "Traceback" not in service.log()
    assert service.stop() == 0


def test_a_stop_is_heard_while_the_journal_is_held(service: RealService) -> None:
    service.start()
    service.stop()
    with closing(sqlite3.connect(service.journal, isolation_level=None)) as backup:
        backup.execute("BEGIN EXCLUSIVE")
        service.start(wait=False)
        wait_until(lambda: "start.waits" in service.log(), what="the wait")

        assert service.stop() == 0


def test_a_journal_with_damaged_rows_ends_the_start_and_the_status_with_a_sentence(
    service: RealService, card: list[Path]
) -> None:
    service.start()
    drop(card, service.inbox)
    wait_until(lambda: service.journal.exists() and "done" in service.states(), what="the composite")
    service.stop()
    with closing(sqlite3.connect(service.journal)) as db:
        db.execute("UPDATE job SET state = 'dune'")
        db.commit()

    service.start(wait=False)
    assert service.process is not None
    ended = service.process.wait(timeout=60)
    told = stackd("status", "--config", str(service.config))

    assert (ended, told.returncode) == (1, 1)
    for printed in (service.log(), told.stderr):
        assert "is damaged: its table job cannot be read" in printed
        assert "Traceback" not in printed
        assert "unexpected" not in printed


def test_a_state_folder_deleted_while_running_is_told_and_nothing_new_begins(
    service: RealService, card: list[Path], tmp_path: Path
) -> None:
    service.start()
    (tmp_path / "state").rename(tmp_path / "elsewhere")
    wait_until(lambda: "journal.refused" in service.log() or "was deleted, moved or replaced" in service.log(), what="the notice")
    drop(card, service.inbox)
    wait_until(lambda: service.log().count("journal.refused") >= 2, what="another try")
    made_anew = (tmp_path / "state" / "journal.sqlite3").exists()
    (tmp_path / "elsewhere").rename(tmp_path / "state") if not (tmp_path / "state").exists() else put_back(tmp_path)
    wait_until(lambda: service.journal.exists() and "done" in service.states(), what="the composite")

    assert not made_anew
    assert "was deleted, moved or replaced while stackd uses it" in service.log()
    assert service.stop() == 0


def put_back(tmp_path: Path) -> None:
    """The probe folder may have been made anew at the old place."""
    shutil.rmtree(tmp_path / "state")
    (tmp_path / "elsewhere").rename(tmp_path / "state")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a moment")
def test_after_a_kill_another_user_can_ask_for_the_status_and_changes_nothing(card: list[Path]) -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        service = RealService(place)
        service.start()
        drop(card, service.inbox)
        wait_until(lambda: service.journal.exists() and "done" in service.states(), what="the composite")
        service.kill()
        # Without the index of its log the journal cannot be read in place by who may not write there.
        (place / "state" / "journal.sqlite3-shm").unlink()
        (place / "state").chmod(0o755)
        before = {path: path.stat().st_mtime_ns for path in (place / "state").iterdir()}

        told = stackd("status", "--config", str(service.config), as_another=True)
        (place / "state").chmod(0o700)
        refused = stackd("status", "--config", str(service.config), as_another=True)

        (place / "state").chmod(0o755)
        assert (place / "state" / "journal.sqlite3-wal").exists()
        assert told.returncode == 0, told.stderr
        assert "1 done" in told.stdout
        assert {path: path.stat().st_mtime_ns for path in (place / "state").iterdir()} == before
        assert refused.returncode == 1
        assert "cannot be read: Permission denied" in refused.stderr
        assert "Traceback" not in refused.stderr


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A card in a reader: a disk of its own."""
    folder = tmp_path / "in"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "none", str(folder)], capture_output=True, check=False)
    if mount.returncode != 0:
        pytest.skip("this machine does not let a test mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


def test_a_watched_card_can_be_taken_out_while_stackd_runs(mounted: Path, service: RealService, card: list[Path]) -> None:
    service.start()
    drop(card, mounted)
    wait_until(lambda: "done" in service.states(), what="the composite")

    taken_out: list[subprocess.CompletedProcess[bytes]] = []

    def take_out() -> bool:
        # A look may be under way just now.
        taken_out.append(subprocess.run(["umount", str(mounted)], capture_output=True, check=False))
        return taken_out[-1].returncode == 0

    wait_until(take_out, timeout_s=10.0, what="the unmounting")
    assert len(taken_out) <= 3
    assert service.stop() == 0


def test_an_output_folder_that_became_a_link_is_not_followed(service: RealService, card: list[Path], tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    service.start()
    service.output.rmdir()
    service.output.symlink_to(elsewhere)
    drop(card, service.inbox)
    wait_until(lambda: "blocked" in service.states(), what="the notice")
    told = stackd("status", "--config", str(service.config)).stdout
    followed = list(elsewhere.rglob("*"))

    service.output.unlink()
    service.output.mkdir()
    wait_until(lambda: "done" in service.states(), what="the composite")

    assert "leads elsewhere now: a link took its place" in told
    assert followed == []
    assert list(elsewhere.rglob("*")) == []
    assert len(service.composites()) == 1


def test_an_output_folder_that_is_a_link_from_the_beginning_is_one_the_user_chose(
    service: RealService, card: list[Path], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    service.output.rmdir()
    service.output.symlink_to(elsewhere)

    service.start()
    drop(card, service.inbox)
    wait_until(lambda: service.journal.exists() and "done" in service.states(), what="the composite")

    assert len(list(elsewhere.glob("*.png"))) + len(list(elsewhere.glob("*/*.png"))) >= 1


def test_the_place_where_a_crash_is_noted_is_no_way_to_empty_a_file(service: RealService, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("a year of work")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "fault.txt").symlink_to(precious)

    service.start()

    assert service.stop() == 0
    assert precious.read_text() == "a year of work"
    assert "faults.not_noted" in service.log()


@pytest.mark.parametrize(
    ("most_files", "words"),
    [(20, "cannot be used: No space left on device"), (0, "cannot be read or written: ")],
    ids=["no file can be made", "nothing can be written"],
)
def test_a_full_disk_at_the_start_is_waited_for(tmp_path: Path, card: list[Path], most_files: int, words: str) -> None:
    service = RealService(tmp_path)
    (tmp_path / "state").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size=2m,nr_inodes={most_files}", "none", str(tmp_path / "state")]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let a test mount a disk")
    try:
        filler = tmp_path / "state" / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        with contextlib.suppress(OSError):
            for number in range(most_files):
                (tmp_path / "state" / f"{number}").touch()
        service.start(wait=False)
        wait_until(lambda: "start.waits" in service.log(), what="the wait")
        drop(card, service.inbox)
        told = service.log()
        for path in (filler, *(tmp_path / "state" / f"{number}" for number in range(most_files))):
            path.unlink(missing_ok=True)
        wait_until(lambda: "service.started" in service.log() and "done" in service.states(), what="the composite")

        assert words in told
        assert service.stop() == 0
        assert "Traceback" not in service.log()
    finally:
        if service.process is not None and service.process.poll() is None:
            service.kill()
        subprocess.run(["umount", "-l", str(tmp_path / "state")], capture_output=True, check=False)
