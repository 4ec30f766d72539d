"""Print the tables of numbers that the pages on methods state. Run by `nox -s measure`, or `python docs/measure.py finishing`.

Scenes are rendered with fixed seeds, so that what is right is known and everybody gets the same decibels and pixels. Seconds are
of the processor, and depend on which one that is.
"""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.command()
def finishing() -> None:
    """Print what finishing steps gain on rendered scenes, and what they cost."""
    from measured.finishing import measure_finishing

    measure_finishing()


@app.command()
def features(
    stacks: Annotated[
        Path | None, typer.Option(help="Real stacks to add: a folder of folders of frames.", show_default=False)
    ] = None,
) -> None:
    """Print which pairs of known motion are placed, by pixels and by features, and what strangers do."""
    from measured.features import measure_features

    measure_features(stacks)


@app.command()
def tones() -> None:
    """Print how near to the truth composites come whose frames differ in tone, by how they are matched."""
    from measured.tones import measure_tones

    measure_tones()


@app.command()
def positions() -> None:
    """Print how well it is found where frames are focused, and what composites gain by it."""
    from measured.positions import measure_positions

    measure_positions()


@app.command()
def motion() -> None:
    """Print what becomes of things that move and of a hand that wanders."""
    from measured.motion import measure_motion

    measure_motion()


@app.command()
def constants(
    scenes: Annotated[str, typer.Option(help="Names of scenes, separated by commas; all if left out.", show_default=False)] = "",
    only: Annotated[str, typer.Option(help="Only constants with this in their name.", show_default=False)] = "",
) -> None:
    """Print which numbers of the pipeline change composites."""
    from measured.constants import measure_constants

    measure_constants([name for name in scenes.split(",") if name], only)


if __name__ == "__main__":
    app()
