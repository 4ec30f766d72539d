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
        ("model/stack.py", "import stackd.imaging.frames", "every module has a floor"),
        ("intake/settle.py", "import stackd.imaging.frames", "every module has a floor"),
        ("service/ports/clock.py", "import stackd.adapters", "every module has a floor"),
        ("imaging/warp.py", "import os", "The core is pure"),
        ("intake/settle.py", "from time import monotonic", "The core is pure"),
        ("model/frame.py", "import logging", "The core is pure"),
        ("imaging/warp.py", "import tifffile", "The core is pure"),
        ("cli/main.py", "import stackd.adapters.sqlite_journal", "Only the wiring knows the adapters"),
        ("imaging/fuse/average.py", "import stackd.imaging.fuse.pyramid", "Fusion methods do not know one another"),
        ("imaging/register/models.py", "import stackd.imaging.register.none", "Registration models do not know one another"),
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


def found_arrows() -> set[tuple[str, str]]:
    graph = grimp.build_graph("stackd", cache_dir=None)

    def floor(module: str) -> str:
        return module.split(".")[1] if "." in module else "stackd"

    pairs: Iterable[tuple[str, str]] = (
        (floor(importer), floor(imported))
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    )
    # `stackd` itself holds nothing but the version number.
    return {(importer, imported) for importer, imported in pairs if imported not in (importer, "stackd")}


def test_the_picture_shows_exactly_the_imports_that_exist():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    picture = page.split("```mermaid")[1].split("```")[0]

    drawn = {(importer.strip("_"), imported) for importer, imported in ARROW.findall(picture)}

    found = {(importer.strip("_"), imported) for importer, imported in found_arrows()}
    assert drawn == found, f"missing: {sorted(found - drawn)}; drawn for nothing: {sorted(drawn - found)}"


def test_no_module_is_imported_by_nobody():
    graph = grimp.build_graph("stackd", cache_dir=None)
    # The entry point, the commands, and what child processes are started with.
    loaded_by_name = {"stackd.__main__", "stackd.adapters.child"} | {
        module for module in graph.modules if module.startswith("stackd.cli.")
    }
    packages = {module for module in graph.modules if graph.find_children(module)}

    lonely = {
        module
        for module in graph.modules - loaded_by_name - packages - {"stackd"}
        if not graph.find_modules_that_directly_import(module)
    }

    assert not lonely, "used by nothing but tests, or by nothing at all"
