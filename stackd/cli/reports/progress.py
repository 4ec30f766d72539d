"""A progress bar on a terminal, silence elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Report: TypeAlias = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""

STAGE_SENTENCES = {
    "look": "Looking at the files",
    "read": "Reading frames",
    "register": "Aligning",
    "place": "Placing all frames together",
    "match": "Matching brightness",
    "prepare": "Measuring blur and grain",
    "measure": "Measuring sharpness",
    "decide": "Deciding what is sharp where",
    "blend": "Blending",
    "fuse": "Fusing",
    "depth": "Drawing the depth map",
    "finish": "Finishing",
    "judge": "Looking for faults",
    "export": "Writing",
}


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
