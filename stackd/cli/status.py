"""`stackd status｜report`: what stackd knows of its stacks, read from its journal alone."""

from pathlib import Path
from typing import Annotated

import typer

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
}


def status(
    config: Annotated[Path | None, typer.Option(help="Configuration file, for its state folder.", show_default=False)] = None,
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
    config: Annotated[Path | None, typer.Option(help="Configuration file, for its state folder.", show_default=False)] = None,
    *,
    open_: Annotated[bool, typer.Option("--open", help="Also open it in the browser.")] = False,
) -> None:
    """Name the page that tells what was done with a stack.

    It shows the composite against every frame, what was noticed, and where. It lies beside the composite and needs nothing
    else: copy it, mail it, open it on a phone.
    """
    from stackd.cli.reports.records import page_of
    from stackd.cli.terminal import say
    from stackd.config.places import state_folder
    from stackd.wiring.journal import read_status

    journal = read_status(state_folder(config), job_limit=-1)
    page = page_of(stack, () if journal is None else journal.jobs)
    say(str(page))
    if open_:
        import webbrowser

        if not webbrowser.open(page.as_uri()):
            say("There is no browser here that could show it. Open the file on another device.", err=True)
            raise typer.Exit(1)
