"""Read the configuration: built-in recipes, then the file, then `--set`; each layer has the last word on what lies below."""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from stackd.config.fields import BASE_FOLDER
from stackd.config.mistakes import conflicts, did_you_mean, of_another_kind, sentence
from stackd.config.places import find_config, read_toml
from stackd.config.recipes import BUILT_IN, built_in_recipe
from stackd.config.settings import Recipe, Settings
from stackd.config.tables import variants_of
from stackd.errors import WrongConfiguration, WrongUse

DEFAULT_RECIPE = "default"

SET_OPTION = "--set"
"""Where a value given on the command line comes from, as messages call it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration and where its values come from."""

    settings: Settings
    path: Path | None
    """The file that was read; None when there is none."""
    origins: Mapping[str, str]
    """Dotted key → the file, built-in recipe or option that set it. Keys that are not here have their default."""


def load_settings(asked: Path | None, *, overrides: Sequence[str] = (), recipe: str = DEFAULT_RECIPE) -> Loaded:
    """Load the configuration.

    Parameters
    ----------
    asked : Path or None
        Configuration file; None means as `find_config` chooses, and the defaults where there is none.
    overrides : sequence of str
        `KEY=VALUE`, the last word on any key. A key that names no top-level table is one of `recipe`.
    recipe : str
        Recipe that short keys such as `fuse.method` belong to.

    Raises
    ------
    WrongConfiguration
        With one line for every mistake.
    WrongUse
        If all of them were made in `overrides`.
    """
    path = find_config(asked)
    layers: list[tuple[str, dict[str, object]]] = []
    if path is not None:
        layers.append((str(path), read_toml(path)))
    if overrides:
        layers.append((SET_OPTION, _parse_overrides(overrides, recipe)))
    names = {name for _, layer in layers if isinstance(tables := layer.get("recipe"), dict) for name in tables}
    built_in: list[tuple[str, dict[str, object]]] = [
        (f"built-in recipe {name}", {"recipe": {name: built_in_recipe(name)}}) for name in BUILT_IN
    ]
    merged: dict[str, object] = {"recipe": {name: {} for name in (DEFAULT_RECIPE, *BUILT_IN, *sorted(names))}}
    origins: dict[str, str] = {}
    for origin, layer in (*built_in, *layers):
        _lay_over(merged, layer, origin, origins)
    _choose_default_variants(merged)
    base = Path(os.path.abspath(path)).parent if path else Path.cwd()  # noqa: PTH100  (keeps links as written)
    try:
        settings = Settings.model_validate(merged, context={BASE_FOLDER: base})
    except ValidationError as error:
        raise _wrong([sentence(detail, origins, path) for detail in error.errors()]) from error
    if loose := list(of_another_kind(merged, settings, origins, path)):
        raise _wrong(loose)
    file = str(path) if path else "configuration"
    if mistakes := [f"{file}: {mistake}" for mistake in conflicts(settings)]:
        raise _wrong(mistakes)
    return Loaded(settings=settings, path=path, origins=MappingProxyType(origins))


def load_recipe(name: str, *, config: Path | None = None, overrides: Sequence[str] = ()) -> Recipe:
    """Load one recipe, from the configuration or built in.

    Raises
    ------
    WrongUse
        If there is no such recipe, or what is wrong was given in `overrides`.
    WrongConfiguration
        If the configuration is wrong.
    """
    path = find_config(config)
    written = read_toml(path).get("recipe", {}) if path else {}
    known = sorted({DEFAULT_RECIPE, *BUILT_IN, *(written if isinstance(written, dict) else ())})
    if name not in known:
        raise WrongUse(f'There is no recipe "{name}".{did_you_mean(name, known)}', hint=f"Recipes: {', '.join(known)}.")
    return load_settings(path, overrides=overrides, recipe=name).settings.recipe[name]


# --------------------------------------------------------------- layers


def _parse_overrides(overrides: Sequence[str], recipe: str) -> dict[str, object]:
    layer: dict[str, object] = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        parts = [part.strip() for part in key.split(".")]
        if not equals or not all(parts):
            raise WrongUse(f"{SET_OPTION} {override}: give KEY=VALUE, such as fuse.method=pyramid.")
        if parts[0] not in Settings.model_fields:
            parts = ["recipe", recipe, *parts]
        table = layer
        for part in parts[:-1]:
            inner = table.setdefault(part, {})
            if not isinstance(inner, dict):
                raise WrongUse(f"{SET_OPTION} {override}: {part} is a value here, not a table.")
            table = inner
        table[parts[-1]] = _parse_value(text.strip())
    return layer


def _parse_value(text: str) -> object:
    """Read a value as TOML; what is not TOML is text, so that `fuse.method=pyramid` needs no quotes in the shell."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _lay_over(
    merged: dict[str, object], layer: Mapping[str, object], origin: str, origins: dict[str, str], prefix: tuple[str, ...] = ()
) -> None:
    """Write a layer's values over what is there. A table that now picks another variant loses the keys of the old one."""
    for name, value in layer.items():
        keys = (*prefix, name)
        below = merged.get(name)
        if isinstance(value, dict) and (isinstance(below, dict) or below is None):
            inner = dict(below or {})
            if _picks_another_variant(keys, inner, value):
                inner = {}
                _forget(origins, keys)
            _lay_over(inner, value, origin, origins, keys)
            merged[name] = inner
        elif isinstance(value, dict) and isinstance(below, list) and below:
            merged[name] = _lay_over_list(below, value, origin, origins, keys)
        else:
            merged[name] = value
            _forget(origins, keys)
            for key in (".".join(keys), *_leaves(value, keys)):
                origins[key] = origin


def _lay_over_list(
    below: list[object], layer: Mapping[str, object], origin: str, origins: dict[str, str], keys: tuple[str, ...]
) -> list[object]:
    """Write values over some tables of a list, which are named by their place, as in `watch.0.recipe`."""
    tables = list(below)
    for place, value in layer.items():
        table = tables[int(place)] if place.isdecimal() and int(place) < len(tables) else None
        if not isinstance(value, dict) or not isinstance(table, dict):
            dotted = ".".join(keys)
            last = len(tables) - 1
            raise WrongUse(
                f"{origin}: {dotted}.{place}: there are several tables [[{dotted}]]; say which one by its place, 0 to {last},"
                f" and then the key, as in {dotted}.0.recipe."
            )
        inner = dict(table)
        _lay_over(inner, value, origin, origins, (*keys, place))
        tables[int(place)] = inner
    return tables


def _forget(origins: dict[str, str], keys: tuple[str, ...]) -> None:
    for old in [key for key in origins if key.startswith(".".join(keys) + ".")]:
        del origins[old]


def _leaves(value: object, keys: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*keys, name))
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*keys, str(index)))
    else:
        yield ".".join(keys)


def _recipe_table(keys: tuple[str, ...]) -> tuple[str, str] | None:
    """Name the discriminator of a recipe's table and the variant it has by default; None where there is nothing to choose."""
    match keys:
        case ("recipe", _, name) if name in Recipe.model_fields:
            variants = variants_of(Recipe.model_fields[name].annotation)
            if len(variants) > 1 and (discriminator := variants[0].discriminator):
                return discriminator, str(getattr(Recipe.model_fields[name].default, discriminator))
    return None


def _picks_another_variant(keys: tuple[str, ...], below: Mapping[str, object], above: Mapping[str, object]) -> bool:
    if (choice := _recipe_table(keys)) is None:
        return False
    discriminator, default = choice
    return discriminator in above and above[discriminator] != below.get(discriminator, default)


def _choose_default_variants(merged: dict[str, object]) -> None:
    """Where a recipe's table does not say which variant it is, it is the default one."""
    recipes = merged["recipe"]
    if not isinstance(recipes, dict):
        return
    for recipe_name, recipe in recipes.items():
        for name, table in recipe.items() if isinstance(recipe, dict) else ():
            if isinstance(table, dict) and (choice := _recipe_table(("recipe", recipe_name, name))):
                table.setdefault(choice[0], choice[1])


def _wrong(mistakes: Sequence[str]) -> WrongConfiguration | WrongUse:
    told, hint = "\n".join(dict.fromkeys(mistakes)), "\n`stackd config init FILE` writes a file that explains every key."
    if all(mistake.startswith(f"{SET_OPTION}: ") for mistake in mistakes):
        return WrongUse(told, hint=hint)
    return WrongConfiguration(told, hint=hint)
