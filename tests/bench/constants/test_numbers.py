"""Numbers of a package are found, scaled to numbers of the same kind, changed wherever they are known, and put back."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from stackd.bench.constants.numbers import Constant, constants_of, modules_of
from stackd.bench.constants.patching import patched, places_of, reads_noted
from stackd.bench.constants.scaling import NotScaled, scaled

GROUND = '''"""Where numbers are given."""

from functools import cache
from typing import Final

import numpy as np

REACH_PX: Final = 3.0
"""Measured."""

SIDE_PX, SHARE = 7, 0.5
"""A side, and a share (guess)."""

RAMP = (0.2, 0.4)
FINAL_RAMP: Final = (2, 5)
"""Two with one reason."""

ALONE = 4

"""No reason: it stands apart."""

DOUBLE_PX = REACH_PX * 2
RADII_PX = np.linspace(0.5, DOUBLE_PX, 3)
KERNEL = np.array([[0.0, 1.0], [1.0, 0.0]])
NAME = "no number"
SWITCH = True
MIXED = ("db2", 3)
small = 5


@cache
def doubled() -> float:
    return REACH_PX * 2
'''

ABOVE = '''"""Where numbers are used."""

from small_package.ground import REACH_PX, SIDE_PX

SHARE = 0.5
BROAD_PX = REACH_PX + 1


def reach():
    return REACH_PX + SHARE


def side():
    return SIDE_PX


def inside():
    from small_package.ground import ALONE

    return ALONE
'''


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, ...]]:
    folder = tmp_path / "small_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "ground.py").write_text(GROUND)
    (folder / "above.py").write_text(ABOVE)
    monkeypatch.syspath_prepend(tmp_path)
    yield modules_of(import_module("small_package"))
    for name in [name for name in sys.modules if name.startswith("small_package")]:
        del sys.modules[name]


def module_of(modules: tuple[ModuleType, ...], name: str) -> ModuleType:
    return next(module for module in modules if module.__name__ == f"small_package.{name}")


def constant_of(modules: tuple[ModuleType, ...], name: str) -> Constant:
    return next(found for found in constants_of(module_of(modules, "ground")) if found.name == name)


def number(value: object, name: str = "SIDE_PX") -> Constant:
    return Constant(module="small_package.ground", name=name, line=1, value=value, reason="none")


def test_every_number_at_the_top_of_a_module_is_found_and_nothing_else(modules: tuple[ModuleType, ...]):
    names = [found.name for found in constants_of(module_of(modules, "ground"))]

    assert names == ["REACH_PX", "SIDE_PX", "SHARE", "RAMP", "FINAL_RAMP", "ALONE", "DOUBLE_PX", "RADII_PX", "KERNEL"]


def test_it_is_known_whether_a_number_has_a_reason_and_whether_that_is_a_guess(modules: tuple[ModuleType, ...]):
    reasons = {found.name: found.reason for found in constants_of(module_of(modules, "ground"))}

    assert reasons["REACH_PX"] == "given"
    assert reasons["SIDE_PX"] == reasons["SHARE"] == "guess"
    assert reasons["RAMP"] == reasons["FINAL_RAMP"] == "given"
    assert reasons["ALONE"] == reasons["KERNEL"] == "none"


@pytest.mark.parametrize(
    ("value", "half", "double"),
    [
        (0.3, 0.15, 0.6),
        (8, 4, 16),
        (7, 3, 15),
        (9, 5, 19),
        (3, 1, 7),
        ((0.2, 0.4), (0.1, 0.2), (0.4, 0.8)),
        ((1, 2, 4), (1, 1, 2), (2, 4, 8)),
        (np.float32(0.5), np.float32(0.25), np.float32(1)),
    ],
)
def test_half_and_double_are_of_the_same_kind(value: object, half: object, double: object):
    made = [scaled(number(value), factor) for factor in (0.5, 2.0)]

    assert made == [half, double]
    assert [type(one) for one in made] == [type(value)] * 2


def test_a_ramp_in_an_array_is_scaled_as_a_whole(modules: tuple[ModuleType, ...]):
    assert np.array_equal(scaled(constant_of(modules, "RADII_PX"), 2.0), [1.0, 6.5, 12.0])


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (255, "WHITE"),
        (2, "REDUCTION"),
        ((1, 2, 4, 8), "REDUCTIONS"),
        (-1.0, "UNSEEN"),
        (0, "SEED"),
        (6, "AFFINE_PARAMETERS"),
        (np.eye(2), "KERNEL"),
    ],
)
def test_what_could_not_be_another_number_says_why(value: object, name: str):
    assert all(isinstance(scaled(number(value, name), factor), NotScaled) for factor in (0.5, 2.0))


def test_one_has_a_double_but_no_half():
    assert isinstance(scaled(number(1), 0.5), NotScaled)
    assert scaled(number(1), 2.0) == 2


def test_another_number_reaches_those_who_imported_it_and_what_is_made_from_it(modules: tuple[ModuleType, ...]):
    ground, above = module_of(modules, "ground"), module_of(modules, "above")
    assert ground.doubled() == 6

    with patched(constant_of(modules, "REACH_PX"), 10.0, modules):
        assert above.reach() == 10.5
        assert above.BROAD_PX == 11
        assert ground.DOUBLE_PX == ground.RADII_PX[-1] == 20
        assert ground.doubled() == 20

    assert above.reach() == 3.5
    assert above.BROAD_PX == 4
    assert ground.DOUBLE_PX == ground.RADII_PX[-1] == 6
    assert ground.doubled() == 6


def test_another_number_reaches_what_imports_it_only_when_it_runs(modules: tuple[ModuleType, ...]):
    with patched(constant_of(modules, "ALONE"), 8, modules):
        assert module_of(modules, "above").inside() == 8


def test_a_number_of_the_same_name_and_size_that_a_module_gave_itself_stays(modules: tuple[ModuleType, ...]):
    with patched(constant_of(modules, "SHARE"), 0.25, modules):
        assert module_of(modules, "ground").SHARE == 0.25
        assert module_of(modules, "above").SHARE == 0.5


def test_numbers_are_put_back_after_an_exception_too(modules: tuple[ModuleType, ...]):
    def break_off() -> None:
        with patched(constant_of(modules, "SIDE_PX"), 15, modules):
            raise ValueError(module_of(modules, "above").side())

    with pytest.raises(ValueError, match="15"):
        break_off()

    assert module_of(modules, "above").side() == module_of(modules, "ground").SIDE_PX == 7


def test_what_runs_is_seen_to_read_its_numbers_and_no_others(modules: tuple[ModuleType, ...]):
    with reads_noted(modules[0]) as read:
        module_of(modules, "above").reach()

    assert places_of(constant_of(modules, "REACH_PX"), modules) & read
    assert not places_of(constant_of(modules, "SIDE_PX"), modules) & read
