"""systemctl, journalctl, launchctl: what is asked of them, and sentences for when they refuse."""

import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from stackd.errors import StackdError

BOOTED: Final = Path("/run/systemd/system")
"""Is there when systemd started the machine, and only then: sd_booted(3)."""


def ask(command: Sequence[str], *, tell: Callable[[str], None]) -> None:
    """Run a command of a service manager; what it prints goes to the terminal.

    Raises
    ------
    StackdError
        If it is not there, or refuses.
    """
    tell(f"Running: {shlex.join(command)}")
    code = pass_on(command)
    if code:
        raise StackdError(
            f"{command[0]} refused, with exit code {code}. The files are written.",
            hint=f"What it said stands above. When it is put right: {shlex.join(command)}",
        )


def pass_on(command: Sequence[str], *, quiet: bool = False) -> int:
    """Run a command of a service manager and give its exit code; what it prints goes to the terminal, unless `quiet`.

    Raises
    ------
    StackdError
        If it is not there.
    """
    program = shutil.which(command[0])
    if program is None:
        raise StackdError(f"There is no {command[0]} on this machine.", hint="Start `stackd run` by what starts services here.")
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run([program, *command[1:]], check=False, stdout=output, stderr=output).returncode  # noqa: S603  (ours)


def expect_systemd(booted: Path = BOOTED) -> None:
    """Make sure that systemd looks after this machine.

    Raises
    ------
    StackdError
        If it does not.
    """
    if not booted.is_dir():
        raise StackdError(
            "systemd does not run this machine (a container, WSL without it, or another init system), so it cannot start stackd.",
            hint="Start `stackd run` by what starts services here. `stackd service install --root FOLDER` writes the files for"
            " another machine.",
        )
