"""The recipes that come with stackd. They are plain TOML files, so that they can be read and copied."""

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

BUILT_IN = ("landscape", "macro", "microscope", "photogrammetry", "product")
"""Names of the recipes in config/recipes/."""


def built_in_recipe(name: str) -> dict[str, object]:
    """Read a built-in recipe as its file has it: only what differs from the defaults."""
    return tomllib.loads(_folder().joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def _folder() -> Traversable:
    """Find the recipe files: inside the installed package, or in the checkout it is installed from."""
    installed = files("stackd.config").joinpath("recipes")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "config" / "recipes"
