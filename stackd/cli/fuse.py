"""`stackd fuse`: one stack, now."""

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stackd.model.verdict import Verdict

EXIT_NOT_PASSED = 3
"""Of `--strict`: the composite is written, but does not pass."""

EXAMPLES = """
[bold]Examples[/bold]

  stackd fuse IMG_04*.JPG -o beetle.tif
  stackd fuse frames/*.tif -o ring.jpg --recipe product --depth-map ring-depth.png
  stackd fuse IMG_04*.JPG -o beetle.tif --strict || echo "look at beetle.tif"
  stackd fuse *.NEF -o moss.tif --set fuse.method=pyramid --set align.model=affine
"""


def fuse(
    frames: Annotated[
        list[Path],
        typer.Argument(
            help="The frames of one stack, or one folder that holds nothing else.", metavar="FRAMES…", show_default=False
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="The composite; its extension picks the format: .tif, .png or .jpg.", show_default=False
        ),
    ],
    recipe: Annotated[str, typer.Option(help="A recipe of the configuration, or one that comes with stackd.")] = "default",
    config: Annotated[Path | None, typer.Option(help="Configuration file to take recipes from.", show_default=False)] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change one key of the recipe, such as fuse.method=pyramid.", show_default=False
        ),
    ] = None,
    depth_map: Annotated[
        Path | None,
        typer.Option(help="Also write the depth map: .tif for 16-bit positions, .png for a picture.", show_default=False),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Also write a page for the browser (.html): the composite against every frame, and what was noticed.",
            show_default=False,
        ),
    ] = None,
    *,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with exit code 3 when the composite, which is written, does not pass.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object about the result instead of sentences.")] = False,
) -> None:
    """Turn the frames of one stack into one composite.

    The order in which they are named does not matter: they are put near → far by focus distance, sequence, time or name.
    The frames are only read. An output that is already there is replaced only if stackd made it.
    """
    from stackd.cli.reports.fuse import as_object, print_summary
    from stackd.cli.reports.progress import progress_bar
    from stackd.wiring.on_demand import fuse_now

    # A polite `kill` ends like Ctrl-C: temporary files are removed on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with progress_bar(shown=not as_json) as progress:
        outcome = fuse_now(
            frames,
            output=output,
            recipe_name=recipe,
            config=config,
            overrides=tuple(set_ or ()),
            depth_map=depth_map,
            page=report,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(as_object(outcome), indent=1))
    else:
        print_summary(outcome)
    raise typer.Exit(exit_code(outcome.composite.verdict, strict=strict))


def exit_code(verdict: "Verdict", *, strict: bool) -> int:
    """Choose the exit code of a composite that was written."""
    from stackd.model.verdict import Judgement

    return EXIT_NOT_PASSED if strict and verdict.judgement is not Judgement.PASS else 0
