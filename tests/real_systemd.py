"""The real systemd as the first process of a small world of its own, to run the installed unit as it stands (Linux, as root).

The world has its own processes, mounts and control groups, ends with the test, and starts nothing but the unit. Of this machine
it sees all files; /etc, /var/lib, /srv and /run are the test's own.
"""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import stackd
from tests.real_service import children_of, wait_until

SYSTEMD = Path("/lib/systemd/systemd")
UNIFIED = Path("/sys/fs/cgroup")
HIERARCHIES = [UNIFIED, UNIFIED / "systemd", UNIFIED / "unified"]
"""Where systemd keeps its groups: one hierarchy, or two beside older ones."""

WORLD = """\
set -e
for groups in {groups}; do echo $$ > "$groups/cgroup.procs"; done
exec unshare --cgroup --mount --uts --ipc --pid --fork --kill-child --propagation private sh -ec '
mount -t proc proc /proc
for groups in {groups}; do mount --bind "$groups" "$(dirname "$groups")"; done
mount --bind "{python}" {place}/srv/program/python
mount --bind "{libraries}" {place}/srv/program/libraries
mount --bind "{source}" {place}/srv/program/source
mount -t tmpfs -o mode=755 tmpfs /run
mount --bind {place}/etc /etc
mount --bind {place}/var-lib /var/lib
mount --rbind {place}/srv /srv
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
{manager}
'
"""

OF_THE_SYSTEM = """\
exec env -i PATH=/usr/bin:/bin container=stackd SYSTEMD_UNIT_PATH=/etc/systemd/system SYSTEMD_LOG_TARGET=console \
    {systemd} --system --unit=stackd.service --show-status=no --crash-reboot=no"""

OF_A_USER = """\
mkdir -p /run/systemd/system /run/user/{user}
chown {user}:{user} /run/user/{user} {groups}
for groups in {groups}; do chown {user}:{user} "$groups"/cgroup.*; done
env -i PATH=/usr/bin:/bin HOME=/srv/home XDG_RUNTIME_DIR=/run/user/{user} SYSTEMD_LOG_TARGET=console \
    SYSTEMD_UNIT_PATH=/srv/home/.config/systemd/user \
    setpriv --reuid={user} --regid={user} --clear-groups {systemd} --user --unit=stackd.service"""
"""It will not be the first process; that one waits for it."""

START = """\
#!/bin/sh
export PYTHONHOME=/srv/program/python LD_LIBRARY_PATH=/srv/program/python/lib
export PYTHONPATH=/srv/program/source:/srv/program/libraries
exec {python} -m stackd "$@"
"""
"""The stackd under test with the Python that runs the tests: wherever they lie, the service finds them in a place open to all."""


def reason_against() -> str | None:
    """Why this machine cannot do it, if it cannot."""
    if sys.platform != "linux" or not SYSTEMD.exists():
        return "systemd is not installed"
    if os.geteuid() != 0:
        return "a world of its own for systemd takes root"
    tried = subprocess.run(
        ["unshare", "--cgroup", "--mount", "--uts", "--ipc", "--pid", "--fork", "mount", "-t", "proc", "proc", "/proc"],
        capture_output=True,
        check=False,
    )
    if tried.returncode:
        return "this machine lets even root make no namespaces"
    if not _groups():
        return "control groups cannot be written here"
    return None


def _groups() -> list[Path]:
    return [folder for folder in HIERARCHIES if (folder / "cgroup.procs").exists() and os.access(folder, os.W_OK)]


PROGRAM = Path("/srv/program/stackd")
"""What starts stackd in that world."""


@dataclass
class RealSystemd:
    """Runs stackd.service of a world whose /etc, /var/lib and /srv lie in `place`.

    As the manager of the system or, with `user` set, as that of a user whose home is /srv/home.
    """

    place: Path
    user: int | None = None
    process: "subprocess.Popen[bytes] | None" = None
    groups: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("etc/systemd/system", "var-lib", "srv"):
            (self.place / name).mkdir(parents=True)
        for name in ("passwd", "group", "ld.so.cache", "machine-id", "localtime", "perl", "nsswitch.conf"):
            source = Path("/etc") / name
            if source.is_dir():
                shutil.copytree(source, self.place / "etc" / name)
            elif source.exists():
                shutil.copy(source, self.place / "etc" / name)
        program = self.place / "srv" / "program"
        for name in ("python", "libraries", "source"):
            (program / name).mkdir(parents=True)
        python = Path("/srv/program/python") / Path(sys.executable).resolve().relative_to(sys.base_prefix)
        (program / "stackd").write_text(START.format(python=python))
        (program / "stackd").chmod(0o755)
        self.place.chmod(0o755)

    def start(self) -> None:
        self.groups = [folder / f"stackd-test-{os.getpid()}" for folder in _groups()]
        for folder in self.groups:
            folder.mkdir(exist_ok=True)
        groups = " ".join(map(str, self.groups))
        manager = OF_THE_SYSTEM if self.user is None else OF_A_USER
        script = WORLD.format(
            groups=groups,
            manager=manager.format(systemd=SYSTEMD, user=self.user, groups=" ".join(str(group.parent) for group in self.groups)),
            python=sys.base_prefix,
            libraries=sysconfig.get_path("platlib"),
            source=Path(stackd.__file__).parents[1],
            place=self.place,
        )
        with (self.place / "console").open("ab") as console:
            self.process = subprocess.Popen(
                ["sh", "-c", script], stdout=console, stderr=console, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def console(self) -> str:
        return (self.place / "console").read_text(errors="replace")

    def call(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in that world, as root."""
        assert self.process is not None
        (first,) = children_of(self.process.pid)
        inside = ["nsenter", "--target", str(first), "--mount", "--pid", "--uts", "--ipc", *command]
        return subprocess.run(inside, check=False, capture_output=True, text=True, cwd="/")

    def ask(self, *arguments: str) -> str:
        """Call systemctl in that world."""
        asked = self.call("systemctl", "--no-ask-password", *arguments)
        assert asked.returncode == 0, asked.stderr
        return asked.stdout

    def show(self, *properties: str) -> dict[str, str]:
        """Ask for properties of the service."""
        told = self.ask("show", "stackd.service", f"--property={','.join(properties)}")
        return dict(line.split("=", 1) for line in told.splitlines())

    def pids(self) -> list[int]:
        """All processes of the service, the first one first, as this machine numbers them."""
        found = set()
        for group in self.groups:
            for listed in group.rglob("stackd.service/cgroup.procs"):
                found |= {int(line) for line in listed.read_text().split()}
        return sorted(found)

    def end(self) -> None:
        """End the world with all that is in it, and its control groups."""
        if self.process is not None:
            # The first process of the world goes with the one that made it, and with the first all others.
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for group in self.groups:
            for folder in sorted(group.rglob("*"), reverse=True):
                if folder.is_dir():
                    _remove_group(folder)
            _remove_group(group)


def _remove_group(folder: Path) -> None:
    def is_gone() -> bool:
        with suppress(OSError):
            folder.rmdir()
        return not folder.exists()

    wait_until(is_gone, what=f"the end of {folder}")
