"""What stackd depends on is what it imports, and the pages that speak of it tell the truth."""

import re
import sys
import tomllib
from pathlib import Path

import grimp

from stackd.service.once.stack import LIBRARIES

ROOT = Path(__file__).parents[2]

IMPORTED_AS = {
    "opencv-python-headless": "cv2",
    "scikit-image": "skimage",
    "PyWavelets": "pywt",
    "zxing-cpp": "zxingcpp",
}
"""Where a package's name is not that of its module."""

BROUGHT_BY_OTHERS = {
    "click": "typer, whose commands it makes",
    "pydantic_core": "pydantic, whose errors it raises",
    "annotated_types": "pydantic, whose bounds it describes",
    "pywt": "scikit-image, which asks for it only for wavelets",
}
"""Imported without being declared, or declared without being imported, and why that is right."""


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: list[str]) -> list[str]:
    return [re.split(r"[\s<>=!~\[;]", requirement)[0] for requirement in requirements]


def imported_by(*, of_the_product: bool) -> set[str]:
    graph = grimp.build_graph("stackd", include_external_packages=True, cache_dir=None)
    ours = [module for module in graph.modules if module.startswith("stackd")]
    wanted = [module for module in ours if module.startswith("stackd.bench") is not of_the_product]
    return {
        imported.split(".")[0]
        for module in wanted
        for imported in graph.find_modules_directly_imported_by(module)
        if not imported.startswith("stackd")
    }


def test_the_product_imports_everything_it_depends_on():
    declared = {IMPORTED_AS.get(name, name) for name in names(project()["dependencies"])}

    never_imported = declared - imported_by(of_the_product=True) - BROUGHT_BY_OTHERS.keys()

    assert not never_imported


def test_what_the_product_imports_is_declared():
    extras = [name for extra in project()["optional-dependencies"].values() for name in names(extra)]
    declared = {IMPORTED_AS.get(name, name).replace("-", "_") for name in [*names(project()["dependencies"]), *extras]}

    undeclared = imported_by(of_the_product=True) - declared - sys.stdlib_module_names - BROUGHT_BY_OTHERS.keys()

    assert not undeclared


def test_an_extra_of_the_bench_is_no_dependency_of_the_product():
    only_there = {IMPORTED_AS.get(name, name) for name in names(project()["optional-dependencies"]["bench"])}

    assert only_there <= imported_by(of_the_product=False)
    assert not only_there & imported_by(of_the_product=True)


def test_every_dependency_has_its_reason_in_the_decision():
    page = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text(encoding="utf-8")

    table = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    missing = [name for name in names(project()["dependencies"]) if not re.search(rf"\b{re.escape(name)}\b", table)]

    assert not missing


CHANGE_NO_PIXELS = {
    "watchdog": "tells that files changed",
    "pydantic": "reads settings",
    "typer": "reads the command line",
    "rich": "writes to the terminal",
    "platformdirs": "knows folders",
    "psutil": "looks at the machine",
    "jinja2": "writes pages",
}
BEHIND_A_DEPENDENCY = {
    "scipy": "scikit-image computes with it",
    "pillow-heif": "decodes HEIC where it is installed",
    "zxing-cpp": "reads the barcodes that go into the metadata",
    "pylibCZIrw": "an extra: decodes CZI",
    "liffile": "an extra: decodes LIF",
}


def test_the_provenance_names_every_library_that_can_change_pixels():
    assert set(LIBRARIES) == set(names(project()["dependencies"])) - CHANGE_NO_PIXELS.keys() | BEHIND_A_DEPENDENCY.keys()
