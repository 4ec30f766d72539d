"""Explain the configuration from its own definition: the commented example, the table in the docs, the resolved file."""

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path, PurePath

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from stackd.config.load import Loaded
from stackd.config.settings import Recipe, Settings
from stackd.config.tables import Key, Variant, is_container, variants_of

WIDTH = 110
"""Letters a comment line holds: fits an editor beside a photo."""

EXAMPLE_VALUES: Mapping[str, object] = {
    "watch.input": "~/Pictures/stackd/inbox",
    "watch.output": "~/Pictures/stackd/composites",
}
"""What the example shows for keys that have no default."""

SYSTEM_DEFAULTS: Mapping[str, str] = {"state.folder": "~/.local/state/stackd"}
"""Defaults that differ from system to system, as Linux has them; shown, but commented out."""

HEADER = """\
stackd configuration. Every key is here with its default, so all of it can be deleted but [[watch]].
Check it with `stackd config check`. Change one key for one call with --set KEY=VALUE.
Relative paths are relative to this file; ~ and $VARIABLES are expanded.
"""

RECIPE_NOTE = """\
A recipe turns a stack into a composite. `default` is used where no other is named; landscape, macro,
microscope, photogrammetry and product come with stackd. A table such as [recipe.macro] changes single keys of that recipe;
any other name makes a new one.
"""


def example_toml() -> str:
    """Write the configuration with every key, explained; loading it gives the defaults and one watched folder."""
    lines = list(_comment(HEADER))
    for name, field in Settings.model_fields.items():
        variant = variants_of(field.annotation)[0]
        if name == "recipe":
            lines += ["", *_comment(RECIPE_NOTE), "", f"[recipe.{_DEFAULT}]"]
            lines += _example_table(f"recipe.{_DEFAULT}", Variant(model=Recipe), Recipe())
        else:
            header = f"[[{name}]]" if is_container(field.annotation) else f"[{name}]"
            instance = None if is_container(field.annotation) else variant.model()
            lines += ["", *_comment(field.description or ""), header]
            lines += _example_table(name, variant, instance)
    return "\n".join(lines) + "\n"


def key_tables_markdown() -> str:
    """Write a table of all keys for docs/configuration.md."""
    lines: list[str] = []
    for name, field in Settings.model_fields.items():
        variants = variants_of(field.annotation)
        header = f"[[{name}]]" if name == "watch" else f"[{name}.NAME]" if name == "recipe" else f"[{name}]"
        lines += _markdown_table(header, field, variants, None)
    return "\n".join(lines).strip() + "\n"


def resolved_toml(loaded: Loaded) -> str:
    """Write the configuration as it is used, each value with where it comes from."""
    lines = [f"# {loaded.path or 'No configuration file: these are the defaults.'}"]
    settings = loaded.settings
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            lines += _resolved_table(f"[{name}]", name, value, loaded.origins)
        elif isinstance(value, Mapping):
            for inner_name, inner in value.items():
                key = f"{name}.{_bare(inner_name)}"
                lines += _resolved_table(f"[{key}]", f"{name}.{inner_name}", inner, loaded.origins)
        else:
            for index, inner in enumerate(value):
                lines += _resolved_table(f"[[{name}]]", f"{name}.{index}", inner, loaded.origins)
    return "\n".join(lines) + "\n"


def toml_value(value: object) -> str:
    """Write a value as TOML."""
    match value:
        case bool():
            return "true" if value else "false"
        case Enum():
            return toml_value(value.value)
        case int() | float():
            return repr(value)
        case str() | PurePath():
            # TOML's basic strings escape as JSON does.
            return json.dumps(str(value), ensure_ascii=False)
        case BaseModel():
            inner = ((name, getattr(value, name)) for name in type(value).model_fields)
            return "{" + ", ".join(f"{name} = {toml_value(part)}" for name, part in inner if part is not None) + "}"
        case Sequence():
            return "[" + ", ".join(toml_value(part) for part in value) + "]"
        case _:
            raise TypeError(f"{type(value).__name__} has no TOML form")


_DEFAULT = "default"


def _default_of(field: FieldInfo) -> object:
    value = field.get_default(call_default_factory=True)
    return None if value is PydanticUndefined else value


def _comment(text: str, *, indent: str = "") -> Iterator[str]:
    for paragraph in text.strip().splitlines():
        hanging = f"{indent}  " if paragraph.startswith("- ") else indent
        for line in textwrap.wrap(paragraph, WIDTH, initial_indent=indent, subsequent_indent=hanging):
            yield f"# {line}"


# -------------------------------------------------------------- example


def _example_table(prefix: str, variant: Variant, instance: BaseModel | None) -> Iterator[str]:
    for key in variant.plain_keys():
        yield from _example_key(prefix, key, None if instance is None else getattr(instance, key.name))
    for name, field, variants in variant.tables_inside():
        if is_container(field.annotation):
            yield from _example_list(name, field, variants)
    for name, field, variants in variant.tables_inside():
        if is_container(field.annotation):
            continue
        inner = getattr(instance, name) if instance is not None else variants[0].model()
        chosen = next(one for one in variants if isinstance(inner, one.model))
        yield ""
        yield from _comment(field.description or "")
        yield f"[{prefix}.{name}]"
        yield from _example_table(f"{prefix}.{name}", chosen, inner)
        for other in variants:
            if other is not chosen:
                yield from _example_other(other, frozenset(chosen.model.model_fields))


def _example_key(prefix: str, key: Key, value: object) -> Iterator[str]:
    dotted = f"{prefix}.{key.name}"
    yield from _comment(key.description)
    if dotted in SYSTEM_DEFAULTS:
        yield f"# {key.name} = {toml_value(SYSTEM_DEFAULTS[dotted])}"
    elif dotted in EXAMPLE_VALUES:
        yield f"{key.name} = {toml_value(EXAMPLE_VALUES[dotted])}"
    else:
        yield _assignment(key, _default_of(key.field) if value is None else value)


def _assignment(key: Key, value: object) -> str:
    if value is None:
        line = f"{key.name} = …"
        return f"# {line:<26}# {f'{key.allowed}; ' if key.allowed else ''}left out by default"
    line = f"{key.name} = {toml_value(value)}"
    return f"{line:<28}# {key.allowed}" if key.allowed and not key.discriminator else line


def _example_list(name: str, field: FieldInfo, variants: Sequence[Variant]) -> Iterator[str]:
    yield from _comment(f"{field.description or ''} Choose from:")
    for variant in variants:
        yield from _comment(f"- {toml_value(variant.model())}: {_summary(variant)}")
        for key in variant.plain_keys():
            if not key.discriminator:
                yield from _comment(f"{key.name} ({key.allowed}): {key.description}", indent="  ")
    yield f"{name} = {toml_value(_default_of(field))}"


def _example_other(variant: Variant, explained: frozenset[str]) -> Iterator[str]:
    """Show a variant that is not chosen, commented out; keys it shares with the chosen one are not explained twice."""
    yield "#"
    yield from _comment(f"{variant.discriminator} = {', '.join(map(toml_value, variant.tags))}: {' '.join(_explained(variant))}")
    for key in variant.plain_keys():
        if not key.discriminator:
            if key.name not in explained:
                yield from _comment(key.description, indent="  ")
            yield f"#   {_assignment(key, _default_of(key.field)).removeprefix('# ')}"


def _summary(variant: Variant) -> str:
    """First sentence of the settings class, which says what the variant does."""
    return (variant.model.__doc__ or "").strip().splitlines()[0]


def _explained(variant: Variant) -> Iterator[str]:
    """What the variant does, and what its discriminator still leaves to choose."""
    yield _summary(variant)
    yield from (key.description for key in variant.plain_keys() if key.discriminator and key.description)


# ------------------------------------------------------------- markdown


def _markdown_table(header: str, field: FieldInfo, variants: Sequence[Variant], default_tag: str | None) -> Iterator[str]:
    yield ""
    yield f"### `{header}`"
    yield ""
    yield field.description or ""
    for variant in variants:
        if variant.discriminator:
            yield ""
            yield f"{_markdown_choice(variant, default_tag)}: {' '.join(_explained(variant))}"
        rows = [_markdown_row(header, key) for key in variant.plain_keys() if not key.discriminator]
        if rows:
            yield from ("", "| key | default | values | what it does |", "|---|---|---|---|", *rows)
        for name, inner, found in variant.tables_inside():
            default = _default_of(inner)
            tag = getattr(default, found[0].discriminator or "", None)
            inside = f"[{header.strip('[]')}.{name}]"
            yield from _markdown_table(inside if not is_container(inner.annotation) else f"[{inside}]", inner, found, tag)


def _markdown_choice(variant: Variant, default_tag: str | None) -> str:
    """Write what picks a variant: `**`method = "pyramid"`**, the default`."""
    first, *others = map(toml_value, variant.tags)
    choice = ", ".join([f"`{variant.discriminator} = {first}`", *(f"`{other}`" for other in others)])
    if default_tag not in variant.tags:
        return f"**{choice}**"
    return f"**{choice}**, {toml_value(default_tag)} is the default" if others else f"**{choice}**, the default"


def _markdown_row(header: str, key: Key) -> str:
    dotted = f"{header.strip('[]')}.{key.name}"
    default = _default_of(key.field)
    if dotted in SYSTEM_DEFAULTS:
        shown = "the system's"
    elif key.field.is_required():
        shown = "must be given"
    else:
        shown = "none" if default is None else f"`{toml_value(default)}`"
    return f"| `{key.name}` | {shown} | {key.allowed} | {key.description} |".replace("\n", " ")


# ------------------------------------------------------------- resolved


def _resolved_table(header: str, dotted: str, table: BaseModel, origins: Mapping[str, str]) -> Iterator[str]:
    tables: list[tuple[str, BaseModel]] = []
    yield ""
    yield header
    for name in type(table).model_fields:
        value = getattr(table, name)
        if isinstance(value, BaseModel):
            tables.append((name, value))
        elif value is not None:
            yield f"{name} = {toml_value(value)}  # {_origin(f'{dotted}.{name}', origins)}"
    for name, inner in tables:
        yield from _resolved_table(f"[{header.strip('[]')}.{name}]", f"{dotted}.{name}", inner, origins)


def _origin(dotted: str, origins: Mapping[str, str]) -> str:
    found = next((origin for key, origin in origins.items() if key == dotted or key.startswith(f"{dotted}.")), "default")
    return Path(found).name if found.endswith(".toml") else found


def _bare(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else json.dumps(name)
