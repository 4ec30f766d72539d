"""systemd hears what it needs, and nobody else is bothered."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackd.adapters.machine.service_manager import SystemdNotifier


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(2.0)
        yield listening


def test_every_message_is_one_datagram(tmp_path: Path, systemd: socket.socket) -> None:
    notifier = SystemdNotifier(str(tmp_path / "notify"))

    notifier.ready()
    notifier.alive()
    notifier.stopping()

    assert [systemd.recv(4096) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_a_reload_tells_its_monotonic_time(tmp_path: Path, systemd: socket.socket) -> None:
    SystemdNotifier(str(tmp_path / "notify")).reloading()

    first, second = systemd.recv(4096).decode().splitlines()

    assert first == "RELOADING=1"
    assert second.startswith("MONOTONIC_USEC=")
    assert int(second.partition("=")[2]) > 0


def test_a_status_is_one_line_whatever_it_holds(tmp_path: Path, systemd: socket.socket) -> None:
    SystemdNotifier(str(tmp_path / "notify")).status("two\nlines \udcff" + "x" * 1000)

    message = systemd.recv(4096).decode()

    assert message.startswith("STATUS=two lines ")
    assert "\n" not in message
    assert len(message) < 400


def test_a_manager_that_is_not_there_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    SystemdNotifier().ready()
    SystemdNotifier(str(tmp_path / "nobody")).ready()
