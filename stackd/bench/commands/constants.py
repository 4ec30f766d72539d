"""`stackd bench constants`: which numbers of the pipeline matter, and which could be any other."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from math import isnan
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stackd.bench.commands.options import AsJson

if TYPE_CHECKING:
    from stackd.bench.constants.trying import Effect

Scenes = Annotated[str, typer.Option(help="Names of scenes, separated by commas; all if left out.", show_default=False)]
Only = Annotated[
    str, typer.Option(help="Only constants with this in their name or their module's, as depth.surface.", show_default=False)
]


def constants(scenes: Scenes = "", only: Only = "", *, as_json: AsJson = False) -> None:
    """Halve and double every number of the pipeline, and tell what composites make of it."""
    from stackd.bench.wiring import try_every_constant
    from stackd.cli.terminal import progress_bar

    names = [name.strip() for name in scenes.split(",") if name.strip()]
    with progress_bar(shown=not as_json) as progress:
        effects = try_every_constant(names, only=only, progress=progress)
    if as_json:
        typer.echo(json.dumps(constants_object(effects), indent=1))
    else:
        _show(effects)


def constants_object(effects: "Sequence[Effect]") -> list[dict[str, Any]]:
    """Describe effects as plain JSON values; null where there was nothing to measure."""
    return [
        {
            "constant": effect.constant.full_name,
            "line": effect.constant.line,
            "reason": effect.constant.reason,
            "has_effect": effect.has_effect,
            "mean_db": None if isnan(effect.mean_db) else effect.mean_db,
            "greatest": None if effect.greatest is None else asdict(effect.greatest),
            "depth_spearman": effect.depth_spearman,
            "not_scaled": list(effect.not_scaled),
            "changes": [
                {**asdict(change), "psnr_db": None if isnan(change.psnr_db) else change.psnr_db} for change in effect.changes
            ],
        }
        for effect in effects
    ]


def _show(effects: "Sequence[Effect]") -> None:
    from rich.console import Console
    from rich.table import Table

    from stackd.bench.commands.report import WIDTH_ELSEWHERE
    from stackd.bench.constants.trying import NO_EFFECT_DB, NO_EFFECT_SPEARMAN

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_ELSEWHERE)
    table = Table("constant", "line", "reason", "greatest, dB", "where", "mean, dB", "better by", "depth ρ", "no composite")
    tried = [effect for effect in effects if effect.changes]
    for effect in sorted(tried, key=_size, reverse=True):
        greatest = effect.greatest
        factor, gain_db = effect.best_factor
        table.add_row(
            effect.constant.full_name.removeprefix("stackd.imaging."),
            str(effect.constant.line),
            effect.constant.reason,
            "–" if greatest is None else f"{greatest.psnr_db:+.2f}",
            "–" if greatest is None else f"{greatest.scene} ×{greatest.factor:g}",
            "–" if isnan(effect.mean_db) else f"{effect.mean_db:.3f}",
            f"×{factor:g} {gain_db:+.3f}" if gain_db > 0 else "",
            f"{effect.depth_spearman:+.3f}",
            ", ".join(f"{change.scene} ×{change.factor:g}" for change in effect.failures),
        )
    console.print(table)
    _list(
        console,
        f"Without effect (less than {NO_EFFECT_DB} dB and {NO_EFFECT_SPEARMAN} of rank everywhere)",
        [e for e in tried if not e.has_effect],
    )
    _list(console, "Never read by these scenes", [e for e in effects if not e.changes and not e.not_scaled])
    for effect in effects:
        if effect.not_scaled:
            console.print(f"{effect.constant.full_name}: {'; '.join(dict.fromkeys(effect.not_scaled))}.", soft_wrap=True)


def _list(console: Any, heading: str, effects: "Sequence[Effect]") -> None:
    names = ", ".join(effect.constant.full_name.removeprefix("stackd.imaging.") for effect in effects)
    console.print(f"{heading}, {len(effects)}: {names or 'none'}.", soft_wrap=True)


def _size(effect: "Effect") -> float:
    greatest = effect.greatest
    return float("inf") if greatest is None else abs(greatest.psnr_db)
