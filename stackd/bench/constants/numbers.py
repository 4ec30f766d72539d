"""Finding the numbers of a package: every constant at the top of a module that is a number, or some numbers together."""

import ast
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Number: TypeAlias = int | float | np.integer | np.floating
Value: TypeAlias = Number | tuple[Number, ...] | NDArray[np.number]
Reason: TypeAlias = Literal["none", "guess", "given"]
"""What stands below a constant: nothing, that it is a guess, or anything else."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Constant:
    """A number with a name at the top of a module."""

    module: str
    name: str
    line: int
    value: Value
    reason: Reason

    @property
    def full_name(self) -> str:
        """Module and name, as Python has it."""
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assignment:
    """One statement at the top of a module that gives names to values."""

    names: tuple[str, ...]
    line: int
    expression: ast.expr
    docstring: str
    """Empty where none follows."""

    @property
    def mentioned(self) -> frozenset[str]:
        """Every name that the value is made from."""
        return frozenset(node.id for node in ast.walk(self.expression) if isinstance(node, ast.Name))


def modules_of(package: ModuleType) -> tuple[ModuleType, ...]:
    """Import a package with all that lies in it."""
    inside = walk_packages(package.__path__, f"{package.__name__}.")
    return (package, *(import_module(found.name) for found in inside))


def constants_of(module: ModuleType) -> tuple[Constant, ...]:
    """List the numbers at the top of a module, in order: names in capitals for numbers, tuples of them, or arrays."""
    return tuple(
        Constant(
            module=module.__name__,
            name=name,
            line=assignment.line,
            value=value,
            reason=_reason(assignment.docstring),
        )
        for assignment in assignments_of(module)
        for name in assignment.names
        if name.isupper() and _is_numeric(value := vars(module)[name])
    )


@cache
def assignments_of(module: ModuleType) -> tuple[Assignment, ...]:
    """Read the statements at the top of a module that give names to values.

    Several in a row without a blank line share the docstring that follows the last of them.
    """
    body = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8")).body
    found: list[Assignment] = []
    docstring, starts = "", -1
    for statement in reversed(body):
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            docstring, starts = str(statement.value.value), statement.lineno
            continue
        names, value = _named(statement)
        follows = (statement.end_lineno or statement.lineno) + 1 == starts
        docstring = docstring if names and follows else ""
        starts = statement.lineno
        if names and value is not None:
            found.append(Assignment(names=names, line=statement.lineno, expression=value, docstring=docstring))
    return tuple(reversed(found))


def _named(statement: ast.stmt) -> tuple[tuple[str, ...], ast.expr | None]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return (name,), value
        case ast.Assign(targets=[ast.Tuple(elts=elements)], value=value):
            return tuple(element.id for element in elements if isinstance(element, ast.Name)), value
        case ast.AnnAssign(target=ast.Name(id=name), value=value):
            return (name,), value
        case _:
            return (), None


def _reason(docstring: str) -> Reason:
    if not docstring:
        return "none"
    return "guess" if "guess" in docstring.lower() else "given"


def _is_numeric(value: object) -> bool:
    match value:
        case bool():
            return False
        case tuple():
            return bool(value) and all(_is_numeric(part) and not isinstance(part, tuple) for part in value)
        case np.ndarray():
            return bool(np.issubdtype(value.dtype, np.number))
        case _:
            return isinstance(value, int | float | np.integer | np.floating)
