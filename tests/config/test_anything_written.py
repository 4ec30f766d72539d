"""Whatever somebody writes into the file: settings come out, or sentences; never a traceback."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackd.config.explain import toml_value
from stackd.config.load import load_settings
from stackd.config.settings import Settings
from stackd.config.tables import Variant
from stackd.errors import WrongConfiguration


def key_names(variant: Variant) -> set[str]:
    names = {key.name for key in variant.plain_keys()}
    for name, _, variants in variant.tables_inside():
        names |= {name}.union(*(key_names(inner) for inner in variants))
    return names


NAMES = st.sampled_from(sorted(key_names(Variant(model=Settings)) | {"default", "macro", "mine", "nonsense"}))
PLAIN = st.one_of(
    st.booleans(),
    st.integers(-5, 5000),
    st.floats(-1e6, 1e6),
    st.sampled_from(["pyramid", "similarity", "none", "tiff", "sharpen", "~/in", "$NOPE/x", "", "a\nb"]),
)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12)
TABLES = st.dictionaries(st.sampled_from(sorted(Settings.model_fields)) | NAMES, VALUES, max_size=5)


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {inline(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(inner) for inner in value) + "]"
    return toml_value(value)


def refusal_of(path: Path) -> str:
    try:
        load_settings(path)
    except WrongConfiguration as refused:
        return refused.message
    return ""


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables=TABLES)
def test_anything_written_loads_or_is_refused_in_sentences(tmp_path: Path, tables: dict[str, Any]):
    path = tmp_path / "stackd.toml"
    path.write_text("".join(f"{name} = {inline(value)}\n" for name, value in tables.items()), encoding="utf-8")

    for line in refusal_of(path).splitlines():
        assert line.startswith(f"{path}: ")
        assert not any(
            word in line.lower() for word in ("pydantic", "input should", "should have", "valid string", "valid tuple")
        )


@pytest.mark.parametrize("text", ["[recipe]\nmacro = 3\n", "watch = 3\n", "[[recipe]]\n", "[watch]\ninput = 1\n", "state = []\n"])
def test_a_shape_that_is_not_meant_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "stackd.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(WrongConfiguration):
        load_settings(path)
