"""`stackd bench service`: the daemon itself under load, beside what it is to keep to."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from stackd.bench.commands.options import AsJson

if TYPE_CHECKING:
    from stackd.bench.serving.measures import Measured

Only = Annotated[
    list[str] | None,
    typer.Option("--only", help="drop, many, one or history; may be repeated. All four if left out.", show_default=False),
]


def service(
    only: Only = None,
    stacks: Annotated[int, typer.Option(min=1, max=100_000, help="drop: stacks of ten tiny frames dropped at once.")] = 300,
    many: Annotated[
        int, typer.Option(min=10, max=190_000, help="many: frames dropped at once, waited for until they are sealed.")
    ] = 20_000,
    old: Annotated[int, typer.Option(min=10, max=190_000, help="one: frames that lie in the folder, stacked long ago.")] = 50_000,
    history: Annotated[int, typer.Option(min=10, max=10_000_000, help="history: frames that only the journal knows.")] = 600_000,
    jobs: Annotated[int, typer.Option(min=0, max=16, help="Stacks worked on at once; 0 as [work] jobs_at_once.")] = 0,
    *,
    as_json: AsJson = False,
) -> None:
    """Run the daemon on thousands of tiny frames and on years of history, and measure what it costs.

    drop: CPU until everything is sealed and published, stacks a minute. many: memory, the longest turn of the loop, how fast it
    stops. one: what a single new frame costs among old ones. history: start, memory at rest and a decision.
    """
    from stackd.bench.wiring import measure_service
    from stackd.cli.terminal import progress_bar
    from stackd.errors import WrongUse

    chosen = only or ["drop", "many", "one", "history"]
    unknown = [name for name in chosen if name not in ("drop", "many", "one", "history")]
    if unknown:
        raise WrongUse(f"{unknown[0]} is not measured.", hint="Use drop, many, one or history.")
    with progress_bar(shown=not as_json) as progress:
        found = measure_service(chosen, stacks=stacks, many=many, old=old, history=history, jobs=jobs, progress=progress)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=1))
    else:
        _show(found)


def _show(found: "Sequence[Measured]") -> None:
    from rich.console import Console
    from rich.table import Table

    from stackd.bench.commands.report import WIDTH_ELSEWHERE

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_ELSEWHERE)
    table = Table("measured", "value", "unit", "aim", title="the daemon under load")
    for one in found:
        table.add_row(one.what, f"{one.value:,.2f}" if one.value < 100 else f"{one.value:,.0f}", one.unit, one.aim)  # noqa: PLR2004
    console.print(table)
