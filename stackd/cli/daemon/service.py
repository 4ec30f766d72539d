"""`stackd service`: have systemd or launchd run stackd, see how it is, read its log, take it back."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stackd.cli.teaching import HELP_NAMES, TeachingGroup

if TYPE_CHECKING:
    from stackd.wiring.installing import Kind

app = typer.Typer(
    cls=TeachingGroup,
    context_settings=HELP_NAMES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Run stackd as a service of systemd or launchd.",
    epilog="""
[bold]Examples[/bold]

  stackd service install                  from now on, whenever you are logged in
  sudo stackd service install --system    from boot on, for everybody (Linux)
  stackd service install --dry-run        say what would be written, and where
  stackd service logs --follow            what it does now
  stackd service uninstall                frames, composites and history stay
""",
)


class ManagerName(StrEnum):
    """The service managers stackd knows."""

    SYSTEMD = "systemd"
    LAUNCHD = "launchd"


SystemOption = Annotated[
    bool, typer.Option("--system", help="The service for everybody, by the administrator (Linux); otherwise your own.")
]
ManagerOption = Annotated[
    ManagerName | None, typer.Option("--manager", help="Service manager; that of this machine when left out.", show_default=False)
]
RootOption = Annotated[
    Path, typer.Option("--root", help="Folder that counts as /, for images and packages: no service manager is asked then.")
]
RehearseOption = Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be done.")]


@app.command()
def install(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="Configuration, as the service will see it. Without it: /etc/stackd/stackd.toml with --system, else yours.",
            show_default=False,
        ),
    ] = None,
    *,
    program: Annotated[
        Path | None, typer.Option(help="What starts stackd; the one you call now when left out.", show_default=False)
    ] = None,
    system: SystemOption = False,
    manager: ManagerOption = None,
    root: RootOption = Path("/"),
    rehearse: RehearseOption = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that you edited; they are kept beside.")] = False,
    start: Annotated[bool, typer.Option("--start/--no-start", help="Start it now, and with the machine or session.")] = True,
) -> None:
    """Install the service, or bring it up to date, and start it.

    Says what it writes and where. A file that you edited is left alone, and nothing is changed then. Call it again after you
    moved stackd or changed which folders are watched.
    """
    from stackd.cli.terminal import say
    from stackd.wiring.installing import Wanted, install_service

    wanted = Wanted(
        kind=_kind(manager, system=system),
        config=config,
        program=program,
        root=root.absolute(),
        force=force,
        rehearse=rehearse,
        start=start,
    )
    install_service(wanted, tell=say)


@app.command()
def uninstall(
    *, system: SystemOption = False, manager: ManagerOption = None, root: RootOption = Path("/"), rehearse: RehearseOption = False
) -> None:
    """Stop the service and take back what install wrote.

    Files that you edited stay, and so do frames, composites, journal and configuration.
    """
    from stackd.cli.terminal import say
    from stackd.wiring.installing import uninstall_service

    uninstall_service(_kind(manager, system=system), root=root.absolute(), rehearse=rehearse, tell=say)


@app.command()
def status(*, system: SystemOption = False) -> None:
    """Ask the service manager how the service is.

    What stackd itself does is told by `stackd status`. The exit code is that of the service manager.
    """
    from stackd.wiring.installing import show_service

    raise typer.Exit(show_service(_installed(system=system)))


@app.command()
def logs(
    *,
    system: SystemOption = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as more is written, until Ctrl-C.")] = False,
) -> None:
    """Show the newest of what the service logged."""
    from stackd.wiring.installing import show_log

    raise typer.Exit(show_log(_installed(system=system), follow=follow))


def _kind(manager: ManagerName | None, *, system: bool) -> "Kind":
    from stackd.errors import WrongUse
    from stackd.wiring.installing import Kind

    if manager is None:
        manager = ManagerName.LAUNCHD if sys.platform == "darwin" else ManagerName.SYSTEMD
    if manager is ManagerName.SYSTEMD:
        return Kind.SYSTEM if system else Kind.USER
    if system:
        raise WrongUse(
            "With launchd stackd runs for one user: macOS lets a program without a session into no folder of yours.",
            hint="Leave --system out.",
        )
    return Kind.LAUNCHD


def _installed(*, system: bool) -> "Kind":
    from stackd.errors import StackdError
    from stackd.wiring.installing import Kind, installed_kind

    found = Kind.SYSTEM if system else installed_kind()
    if found is None:
        raise StackdError("stackd is not installed as a service here.", hint="`stackd service install` does that.")
    return found
