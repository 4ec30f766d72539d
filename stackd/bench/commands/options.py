"""The options that the commands of `stackd bench` share."""

from pathlib import Path
from typing import Annotated

import typer

Frames = Annotated[
    list[Path] | None,
    typer.Argument(help="Frames of one stack, near → far; rendered if left out.", metavar="[FRAMES…]", show_default=False),
]
Folder = Annotated[
    Path | None, typer.Option(help="Stacks with frames/ and truth/ to judge; rendered if left out.", show_default=False)
]
Runs = Annotated[int, typer.Option(min=1, max=100, help="How often each program runs, in turn; medians are shown.")]
Methods = Annotated[
    list[str] | None, typer.Option("--method", help="A fusion method of stackd; may be repeated.", show_default=False)
]
Against = Annotated[
    list[str] | None,
    typer.Option(
        "--against",
        metavar="NAME=COMMAND",
        help="Another program: a shell line with {frames} or {folder}, and {output}. May be given several times.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
