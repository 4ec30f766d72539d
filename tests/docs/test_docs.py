"""The docs name only what exists: commands, options, keys, methods, files."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from stackd.cli.main import app, commands
from stackd.config.load import load_settings
from stackd.config.settings import Recipe
from stackd.config.tables import variants_of
from stackd.imaging.finish import FinishSettings

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
INLINE = re.compile(r"`(stackd [^`]+)`")


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def written_commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
        for line in lines:
            for part in re.split(r"&&|\|", line.split(" #")[0]):
                if re.match(r"\s*(\S*/)?stackd ", part):
                    yield page.name, part.strip()
        for found in INLINE.findall(page.read_text(encoding="utf-8")):
            yield page.name, found


def find(arguments: list[str]) -> tuple[Any, list[str]]:
    """The command a line calls, and what is left of the line."""
    command: Any = get_command(app)
    while arguments and hasattr(command, "get_command"):
        inner = command.get_command(None, arguments[0])
        if inner is None:
            break
        command, arguments = inner, arguments[1:]
    return command, arguments


@pytest.mark.parametrize(("page", "line"), sorted(set(written_commands())))
def test_every_command_in_the_docs_exists(page: str, line: str):
    _, *arguments = shlex.split(line.replace("…", "x"))
    command, rest = find(arguments)

    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {"--help", "-h"}
    options = {word.split("=")[0] for word in rest if word.startswith("-")}

    assert arguments[0].startswith("-") or arguments[0] in {*commands(), "COMMAND"}, f"{page}: {line}"
    assert options <= known or arguments[0] == "COMMAND", f"{page}: {line}"


def test_every_command_has_a_section():
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")

    assert re.findall(r"^## `stackd (\w+)`$", page, re.MULTILINE) == list(commands())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]

    missing = [target for target in targets if not (page.parent / target).exists()]

    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_configuration_in_the_docs_can_be_used(page: Path, tmp_path: Path):
    for number, block in enumerate(blocks(page, "toml")):
        path = tmp_path / f"{number}.toml"
        path.write_text(block, encoding="utf-8")

        load_settings(path)


def test_every_page_is_reached_from_the_index():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    reached = {(ROOT / "docs" / target).resolve() for target in LINK.findall(index)}

    for page in (ROOT / "docs").rglob("*.md"):
        if page.name != "index.md":
            assert {page.resolve(), page.resolve().parent} & reached, f"{page.relative_to(ROOT)} is not in docs/index.md"


def test_every_method_model_and_step_has_a_section():
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("methods*.md"))
    sections = set(re.findall(r"^(?:#+ |\| ?).*?`(\w+)`", pages, re.MULTILINE))
    tables = [(Recipe, "align"), (Recipe, "fuse"), (FinishSettings, "steps")]
    chosen_by_users = {
        tag for model, name in tables for variant in variants_of(model.model_fields[name].annotation) for tag in variant.tags
    }

    assert chosen_by_users <= sections


def test_the_readme_fits_a_screen_and_has_its_picture():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    picture = ROOT / re.search(r"!\[.*?\]\((.*?)\)", readme).group(1)

    assert len(readme.splitlines()) <= 55
    assert picture.stat().st_size < 300_000


def test_ci_runs_the_readmes_test_command():
    readme_commands = [line for block in blocks(ROOT / "README.md", "sh") for line in block.splitlines() if "pytest" in line]
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()

    assert len(readme_commands) == 1
    assert readme_commands[0] in ci


def test_the_readmes_commands_are_one_line_each_from_a_bare_python():
    setups = [line for block in blocks(ROOT / "README.md", "sh") for line in block.splitlines() if "venv" in line]

    assert len(setups) == 2
    assert all(line.startswith("python3 -m venv .venv && ") for line in setups)


def test_every_decision_is_numbered_once_and_short():
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [page.name[:4] for page in pages]

    assert len(set(numbers)) == len(numbers)
    assert all(number.isdigit() for number in numbers)
    for page in pages:
        assert len(page.read_text(encoding="utf-8").splitlines()) <= 60, page.name


MODULE_PATH = re.compile(
    r"`(?:stackd/)?((?:adapters|bench|cli|config|imaging|intake|model|rendering|service|wiring)/[\w/]*\w)(?:\.py)?/?`"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_modules_and_rooms_that_are_named_exist(page: Path):
    named = MODULE_PATH.findall(page.read_text(encoding="utf-8"))

    missing = [path for path in named if not any((ROOT / "stackd" / f"{path}{ending}").exists() for ending in ("", ".py"))]

    assert not missing
