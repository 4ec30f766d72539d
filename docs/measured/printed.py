"""Tables and sentences as Markdown, and seconds of the processor."""

from collections.abc import Callable, Iterable, Sequence
from time import process_time
from typing import TypeVar

import typer

Found = TypeVar("Found")


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, and a blank line after it."""
    typer.echo(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")
    for cells in rows:
        typer.echo(f"| {' | '.join(cells)} |")
    typer.echo()


def say(sentence: str) -> None:
    """Print a sentence, and a blank line after it."""
    typer.echo(f"{sentence}\n")


def timed(work: Callable[[], Found]) -> tuple[float, Found]:
    """Do a piece of work, and tell how many seconds of processors it took, all threads together."""
    start_s = process_time()
    found = work()
    return process_time() - start_s, found
