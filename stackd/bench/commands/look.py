"""`stackd bench look`: one picture of what several programs made of the same frames, where it differs most."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stackd.bench.commands.options import Against, AsJson, Methods

if TYPE_CHECKING:
    from stackd.bench.look.looking import Sight


def look(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="PICTURE", help="What to write: .png or .jpg.", show_default=False)
    ],
    frames: Annotated[
        list[Path] | None, typer.Argument(help="Frames of one stack, near → far.", metavar="[FRAMES…]", show_default=False)
    ] = None,
    stack: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Instead of frames: a stack with frames/ and truth/, or a scene such as hairs-1. The truth is the last column.",
            show_default=False,
        ),
    ] = None,
    method: Methods = None,
    against: Against = None,
    places: Annotated[int, typer.Option(min=1, max=50, help="Places of each kind: structure, smooth, border.")] = 3,
    tile: Annotated[int, typer.Option(min=60, max=1000, help="Side of a crop in the picture, px.")] = 240,
    *,
    as_json: AsJson = False,
) -> None:
    """Show composites side by side where they differ most.

    Places are found by themselves: the greatest differences of structure, of fine detail where everything is smooth, and along
    the border. A program that fails says so in the picture, and the others are shown without it.
    """
    from stackd.bench.look.looking import View
    from stackd.bench.wiring import look_closely
    from stackd.cli.terminal import progress_bar

    view = View(places=places, tile_px=tile)
    with progress_bar(shown=not as_json) as progress:
        sight = look_closely(frames or (), method or (), against or (), stack=stack, output=output, view=view, progress=progress)
    if as_json:
        typer.echo(json.dumps(sight_object(sight), indent=1))
    else:
        _tell(sight, output)
    if sight.ours_failed:
        raise typer.Exit(1)


def _tell(sight: "Sight", output: Path) -> None:
    typer.echo(f"{output}: {len(sight.places)} places, compared with {sight.compared_with}.")
    for number, place in enumerate(sight.places, start=1):
        where = f"x {place.x_px}, y {place.y_px} px"
        typer.echo(f"{number:3}  {place.kind.value:9}  {where:20}  {place.program} by {place.difference:.1f} levels")
    for name, why in sight.failures.items():
        typer.echo(f"{name} failed. {why}", err=True)


def sight_object(sight: "Sight") -> dict[str, Any]:
    """Describe what a picture shows as plain JSON values."""
    return {
        "compared_with": sight.compared_with,
        "width_px": sight.width_px,
        "height_px": sight.height_px,
        "places": [asdict(place) for place in sight.places],
        "failures": dict(sight.failures),
    }
