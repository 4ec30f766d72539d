"""Which numbers of the pipeline change composites, and by how much."""

from collections.abc import Sequence

import numpy as np
import typer
from measured.printed import say, show_table

from stackd.bench.constants.scaling import FACTORS
from stackd.bench.constants.trying import NO_EFFECT_DB, NO_EFFECT_SPEARMAN, Effect
from stackd.bench.wiring import try_every_constant


def measure_constants(scenes: Sequence[str], only: str) -> None:
    """Halve and double numbers on rendered scenes, and print what comes of it."""

    def tell(stage: str, done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            typer.echo(f"{stage} {done}/{total}", err=True)

    show_effects(try_every_constant(scenes, only=only, progress=tell))


def show_effects(effects: Sequence[Effect]) -> None:
    """Print a table of what has an effect, the greatest first, then lists of the rest by module."""
    tried = [effect for effect in effects if effect.changes]
    with_effect = sorted((effect for effect in tried if effect.has_effect), key=_size, reverse=True)
    say(f"{len(with_effect)} of {len(tried)} numbers that are read have an effect:")
    show_table(
        ["constant", "reason", *(f"×{factor:g}: mean (least to most), dB" for factor in FACTORS), "depth ρ", "no composite"],
        (
            [
                f"`{_short(effect)}`",
                effect.constant.reason,
                *(_spread(effect, factor) for factor in FACTORS),
                f"{effect.depth_spearman:+.3f}",
                ", ".join(f"{failed.scene} ×{failed.factor:g}" for failed in effect.failures),
            ]
            for effect in with_effect
        ),
    )
    _list(
        f"Less than {NO_EFFECT_DB} dB, and {NO_EFFECT_SPEARMAN} in the rank of depth, on every scene, both ways",
        [effect for effect in tried if not effect.has_effect],
    )
    _list("Never read on these scenes", [effect for effect in effects if not effect.changes and not effect.not_scaled])
    _list("Neither halved nor doubled", [effect for effect in effects if not effect.changes and effect.not_scaled])
    _list("Without a docstring", [effect for effect in effects if effect.constant.reason == "none"])


def _size(effect: Effect) -> float:
    return float("inf") if effect.greatest is None else abs(effect.greatest.psnr_db)


def _spread(effect: Effect, factor: float) -> str:
    found = [change.psnr_db for change in effect.changes if change.factor == factor and not change.failure]
    return f"{np.mean(found):+.3f} ({min(found):+.2f} to {max(found):+.2f})" if found else "–"


def _list(heading: str, effects: Sequence[Effect]) -> None:
    by_module: dict[str, list[str]] = {}
    for effect in effects:
        by_module.setdefault(effect.constant.module.removeprefix("stackd.imaging."), []).append(effect.constant.name)
    say(f"{heading}: {len(effects)}.")
    for module, names in by_module.items():
        typer.echo(f"- `{module}`: {', '.join(names)}")
    typer.echo()


def _short(effect: Effect) -> str:
    return effect.constant.full_name.removeprefix("stackd.imaging.")
