"""`stackd bench findings`: whether stackd notices what went wrong, on stacks with faults of known strength."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from math import isnan
from time import process_time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stackd.bench.commands.options import AsJson

if TYPE_CHECKING:
    from stackd.bench.findings.counting import Judged, Recall


def findings(
    stacks: Annotated[
        int, typer.Option(min=1, max=100_000, help="How many stacks to render; each is tried without a fault, and with two.")
    ] = 120,
    seed: Annotated[
        int, typer.Option(min=0, help="Of the first stack. Docs show the default; choose numbers on others.")
    ] = 10_000,
    *,
    as_json: AsJson = False,
) -> None:
    """Shoot stacks with and without faults, and count what is noticed."""
    from stackd.bench.wiring import count_findings
    from stackd.cli.terminal import progress_bar

    before_s = process_time()
    with progress_bar(shown=not as_json) as progress:
        recalls, judged = count_findings(stacks, first_seed=seed, progress=progress)
    if as_json:
        typer.echo(json.dumps(findings_object(recalls, judged), indent=1))
    else:
        _show(recalls, judged)
        typer.echo(
            f"{judged.ruined + judged.good} stacks were rendered and fused in {process_time() - before_s:.0f} s of the processor."
        )


def findings_object(recalls: "Sequence[Recall]", judged: "Judged") -> dict[str, Any]:
    """Describe the counts as plain JSON values; null where nothing was tried."""
    return {
        "findings": [
            {**asdict(recall), "recall": None if isnan(recall.recall) else recall.recall, "by_strength": list(recall.by_strength)}
            for recall in recalls
        ],
        "verdict": asdict(judged),
    }


def _show(recalls: "Sequence[Recall]", judged: "Judged") -> None:
    from rich.console import Console
    from rich.table import Table

    from stackd.bench.commands.report import WIDTH_ELSEWHERE

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_ELSEWHERE)
    table = Table("fault", "finding", "noticed / tried, by strength", "recall", "false alarms", title="what was noticed")
    for recall in recalls:
        strengths = ", ".join(
            f"{strength:g}{'*' if strength >= (recall.noticed_from or 0) else ''}: {found}/{tried}"
            for strength, tried, found in recall.by_strength
        )
        table.add_row(
            f"{recall.fault} ({recall.unit})" if recall.unit else recall.fault,
            ", ".join(recall.findings),
            strengths,
            "–" if isnan(recall.recall) else f"{recall.recall:.0%}",
            f"{recall.false_alarms}/{recall.without_fault}",
        )
    console.print(table)
    console.print(
        "* is what a person notices, by which recall is counted; stacks whose composites do not show it are left out,"
        " and of single frames those whose subject it does not touch."
    )
    verdicts = Table("probability", "ruined", "stacks", title="verdicts")
    for probability, ruined, count in judged.bins:
        verdicts.add_row(f"{probability:.2f}", f"{ruined:.0%}", str(count))
    console.print(verdicts)
    console.print(
        f"Of {judged.ruined} ruined composites {judged.ruined_told} did not pass,"
        f" of {judged.good} good ones {judged.good_stopped}."
    )
