"""Giving a constant another value for a while, everywhere it is known, and noting where constants are read."""

import ast
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import CodeType, FrameType, ModuleType
from typing import Any, TypeAlias

from stackd.bench.constants.numbers import Assignment, Constant, Value, assignments_of

Place: TypeAlias = tuple[str, str]
"""A module, and a name in it."""

Changes: TypeAlias = dict[str, dict[str, Any]]
"""By module and name, values."""


@contextmanager
def patched(constant: Constant, value: Value, modules: Sequence[ModuleType]) -> Iterator[None]:
    """Give a constant another value; what is computed from it at the top of a module follows. Afterwards all is as before.

    Defaults of settings and of functions do not follow: they were set when their module was imported.

    Parameters
    ----------
    constant : Constant
        Of one of the modules.
    value : Value
        What it is to be.
    modules : sequence of ModuleType
        Where else it may have been imported.
    """
    changed = _changed(constant, value, modules)
    with ExitStack() as undo:
        undo.callback(_forget, modules)
        for module in modules:
            for name, new in changed.get(module.__name__, {}).items():
                undo.enter_context(replaced(module, name, new))
        _forget(modules)
        yield


@contextmanager
def replaced(module: ModuleType, name: str, new: object) -> Iterator[None]:
    """Let a name in a module, and nowhere else, mean something else for a while."""
    old = vars(module)[name]
    setattr(module, name, new)
    try:
        yield
    finally:
        setattr(module, name, old)


def places_of(constant: Constant, modules: Sequence[ModuleType]) -> frozenset[Place]:
    """Tell where a constant is known, and what is computed from it."""
    changed = _changed(constant, constant.value, modules)
    return frozenset((module, name) for module, names in changed.items() for name in names)


@contextmanager
def reads_noted(package: ModuleType) -> Iterator[set[Place]]:
    """Note which global names the code of a package that runs meanwhile may read, in any thread begun meanwhile."""
    seen: set[CodeType] = set()
    found: set[Place] = set()
    prefix = f"{package.__name__}."

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or code in seen:
            return
        seen.add(code)
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(prefix):
            found.update((module, name) for name in code.co_names)

    before = sys.getprofile()
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


def _changed(constant: Constant, value: Value, modules: Sequence[ModuleType]) -> Changes:
    """By module, each name that has to change, with its new value."""
    by_name = {module.__name__: module for module in modules}
    changed: Changes = {constant.module: {constant.name: value}}
    places = 0
    while places != (places := sum(map(len, changed.values()))):
        for module in modules:
            names = changed.get(module.__name__, {}) | {
                name: new
                for owner, theirs in changed.items()
                for name, new in theirs.items()
                if owner != module.__name__ and _is_imported(name, module, by_name[owner])
            }
            for assignment in assignments_of(module):
                if assignment.mentioned & names.keys():
                    names |= _made(assignment, {**vars(module), **names})
            if names:
                changed[module.__name__] = names
    return changed


def _is_imported(name: str, module: ModuleType, owner: ModuleType) -> bool:
    """Small numbers are one object wherever they are written, so a name of the module's own is none it imported."""
    return name in vars(module) and vars(module)[name] is vars(owner)[name] and name not in _own_names(module)


def _own_names(module: ModuleType) -> frozenset[str]:
    """Names that a module gives values itself."""
    return frozenset(name for assignment in assignments_of(module) for name in assignment.names)


def _made(assignment: Assignment, names: dict[str, Any]) -> dict[str, Any]:
    code = compile(ast.Expression(assignment.expression), "<constant>", "eval")
    value = eval(code, names)  # noqa: S307  (the module's own statement, read from its source)
    if len(assignment.names) == 1:
        return {assignment.names[0]: value}
    return dict(zip(assignment.names, value, strict=True))


def _forget(modules: Sequence[ModuleType]) -> None:
    """Empty caches, which hold what was computed with other numbers."""
    for module in modules:
        for thing in vars(module).values():
            if clear := getattr(thing, "cache_clear", None):
                clear()
