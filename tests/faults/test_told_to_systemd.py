"""What the real daemon says on the socket that systemd gives it, from its start over its work to its end."""

import shutil
import socket
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.real_service import RealService, shoot, wait_until

pytestmark = pytest.mark.end_to_end


class Systemd:
    """Reads at once, as systemd does: the queue of such a socket holds ten messages."""

    def __init__(self, address: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(address))
        self.heard: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while "STOPPING=1" not in self.heard:
            self.heard += self._socket.recv(4096).decode().splitlines()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    listening = Systemd(tmp_path / "notify")
    yield listening
    listening.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RealService]:
    service = RealService(tmp_path / "place", environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    yield service
    if service.process is not None and service.process.poll() is None:
        service.kill()


def test_systemd_hears_of_start_work_and_end_and_all_the_while_that_the_loop_turns(
    systemd: Systemd, service: RealService, tmp_path: Path
) -> None:
    service.start()
    for frame in shoot(tmp_path / "card"):
        shutil.copy(frame, service.inbox)
    wait_until(lambda: service.journal.exists() and "done" in service.states(), what="the composite")
    code = service.stop()
    wait_until(lambda: "STOPPING=1" in systemd.heard, what="the farewell")

    heard = systemd.heard
    statuses = [line for line in heard if line.startswith("STATUS=")]
    (working,) = (place for place, line in enumerate(heard) if line.startswith("STATUS=") and "1 running" in line)
    (afterwards,) = (place for place, line in enumerate(heard) if place > working and line == statuses[-1])
    assert code == 0
    assert [line for line in heard if line in ("READY=1", "STOPPING=1")] == ["READY=1", "STOPPING=1"]
    assert heard[-1] == "STOPPING=1"
    assert statuses[0] == statuses[-1] != heard[working]
    assert all(before != after for before, after in pairwise(statuses))
    assert heard[working:afterwards].count("WATCHDOG=1") >= 2
    assert {line.partition("=")[0] for line in heard} == {"READY", "STATUS", "WATCHDOG", "STOPPING"}
