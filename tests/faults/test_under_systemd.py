"""The installed unit, run by the real systemd with all it takes away: stackd stacks under it, and reaches nothing it should not."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real_service import shoot, wait_until
from tests.real_systemd import RealSystemd, reason_against

AGAINST = reason_against()

pytestmark = [pytest.mark.end_to_end, pytest.mark.skipif(AGAINST is not None, reason=AGAINST or "")]

CONFIG = """\
[state]
folder = "/var/lib/stackd"
[[watch]]
name = "test"
input = "/srv/photos/in"
output = "/srv/photos/out"
[intake]
settle_s = 0.2
quiet_s = 1.0
"""


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[RealSystemd]:
    # Not below pytest's own folder, which only its user may enter: the service runs as another.
    place = Path("/var/tmp") / f"stackd-test-{os.getpid()}"  # noqa: S108
    shutil.rmtree(place, ignore_errors=True)
    systemd = RealSystemd(place)
    yield systemd
    systemd.end()
    print(systemd.console(), (place / "srv/log").read_text() if (place / "srv/log").exists() else "no log")  # noqa: T201  shown when a test fails
    shutil.rmtree(place)


def install(systemd: RealSystemd) -> None:
    """Make the user, the folders and the configuration, and install the service as an administrator does."""
    with (systemd.place / "etc" / "passwd").open("a") as users, (systemd.place / "etc" / "group").open("a") as groups:
        users.write("stackd:x:64321:64321::/var/lib/stackd:/usr/sbin/nologin\n")
        groups.write("stackd:x:64321:\n")
    photos = systemd.place / "srv" / "photos"
    (photos / "in").mkdir(parents=True)
    (photos / "out").mkdir()
    os.chown(photos / "out", 64321, 64321)
    (systemd.place / "etc" / "stackd").mkdir()
    (systemd.place / "etc" / "stackd" / "stackd.toml").write_text(CONFIG)
    subprocess.run(
        [
            sys.executable, "-m", "stackd", "service", "install", "--system",
            "--root", str(systemd.place), "--program", str(systemd.program),
        ],
        check=True,
    )  # fmt: skip


def test_the_hardened_service_stacks_and_is_as_confined_as_the_unit_says(systemd: RealSystemd, tmp_path: Path) -> None:
    install(systemd)
    # There is neither journald nor any other unit in this world.
    extra = systemd.place / "etc" / "systemd" / "system" / "stackd.service.d" / "20-test.conf"
    extra.write_text("[Unit]\nDefaultDependencies=no\n[Service]\nStandardError=append:/srv/log\nStandardOutput=append:/srv/log\n")
    log = systemd.place / "srv" / "log"
    photos = systemd.place / "srv" / "photos"
    systemd.start()
    wait_until(lambda: log.exists() and "service.started" in log.read_text(), what="the start")

    for frame in shoot(tmp_path / "card"):
        shutil.copy(frame, photos / "in")
    wait_until(lambda: any(photos.glob("out/**/*.tif")), what="the composite")

    (main, *_) = systemd.pids()
    told = dict(line.split(":", 1) for line in Path(f"/proc/{main}/status").read_text().splitlines())
    assert told["Uid"].split() == ["64321"] * 4
    assert told["NoNewPrivs"].strip() == "1"
    assert told["Seccomp"].strip() == "2"
    assert {told[name].strip() for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
