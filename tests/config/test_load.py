"""What a user writes becomes settings, or every mistake is told at once."""

from pathlib import Path

import pytest

from stackd.config.load import Loaded, load_recipe, load_settings
from stackd.config.places import find_config, resolve_path, state_folder
from stackd.config.recipes import BUILT_IN
from stackd.config.settings import recipe_hash
from stackd.errors import WrongConfiguration, WrongUse
from stackd.service.ports import Handling, Placing
from stackd.wiring.service import service_settings


@pytest.fixture(autouse=True)
def nobody_configured_anything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("STACKD_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nothing-here"))


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "stackd.toml"
    path.write_text(text, encoding="utf-8")
    return path


def load(tmp_path: Path, text: str, *overrides: str) -> Loaded:
    return load_settings(write(tmp_path, text), overrides=overrides)


def mistakes_in(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    with pytest.raises(WrongConfiguration) as caught:
        load(tmp_path, text, *overrides)
    assert all(line.startswith(f"{tmp_path / 'stackd.toml'}: ") for line in caught.value.message.splitlines())
    return [line.removeprefix(f"{tmp_path / 'stackd.toml'}: ") for line in caught.value.message.splitlines()]


WATCH = '[[watch]]\ninput = "in"\noutput = "out"\n'


def test_without_a_file_the_defaults_hold():
    loaded = load_settings(None)

    assert loaded.path is None
    assert loaded.settings.watch == ()
    assert loaded.settings.intake.settle_s == 2.0
    assert set(loaded.settings.recipe) == {"default", *BUILT_IN}


def test_paths_are_relative_to_the_file_and_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("CARD", "/media/card")

    watch = load(tmp_path, WATCH.replace('"in"', '"$CARD/dcim"')).settings.watch[0]
    home = load(tmp_path, WATCH.replace('"in"', '"~/inbox"')).settings.watch[0]

    assert (watch.input, watch.output) == (Path("/media/card/dcim"), tmp_path / "out")
    assert home.input == Path("/home/ada/inbox")


def test_a_variable_that_is_not_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_SUCH_PLACE", raising=False)

    (mistake,) = mistakes_in(tmp_path, WATCH.replace('"in"', '"${NO_SUCH_PLACE}/x"'))

    assert mistake == "[[watch]] number 1, input: ${NO_SUCH_PLACE} is not set in the environment."


def test_resolving_a_path_keeps_links_as_written(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    assert resolve_path(Path("link/x/../y"), tmp_path) == tmp_path / "link" / "y"


def test_every_mistake_is_told_at_once(tmp_path: Path):
    mistakes = mistakes_in(
        tmp_path,
        """
        [[watch]]
        input = "in"
        recipee = "macro"
        [intake]
        settle_s = -1
        quite_s = 4
        [recipe.macro.fuse]
        method = "pyramids"
        [recipe.macro.align]
        model = "none"
        uncertainty_limit_px = 2.0
        [[recipe.macro.finish.steps]]
        step = "sharpen"
        amount = 9
        """,
    )

    assert [mistake.split(": ")[0] for mistake in mistakes] == [
        "[[watch]] number 1, output",
        "[[watch]] number 1, recipee",
        "[intake] settle_s",
        "[intake] quite_s",
        "[recipe.macro.align] uncertainty_limit_px",
        "[recipe.macro.fuse] method",
        "[[recipe.macro.finish.steps]] number 1, amount",
    ]
    assert mistakes[1].endswith('is not known. Did you mean "recipe"?')
    assert mistakes[0].endswith(
        "is missing. Folder for the composites. Must not lie inside an input: a composite is not a frame."
    )
    assert mistakes[2].endswith("must be at least 0, but is -1.")
    assert 'belongs to model = "translation"' in mistakes[4]
    assert mistakes[5].endswith('but is "pyramids". Did you mean "pyramid"?')


def test_a_wrong_type_says_what_was_found(tmp_path: Path):
    mistakes = mistakes_in(tmp_path, '[intake]\nquiet_s = "soon"\n[work]\njobs_at_once = 1.5\n')

    assert mistakes[0].startswith("[intake] quiet_s: ")
    assert "'soon'" in mistakes[0]
    assert mistakes[1].startswith("[work] jobs_at_once: ")


def test_text_where_a_table_belongs_is_refused(tmp_path: Path):
    assert mistakes_in(tmp_path, 'intake = "fast"\n') == ["[intake]: must be a table, but is 'fast'."]
    assert mistakes_in(tmp_path, 'recipe = "macro"\n') == ["[recipe]: must be a table, but is 'macro'."]


def test_broken_toml_names_the_line(tmp_path: Path):
    (mistake,) = mistakes_in(tmp_path, "[intake]\nsettle_s = = 3\n")

    assert "line 2" in mistake


def test_an_output_inside_an_input_is_refused(tmp_path: Path):
    (mistake,) = mistakes_in(tmp_path, '[[watch]]\ninput = "in"\noutput = "in/done"\n')

    assert mistake.startswith("[[watch]] number 1, output: ")
    assert "lies inside the watched folder" in mistake


def test_an_output_that_only_leads_into_an_input_by_a_link_is_refused(tmp_path: Path):
    (tmp_path / "in" / "done").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "in" / "done")

    (mistake,) = mistakes_in(tmp_path, WATCH)

    assert "lies inside the watched folder" in mistake


@pytest.mark.parametrize("name", ["review", "reject"])
@pytest.mark.parametrize("is_link", [False, True])
def test_a_watched_folder_that_composites_that_do_not_pass_would_go_into_is_refused(tmp_path: Path, name: str, *, is_link: bool):
    watched = f"out/{name}"
    if is_link:
        (tmp_path / "out").mkdir()
        (tmp_path / "in").mkdir()
        (tmp_path / "out" / name).symlink_to(tmp_path / "in")
        watched = "in"

    (mistake,) = mistakes_in(tmp_path, f'[[watch]]\ninput = "{watched}"\noutput = "out"\n')

    assert f"out/{name}, where composites that do not pass go, lies inside the watched folder" in mistake


def test_each_watched_folder_says_where_composites_go_that_do_not_pass(tmp_path: Path):
    text = f'{WATCH}[watch.quality]\nreview = "hold"\n[[watch]]\nname = "b"\ninput = "b"\noutput = "out"\n'

    first, second = load(tmp_path, text).settings.watch

    assert (first.quality.review, first.quality.reject) == ("hold", "folder")
    assert (second.quality.review, second.quality.reject) == ("folder", "folder")


def test_a_slip_in_the_table_of_quality_is_told_with_what_was_meant(tmp_path: Path):
    (mistake,) = mistakes_in(tmp_path, f'{WATCH}[watch.quality]\nreview = "hodl"\n')

    assert mistake == (
        '[[watch]] number 1, quality.review: must be one of "publish", "folder", "hold", but is "hodl". Did you mean "hold"?'
    )


def test_the_service_gets_what_is_configured(tmp_path: Path):
    loaded = load(tmp_path, f'{WATCH}[watch.quality]\nreview = "hold"\nreject = "publish"\n')

    (watched,) = service_settings(loaded.settings, loaded.path).watched

    assert watched.placing == Placing(review=Handling.HOLD, reject=Handling.PUBLISH)


def test_an_output_inside_another_watchs_input_is_refused(tmp_path: Path):
    mistakes = mistakes_in(tmp_path, f'{WATCH}[[watch]]\ninput = "raw"\noutput = "in/done"\n')

    assert len(mistakes) == 1
    assert mistakes[0].startswith("[[watch]] number 2, output: ")


def test_overlapping_inputs_and_doubled_names_are_refused(tmp_path: Path):
    overlap = mistakes_in(tmp_path, f'{WATCH}[[watch]]\ninput = "in/cards"\noutput = "out"\n')
    doubled = mistakes_in(tmp_path, f'{WATCH}[[watch]]\ninput = "other/in"\noutput = "out"\n')

    assert "overlap" in overlap[0]
    assert 'two watched folders are called "in"' in doubled[0]


def test_a_state_folder_inside_an_input_is_refused(tmp_path: Path):
    (mistake,) = mistakes_in(tmp_path, f'{WATCH}[state]\nfolder = "in/.stackd"\n')

    assert mistake.startswith("[state] folder: ")


def test_a_watch_with_an_unknown_recipe_gets_a_suggestion(tmp_path: Path):
    (mistake,) = mistakes_in(tmp_path, f'{WATCH}recipe = "makro"\n')

    assert mistake == '[[watch]] number 1, recipe: there is no recipe "makro". Did you mean "macro"?'


def test_short_overrides_belong_to_the_recipe_that_is_asked_for():
    recipe = load_recipe("macro", overrides=["fuse.method=average", "export.jpeg_quality=80"])

    assert recipe.fuse.method == "average"
    assert recipe.export.jpeg_quality == 80
    assert load_recipe("default").fuse.method != "average"


def test_full_overrides_reach_any_table(tmp_path: Path):
    loaded = load(tmp_path, WATCH, "intake.quiet_s=99", "recipe.product.fuse.method=depth_map")

    assert loaded.settings.intake.quiet_s == 99
    assert loaded.settings.recipe["product"].fuse.method == "depth_map"
    assert loaded.origins["intake.quiet_s"] == "--set"


def test_another_method_on_the_command_line_drops_the_files_keys_of_the_old_one(tmp_path: Path):
    text = '[recipe.default.fuse]\nmethod = "pyramid"\nlevels = 3\n'

    kept = load(tmp_path, text, "fuse.levels=4").settings.recipe["default"].fuse
    replaced = load(tmp_path, text, "fuse.method=depth_map").settings.recipe["default"].fuse

    assert kept.model_dump() == {"method": "pyramid", "levels": 4}
    assert replaced.method == "depth_map"


def test_a_table_in_the_file_changes_single_keys_of_a_built_in_recipe(tmp_path: Path):
    plain = load_recipe("microscope")

    changed = load(tmp_path, "[recipe.microscope.export]\njpeg_quality = 70\n").settings.recipe["microscope"]

    assert changed == plain.model_copy(update={"export": changed.export})
    assert changed.export.jpeg_quality == 70


@pytest.mark.parametrize("override", ["fuse.method", "=3", "fuse..method=x"])
def test_an_override_without_key_or_value_is_refused(override: str):
    with pytest.raises(WrongUse, match="KEY=VALUE"):
        load_settings(None, overrides=[override])


def test_an_unknown_recipe_is_not_made_by_an_override():
    with pytest.raises(WrongUse, match=r'no recipe "makro".*Did you mean "macro"'):
        load_recipe("makro", overrides=["fuse.method=average"])


def test_a_missing_file_says_how_to_write_one(tmp_path: Path):
    with pytest.raises(WrongConfiguration) as caught:
        find_config(tmp_path / "nowhere.toml")

    assert "stackd config init" in caught.value.hint


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write(tmp_path, WATCH)
    monkeypatch.setenv("STACKD_CONFIG", str(path))

    assert load_settings(None).path == path


def test_the_state_folder_alone_is_found_even_when_the_rest_is_wrong(tmp_path: Path):
    path = write(tmp_path, '[state]\nfolder = "journal"\n[intake]\nnonsense = 1\n')

    assert state_folder(path) == tmp_path / "journal"


def test_the_light_and_the_full_way_find_the_same_state_folder(tmp_path: Path):
    path = write(tmp_path, '[state]\nfolder = "../journal"\n')

    assert state_folder(path) == load_settings(path).settings.state.folder


def test_a_recipe_is_named_by_what_it_does():
    recipe = load_recipe("default")

    assert recipe_hash(recipe) == recipe_hash(recipe.model_copy(update={"description": "other words"}))
    assert recipe_hash(recipe) != recipe_hash(load_recipe("default", overrides=["fuse.method=average"]))


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_recipe_loads_and_says_what_it_is_for(name: str):
    assert load_recipe(name).description


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ('[{method="wavelet"}]', "number 1, step: is missing"),
        ('["denoise"]', "number 1: must be a table"),
        ("denoise", "steps: must be a list in square brackets"),
        ('[{step="denoise", strength="strong"}]', "number 1, strength: must be a number"),
        ('[{step="sharpn"}]', 'Did you mean "sharpen"?'),
    ],
)
def test_a_mistake_in_a_list_on_the_command_line_is_told_in_plain_words(steps: str, told: str):
    with pytest.raises(WrongUse) as caught:
        load_recipe("default", config=None, overrides=[f"finish.steps={steps}"])

    assert caught.value.message.startswith("--set: ")
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[intake]\nsettle_s = "2"\n', "[intake] settle_s: must be a number, but is '2'."),
        ("[intake]\nsettle_s = true\n", "[intake] settle_s: must be a number, but is True."),
        ("[intake.grouping]\neager = 1\n", "[intake.grouping] eager: must be true or false, but is 1."),
        ('[intake.grouping]\neager = "yes"\n', "[intake.grouping] eager: must be true or false, but is 'yes'."),
        (f'{WATCH}events = "off"\n', "[[watch]] number 1, events: must be true or false, but is 'off'."),
        ('[recipe.macro.export]\njpeg_quality = "90"\n', "[recipe.macro.export] jpeg_quality: must be a number, but is '90'."),
        (f'{WATCH}name = "{"x" * 65}"\n', "[[watch]] number 1, name: must have at most 64 characters, but has 65."),
        (f'{WATCH}recipe = ""\n', "[[watch]] number 1, recipe: must have at least 1 characters, but has 0."),
        ('[[watch]]\ninput = 1\noutput = "out"\n', "[[watch]] number 1, input: must be a path in quotes, but is 1."),
    ],
)
def test_a_value_of_another_kind_is_a_slip_and_told_in_plain_words(tmp_path: Path, text: str, told: str):
    assert mistakes_in(tmp_path, text) == [told]


def test_one_of_several_tables_is_changed_by_its_place(tmp_path: Path):
    loaded = load(
        tmp_path, WATCH + WATCH.replace('"in"', '"in2"') + 'name = "two"\n', "watch.1.recipe=macro", "watch.0.rescan_s=7"
    )

    one, two = loaded.settings.watch
    assert (one.recipe, one.rescan_s, two.recipe, two.rescan_s) == ("default", 7.0, "macro", 30.0)
    assert (one.input, two.input) == (tmp_path / "in", tmp_path / "in2")
    assert loaded.origins["watch.1.recipe"] == "--set"


@pytest.mark.parametrize("override", ["watch.2.recipe=macro", "watch.recipe=macro", "watch.0=macro"])
def test_a_place_that_there_is_not_is_wrong_use(tmp_path: Path, override: str):
    with pytest.raises(WrongUse, match=r"say which one by its place, 0 to 0, and then the key, as in watch\.0\.recipe"):
        load(tmp_path, WATCH, override)


def test_mistakes_in_the_file_are_the_configurations_whatever_is_set_besides(tmp_path: Path):
    with pytest.raises(WrongConfiguration, match="--set: "):
        load(tmp_path, "[intake]\nquite_s = 1\n", "intake.settle_s=-1")
    with pytest.raises(WrongUse, match="--set: "):
        load(tmp_path, "", "intake.settle_s=-1")
