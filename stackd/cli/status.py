"""`stackd status`: what stackd knows, read from its journal alone."""

import json
from pathlib import Path
from typing import Annotated

import typer

JOBS_SHOWN = 50
"""Newest stacks shown unless all are asked for."""

EXAMPLES = """
[bold]Examples[/bold]

  stackd status
  stackd status --json | jq '.stacks[] | select(.state == "failed")'
"""


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
