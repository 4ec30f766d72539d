"""`stackd doctor`: what is set up, what is not, and what to do about it."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
[bold]Examples[/bold]

  stackd doctor                          check your own configuration
  stackd doctor --config stackd.toml     check that one
  stackd doctor --json                   for scripts; exit code 1 when something is wrong
"""

MARKS = {"fine": ("✓", "green"), "note": ("•", "yellow"), "trouble": ("✗", "bold red")}


def doctor(
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration file. Without it: $STACKD_CONFIG, else your own if you have one.", show_default=False),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of sentences.")] = False,
) -> None:
    """Check folders, disk, limits and tools; say what to do.

    Nothing is changed; a probe file lies in the output folders for a moment.
    """
    from stackd.cli.terminal import say, say_object
    from stackd.wiring.on_demand import check_up

    checks = check_up(config)
    trouble = any(check.verdict == "trouble" for check in checks)
    if as_json:
        rows = [
            {"about": check.about, "verdict": check.verdict.value, "sentence": check.sentence, "remedy": check.remedy}
            for check in checks
        ]
        say_object({"healthy": not trouble, "checks": rows})
    else:
        for check in checks:
            mark, colour = MARKS[check.verdict]
            say(f"{mark} {check.sentence}", colour=colour.split()[-1], bold="bold" in colour)
            if check.remedy:
                say(f"  → {check.remedy}")
        unwatched = any(check.about == "config" and check.verdict == "note" for check in checks)
        if trouble:
            say("Something needs your hand before stackd can run.")
        elif unwatched:
            say("`stackd fuse` and `stackd group` are ready; `stackd run` needs a folder to watch.")
        else:
            say("stackd is ready.")
    if trouble:
        raise typer.Exit(1)
