"""What the service tells lands in files, and nothing that goes wrong there reaches the service."""

import logging
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from stackd.adapters.journal.event_log import EventLog
from stackd.adapters.telling.disks import DiskGauge
from stackd.adapters.telling.health_file import read_health
from stackd.adapters.telling.teller import FileTeller
from stackd.service.ports import Telling
from tests.adapters.telling.test_exposition import HEALTH
from tests.real_service import wait_until


def teller_in(place: Path) -> FileTeller:
    return FileTeller(place, scratch=place, steps=EventLog(place / "journal.sqlite3"))


def test_health_holds_room_and_the_last_error(tmp_path: Path) -> None:
    teller = teller_in(tmp_path)
    logging.getLogger("stackd.service").error("plan.stumbled about=%r", "a\x1b.jpg")
    teller.tell(HEALTH, (tmp_path,))

    def known() -> bool:
        teller.tell(HEALTH, (tmp_path, tmp_path / "missing"))
        health = read_health(tmp_path)
        return health is not None and all(disk.free_bytes for disk in health.disks if "missing" not in disk.folder)

    wait_until(known, what="the answer of the disks")
    teller.close()
    logging.getLogger("stackd.service").error("after.the.end")
    health = read_health(tmp_path)

    assert health is not None
    assert [disk.use for disk in health.disks] == ["state", "output", "output", "scratch"]
    assert [disk.free_bytes is None for disk in health.disks] == [False, False, True, False]
    assert (health.errors, health.last_error) == (1, "plan.stumbled about='a\\x1b.jpg'")
    assert replace(
        health, disks=HEALTH.disks, errors=3, last_error="plan.stumbled", last_error_at=HEALTH.last_error_at
    ) == replace(HEALTH, notices=0, notices_failed=0)


def test_metrics_follow_the_configuration_and_end_with_down(tmp_path: Path) -> None:
    teller = teller_in(tmp_path)
    teller.tell(HEALTH, ())
    assert list(tmp_path.glob("*.prom")) == []
    metrics = tmp_path / "stackd.prom"

    teller.follow(Telling(metrics=metrics))
    teller.tell(HEALTH, ())
    wait_until(metrics.exists, what="the metrics file")
    assert "stackd_up 1.0" in metrics.read_text()
    teller.close()

    assert "stackd_up 0.0" in metrics.read_text()


def test_what_cannot_be_written_is_told_once_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    teller = teller_in(tmp_path / "missing")
    teller.follow(Telling(metrics=tmp_path / "nowhere" / "stackd.prom"))
    with caplog.at_level(logging.WARNING, "stackd"):
        for _ in range(3):
            teller.tell(HEALTH, ())
        teller.close()

    told = [record.getMessage().split()[0] for record in caplog.records]
    assert sorted(told) == ["health.not_written", "metrics.not_written"]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_hangs_keeps_nobody_waiting_and_has_no_size(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answer = threading.Event()
    real = os.statvfs
    asked: list[object] = []

    def hang(folder: Path) -> os.statvfs_result:
        asked.append(folder)
        if len(asked) > 1:
            answer.wait(60.0)
        return real(folder)

    monkeypatch.setattr(os, "statvfs", hang)
    gauge = DiskGauge()
    gauge.free_bytes(tmp_path)
    wait_until(lambda: not gauge._asking, what="the first answer")

    known = gauge.free_bytes(tmp_path)
    hanging = [gauge.free_bytes(tmp_path) for _ in range(5)]
    answer.set()

    assert known
    assert hanging == [None] * 5
    assert len(asked) == 2
