"""The house's import rules hold, can fail, and are drawn as they are."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]

ARROW = re.compile(r"^\s*(\w+)\s*-->\s*(\w+)\s*$", re.MULTILINE)


def check_contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))",
    ]
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_the_import_contracts_hold():
    result = check_contracts(ROOT)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def copy_of_the_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "stackd", folder / "stackd", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("utils.py", "", "every module has a floor"),
        ("model/stack.py", "import stackd.imaging.ground.frames", "every module has a floor"),
        ("intake/settings.py", "import stackd.imaging.ground.frames", "every module has a floor"),
        ("service/ports/clock.py", "import stackd.adapters", "every module has a floor"),
        ("imaging/helpers.py", "", "The pipeline: every room of imaging"),
        ("imaging/ground/matrices.py", "import stackd.imaging.lay_over.warp", "The pipeline: every room of imaging"),
        ("imaging/chain/chain.py", "import stackd.imaging.lay_over.crop", "The pipeline: every room of imaging"),
        ("imaging/finish/levels.py", "import stackd.imaging.fuse.average", "The pipeline: every room of imaging"),
        ("intake/arrival/settle.py", "import stackd.intake.grouping.weigh", "The intake: every room"),
        ("adapters/folder/scan.py", "import stackd.adapters.journal.rows", "Adapters do not know one another"),
        ("adapters/output/staging.py", "import stackd.adapters.frames.reader", "Adapters do not know one another"),
        ("adapters/formats/png_structure.py", "import stackd.adapters.output.staging", "Adapters do not know one another"),
        ("service/plan/jobs.py", "import stackd.service.run.performer", "The service: the plan knows ports"),
        ("service/plan/jobs.py", "import stackd.service.once.stack", "The service: the plan knows ports"),
        ("service/run/daemon.py", "import stackd.service.once.fuse", "The service: the plan knows ports"),
        ("cli/main.py", "import stackd.bench.commands.bench", "Nothing of the product knows the bench"),
        ("wiring/tools.py", "import stackd.bench.scenes", "Nothing of the product knows the bench"),
        ("imaging/lay_over/warp.py", "import os", "The core is pure"),
        ("intake/settings.py", "from time import monotonic", "The core is pure"),
        ("model/frame.py", "import logging", "The core is pure"),
        ("service/plan/fold.py", "from time import monotonic", "The plan is pure"),
        ("rendering/scenes.py", "import tifffile", "The core is pure"),
        ("cli/main.py", "import stackd.adapters.journal.sqlite_journal", "Only the wiring knows the adapters"),
        ("imaging/fuse/average.py", "import stackd.imaging.fuse.pyramid", "Fusion methods do not know one another"),
        ("imaging/register/models.py", "import stackd.imaging.register.none", "Registration models do not know one another"),
        ("imaging/register/none.py", "import stackd.imaging.register.auto", "Registration models do not know one another"),
        (
            "imaging/register/engine/pairwise.py",
            "import stackd.imaging.register.none",
            "Registration models do not know one another",
        ),
        ("imaging/finish/levels.py", "import stackd.imaging.finish.sharpen", "Finishing steps do not know one another"),
        ("model/frame.py", "import stackd.model.stack", "No circles among neighbours"),
    ],
)
def test_a_broken_rule_is_noticed(copy_of_the_house: Path, module: str, line: str, contract: str):
    path = copy_of_the_house / "stackd" / module
    before = path.read_text(encoding="utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")

    try:
        result = check_contracts(copy_of_the_house)
    finally:
        path.unlink() if before is None else path.write_text(before, encoding="utf-8")

    assert result.returncode == 1
    assert re.search(rf"{contract}.*BROKEN", result.stdout), result.stdout


def found_arrows(package: str) -> set[tuple[str, str]]:
    graph = grimp.build_graph("stackd", cache_dir=None)
    rooms = {module: room for room in graph.find_children(package) for module in {room, *graph.find_descendants(room)}}

    pairs: Iterable[tuple[str, str]] = (
        (rooms[importer], rooms[imported])
        for importer in rooms
        for imported in graph.find_modules_directly_imported_by(importer)
        if imported in rooms
    )
    return {(one.split(".")[-1].strip("_"), other.split(".")[-1]) for one, other in pairs if one != other}


PICTURES = re.compile(r"```mermaid\nflowchart \w\w\n    %% ([\w.]+)\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("package", ["stackd", "stackd.imaging", "stackd.intake", "stackd.service", "stackd.adapters"])
def test_a_picture_shows_exactly_the_imports_that_exist(package: str):
    pictures = dict(PICTURES.findall((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")))

    drawn = set(ARROW.findall(pictures[package]))

    found = found_arrows(package)
    assert drawn == found, f"missing: {sorted(found - drawn)}; drawn for nothing: {sorted(drawn - found)}"


def test_no_module_is_imported_by_nobody():
    graph = grimp.build_graph("stackd", cache_dir=None)
    # The entry point, the commands, and what child processes are started with.
    loaded_by_name = {"stackd.__main__", "stackd.adapters.processes.child", "stackd.bench.commands.bench"} | {
        module for module in graph.modules if module.startswith("stackd.cli.")
    }
    packages = {module for module in graph.modules if graph.find_children(module)}

    lonely = {
        module
        for module in graph.modules - loaded_by_name - packages - {"stackd"}
        if not graph.find_modules_that_directly_import(module)
    }

    assert not lonely, "used by nothing but tests, or by nothing at all"


MOST_ROOMS = 12
"""What a reader can hold in mind at one door."""


def test_a_reader_meets_at_most_a_dozen_rooms_at_every_door():
    graph = grimp.build_graph("stackd", cache_dir=None)

    doors = {module: graph.find_children(module) for module in graph.modules}

    crowded = {module: len(rooms) for module, rooms in doors.items() if len(rooms) > MOST_ROOMS}
    assert not crowded


def test_every_room_says_in_its_first_line_what_may_live_there():
    rooms = sorted((ROOT / "stackd").rglob("__init__.py"))

    silent = [str(room) for room in rooms if not room.read_text(encoding="utf-8").startswith('"""')]

    assert rooms
    assert not silent


PRINTS = re.compile(
    r"\b(?:typer\.(?:s?echo|style)|click\.s?echo|sys\.std(?:out|err)\.write)\(|(?<![.\w])print\(|console\.print\((?!table\))"
)


def test_commands_print_through_the_one_door_that_escapes_names():
    door = ROOT / "stackd" / "cli" / "terminal.py"
    # Help texts and the version are our own words.
    own_words = {"teaching.py", "main.py"}
    commands = [path for path in sorted((ROOT / "stackd" / "cli").rglob("*.py")) if path.name not in own_words]

    others = [path.name for path in commands if path != door and PRINTS.search(path.read_text(encoding="utf-8"))]

    assert PRINTS.search(door.read_text(encoding="utf-8"))
    assert others == []
