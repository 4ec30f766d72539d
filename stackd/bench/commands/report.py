"""What `stackd bench` prints: tables for people, plain values for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isnan
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from stackd.bench.programs.benchmark import Cost, Costs, Peak
from stackd.bench.quality.judging import Margin, Verdict, margins, mean_of
from stackd.errors import WrongUse

WIDTH_ELSEWHERE = 150
"""Columns where the output is no terminal: wide enough that no table is folded."""

MEGABYTE = 1_000_000
LEAST_FRAMES = 2

NUMBERS: Mapping[str, tuple[str, str]] = {
    "stacks": ("stacks", "{:.0f}"),
    "psnr_db": ("PSNR", "{:.2f}"),
    "halo_psnr_db": ("edges", "{:.2f}"),
    "noise_ratio": ("noise", "{:.2f}"),
    "sharp_kept": ("kept", "{:.3f}"),
    "sharp_excess": ("excess", "{:.4f}"),
    "depth_spearman": ("depth ρ", "{:.3f}"),
    "depth_median_error_frames": ("depth error", "{:.2f}"),
    "registration_px": ("aligned px", "{:.3f}"),
    "cpu_s": ("CPU s", "{:.1f}"),
}
"""What is averaged over stacks: heading and format."""


def quality_object(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Describe verdicts, means and margins as plain JSON values; null where there was nothing to measure."""
    return {
        "verdicts": [_plain(asdict(verdict)) for verdict in verdicts],
        "means": _plain(_means(verdicts)),
        "ahead_of_the_best_other": [_plain(asdict(margin)) for margin in margins(verdicts)],
    }


def show_quality(verdicts: Sequence[Verdict], *, as_json: bool) -> None:
    """Show fidelity stack by stack, then each program's means, then how far ahead of the others ours is. Or all of it as JSON."""
    if as_json:
        typer.echo(json.dumps(quality_object(verdicts), indent=1))
        return
    console = _console()
    programs = list(dict.fromkeys(verdict.program for verdict in verdicts))
    by_stack = Table("stack", title="PSNR / near depth edges, dB")
    for program in programs:
        by_stack.add_column(program, justify="right")
    for stack in dict.fromkeys(verdict.stack for verdict in verdicts):
        cells = {verdict.program: verdict for verdict in verdicts if verdict.stack == stack}
        by_stack.add_row(stack, *(_fidelity(cells.get(program)) for program in programs))
    console.print(by_stack)
    means = Table("means", *(heading for heading, _ in NUMBERS.values()))
    for program, values in _means(verdicts).items():
        means.add_row(program, *(_number(values[name], form) for name, (_, form) in NUMBERS.items()))
    console.print(means)
    for margin in margins(verdicts):
        console.print(_margin_sentence(margin), soft_wrap=True)
    for verdict in verdicts:
        if verdict.failure:
            console.print(
                f"{verdict.program} on {verdict.stack}: {verdict.failure}", style="yellow", soft_wrap=True, markup=False
            )


def speed_object(costs: Sequence[Costs]) -> dict[str, Any]:
    """Describe costs as plain JSON values: every run, and the medians."""
    return {cost.program.name: {"median": asdict(cost.middle), "runs": [asdict(run) for run in cost.runs]} for cost in costs}


def show_speed(costs: Sequence[Costs], *, as_json: bool) -> None:
    """Show medians, and each as a multiple of the floor and of stackd's own. Or all of it as JSON."""
    if as_json:
        typer.echo(json.dumps(speed_object(costs), indent=1))
        return
    floor, ours = costs[0].middle, next(cost.middle for cost in costs if cost.program.is_ours)
    table = Table(
        "program",
        "CPU s",
        "wall s",
        "peak MB",
        "CPU ÷ floor",
        "CPU ÷ stackd",
        "wall ÷ stackd",
        title=f"medians of {len(costs[0].runs)} runs",
    )
    for cost in costs:
        middle: Cost = cost.middle
        table.add_row(
            cost.program.name,
            f"{middle.cpu_s:.2f}",
            f"{middle.wall_s:.2f}",
            f"{middle.peak_bytes / MEGABYTE:.0f}",
            f"{middle.cpu_s / floor.cpu_s:.2f}",
            f"{middle.cpu_s / ours.cpu_s:.2f}",
            f"{middle.wall_s / ours.wall_s:.2f}",
        )
    console = _console()
    console.print(table)
    console.print("The floor decodes the same frames and writes a 16-bit TIFF, nothing else.")


def memory_object(peaks: Sequence[Peak]) -> list[dict[str, Any]]:
    """Describe peaks as plain JSON values."""
    return [asdict(peak) for peak in peaks]


def show_memory(peaks: Sequence[Peak], *, as_json: bool) -> None:
    """Show peaks, and each as a multiple of the same program's first. Or all of it as JSON."""
    if as_json:
        typer.echo(json.dumps(memory_object(peaks), indent=1))
        return
    table = Table("program", "frames", "used", "peak MB", "bytes per pixel", "÷ first", "CPU s", "wall s")
    for peak in peaks:
        first = next(other for other in peaks if other.program == peak.program)
        table.add_row(
            peak.program,
            str(peak.frames),
            "–" if peak.used is None else str(peak.used),
            f"{peak.cost.peak_bytes / MEGABYTE:.0f}",
            f"{peak.bytes_per_pixel:.1f}",
            f"{peak.cost.peak_bytes / first.cost.peak_bytes:.3f}",
            f"{peak.cost.cpu_s:.1f}",
            f"{peak.cost.wall_s:.1f}",
        )
    _console().print(table)


def counts_from(text: str) -> tuple[int, ...]:
    """Read numbers of frames separated by commas.

    Raises
    ------
    WrongUse
        If they are no such numbers.
    """
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) >= LEAST_FRAMES for part in parts):
        raise WrongUse(f"{text!r} is no list of numbers of frames.", hint="Write for example --counts 10,100.")
    return tuple(int(part) for part in parts)


def _means(verdicts: Sequence[Verdict]) -> dict[str, dict[str, float]]:
    """Mean of each number over the stacks on which a program's composite could be judged."""
    means: dict[str, dict[str, float]] = {}
    for program in dict.fromkeys(verdict.program for verdict in verdicts):
        judged = [verdict for verdict in verdicts if verdict.program == program and verdict.quality]
        numbers = [_numbers(verdict) for verdict in judged]
        means[program] = {name: mean_of(known[name] for known in numbers) for name in NUMBERS}
        means[program]["stacks"] = float(len(judged))
    return means


def _numbers(verdict: Verdict) -> dict[str, float]:
    """All numbers of a verdict by name; NaN where there was nothing to measure."""
    missing = dict.fromkeys(NUMBERS, float("nan"))
    parts = [asdict(part) for part in (verdict.quality, verdict.depth, verdict.cost) if part is not None]
    known = {name: value for part in parts for name, value in part.items() if name in NUMBERS}
    if verdict.registration_px is not None:
        known["registration_px"] = verdict.registration_px
    return missing | known


def _fidelity(verdict: Verdict | None) -> str:
    if verdict is None or verdict.quality is None:
        return "failed"
    return f"{_number(verdict.quality.psnr_db, '{:.1f}')} / {_number(verdict.quality.halo_psnr_db, '{:.1f}')}"


def _margin_sentence(margin: Margin) -> str:
    return (
        f"{margin.program} against the best of the others on each stack: {margin.mean_db:+.2f} dB on the mean,"
        f" {margin.least_db:+.2f} dB at least ({margin.least_on}); near depth edges {margin.halo_mean_db:+.2f} dB."
    )


def _number(value: float, form: str) -> str:
    return "–" if isnan(value) else form.format(value)


def _plain(value: Any) -> Any:
    """The same values, with null for what could not be measured."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and isnan(value) else value


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=WIDTH_ELSEWHERE)
