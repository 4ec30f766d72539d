"""Faults met by the real daemon: strange arrivals, what cannot be read or written, and how it is asked to stop."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.faults.invariants import assert_invariants, fingerprints
from tests.real_service import RealService, children_of, is_alive, wait_until

pytestmark = pytest.mark.end_to_end


def done(service: RealService) -> bool:
    return service.journal.exists() and "done" in service.states()


def status(service: RealService) -> str:
    command = [sys.executable, "-m", "stackd", "status", "--json", "--config", str(service.config)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_everything_strange_in_the_folder_is_passed_over_and_the_stack_comes_out(
    service: RealService, card: list[Path], tmp_path: Path
) -> None:
    inbox = service.inbox
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (inbox / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (inbox / "up").symlink_to("/")
    (inbox / "loop").symlink_to(inbox)
    os.mkfifo(inbox / "pipe.tif")
    (inbox / "empty.jpg").touch()
    (inbox / "page.jpg").write_text("<html>not found</html>")
    (inbox / "text.tif").write_text("no picture")
    (inbox / "cut.jpg").write_bytes(card[0].read_bytes()[:2_000])
    (inbox / "Thumbs.db").write_bytes(b"x")
    (inbox / f"._{card[0].name}").write_bytes(b"x")
    (inbox / ".stackd.toml").write_text('[state]\nfolder = "/"\n')
    (inbox / "@eaDir").mkdir()
    shutil.copy(card[0], inbox / "@eaDir" / "a.jpg")
    with open(os.path.join(os.fsencode(inbox), b"\xff\xfe\n.jpg"), "wb") as odd:  # noqa: PTH118, PTH123  (bytes)
        odd.write(b"no picture")
    (inbox / "shoot").mkdir()
    for frame in card:
        shutil.copy(frame, inbox / "shoot")

    service.start()
    wait_until(lambda: done(service), what="the composite")
    told = status(service)
    service.stop()

    assert len(service.composites()) == 1
    assert service.states() == ["done"]
    assert service.outputs_match_the_journal()
    for name in ("empty.jpg", "page.jpg", "text.tif", "cut.jpg", "link.jpg", "pipe.tif", "@eaDir", "Thumbs.db"):
        assert name in told
    assert (tmp_path / "secret.jpg").read_bytes() == b"secret"
    assert not (tmp_path / "log").read_bytes().count(b"\xff")


def test_a_whole_folder_moved_in_is_one_stack(service: RealService, card: list[Path], tmp_path: Path) -> None:
    service.start()
    shoot_folder = tmp_path / "shoot"
    shoot_folder.mkdir()
    for frame in card:
        shutil.copy(frame, shoot_folder)

    shoot_folder.rename(service.inbox / "shoot")
    wait_until(lambda: done(service), what="the composite")

    assert [count for (count,) in service.rows("SELECT COUNT(*) FROM stack_frame")] == [len(card)]


def test_without_events_everything_still_comes_out(tmp_path: Path, card: list[Path]) -> None:
    service = RealService(tmp_path / "place", events=False)
    service.start()
    for frame in card:
        shutil.copy(frame, service.inbox)

    wait_until(lambda: done(service), what="the composite")

    assert service.stop() == 0
    assert len(service.composites()) == 1


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
@pytest.mark.parametrize("options", [[], ["--inplace"], ["--delay-updates"]], ids=["rename", "inplace", "delayed"])
def test_rsync_in_its_ways_makes_one_stack_of_whole_frames(service: RealService, card: list[Path], options: list[str]) -> None:
    service.start()

    subprocess.run(["rsync", "-a", "--bwlimit=40", *options, *map(str, card), f"{service.inbox}/"], check=True)
    wait_until(lambda: done(service), what="the composite")

    assert service.states() == ["done"]
    assert [count for (count,) in service.rows("SELECT COUNT(*) FROM stack_frame")] == [len(card)]


def test_an_output_folder_that_is_missing_blocks_and_then_resumes_by_itself(service: RealService, card: list[Path]) -> None:
    service.output.rmdir()
    service.start()
    for frame in card:
        shutil.copy(frame, service.inbox)
    wait_until(lambda: service.journal.exists() and "blocked" in service.states(), what="the block")
    told = status(service)

    service.output.mkdir()
    wait_until(lambda: done(service), what="the composite")

    assert '"state": "blocked"' in told
    assert str(service.output) in told
    assert service.temporary() == []


@pytest.mark.checks_itself
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk needs root on Linux")
def test_a_full_disk_blocks_removes_what_it_began_and_resumes(service: RealService, card: list[Path]) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(service.output)], check=True)
    try:
        (service.output / "filler").write_bytes(b"x" * 100_000)
        service.start()
        for frame in card:
            shutil.copy(frame, service.inbox)
        wait_until(lambda: service.journal.exists() and "blocked" in service.states(), what="the block")
        left_behind = service.temporary()

        subprocess.run(["mount", "-o", "remount,size=8m", str(service.output)], check=True)
        wait_until(lambda: done(service), what="the composite")

        assert left_behind == []
        assert_invariants(service, fingerprints(card[0].parent))
    finally:
        if service.process is not None and service.process.poll() is None:
            service.kill()
        subprocess.run(["umount", str(service.output)], check=True)


def test_a_second_daemon_is_refused_with_code_75(service: RealService, tmp_path: Path) -> None:
    service.start()
    other = RealService(tmp_path / "other")
    other.config.write_text(
        f'[state]\nfolder = "state"\n[[watch]]\ninput = "{service.inbox}"\noutput = "{tmp_path / "elsewhere"}"\n'
    )

    same_state = subprocess.run(
        [sys.executable, "-m", "stackd", "run", "--config", str(service.config)], capture_output=True, text=True, check=False
    )
    same_folder = subprocess.run(
        [sys.executable, "-m", "stackd", "run", "--config", str(other.config)], capture_output=True, text=True, check=False
    )

    assert (same_state.returncode, same_folder.returncode) == (75, 75)
    assert "already uses the state folder" in same_state.stderr
    assert "already watches" in same_folder.stderr
    assert service.stop() == 0


def test_a_wrong_configuration_ends_with_code_78(service: RealService) -> None:
    service.config.write_text('[[watch]]\ninput = "in"\noutput = "in/out"\n')

    process = service.start(wait=False)

    assert process.wait(timeout=30) == 78
    assert "lies inside the watched folder" in service.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_daemon_stops_at_once_with_code_0(service: RealService, number: signal.Signals) -> None:
    process = service.start()
    children = children_of(process.pid)

    assert service.stop(number) == 0
    assert not any(is_alive(child) for child in children)


@pytest.mark.checks_itself
def test_sighup_takes_over_a_good_configuration_and_keeps_the_old_one_before_a_bad_one(
    service: RealService, card: list[Path], tmp_path: Path
) -> None:
    notify = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(notify))
        heard: list[bytes] = []
        threading.Thread(target=_listen, args=(systemd, heard), daemon=True).start()
        service.environment = {"NOTIFY_SOCKET": str(notify)}
        process = service.start()
        good = service.config.read_text()
        service.config.write_text(good + "\n[nonsense]\n")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "configuration.refused" in service.log(), what="the refusal")
        second = tmp_path / "second"
        second.mkdir()
        service.config.write_text(f'{good}\n[[watch]]\nname = "second"\ninput = "{second}"\noutput = "out"\n')
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "configuration.reloaded watches=2" in service.log(), what="the reload")
        service.config.write_text(service.config.read_text().replace('folder = "state"', 'folder = "elsewhere"'))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: "waits_for_restart keys='[state] folder'" in service.log(), what="the notice")
        for frame in card:
            shutil.copy(frame, second)
        wait_until(lambda: done(service), what="the composite")
        assert service.stop() == 0
        assert not (service.place / "elsewhere").exists()
        wait_until(lambda: b"STOPPING=1" in heard, what="the farewell")

    told = b"\n".join(heard).decode().splitlines()
    life = [line for line in told if line in ("READY=1", "RELOADING=1", "STOPPING=1")]
    assert life == ["READY=1", *(3 * ["RELOADING=1", "READY=1"]), "STOPPING=1"]
    assert any("the old one stays" in line for line in told)
    assert told.count("WATCHDOG=1") >= 3


def test_a_late_frame_makes_version_two_and_restarts_do_not_repeat_anything(service: RealService, card: list[Path]) -> None:
    service.start()
    for frame in card[:-1]:
        shutil.copy(frame, service.inbox)
    wait_until(lambda: done(service), what="the first composite")
    first = service.composites()[0].read_bytes()

    shutil.copy(card[-1], service.inbox)
    wait_until(lambda: service.states().count("done") == 2, what="the second composite")
    service.stop()
    service.start()
    service.stop()

    old, new = service.composites()
    assert old.read_bytes() == first
    assert "_v2" in new.name
    assert service.states() == ["done", "done"]


def _listen(systemd: socket.socket, heard: list[bytes]) -> None:
    """Read as systemd does, at once: the queue of such a socket holds ten messages."""
    while b"STOPPING=1" not in heard:
        heard.append(systemd.recv(4096))
