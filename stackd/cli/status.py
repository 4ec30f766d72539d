"""`stackd status｜report`: what stackd knows of its stacks, read from its journal alone."""

import json
from pathlib import Path
from typing import Annotated

import typer

JOBS_SHOWN = 50
"""Newest stacks shown unless all are asked for."""

EXAMPLES = {
    "status": """
[bold]Examples[/bold]

  stackd status
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
) -> None:
    """Show what is watched, what waits, and what became of it.

    Watched folders, open stacks, finished and failed ones, each with the reason. Reads the journal only: works whether the
    daemon runs or not, and never disturbs it.
    """
    from stackd.cli.reports.status import as_object, as_text
    from stackd.config.places import state_folder
    from stackd.wiring.journal import read_status, running_process

    folder = state_folder(config)
    report = read_status(folder, job_limit=-1 if everything else JOBS_SHOWN)
    process = running_process(folder)
    if as_json:
        typer.echo(json.dumps(as_object(report, process, folder), indent=1))
    else:
        typer.echo(as_text(report, process, folder))


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
    from stackd.cli.reports.records import SHORTEST_ID, page_of
    from stackd.config.places import state_folder
    from stackd.model.names import shown
    from stackd.wiring.journal import read_stacks

    page = page_of(stack, read_stacks(state_folder(config), [stack] if len(stack) >= SHORTEST_ID else []))
    typer.echo(shown(page))
    if open_:
        import webbrowser

        if not webbrowser.open(page.as_uri()):
            typer.echo("There is no browser here that could show it. Open the file on another device.", err=True)
            raise typer.Exit(1)
