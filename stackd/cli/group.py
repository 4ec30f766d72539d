"""`stackd group`: which stacks would these frames make? A dry run that explains itself."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
[bold]Examples[/bold]

  stackd group ~/card/DCIM                 what the daemon would make of a card
  stackd group ~/card --why                a sentence for every boundary
  stackd group ~/card --contact-sheet stacks.jpg
  stackd group *.NEF --json                for programs
"""


def group(
    paths: Annotated[
        list[Path],
        typer.Argument(help="A folder, looked at with its subfolders, or some frames.", metavar="PATHS…", show_default=False),
    ],
    config: Annotated[
        Path | None, typer.Option(help="Configuration file whose [intake.grouping] to use.", show_default=False)
    ] = None,
    contact_sheet: Annotated[
        Path | None, typer.Option(metavar="OUT.jpg", help="Also write a picture of the stacks, one a row.", show_default=False)
    ] = None,
    *,
    why: Annotated[
        bool, typer.Option("--why", help="Say what speaks for each stack, and why each boundary is where it is.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Show which stacks these frames would make, and why.

    Nothing is fused and nothing is written. Frames are told apart by what the camera wrote, by the rhythm of shooting, by where
    the focus moved and by what the pictures show. Stacks that are sure enough are processed by `stackd run`; others are held
    until you release, split, merge or dismiss them.
    """
    from stackd.cli.reports.group import as_object, print_report
    from stackd.cli.terminal import progress_bar, say, say_object
    from stackd.wiring.on_demand import sort_now, write_contact_sheet

    with progress_bar(shown=not as_json) as progress:
        folder, outcome = sort_now(paths, config=config, progress=progress)
    if contact_sheet is not None:
        write_contact_sheet(outcome.grouping, folder, contact_sheet)
    if as_json:
        say_object(as_object(outcome, why=why))
    else:
        print_report(outcome, why=why)
        if contact_sheet is not None:
            say(f"Contact sheet: {contact_sheet}")
