"""Half and double of a constant, of the same kind as the constant itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stackd.bench.constants.numbers import Constant, Number, Value

FACTORS = (0.5, 2.0)
"""By what each constant is scaled."""

LIMITS = (255, 65535, 1 / 257)
"""Greatest numbers of 8 and 16 bits, and the step from one to the other."""

FIXED_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "REDUCTION": "frames are read at 1, 2, 4 or 8 only",
        "REDUCTIONS": "frames are read at 1, 2, 4 or 8 only",
        "PARAMETERS": "so many has the model of a motion",
        "ELEMENTS": "so many has a matrix",
        "GAMMA": "it undoes itself",
    }
)
"""Last words of names of what could not be another number, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotScaled:
    """Why a constant has no half or double."""

    reason: str


def scaled(constant: Constant, factor: float) -> Value | NotScaled:
    """Scale a constant: several numbers as a whole, integers to integers of 1 or more, odd ones to odd ones.

    An odd integer may be the side of a kernel, which has a middle.
    """
    value = constant.value
    last_word = constant.name.rsplit("_", 1)[-1]
    if last_word in FIXED_NAMES:
        return NotScaled(reason=FIXED_NAMES[last_word])
    if isinstance(value, np.ndarray):
        if value.ndim != 1 or (np.diff(value) <= 0).any():
            return NotScaled(reason="it is a matrix or a kernel")
        return _scaled_array(value, factor)
    numbers = value if isinstance(value, tuple) else (value,)
    if any(float(number) in LIMITS for number in numbers):
        return NotScaled(reason="a type of numbers ends there")
    if all(number < 0 for number in numbers):
        return NotScaled(reason="it is a mark, no measure")
    new = tuple(_scaled_number(number, factor) for number in numbers)
    if new == numbers:
        return NotScaled(reason=f"{value} × {factor:g} is no other number")
    return new if isinstance(value, tuple) else new[0]


def _scaled_number(number: Number, factor: float) -> Number:
    if isinstance(number, float | np.floating):
        return type(number)(float(number) * factor)
    whole = int(number)
    if whole == 0:
        return number
    size = max(int(abs(whole) * factor), 1)
    odd = whole % 2 == 1 and abs(whole) > 1
    return type(number)((size | 1 if odd else size) * (1 if whole > 0 else -1))


def _scaled_array(values: NDArray[np.number], factor: float) -> Value:
    new: NDArray[np.number] = (values * factor).astype(values.dtype)
    return new
