"""`stackd config`: write, check and show the configuration."""

from pathlib import Path
from typing import Annotated

import typer

from stackd.cli.teaching import HELP_NAMES, TeachingGroup

app = typer.Typer(
    cls=TeachingGroup,
    context_settings=HELP_NAMES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Write, check and show the configuration.",
    epilog="""
[bold]Examples[/bold]

  stackd config init                 write the example to the usual place
  stackd config init ~/stackd.toml   write it here instead
  stackd config check                find every mistake before the daemon does
  stackd config show                 what holds, and where each value comes from
""",
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", help="Configuration file. Without it: $STACKD_CONFIG, else your own if you have one.", show_default=False
    ),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one key for this call.", show_default=False)
]


@app.command()
def init(
    path: Annotated[
        Path | None, typer.Argument(help="Where to write it; your user configuration when left out.", show_default=False)
    ] = None,
) -> None:
    """Write a configuration with every key explained.

    All values are the defaults. A file that exists is never overwritten.
    """
    from stackd.cli.terminal import say
    from stackd.config.explain import example_toml
    from stackd.config.places import default_config_path
    from stackd.errors import StackdError

    target = path or default_config_path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(example_toml())
    except FileExistsError as error:
        raise StackdError(f"{target} exists already.", hint="Edit it, or name another file.") from error
    except OSError as error:
        raise StackdError(f"{target} cannot be written: {error.strerror}.", hint="Name another file.") from error
    say(f"Wrote {target}", "Set `input` and `output` under [[watch]], then: stackd config check, stackd doctor, stackd run.")


@app.command()
def check(config: ConfigOption = None, set_: SetOption = None) -> None:
    """Find every mistake in the configuration.

    Exit code 78 when there is one.
    """
    from stackd.cli.terminal import say
    from stackd.config.load import load_settings

    loaded = load_settings(config, overrides=set_ or ())
    say(f"{loaded.path or 'The defaults (you have no configuration file)'}: no mistakes.")
    for watch in loaded.settings.watch:
        say(f'Watching {watch.input} → {watch.output} with recipe "{watch.recipe}".')
    if not loaded.settings.watch:
        say("No folder is watched: `stackd run` needs a [[watch]] with input and output.")


@app.command()
def show(config: ConfigOption = None, set_: SetOption = None) -> None:
    """Print what holds, and where each value comes from.

    What is printed can be saved and used as a configuration.
    """
    from stackd.cli.terminal import say
    from stackd.config.explain import resolved_toml
    from stackd.config.load import load_settings

    say(*resolved_toml(load_settings(config, overrides=set_ or ())).splitlines())
