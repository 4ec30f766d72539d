"""The one door to the terminal: everything from outside is escaped here, colours are left out where they are not wanted.

File names, what cameras wrote and what a manifest says may hold anything: control characters would move the cursor, colour the
screen or set the window's title.
"""

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import typer

from stackd.model.names import shown

Report: TypeAlias = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""

STAGE_SENTENCES = {
    "look": "Looking at the files",
    "read": "Reading frames",
    "register": "Aligning",
    "place": "Placing all frames together",
    "match": "Matching brightness",
    "prepare": "Measuring blur and grain",
    "focus": "Finding where each frame is focused",
    "measure": "Measuring sharpness",
    "decide": "Deciding what is sharp where",
    "blend": "Blending",
    "fuse": "Fusing",
    "depth": "Drawing the depth map",
    "finish": "Finishing",
    "judge": "Looking for faults",
    "export": "Writing",
}


def say(*lines: str, colour: str | None = None, bold: bool = False, err: bool = False) -> None:
    """Print lines. What would end a line, or cannot be seen, comes out as an escape, so that each of them stays one line.

    Parameters
    ----------
    lines : str
        Without line breaks.
    colour : str or None
        Left out where output is no terminal, and where NO_COLOR is set.
    bold : bool
    err : bool
        Print to standard error.
    """
    for line in lines or ("",):
        typer.secho(shown(line), fg=colour, bold=bold or None, err=err, color=False if is_plain() else None)


def say_object(described: object) -> None:
    """Print one JSON object, in ASCII: what is no letter of it becomes an escape of JSON."""
    typer.echo(json.dumps(described, indent=1))


def is_plain() -> bool:
    """Whether the user wants no colours (no-color.org)."""
    return bool(os.environ.get("NO_COLOR"))


def take_any_encoding() -> None:
    """Let a terminal that knows fewer letters show escapes for the others, in place of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Report]:
    """Show the stages of one stack as they go on; nothing when not wanted or when standard error is no terminal."""
    if not shown or not sys.stderr.isatty():
        yield _silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<30}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(STAGE_SENTENCES.get(stage, stage.capitalize()), total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def _silent(stage: str, done: int, total: int) -> None:
    """Show nothing."""
