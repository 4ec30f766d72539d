"""The configuration's own shape: which tables, which keys, what each means. Error messages, help and docs all read it here."""

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

UNITS: Mapping[str, str] = {
    "_s": "seconds",
    "_px": "pixels",
    "_m": "metres",
    "_mm": "millimetres",
    "_rad": "radians",
    "_bytes": "bytes",
    "_ev": "stops",
    "_percent": "percent",
}
"""What the end of a key's name says of its unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of the configuration."""

    name: str
    field: FieldInfo
    discriminator: bool = False
    """Whether it picks the variant of its table."""

    @property
    def description(self) -> str:
        """What it does and why one would change it."""
        return self.field.description or ""

    @property
    def unit(self) -> str:
        """Unit of a number, from the end of the key's name; empty where it has none."""
        return next((unit for suffix, unit in UNITS.items() if self.name.endswith(suffix)), "")

    @property
    def allowed(self) -> str:
        """Allowed values in plain words, such as `0.1 to 600 seconds` or `"tiff", "png"`; empty where the key says it all."""
        return " ".join(part for part in (_describe(self.field.annotation, tuple(self.field.metadata)), self.unit) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One choice of a table whose keys depend on a discriminator; the only one for ordinary tables."""

    model: type[BaseModel]
    discriminator: str | None = None
    tags: tuple[str, ...] = ()
    """Values of the discriminator that choose it; most variants have one."""

    def plain_keys(self) -> tuple[Key, ...]:
        """Keys that hold values, in order; tables inside are found by `tables_inside`."""
        return tuple(
            Key(name=name, field=field, discriminator=name == self.discriminator)
            for name, field in self.model.model_fields.items()
            if not variants_of(field.annotation)
        )

    def tables_inside(self) -> "tuple[tuple[str, FieldInfo, tuple[Variant, ...]], ...]":
        """Fields that are tables themselves: name, field, variants."""
        return tuple(
            (name, field, found) for name, field in self.model.model_fields.items() if (found := variants_of(field.annotation))
        )


def variants_of(annotation: object) -> tuple[Variant, ...]:
    """Find the table classes an annotation allows, looking into unions, lists and mappings; empty when it holds plain values."""
    found = tuple(_models_in(annotation))
    if len(found) <= 1:
        return tuple(Variant(model=model) for model in found)
    discriminator = next(name for name in found[0].model_fields if all(_tags(model, name) for model in found))
    return tuple(Variant(model=model, discriminator=discriminator, tags=_tags(model, discriminator)) for model in found)


def is_container(annotation: object) -> bool:
    """Whether a field holds several tables: a list or a mapping of them."""
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping | Sequence)


def resolve_location(root: type[BaseModel], location: Sequence[str | int]) -> tuple[tuple[str | int, ...], Variant | None]:
    """Translate a pydantic error location into the keys a user wrote.

    Returns
    -------
    tuple of str or int
        The keys, without the tags pydantic puts in for the variant it chose.
    Variant or None
        The table that the last key stands in.
    """
    keys: list[str | int] = []
    candidates: tuple[Variant, ...] = (Variant(model=root),)
    table: Variant | None = candidates[0]
    inside_container = False
    for part in location:
        if len(candidates) > 1 and (chosen := [variant for variant in candidates if part in variant.tags]):
            candidates = (chosen[0],)
            continue
        keys.append(part)
        if inside_container:
            inside_container = False
            continue
        table = candidates[0] if len(candidates) == 1 else None
        field = table.model.model_fields.get(str(part)) if table else None
        candidates = variants_of(field.annotation) if field else ()
        inside_container = bool(candidates) and field is not None and is_container(field.annotation)
    return tuple(keys), table


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _tags(model: type[BaseModel], name: str) -> tuple[str, ...]:
    field = model.model_fields.get(name)
    if field is None or get_origin(field.annotation) is not Literal:
        return ()
    return tuple(map(str, get_args(field.annotation)))


def _describe(annotation: object, metadata: tuple[object, ...]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in arguments)
    if origin is Annotated:
        return _describe(arguments[0], (*metadata, *arguments[1:]))
    if origin in (Union, types.UnionType):
        parts = [_describe(argument, metadata) for argument in arguments if argument is not type(None)]
        return " or ".join(part for part in parts if part)
    if isinstance(origin, type) and issubclass(origin, Sequence):
        each = _describe(arguments[0], metadata)
        many = "a list" if arguments[-1] is Ellipsis or len(arguments) == 1 else f"{len(arguments)} values"
        return f"{many}, each {each}" if each else many
    return _describe_plain(annotation, metadata) if isinstance(annotation, type) else ""


def _describe_plain(kind: type, metadata: tuple[object, ...]) -> str:
    if issubclass(kind, Enum):
        return ", ".join(f'"{member.value}"' for member in kind)
    if issubclass(kind, int | float) and kind is not bool:
        return _range(metadata)
    return ""


def _range(metadata: tuple[object, ...]) -> str:
    low = high = ""
    for bound in metadata:
        match bound:
            case Ge(ge=value):
                low = f"{value:g}"
            case Gt(gt=value):
                low = f"more than {value:g}"
            case Le(le=value):
                high = f"{value:g}"
            case Lt(lt=value):
                high = f"less than {value:g}"
            case _:
                pass
    if low and high:
        return f"{low} to {high}"
    return f"{low} or more" if low else f"up to {high}" if high else ""
