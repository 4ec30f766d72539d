"""The unit for systemd, and the drop-in beside it that holds what is of this machine."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from stackd.adapters.installation.owned_files import PlannedFile
from stackd.adapters.installation.service_place import ServicePlace, folders_of_the_program
from stackd.adapters.installation.templates import SYSTEM_UNIT, SYSTEM_USER, USER_UNIT, template
from stackd.errors import WrongConfiguration
from stackd.model.names import shown

UNIT: Final = "stackd.service"
DROP_IN: Final = f"{UNIT}.d/10-stackd.conf"
"""Read after the unit, and before what `systemctl edit` writes (override.conf)."""

SYSTEM_FOLDER: Final = Path("/etc/systemd/system")
SYSTEM_USER_FILE: Final = Path("/etc/sysusers.d/stackd.conf")
SYSTEM_STATE: Final = Path("/var/lib/stackd")
"""What StateDirectory= of the unit makes."""

HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))
"""What ProtectHome= is about (systemd.exec(5))."""


PRIVATE: Final = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  (named, not used)
"""What PrivateTmp= gives the service in its own, empty, form."""


def system_files(place: ServicePlace) -> tuple[PlannedFile, ...]:
    """Plan a service of the system: the unit as it is, the drop-in from the configuration, and the user it runs as.

    Raises
    ------
    WrongConfiguration
        If a folder lies where the service sees none.
    """
    for path in (place.config, *place.inputs, *place.outputs, place.state):
        if any(path.is_relative_to(folder) for folder in PRIVATE):
            raise WrongConfiguration(
                f"{shown(path)} lies in a folder for temporary files; a service for everybody has one of its own in its place.",
                hint="Use another folder, such as one below /srv.",
            )
    writable = [*place.outputs]
    if not place.state.is_relative_to(SYSTEM_STATE):
        writable.append(place.state)
    reached = [place.config, *place.inputs, *writable, *folders_of_the_program(place.program)]
    lines = [
        "[Unit]",
        "# Not before the disks and shares of these folders are mounted.",
        f"RequiresMountsFor={_paths(_once([*place.inputs, *writable]))}",
        "",
        "[Service]",
        *_start(place),
        "# Composites go here, and the journal where it is not in /var/lib/stackd; watched folders can only be read. A dash: one",
        "# that is missing does not keep the service from starting.",
        "ReadWritePaths=",
        f"ReadWritePaths={_paths(_once(writable), prefix='-')}",
    ]
    if any(path.is_relative_to(home) for path in reached for home in HOMES):
        lines += [
            "# A folder, or the program, lies in somebody's home: homes can be read, as far as the user stackd may.",
            "ProtectHome=read-only",
        ]
    return (
        PlannedFile(path=SYSTEM_FOLDER / UNIT, text=template(SYSTEM_UNIT)),
        PlannedFile(path=SYSTEM_FOLDER / DROP_IN, text=_text(lines)),
        PlannedFile(path=SYSTEM_USER_FILE, text=template(SYSTEM_USER)),
    )


def user_files(place: ServicePlace) -> tuple[PlannedFile, ...]:
    """Plan a service of one user: the unit as it is, and the drop-in."""
    folder = user_folder(place.home)
    return (
        PlannedFile(path=folder / UNIT, text=template(USER_UNIT)),
        PlannedFile(path=folder / DROP_IN, text=_text(["[Service]", *_start(place)])),
    )


def user_folder(home: Path) -> Path:
    """Where the units of a user lie."""
    return home / ".config" / "systemd" / "user"


def system_paths() -> tuple[Path, ...]:
    """All that `system_files` can plan."""
    return (SYSTEM_FOLDER / DROP_IN, SYSTEM_FOLDER / UNIT, SYSTEM_USER_FILE)


def user_paths(home: Path) -> tuple[Path, ...]:
    """All that `user_files` can plan."""
    return (user_folder(home) / DROP_IN, user_folder(home) / UNIT)


def _start(place: ServicePlace) -> Sequence[str]:
    command: list[str] = [*place.program, "run", "--config", str(place.config)]
    # No variable is looked for in the first word.
    words = [_word(command[0]), *(_word(argument, an_argument=True) for argument in command[1:])]
    return (
        "# The stackd that wrote this, with its configuration. An empty line takes back that of the unit.",
        "ExecStart=",
        f"ExecStart={' '.join(words)}",
    )


def _text(lines: Sequence[str]) -> str:
    first = "# What the unit needs to know of this machine; written anew by every `stackd service install`."
    return "\n".join([first, "", *lines, ""])


def _paths(paths: Iterable[Path], prefix: str = "") -> str:
    return " ".join(_word(f"{prefix}{path}") for path in paths)


def _once(paths: Iterable[Path]) -> Iterable[Path]:
    return dict.fromkeys(paths)


def _word(text: str, *, an_argument: bool = False) -> str:
    r"""Quote one word as systemd.syntax(7) has it. `%` begins a specifier anywhere, `$` a variable in arguments."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if an_argument:
        text = text.replace("$", "$$")
    return f'"{text}"' if any(character in " \t'\";" for character in text) else text
