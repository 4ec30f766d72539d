"""stackd as a service: which files and commands each service manager takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stackd.adapters.installation.owned_files import PlannedFile
    from stackd.adapters.installation.service_place import ServicePlace

SYSTEM_CONFIG = Path("/etc/stackd/stackd.toml")
"""Configuration of a service of the system when nobody names another."""

ROOT = Path("/")

MOST_LINES = "200"
"""Of the log, when nobody asks to follow it: a few hours of a busy folder."""


class Kind(StrEnum):
    """Who looks after the service."""

    SYSTEM = "system"
    USER = "user"
    LAUNCHD = "launchd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an installation is asked for."""

    kind: Kind
    config: Path | None
    """As the service will see it: below `root`."""
    program: Path | None = None
    """What starts stackd; None is the one that runs now."""
    root: Path = ROOT
    force: bool = False
    rehearse: bool = False
    start: bool = True


def install_service(wanted: Wanted, *, tell: Callable[[str], None]) -> None:
    """Write the files of the service, have the service manager read them, and start it.

    Raises
    ------
    WrongConfiguration
        If there is no configuration, or it cannot be used for a service of that kind.
    StackdError
        If the machine has no such service manager, a file was edited or cannot be written, or the manager refuses.
    """
    from stackd.adapters.installation.managers import ask, expect_systemd, pass_on
    from stackd.adapters.installation.owned_files import write_files

    asks_manager = wanted.root == ROOT
    if asks_manager and wanted.kind is not Kind.LAUNCHD and not wanted.rehearse:
        expect_systemd()
    place = _place(wanted)
    for sentence in write_files(_planned(wanted.kind, place), root=wanted.root, force=wanted.force, rehearse=wanted.rehearse):
        tell(sentence)
    for sentence in _cautions(wanted, place):
        tell(sentence)
    commands = _to_start(wanted.kind, start=wanted.start) if asks_manager else ()
    if commands and wanted.kind is Kind.LAUNCHD and not wanted.rehearse:
        # launchd reads a file once: an agent that runs, if there is one, is ended first.
        pass_on(*_to_stop(wanted.kind), quiet=True)
    for command in commands:
        if wanted.rehearse:
            tell(f"Would run: {' '.join(command)}")
        else:
            ask(command, tell=tell)
    if not asks_manager:
        tell(f"No service manager was asked: {wanted.root} is not the root of this machine.")


def uninstall_service(kind: Kind, *, root: Path, rehearse: bool, tell: Callable[[str], None]) -> None:
    """Stop the service and take back what `install_service` wrote; frames, composites, journal and configuration stay.

    Raises
    ------
    StackdError
        If a file cannot be removed, or the service manager is not there.
    """
    from stackd.adapters.installation.managers import expect_systemd, pass_on
    from stackd.adapters.installation.owned_files import Standing, below, remove_files, standing

    paths = _paths(kind)
    asks_manager = root == ROOT
    installed = standing(below(root, paths[-1 if kind is Kind.LAUNCHD else 1])) is not Standing.MISSING
    if asks_manager and installed:
        if kind is not Kind.LAUNCHD and not rehearse:
            expect_systemd()
        for command in _to_stop(kind):
            tell(f"{'Would run' if rehearse else 'Running'}: {' '.join(command)}")
            if not rehearse:
                # A service that is not running now is no reason to keep its files.
                pass_on(command)
    told = remove_files(paths, root=root, rehearse=rehearse)
    for sentence in told or ("Nothing is installed here.",):
        tell(sentence)
    if told and asks_manager and kind is not Kind.LAUNCHD and not rehearse:
        pass_on((*_systemctl(kind), "daemon-reload"))
    if told and kind is Kind.SYSTEM:
        tell("The user stackd and the journal in /var/lib/stackd stay: composites and history belong to them.")


def show_service(kind: Kind) -> int:
    """Let the service manager say how the service is; gives its exit code."""
    from stackd.adapters.installation.launchd_agent import LABEL
    from stackd.adapters.installation.managers import expect_systemd, pass_on

    if kind is Kind.LAUNCHD:
        return pass_on(("launchctl", "print", f"{_launchd_domain()}/{LABEL}"))
    expect_systemd()
    return pass_on((*_systemctl(kind), "--no-pager", "status", "stackd.service"))


def show_log(kind: Kind, *, follow: bool) -> int:
    """Show what the service logged; gives the exit code of what shows it."""
    from stackd.adapters.installation.launchd_agent import log_path
    from stackd.adapters.installation.managers import expect_systemd, pass_on

    further = ("-f",) if follow else ()
    if kind is Kind.LAUNCHD:
        return pass_on(("tail", "-n", MOST_LINES, *further, str(log_path(_home()))))
    expect_systemd()
    whose = ("--user",) if kind is Kind.USER else ()
    return pass_on(("journalctl", *whose, "--no-pager", "-u", "stackd.service", "-n", MOST_LINES, *further))


def installed_kind(root: Path = ROOT) -> Kind | None:
    """Find which service is installed, that of the user first; None when there is none."""
    from stackd.adapters.installation.owned_files import below

    for kind in (Kind.USER, Kind.LAUNCHD, Kind.SYSTEM):
        if any(below(root, path).exists() for path in _paths(kind) if path.suffix in (".service", ".plist")):
            return kind
    return None


def _place(wanted: Wanted) -> ServicePlace:
    from stackd.adapters.installation.owned_files import below
    from stackd.adapters.installation.service_place import ServicePlace, running_program
    from stackd.config.load import load_settings
    from stackd.config.places import default_config_path, find_config
    from stackd.errors import WrongConfiguration
    from stackd.wiring.service import service_settings

    config = wanted.config or (SYSTEM_CONFIG if wanted.kind is Kind.SYSTEM else find_config(None)) or default_config_path()
    config = _as_there(Path(os.path.abspath(config)), wanted.root)  # noqa: PTH100  (keeps links as written)
    if not below(wanted.root, config).is_file():
        raise WrongConfiguration(
            f"There is no configuration {below(wanted.root, config)} for the service to run with.",
            hint=f"Write one with `stackd config init {below(wanted.root, config)}` and set input and output in it, or name yours"
            " with --config.",
        )
    loaded = load_settings(below(wanted.root, config))
    service_settings(loaded.settings, config)
    if wanted.kind is Kind.SYSTEM and "state.folder" not in loaded.origins:
        raise WrongConfiguration(
            f"{config} names no state folder; that of a service for everybody must not depend on who asks.",
            hint='Add to it: [state] folder = "/var/lib/stackd"',
        )
    return ServicePlace(
        program=running_program() if wanted.program is None else (os.path.abspath(wanted.program),),  # noqa: PTH100
        config=config,
        inputs=tuple(_as_there(watch.input, wanted.root) for watch in loaded.settings.watch),
        outputs=tuple(_as_there(watch.output, wanted.root) for watch in loaded.settings.watch),
        state=_as_there(loaded.settings.state.folder, wanted.root),
        home=_home(),
    )


def _as_there(path: Path, root: Path) -> Path:
    """Spell a path below `root` as the system sees it whose root that is."""
    return ROOT / path.relative_to(root) if path.is_relative_to(root) else path


def _planned(kind: Kind, place: ServicePlace) -> Sequence[PlannedFile]:
    from stackd.adapters.installation.launchd_agent import agent_file
    from stackd.adapters.installation.systemd_units import system_files, user_files

    match kind:
        case Kind.SYSTEM:
            return system_files(place)
        case Kind.USER:
            return user_files(place)
        case Kind.LAUNCHD:
            return (agent_file(place),)


def _paths(kind: Kind) -> tuple[Path, ...]:
    from stackd.adapters.installation.launchd_agent import agent_path
    from stackd.adapters.installation.systemd_units import system_paths, user_paths

    match kind:
        case Kind.SYSTEM:
            return system_paths()
        case Kind.USER:
            return user_paths(_home())
        case Kind.LAUNCHD:
            return (agent_path(_home()),)


def _cautions(wanted: Wanted, place: ServicePlace) -> list[str]:
    """What will not work as it stands, and is not for the installer to change."""
    from stackd.adapters.installation.service_place import folders_of_the_program, is_open_to_all

    told = [
        f"Note: {folder} does not exist. Make it, then start the service again: what is not there at its start cannot be written."
        for folder in dict.fromkeys(place.outputs)
        if wanted.root == ROOT and wanted.kind is Kind.SYSTEM and not folder.exists()
    ]
    if wanted.kind is Kind.SYSTEM and wanted.root == ROOT:
        closed = [folder for folder in folders_of_the_program(place.program) if not is_open_to_all(folder)]
        if closed:
            told.append(
                f"Note: the user stackd cannot enter {closed[0]}, where this stackd lies. Install it for everybody, such as with"
                " `sudo pipx install --global stackd`, and install the service with that one."
            )
    return told


def _to_start(kind: Kind, *, start: bool) -> tuple[tuple[str, ...], ...]:
    from stackd.adapters.installation.launchd_agent import agent_path

    if kind is Kind.LAUNCHD:
        domain = _launchd_domain()
        return (("launchctl", "bootstrap", domain, str(agent_path(_home()))),) if start else ()
    users = (("systemd-sysusers", "/etc/sysusers.d/stackd.conf"),) if kind is Kind.SYSTEM else ()
    # A running one is started again, to have what was written now.
    begin = ((*_systemctl(kind), "enable", "stackd.service"), (*_systemctl(kind), "restart", "stackd.service")) if start else ()
    return (*users, (*_systemctl(kind), "daemon-reload"), *begin)


def _to_stop(kind: Kind) -> tuple[tuple[str, ...], ...]:
    from stackd.adapters.installation.launchd_agent import LABEL

    if kind is Kind.LAUNCHD:
        return (("launchctl", "bootout", f"{_launchd_domain()}/{LABEL}"),)
    return ((*_systemctl(kind), "disable", "--now", "stackd.service"),)


def _systemctl(kind: Kind) -> tuple[str, ...]:
    return ("systemctl", "--user") if kind is Kind.USER else ("systemctl",)


def _launchd_domain() -> str:
    return f"gui/{os.getuid()}"


def _home() -> Path:
    return Path.home()
