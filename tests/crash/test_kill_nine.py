"""Kill the real daemon without warning, again and again: one composite comes out, and nothing else is left behind."""

import hashlib
import random
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from stackd.model.job import MAX_ATTEMPTS
from tests.real_service import RealService, children_of, is_alive, shoot, wait_until

pytestmark = [pytest.mark.crash, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]

KILLS = 10
LONGEST_LIFE_S = 3.0
"""Starting, settling, sealing and fusing take about three seconds: kills fall into each of them."""


@pytest.mark.parametrize("seed", [1])
def test_ten_kills_at_random_moments_leave_exactly_one_composite(tmp_path: Path, seed: int) -> None:
    frames = shoot(tmp_path / "card")
    service = RealService(tmp_path / "place")
    moments = random.Random(seed)  # noqa: S311  (moments, not secrets)
    camera = threading.Thread(target=_drop_slowly, args=(frames, service.inbox))

    camera.start()
    for _ in range(KILLS):
        service.start(wait=False)
        time.sleep(moments.uniform(0.3, LONGEST_LIFE_S))
        service.kill()
    camera.join()
    service.start()
    wait_until(lambda: "done" in service.states(), what="the composite")
    code = service.stop()

    (composite,) = service.composites()
    picture = cv2.imdecode(np.fromfile(composite, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture.shape[0] > 80
    assert code == 0
    assert service.temporary() == []
    assert service.outputs_match_the_journal()
    assert [_hash(service.inbox / frame.name) for frame in frames] == [_hash(frame) for frame in frames]
    assert sorted(path.name for path in service.inbox.iterdir()) == sorted(frame.name for frame in frames)


def test_workers_die_with_the_daemon(tmp_path: Path) -> None:
    frames = shoot(tmp_path / "card")
    service = RealService(tmp_path / "place")
    process = service.start()
    for frame in frames:
        shutil.copy(frame, service.inbox)
    wait_until(lambda: service.journal.exists() and "running" in service.states(), what="the work")
    children = children_of(process.pid)

    service.kill()

    assert children
    wait_until(lambda: not any(is_alive(child) for child in children), timeout_s=5.0, what="the end of the workers")


def test_a_stop_in_the_middle_of_work_is_quick_clean_and_loses_nothing(tmp_path: Path) -> None:
    frames = shoot(tmp_path / "card")
    service = RealService(tmp_path / "place")
    process = service.start()
    for frame in frames:
        shutil.copy(frame, service.inbox)
    wait_until(lambda: service.journal.exists() and "running" in service.states(), what="the work")
    children = children_of(process.pid)

    began_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = service.stop()
    took_s = time.monotonic() - began_s

    assert code == 0
    assert took_s < 10.0
    assert not any(is_alive(child) for child in children)
    assert service.temporary() == []
    assert service.states() == ["ready"]


def _drop_slowly(frames: list[Path], inbox: Path) -> None:
    for frame in frames:
        content = frame.read_bytes()
        with (inbox / frame.name).open("wb") as file:
            for start in range(0, len(content), len(content) // 4 + 1):
                file.write(content[start : start + len(content) // 4 + 1])
                file.flush()
                time.sleep(0.1)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_being_aborted_by_a_watchdog_again_and_again_is_no_stacks_fault(tmp_path: Path) -> None:
    """What systemd sends to a service that hangs counted as a crash of whatever stack was being worked on."""
    frames = shoot(tmp_path / "card")
    service = RealService(tmp_path / "place")
    service.start()
    for frame in frames:
        shutil.copy(frame, service.inbox)
    for _ in range(MAX_ATTEMPTS):
        wait_until(lambda: service.journal.exists() and "running" in service.states(), what="the work")
        assert service.stop(signal.SIGABRT) == -signal.SIGABRT
        service.start()

    wait_until(lambda: "done" in service.states(), what="the composite")

    assert service.rows("SELECT crashes FROM job") == [(0,)]
    assert service.stop() == 0


def test_a_crash_inside_the_service_still_counts(tmp_path: Path) -> None:
    service = RealService(tmp_path / "place")
    service.start()
    for frame in shoot(tmp_path / "card"):
        shutil.copy(frame, service.inbox)
    wait_until(lambda: service.journal.exists() and "running" in service.states(), what="the work")

    assert service.stop(signal.SIGSEGV) == -signal.SIGSEGV
    service.start()
    wait_until(lambda: "done" in service.states(), what="the composite")

    assert service.stop() == 0
    assert service.rows("SELECT crashes FROM job") == [(1,)]
