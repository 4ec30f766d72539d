"""`stackd fuse`: one stack, now."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stackd.model.verdict import Verdict
    from stackd.service.once.sibling import Sibling

EXIT_NOT_PASSED = 3
"""Of `--strict`: the composite is written, but does not pass."""

EXAMPLES = """
[bold]Examples[/bold]

  stackd fuse IMG_04*.JPG -o beetle.tif
  stackd fuse frames/*.tif -o ring.jpg --recipe product --depth-map ring-depth.png
  stackd fuse IMG_04*.JPG -o beetle.tif --strict || echo "look at beetle.tif"
  stackd fuse light2/*.JPG -o light2.tif --registration light1.json
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
    registration: Annotated[
        Path | None,
        typer.Option(
            metavar="REPORT",
            help="Lay the frames over one another as those of another composite were, as its .json report tells: for stacks"
            " of one view that differ in light alone.",
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
    from stackd.cli.terminal import progress_bar, say_object
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
            sibling=None if registration is None else _sibling(registration),
        )
    if as_json:
        say_object(as_object(outcome))
    else:
        print_summary(outcome)
    raise typer.Exit(exit_code(outcome.composite.verdict, strict=strict))


def _sibling(path: Path) -> "Sibling":
    """Read the report that `--registration` names.

    Raises
    ------
    WrongUse
        If it cannot be read, or is no report.
    """
    import json

    from stackd.errors import WrongUse
    from stackd.service.once.sibling import WHAT_IT_TAKES, sibling_from

    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error.strerror}.", hint=WHAT_IT_TAKES) from error
    except (ValueError, RecursionError) as error:
        raise WrongUse(f"{path} is no JSON.", hint=WHAT_IT_TAKES) from error
    return sibling_from(report, name=str(path))


def exit_code(verdict: "Verdict", *, strict: bool) -> int:
    """Choose the exit code of a composite that was written."""
    from stackd.model.verdict import Judgement

    return EXIT_NOT_PASSED if strict and verdict.judgement is not Judgement.PASS else 0
