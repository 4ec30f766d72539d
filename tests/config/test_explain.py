"""The configuration explains itself completely, and what it writes can be read back."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackd.config.explain import example_toml, key_tables_markdown, resolved_toml, toml_value
from stackd.config.load import load_settings
from stackd.config.settings import Settings
from stackd.config.tables import Key, Variant

ROOT = Path(__file__).parents[2]


def all_keys(variant: Variant) -> Iterator[Key]:
    yield from variant.plain_keys()
    for _, _, variants in variant.tables_inside():
        for inner in variants:
            yield from all_keys(inner)


KEYS = list(all_keys(Variant(model=Settings)))


@pytest.mark.parametrize("key", [key for key in KEYS if not key.discriminator], ids=lambda key: key.name)
def test_every_key_says_what_it_does(key: Key):
    assert len(key.description) > 15
    assert key.description.endswith((".", "?"))


@pytest.mark.parametrize("key", [key for key in KEYS if key.field.annotation in (int, float)], ids=lambda key: key.name)
def test_every_number_has_bounds(key: Key):
    assert " to " in key.allowed or "or more" in key.allowed


def test_the_example_in_the_checkout_is_what_the_code_says():
    written = (ROOT / "config" / "stackd.example.toml").read_text(encoding="utf-8")

    assert written == example_toml(), "run `nox -s generated`"


def test_the_example_equals_the_defaults(tmp_path: Path):
    path = tmp_path / "stackd.toml"
    path.write_text(example_toml(), encoding="utf-8")

    example = load_settings(path).settings

    assert example.model_copy(update={"watch": ()}) == load_settings(None).settings
    (watch,) = example.watch
    assert watch == type(watch)(input=watch.input, output=watch.output)


def test_what_show_prints_means_the_same_when_loaded(tmp_path: Path):
    path = tmp_path / "stackd.toml"
    path.write_text('[[watch]]\ninput = "a b"\noutput = "c"\n[recipe."für Ringe".fuse]\nmethod = "average"\n', encoding="utf-8")
    loaded = load_settings(path, overrides=["intake.quiet_s=7"])
    shown = tmp_path / "shown.toml"

    shown.write_text(resolved_toml(loaded), encoding="utf-8")

    assert load_settings(shown).settings == loaded.settings


def test_show_tells_where_a_value_comes_from(tmp_path: Path):
    path = tmp_path / "mine.toml"
    path.write_text("[intake]\nsettle_s = 5\n", encoding="utf-8")

    shown = resolved_toml(load_settings(path, overrides=["intake.quiet_s=7"]))

    assert "settle_s = 5.0  # mine.toml" in shown
    assert "quiet_s = 7.0  # --set" in shown
    assert "jobs_at_once = 0  # default" in shown
    assert 'model = "translation"  # built-in recipe microscope' in shown


@pytest.mark.parametrize("value", [True, 3, 2.5, 'say "hé"\n\t\\', ["a", 1.0], []])
def test_values_survive_being_written_as_toml(value: object):
    assert tomllib.loads(f"value = {toml_value(value)}")["value"] == value


def test_the_table_in_the_docs_is_what_the_code_says():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

    assert key_tables_markdown() in page, "run `nox -s generated`"
