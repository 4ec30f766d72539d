"""`stackd run`: the daemon in the foreground; what systemd and launchd start."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
[bold]Examples[/bold]

  stackd run --config stackd.toml
  systemctl --user enable --now stackd     as a service, where one is installed
"""


def run(
    config: Annotated[Path | None, typer.Option(help="Configuration file.", show_default=False)] = None,
    *,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
) -> None:
    """Watch folders and stack what is dropped, until stopped.

    Stays in the foreground and logs to standard error. Ctrl-C or SIGTERM ends it cleanly within ten seconds, in the middle of
    work too: it goes on where it was at the next start. SIGHUP reads the configuration again.
    """
    from stackd.wiring.service import run_service

    run_service(config, verbose=verbose)
