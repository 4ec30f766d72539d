"""`stackd status｜report｜state｜forget`: what stackd knows of its stacks, from its journal alone: shown, saved and forgotten."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stackd.cli.teaching import HELP_NAMES, TeachingGroup

if TYPE_CHECKING:
    from stackd.service.once.report import JobRecord

ConfigOption = Annotated[Path | None, typer.Option(help="Configuration file, for its state folder.", show_default=False)]

JOBS_SHOWN = 50
"""Newest stacks shown unless all are asked for."""

EXAMPLES = {
    "status": """
[bold]Examples[/bold]

  stackd status
  stackd status --check || echo "look at stackd"
  stackd status --json | jq '.stacks[] | select(.state == "failed")'
""",
    "report": """
[bold]Example[/bold]

  stackd report 7f3a --open      7f3a is the beginning of the stack's id in `stackd status`
""",
    "forget": """
[bold]Example[/bold]

  stackd forget 7f3a      7f3a is the beginning of the stack's id in `stackd status`
""",
}


def status(
    config: ConfigOption = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help=f"Show every stack, not only the newest {JOBS_SHOWN}.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of sentences.")] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="For monitoring: say only what is wrong. Exit code 0: all is well. 1: something needs a person. 2: stackd"
            " does not run, has not begun, or hangs.",
        ),
    ] = False,
) -> None:
    """Show what needs you, what waits, and what became of it.

    Held, failed and blocked stacks and composites to look at come first, each with the reason and the command; then the service
    itself, watched folders, open stacks and finished ones. Reads files of the state folder only: works whether the daemon runs or
    not, and never disturbs it.
    """
    from stackd.cli.reports.health import check_code, problems
    from stackd.cli.reports.status import as_lines, as_object
    from stackd.cli.terminal import say, say_object
    from stackd.config.places import state_folder
    from stackd.wiring.journal import monotonic_s, read_status, running_process, told_health

    folder = state_folder(config)
    report = read_status(folder, job_limit=-1 if everything else JOBS_SHOWN)
    process = running_process(folder)
    health, now_s = told_health(folder), monotonic_s()
    if as_json:
        say_object(as_object(report, process, folder, health, now_s))
    if check:
        found = problems(report, process, folder, health, now_s)
        if not as_json:
            say(*(f"{one.what} {one.do}" for one in found) if found else ("All is well.",))
        raise typer.Exit(check_code(found))
    if not as_json:
        say(*as_lines(report, process, folder, health, now_s))


def report(
    stack: Annotated[str, typer.Argument(metavar="STACK", help="The stack's id as `stackd status` shows it, or its beginning.")],
    config: ConfigOption = None,
    *,
    open_: Annotated[bool, typer.Option("--open", help="Also open it in the browser.")] = False,
) -> None:
    """Name the page that tells what was done with a stack.

    It shows the composite against every frame, what was noticed, and where. It lies beside the composite and needs nothing
    else: copy it, mail it, open it on a phone.
    """
    from stackd.cli.reports.records import SHORTEST_ID, page_of
    from stackd.cli.terminal import say
    from stackd.config.places import state_folder
    from stackd.wiring.journal import read_stacks

    page = page_of(stack, read_stacks(state_folder(config), [stack] if len(stack) >= SHORTEST_ID else []))
    say(str(page))
    if open_:
        import webbrowser

        if not webbrowser.open(page.as_uri()):
            say("There is no browser here that could show it. Open the file on another device.", err=True)
            raise typer.Exit(1)


app = typer.Typer(
    cls=TeachingGroup,
    context_settings=HELP_NAMES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Save what stackd remembers.",
    epilog="""
[bold]Example[/bold]

  stackd state backup ~/stackd-2026-05-01.sqlite3
""",
)


@app.callback()
def state() -> None:
    """Save what stackd remembers."""


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The copy; must not exist yet.", show_default=False)],
    config: ConfigOption = None,
) -> None:
    """Copy the journal, whole, while the daemon goes on.

    To go back to it, stop the daemon and put the copy in place of journal.sqlite3 in the state folder.
    """
    from stackd.cli.terminal import say
    from stackd.config.places import state_folder
    from stackd.wiring.journal import back_up

    count = back_up(state_folder(config), file)
    say(f"{file} holds {count} stack{'' if count == 1 else 's'}.")


def forget(
    stacks: Annotated[
        list[str],
        typer.Argument(metavar="STACKS…", help="Ids as `stackd status` shows them, or their beginnings.", show_default=False),
    ],
    config: ConfigOption = None,
) -> None:
    """Forget stacks that are over and whose frames are gone.

    Composites stay where they are. If the same frames are dropped again, they are stacked again. `[state] keep_days` does it by
    itself after some time.
    """
    from stackd.cli.reports.records import SHORTEST_ID, find_record
    from stackd.cli.terminal import say
    from stackd.config.places import state_folder
    from stackd.wiring.journal import forget_stacks, read_stacks

    folder = state_folder(config)
    records = read_stacks(folder, [one for one in stacks if len(one) >= SHORTEST_ID])
    found = [find_record(one, records) for one in stacks]
    for record in found:
        _must_be_over(record)
    forget_stacks(folder, [record.job.stack_id for record in found])
    count = len({record.job.stack_id for record in found})
    say(f"Forgotten: {count} stack{'' if count == 1 else 's'}.")


def _must_be_over(record: "JobRecord") -> None:
    """Refuse what the daemon would go on with, or make again at once.

    Raises
    ------
    WrongUse
        If the stack is not over, or one of its frames still lies there.
    """
    from stackd.errors import WrongUse
    from stackd.model.job import OVER
    from stackd.model.names import shown

    job = record.job
    if job.state not in OVER:
        raise WrongUse(f"Stack {job.stack_id} is {job.state}.", hint=f"`stackd dismiss {job.stack_id}` first.")
    watched = Path(job.watch)
    if not watched.is_dir():
        raise WrongUse(
            f"{shown(watched)} is not there, so nobody can tell whether the frames of {job.stack_id} are.",
            hint="Mount it, and try again.",
        )
    for frame in record.frames:
        if (watched / frame).exists():
            raise WrongUse(
                f"{shown(frame)} still lies in {shown(watched)}, and stack {job.stack_id} would be made again.",
                hint="Move its frames away first.",
            )
