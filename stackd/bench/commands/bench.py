"""`stackd bench`: quality, speed, memory and the look of composites, beside other programs in the same run."""

import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from stackd.bench.commands.constants import constants
from stackd.bench.commands.findings import findings
from stackd.bench.commands.look import look
from stackd.bench.commands.options import Against, AsJson, Folder, Frames, Methods, Runs
from stackd.bench.commands.service import service
from stackd.cli.teaching import HELP_NAMES, TeachingGroup
from stackd.errors import WrongUse

NEEDED = ("scipy",)
"""What only the bench needs: the extra `bench` of the package."""

app = typer.Typer(
    cls=TeachingGroup,
    context_settings=HELP_NAMES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    epilog="""
[bold]Examples[/bold]

  stackd bench quality          rendered stacks, judged against their truth
  stackd bench speed IMG_04*.JPG --against 'enfuse=enfuse -o {output} {frames}'
  stackd bench memory --counts 10,100
  stackd bench findings         stacks with faults: are they noticed?
  stackd bench constants --only depth.surface   which of its numbers matter?
  stackd bench service --only drop --stacks 100   the daemon under load
  stackd bench look IMG_04*.JPG -o look.png --against 'enfuse=enfuse -o {output} {frames}'
""",
)


@app.callback()
def bench() -> None:
    """Measure quality, speed and memory beside others, or look."""
    needed_is_installed()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite `kill` removes temporary folders, as Ctrl-C does


def needed_is_installed() -> None:
    """Say so before any work where what the bench needs is missing.

    Raises
    ------
    WrongUse
        If it is.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise WrongUse(
            f"`stackd bench` needs {' and '.join(missing)}, which is not installed.",
            hint='Install it with `pip install "stackd[bench]"`.',
        )


@app.command()
def quality(
    folder: Folder = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="How many stacks of every scene to render.")] = 3,
    method: Methods = None,
    against: Against = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Fuse stacks whose truth is known, and judge the composites."""
    from stackd.bench.commands import report as bench_report
    from stackd.bench.wiring import judge_quality
    from stackd.cli.terminal import progress_bar

    with progress_bar(shown=not as_json) as progress:
        verdicts = judge_quality(method or (), against or (), folder=folder, seeds=seeds, progress=progress)
    bench_report.show_quality(verdicts, as_json=as_json)
    if any(verdict.is_ours and verdict.failure for verdict in verdicts):
        raise typer.Exit(1)


@app.command()
def speed(
    frames: Frames = None,
    runs: Runs = 3,
    method: Methods = None,
    against: Against = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Measure processor time, elapsed time and memory."""
    from stackd.bench.commands import report as bench_report
    from stackd.bench.wiring import measure_speed
    from stackd.cli.terminal import progress_bar

    with progress_bar(shown=not as_json) as progress:
        costs = measure_speed(frames or (), method or (), against or (), runs=runs, progress=progress)
    bench_report.show_speed(costs, as_json=as_json)


@app.command()
def memory(
    frames: Frames = None,
    counts: Annotated[str, typer.Option(help="Numbers of frames to try, separated by commas.")] = "10,100",
    runs: Runs = 3,
    method: Methods = None,
    against: Against = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Measure the peak of memory for few and for many frames."""
    from stackd.bench.commands import report as bench_report
    from stackd.bench.wiring import measure_memory
    from stackd.cli.terminal import progress_bar

    wanted = bench_report.counts_from(counts)
    with progress_bar(shown=not as_json) as progress:
        peaks = measure_memory(frames or (), method or (), against or (), counts=wanted, runs=runs, progress=progress)
    bench_report.show_memory(peaks, as_json=as_json)


app.command()(look)
app.command()(findings)
app.command()(constants)
app.command()(service)


@app.command(hidden=True)
def floor(frames: list[Path], output: Annotated[Path, typer.Option("-o", "--output")]) -> None:
    """Decode the frames and write one TIFF, nothing else."""
    from stackd.bench.wiring import decode_and_write

    decode_and_write(frames, output)
