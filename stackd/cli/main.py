"""The `stackd` command: finds the command asked for, loads only that one, and turns errors into one clear message."""

import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

from stackd import __version__
from stackd.cli.teaching import HELP_NAMES, TeachingCommand, TeachingGroup
from stackd.errors import AlreadyRunning, StackdError, WrongConfiguration, WrongUse

EXIT_FAILED = 1
EXIT_WRONG_USE = 2
EXIT_ALREADY_RUNNING = 75
"""EX_TEMPFAIL of sysexits.h: try again later."""
EXIT_WRONG_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h; systemd is told not to restart on it."""

COMMANDS: Mapping[str, str] = {
    "run": "stackd.cli.daemon.run:run",
    "fuse": "stackd.cli.fuse:fuse",
    "group": "stackd.cli.group:group",
    "status": "stackd.cli.status:status",
    "report": "stackd.cli.status:report",
    "retry": "stackd.cli.decide:retry",
    "release": "stackd.cli.decide:release",
    "dismiss": "stackd.cli.decide:dismiss",
    "split": "stackd.cli.decide:split",
    "merge": "stackd.cli.decide:merge",
    "forget": "stackd.cli.status:forget",
    "state": "stackd.cli.status:app",
    "config": "stackd.cli.config:app",
    "service": "stackd.cli.daemon.service:app",
    "doctor": "stackd.cli.doctor:doctor",
    "demo": "stackd.cli.demo:demo",
}
"""Command → module and function (or group), in the order that help lists them."""

PLUGGED_IN = "stackd.commands"
"""Entry points of this group are commands too: `stackd bench` is one, and nothing of the product knows it."""

EXAMPLES = """
[bold]Three ways to use it[/bold]

  stackd run                               watch folders, as configured
  stackd fuse IMG_04*.JPG -o beetle.tif    one stack, now
  stackd group ~/card                      which stacks would these make?

[bold]First steps[/bold]

  stackd demo                              see it work on a rendered stack
  stackd config init                       write a configuration to edit
  stackd doctor                            check folders, disk and tools

Every command explains itself: stackd COMMAND --help
"""


@cache
def commands() -> Mapping[str, str]:
    """All commands: those of the product, then those that other packages or floors plug in."""
    from importlib.metadata import entry_points

    plugged_in = {entry.name: entry.value for entry in entry_points(group=PLUGGED_IN)}
    return {**COMMANDS, **{name: plugged_in[name] for name in plugged_in if name not in COMMANDS}}


class LazyCommands(TeachingGroup):
    """Loads a command's module when the command is asked for, so that `stackd status` does not pay for `stackd fuse`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the commands in the order of the table."""
        del ctx
        return [name for name in commands() if name in COMMANDS or _can_be_loaded(name)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load a command; None when there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS and cmd_name not in commands():
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = _load(cmd_name)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command meant; knows all names so that a slip gets a suggestion."""
        if args and args[0] not in COMMANDS and args[0] not in commands():
            for name in self.list_commands(ctx):
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed work, 2 wrong use, 75 already running, 78 wrong configuration.

    `stackd fuse --strict` has one more: see `EXIT_NOT_PASSED`.
    """
    from stackd.cli.terminal import say, take_any_encoding

    take_any_encoding()
    try:
        app(prog_name="stackd")
    except StackdError as error:
        # Mistakes in a configuration are told one a line.
        say(*f"stackd: {error.message}".split("\n"), err=True)
        if error.hint:
            say(*error.hint.strip().split("\n"), err=True)
        sys.exit(exit_code(error))
    except Exception as error:  # noqa: BLE001  (where a command's unforeseen errors end: told, with the traceback in a file)
        _tell_unforeseen(error)
        sys.exit(EXIT_FAILED)


def _tell_unforeseen(error: Exception) -> None:
    """Say what happened in a sentence, and where the traceback lies; where it cannot be kept, show it."""
    from stackd.cli.terminal import say
    from stackd.wiring.on_demand import keep_details

    if isinstance(error, MemoryError):
        told = "There was not enough memory for it."
    else:
        told = f"Something unexpected happened: {type(error).__name__}: {' '.join(str(error).split())}"
    kept = keep_details(error)
    if kept is None:
        sys.excepthook(type(error), error, error.__traceback__)
    say(f"stackd: {told}", err=True)
    where = "what is above" if kept is None else str(kept)
    say(f"Your frames are untouched. If it happens again, report it as a mistake in stackd, with {where}.", err=True)


def exit_code(error: StackdError) -> int:
    """Choose the exit code that tells a service manager or script what kind of failure it was."""
    match error:
        case WrongUse():
            return EXIT_WRONG_USE
        case WrongConfiguration():
            return EXIT_WRONG_CONFIGURATION
        case AlreadyRunning():
            return EXIT_ALREADY_RUNNING
        case _:
            return EXIT_FAILED


# Rich help would cost a quarter of a second on every `--help` (measured); plain help says the same.
app = typer.Typer(
    cls=LazyCommands,
    epilog=EXAMPLES,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=HELP_NAMES,
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  (typer hands the option's value over by position)
    if wanted:
        typer.echo(f"stackd {__version__}")
        raise typer.Exit


@app.callback()
def stackd(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Drop frames into a folder; a finished all-in-focus composite appears in another. Nothing else to do, nothing ever lost."""


def _can_be_loaded(name: str) -> bool:
    try:
        _load(name)
    except WrongUse:
        return False
    return True


def _load(name: str) -> Any:
    module_name, attribute = (COMMANDS.get(name) or commands()[name]).split(":")
    try:
        module = import_module(module_name)
    except ImportError as error:
        if name in COMMANDS:
            raise
        raise WrongUse(
            f"The command {name} is plugged in by another package, and cannot be loaded: {error}.",
            hint="Install that package again, or remove it.",
        ) from error
    loaded = getattr(module, attribute)
    if isinstance(loaded, typer.Typer):
        command: Any = get_command(loaded)
    else:
        single = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
        examples = getattr(module, "EXAMPLES", None)
        if isinstance(examples, Mapping):  # a module with several commands
            examples = examples[name]
        single.command(name, cls=TeachingCommand, epilog=examples, context_settings=HELP_NAMES)(loaded)
        command = get_command(single)
    command.name = name
    return command
