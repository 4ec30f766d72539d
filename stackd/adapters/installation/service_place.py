"""What a service manager has to be told of this machine: which program, which configuration, which folders."""

import os
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from stackd.errors import WrongUse
from stackd.model.names import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlace:
    """All paths are absolute."""

    program: tuple[str, ...]
    """What starts stackd: a path and its arguments."""
    config: Path
    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...]
    state: Path
    home: Path
    """Of the user who installs."""

    def __post_init__(self) -> None:
        paths: list[str | Path] = [*self.program, self.config, *self.inputs, *self.outputs, self.state, self.home]
        for path in paths:
            if shown(path) != str(path):
                raise WrongUse(
                    f"{shown(path)} cannot be written into a file for a service manager: its name holds what is no text.",
                    hint="Give it another name.",
                )


def running_program() -> tuple[str, ...]:
    """Tell how to start the stackd that is running now."""
    called = Path(sys.argv[0])
    if called.name == "stackd" and os.access(called, os.X_OK):
        # Links are kept: pipx and package managers change where they lead.
        return (os.path.abspath(called),)  # noqa: PTH100
    found = None if called.name == "__main__.py" else shutil.which("stackd")
    return (os.path.abspath(found),) if found else (sys.executable, "-m", "stackd")  # noqa: PTH100


def folders_of_the_program(program: tuple[str, ...]) -> tuple[Path, ...]:
    """Name the folders that running it reads: its own and, when it is the one that runs now, those of its Python."""
    own = Path(program[0])
    pythons = (Path(sys.prefix), Path(sys.base_prefix)) if program == running_program() else ()
    return tuple(dict.fromkeys((own.parent, own.resolve().parent, *pythons)))


def is_open_to_all(folder: Path) -> bool:
    """Tell whether every user can get into a folder and read it."""
    real = folder.resolve()
    try:
        return all(above.stat().st_mode & stat.S_IXOTH for above in (real, *real.parents))
    except OSError:
        return False
