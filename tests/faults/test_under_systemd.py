"""The installed unit, run by the real systemd: stackd stacks under it, and reaches nothing that it should not."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from stackd.adapters.machine.instance_lock import InstanceLock
from tests.real_service import shoot, wait_until
from tests.real_systemd import PROGRAM, RealSystemd, reason_against

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]

USER = 64321
"""Of the service; nobody's here."""

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

OF_THE_TEST = """\
[Unit]
# No other unit is in this world.
DefaultDependencies=no
[Service]
StandardOutput=append:/srv/log
StandardError=append:/srv/log
RestartSec=100ms
"""

INTRUDER = '''\
"""Tries what somebody would try who got in by a file; a word on each attempt."""
import ctypes, json, mmap, os, socket

def tell(attempt):
    try:
        attempt()
    except OSError as error:
        return error.__class__.__name__ if error.errno is None else os.strerror(error.errno)
    return "done"

libc = ctypes.CDLL(None, use_errno=True)

def call(function, *arguments):
    if function(*arguments) == -1:
        raise OSError(ctypes.get_errno(), "")

def write(path):
    with open(path, "w"):
        pass

print("tried " + json.dumps({
    "write a frame": tell(lambda: write("/srv/photos/in/new")),
    "write a composite": tell(lambda: write("/srv/photos/out/new")),
    "write its journal": tell(lambda: write("/var/lib/stackd/new")),
    "write a scratch file": tell(lambda: write("/var/tmp/new")),
    "write a program": tell(lambda: write("/usr/bin/new")),
    "write a unit": tell(lambda: write("/etc/systemd/system/new.service")),
    "list homes": tell(lambda: os.listdir("/home")),
    "list root": tell(lambda: os.listdir("/root")),
    "make code": tell(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)),
    "talk to the network": tell(lambda: socket.socket(socket.AF_INET)),
    "talk to its neighbours": tell(lambda: socket.socket(socket.AF_UNIX)),
    "make a namespace": tell(lambda: call(libc.unshare, 0x10000000)),
    "mount": tell(lambda: call(libc.mount, b"none", b"/tmp", b"tmpfs", 0, None)),
    "set the clock": tell(lambda: __import__("time").clock_settime(0, 0)),
    "give files away": tell(lambda: os.chown("/srv/photos/out/new", 0, 0)),
    "gain rights by a file": tell(lambda: os.chmod("/srv/photos/out/new", 0o4755)),
    "open a disk": tell(lambda: os.mknod("/var/tmp/disk", 0o60600, os.makedev(8, 0))),
    "see the log of the kernel": tell(lambda: open("/dev/kmsg").close()),
    "lower its priority": tell(lambda: os.nice(1)),
}))
'''


@contextmanager
def world() -> Iterator[RealSystemd]:
    # Not below pytest's own folder, which only its user may enter: the service runs as another.
    place = Path("/var/tmp") / f"stackd-test-{os.getpid()}"  # noqa: S108
    shutil.rmtree(place, ignore_errors=True)
    systemd = RealSystemd(place)
    try:
        yield systemd
    finally:
        systemd.end()
        print(systemd.console(), log(systemd))  # noqa: T201  shown when a test fails
        shutil.rmtree(place)


@pytest.fixture(scope="module")
def able() -> None:
    """Skip where this machine lets no systemd run in a world of its own, whatever the unit."""
    reason = reason_against()
    if reason is not None:
        pytest.skip(reason)
    with world() as systemd:
        plain = systemd.place / "etc" / "systemd" / "system" / "stackd.service"
        plain.write_text('[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sh -c "echo up > /srv/log; sleep 600"\n')
        systemd.start()
        try:
            wait_until(lambda: "up" in log(systemd), what="a service of nothing")
        except TimeoutError:
            pytest.skip(f"systemd does not come up in a world of its own here: {systemd.console()[-300:]}")


@pytest.fixture
def systemd(able: None) -> Iterator[RealSystemd]:
    del able
    with world() as systemd:
        install(systemd)
        yield systemd


def install(systemd: RealSystemd) -> None:
    """Make the user, the folders and the configuration, and install the service as an administrator does."""
    etc, photos = systemd.place / "etc", systemd.place / "srv" / "photos"
    with (etc / "passwd").open("a") as users, (etc / "group").open("a") as groups:
        users.write(f"stackd:x:{USER}:{USER}::/var/lib/stackd:/usr/sbin/nologin\n")
        groups.write(f"stackd:x:{USER}:\n")
    for folder in (photos / "in", photos / "out"):
        folder.mkdir(parents=True)
        os.chown(folder, USER, USER)
    (etc / "stackd").mkdir()
    (etc / "stackd" / "stackd.toml").write_text(CONFIG)
    command = [sys.executable, "-m", "stackd", "service", "install", "--system", "--root", str(systemd.place)]
    subprocess.run([*command, "--program", str(PROGRAM)], check=True)
    (etc / "systemd" / "system" / "stackd.service.d" / "20-test.conf").write_text(OF_THE_TEST)


def log(systemd: RealSystemd) -> str:
    path = systemd.place / "srv" / "log"
    return path.read_text() if path.exists() else ""


def has_started(systemd: RealSystemd) -> bool:
    return "service.started" in log(systemd)


def test_the_hardened_service_stacks(systemd: RealSystemd, tmp_path: Path) -> None:
    photos = systemd.place / "srv" / "photos"
    systemd.start()
    wait_until(lambda: has_started(systemd), what="the start")

    for frame in shoot(tmp_path / "card"):
        shutil.copy(frame, photos / "in")
    wait_until(lambda: "stack.published" in log(systemd), what="the composite")

    (main, *_) = systemd.pids()
    told = dict(line.split(":", 1) for line in Path(f"/proc/{main}/status").read_text().splitlines())
    assert told["Uid"].split() == [str(USER)] * 4
    assert told["Seccomp"].strip() == "2"
    assert {told[name].strip() for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert any(photos.glob("out/*.tif"))
    assert systemd.show("ActiveState", "StatusText")["ActiveState"] == "active"
    # Nothing that it needs was denied on the way.
    assert [line for line in log(systemd).splitlines() if " INFO " not in line] == []


def test_who_gets_in_by_a_file_can_do_what_stackd_must_and_nothing_else(systemd: RealSystemd) -> None:
    drop_in = systemd.place / "etc" / "systemd" / "system" / "stackd.service.d" / "30-intruder.conf"
    (systemd.place / "srv" / "program" / "intruder.py").write_text(INTRUDER)
    text = (systemd.place / "srv" / "program" / "stackd").read_text().replace("-m stackd", "/srv/program/intruder.py")
    (systemd.place / "srv" / "program" / "intruder").write_text(text)
    (systemd.place / "srv" / "program" / "intruder").chmod(0o755)
    drop_in.write_text(f"[Service]\nExecStartPre={PROGRAM.with_name('intruder')}\n")

    systemd.start()
    wait_until(lambda: has_started(systemd), what="the start")

    (tried,) = (json.loads(line.partition(" ")[2]) for line in log(systemd).splitlines() if line.startswith("tried "))
    assert {what for what, came_of_it in tried.items() if came_of_it == "done"} == {
        "write a composite",
        "write its journal",
        "write a scratch file",
        "talk to its neighbours",
        "lower its priority",
    }
    assert tried["write a frame"] == tried["write a program"] == tried["write a unit"] == "Read-only file system"
    assert tried["make code"] == tried["make a namespace"] == tried["gain rights by a file"] == "Operation not permitted"


def test_another_stackd_in_the_way_is_waited_for_and_a_wrong_configuration_is_not(systemd: RealSystemd) -> None:
    state = systemd.place / "var-lib" / "stackd"
    with closing(InstanceLock(state)):
        os.chown(state, USER, USER)
        os.chown(state / "stackd.lock", USER, USER)
        systemd.start()
        wait_until(lambda: log(systemd).count("already uses the state folder") >= 2, what="a second try")
    wait_until(lambda: has_started(systemd), what="the start")
    (systemd.place / "etc" / "stackd" / "stackd.toml").write_text("[watch")

    systemd.ask("restart", "--no-block", "stackd.service")
    wait_until(lambda: systemd.show("ActiveState")["ActiveState"] == "failed", what="the failure")

    shown = systemd.show("ExecMainStatus", "NRestarts")
    assert shown["ExecMainStatus"] == "78"
    assert log(systemd).count("not valid TOML") == 1


def test_a_loop_that_hangs_is_ended_by_the_watchdog_and_begun_again(systemd: RealSystemd) -> None:
    drop_in = systemd.place / "etc" / "systemd" / "system" / "stackd.service.d" / "30-short.conf"
    drop_in.write_text("[Service]\nWatchdogSec=3\n")
    systemd.start()
    wait_until(lambda: has_started(systemd), what="the start")
    before = int(systemd.show("MainPID")["MainPID"])

    systemd.ask("kill", "--kill-whom=main", "--signal=STOP", "stackd.service")
    wait_until(lambda: log(systemd).count("service.started") == 2, what="the second start")

    assert int(systemd.show("MainPID")["MainPID"]) != before
    assert systemd.show("NRestarts")["NRestarts"] == "1"


def test_installing_starts_the_service_and_removing_it_ends_it(systemd: RealSystemd) -> None:
    systemd.start()
    wait_until(lambda: has_started(systemd), what="the start")
    service = [str(PROGRAM), "service"]

    installed = systemd.call(*service, "install", "--system", "--program", str(PROGRAM))
    shown = systemd.call(*service, "status")
    enabled = systemd.call("systemctl", "is-enabled", "stackd.service").stdout.strip()
    logs = systemd.call(*service, "logs", "--system")
    starts = log(systemd).count("service.started")
    removed = systemd.call(*service, "uninstall", "--system")
    asked_again = systemd.call(*service, "status")

    assert installed.returncode == 0, installed.stderr
    assert installed.stdout.count("is as it should be.") == 3
    assert starts == 2
    assert enabled == "enabled"
    assert shown.returncode == 0
    assert "active (running)" in shown.stdout
    # This world keeps no journal; whoever looked for one was asked rightly.
    assert "No journal files were found" in logs.stderr
    assert removed.returncode == 0, removed.stderr
    assert removed.stdout.count("Removed ") == 3
    assert systemd.pids() == []
    assert asked_again.returncode == 1
    assert "not installed as a service" in asked_again.stderr


def test_the_service_of_a_user_stacks_without_any_rights_to_namespaces(systemd: RealSystemd, tmp_path: Path) -> None:
    systemd.user = USER
    home = systemd.place / "srv" / "home"
    config = home / ".config" / "stackd" / "stackd.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[[watch]]\ninput = "/srv/home/in"\noutput = "/srv/home/out"\n[intake]\nsettle_s = 0.2\nquiet_s = 1.0\n')
    for name in ("in", "out"):
        (home / name).mkdir()
    command = [sys.executable, "-m", "stackd", "service", "install", "--root", str(systemd.place)]
    subprocess.run(
        [*command, "--program", str(PROGRAM), "--config", "/srv/home/.config/stackd/stackd.toml"],
        check=True,
        env={**os.environ, "HOME": "/srv/home"},
    )
    drop_in = home / ".config" / "systemd" / "user" / "stackd.service.d" / "20-test.conf"
    drop_in.write_text(OF_THE_TEST)
    for path in (systemd.place / "srv", home, *home.rglob("*")):
        os.chown(path, USER, USER)

    systemd.start()
    wait_until(lambda: has_started(systemd), what="the start")
    for frame in shoot(tmp_path / "card"):
        shutil.copy(frame, home / "in")
    wait_until(lambda: "stack.published" in log(systemd), what="the composite")

    (main, *_) = systemd.pids()
    told = dict(line.split(":", 1) for line in Path(f"/proc/{main}/status").read_text().splitlines())
    assert told["NoNewPrivs"].strip() == "1"
    assert told["Seccomp"].strip() == "2"
    assert [line for line in log(systemd).splitlines() if " INFO " not in line] == []
    assert any((home / "out").glob("*.tif"))
