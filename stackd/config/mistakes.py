"""What is wrong with a configuration, one sentence a mistake: `file: [table] key: what, and what to write instead`."""

import difflib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from pydantic_core import ErrorDetails

from stackd.config.settings import Recipe, Settings
from stackd.config.tables import Variant, resolve_location, variants_of
from stackd.model.verdict import SUBFOLDERS

BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}
"""Pydantic's name of a mistake → how a person says it, and where the bound stands."""

LENGTHS: Mapping[str, tuple[str, str, str]] = {
    "string_too_long": ("at most", "max_length", "characters"),
    "string_too_short": ("at least", "min_length", "characters"),
    "too_long": ("at most", "max_length", "values"),
    "too_short": ("at least", "min_length", "values"),
}
"""Pydantic's name of a mistake → how a person says it, where the bound stands, and what is counted."""

KINDS: Mapping[str, str] = {
    **dict.fromkeys(("tuple_type", "list_type", "set_type"), "a list in square brackets"),
    **dict.fromkeys(("float_type", "float_parsing", "int_type", "int_parsing", "int_from_float"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    "string_type": "text in quotes",
    "path_type": "a path in quotes",
    "finite_number": "a number that is finite",
}
"""Pydantic's name of a mistake → what a person would have written."""

NEAR_ENOUGH = 0.5
"""Likeness from which a word counts as a slip (a guess): catches swapped letters, forgotten endings and British spelling."""


def sentence(detail: ErrorDetails, origins: Mapping[str, str], path: Path | None) -> str:
    """Say what pydantic found, with the place it stands in and the nearest known word.

    Parameters
    ----------
    detail : ErrorDetails
        One of `ValidationError.errors()` of `Settings`.
    origins : mapping of str to str
        Dotted key → where its value comes from.
    path : Path or None
        The configuration file, for keys that are missing.
    """
    keys, table = resolve_location(Settings, detail["loc"])
    problem = _problem(detail, str(keys[-1]) if keys else "", table)
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        keys = (*keys, detail["ctx"]["discriminator"].strip("'"))
    return f"{_origin_of(keys, origins, path)}: {_spell(keys)}: {problem}"


def of_another_kind(
    written: object, settings: object, origins: Mapping[str, str], path: Path | None, keys: tuple[str | int, ...] = ()
) -> Iterator[str]:
    """Find values that pydantic took for another kind than they are, as a number in quotes: written so, they are a slip.

    Parameters
    ----------
    written : object
        What was read, all layers together.
    settings : object
        What pydantic made of it.
    origins, path
        As for `sentence`.
    keys : tuple of str or int
        Where it stands.
    """
    if isinstance(written, Mapping):
        for name, value in written.items():
            inner = settings.get(name) if isinstance(settings, Mapping) else getattr(settings, name, None)
            yield from of_another_kind(value, inner, origins, path, (*keys, name))
    elif isinstance(written, list) and isinstance(settings, Sequence):
        for place, (value, inner) in enumerate(zip(written, settings, strict=False)):
            yield from of_another_kind(value, inner, origins, path, (*keys, place))
    elif isinstance(settings, bool) is not isinstance(written, bool) or (
        isinstance(settings, int | float) and isinstance(written, str)
    ):
        kind = "true or false" if isinstance(settings, bool) else "a number"
        yield f"{_origin_of(keys, origins, path)}: {_spell(keys)}: must be {kind}, but is {written!r}."


def _origin_of(keys: Sequence[str | int], origins: Mapping[str, str], path: Path | None) -> str:
    dotted = ".".join(map(str, keys))
    # A mistake in a whole table comes from the last layer that wrote into it.
    inside = (where for key, where in reversed(list(origins.items())) if key.startswith(f"{dotted}."))
    # One inside a list is told of the list, which came from one place.
    around = (
        origins[key] for key in (".".join(map(str, keys[:count])) for count in range(len(keys) - 1, 0, -1)) if key in origins
    )
    return origins.get(dotted) or next(inside, None) or next(around, str(path) if path else "configuration")


def _spell(keys: Sequence[str | int]) -> str:
    """Write keys the way the file has them: `[recipe.macro.fuse] method`, `[[watch]] number 2, output`."""
    numbers = [place for place, key in enumerate(keys) if isinstance(key, int)]
    if numbers:
        last = numbers[-1]
        table, rest = ".".join(map(str, keys[:last])), ".".join(map(str, keys[last + 1 :]))
        return f"[[{table}]] number {int(keys[last]) + 1}{f', {rest}' if rest else ''}"
    *tables, name = keys
    return f"[{'.'.join(map(str, tables))}] {name}" if tables else f"[{name}]"


def _problem(detail: ErrorDetails, name: str, table: Variant | None) -> str:  # noqa: C901  (one case a kind of mistake)
    context, got = detail.get("ctx", {}), detail.get("input")
    field = table.model.model_fields.get(name) if table else None
    match detail["type"]:
        case "extra_forbidden":
            return _unknown_key(name, table)
        case "missing":
            return f"is missing. {field.description if field and field.description else ''}".strip()
        case kind if kind in BOUNDS:
            words, key = BOUNDS[kind]
            return f"must be {words} {context[key]:g}, but is {got}."
        case "union_tag_invalid":
            expected = [tag.strip(" '") for tag in str(context["expected_tags"]).split(",")]
            return _not_one_of(str(context["tag"]), expected)
        case "literal_error":
            return _not_one_of(str(got), [str(choice) for choice in getattr(field and field.annotation, "__args__", ())])
        case "value_error":
            return f"{context['error']}."
        case "union_tag_not_found" if isinstance(got, Mapping):
            return "is missing: it says what the rest of the table is about."
        case "model_type" | "model_attributes_type" | "dict_type" | "mapping_type" | "union_tag_not_found":
            return f"must be a table, but is {got!r}."
        case kind if kind in KINDS:
            return f"must be {KINDS[kind]}, but is {got!r}."
        case kind if kind in LENGTHS:
            words, key, what = LENGTHS[kind]
            return f"must have {words} {context[key]} {what}, but has {context.get('actual_length', len(str(got)))}."
        case _:
            # Pydantic's own words are for who wrote the program.
            return f"cannot be {got!r}. {field.description if field and field.description else ''}".strip()


def _unknown_key(name: str, table: Variant | None) -> str:
    if table is None:
        return "is not known here."
    known = list(table.model.model_fields)
    owners = [
        variant
        for field in Recipe.model_fields.values()
        for variant in variants_of(field.annotation)
        if variant.tags and name in variant.model.model_fields and variant.discriminator in known
    ]
    if owners:
        tags = _quoted(tag for owner in owners for tag in owner.tags)
        return f"belongs to {owners[0].discriminator} = {tags}, which is not the one chosen here."
    return f"is not known.{did_you_mean(name, known) or f' Known here: {_listed(known)}.'}"


def _not_one_of(got: str, choices: Sequence[str]) -> str:
    return f"must be one of {_quoted(choices)}, but is {json.dumps(got, ensure_ascii=False)}.{did_you_mean(got, choices)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Offer the nearest known word, as a sentence with a space before it; empty when none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=NEAR_ENOUGH)
    return f' Did you mean "{near[0]}"?' if near else ""


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def conflicts(settings: Settings) -> Iterator[str]:
    """Find what no single key can see: folders inside one another, doubled names, recipes that do not exist."""
    real = [(watch, Path(os.path.realpath(watch.input)), Path(os.path.realpath(watch.output))) for watch in settings.watch]
    state = Path(os.path.realpath(settings.state.folder))
    for number, (watch, _, output) in enumerate(real, start=1):
        where = f"[[watch]] number {number},"
        if watch.recipe not in settings.recipe:
            yield f'{where} recipe: there is no recipe "{watch.recipe}".{did_you_mean(watch.recipe, settings.recipe)}'
        for other, other_input, _ in real:
            lies_inside = _inside(watch.output, output, other_input)
            if lies_inside:
                yield (
                    f"{where} output: {lies_inside} lies inside the watched folder {other.input}, "
                    "so composites would be taken for frames. Choose a folder outside it."
                )
    for watch, input_folder, _ in real:
        if state.is_relative_to(input_folder):
            yield f"[state] folder: {settings.state.folder} lies inside the watched folder {watch.input}. Choose one outside it."
    for (one, one_input, _), (other, other_input, _) in combinations(real, 2):
        if one_input.is_relative_to(other_input) or other_input.is_relative_to(one_input):
            yield f"[[watch]] input: {one.input} and {other.input} overlap: frames would be stacked twice. Watch one of them."
        if one.label == other.label:
            yield f'[[watch]] name: two watched folders are called "{one.label}". Give one of them another name.'


def _inside(written: Path, output: Path, watched: Path) -> str:
    """Name what of an output folder lies inside a watched one: all of it, or the folder for composites that do not pass."""
    if output.is_relative_to(watched):
        return str(written)
    for name in SUBFOLDERS:
        if Path(os.path.realpath(output / name)).is_relative_to(watched):
            return f"{written / name}, where composites that do not pass go,"
    return ""
