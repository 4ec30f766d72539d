"""Which frame stays where it is: the composite has its geometry."""

import re
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

PLACES = ("first", "middle", "last")

_NUMBER = re.compile(r"number (-?[0-9]{1,9}(?:\.[0-9]{1,9})?)")


def _known(choice: str) -> str:
    if choice != "auto" and choice not in PLACES and not _NUMBER.fullmatch(choice):
        msg = (
            'must be "auto", "first", "middle", "last", or "number" and the number in the frame\'s name, as in "number 4",'
            f' not "{choice}"'
        )
        raise ValueError(msg)
    return choice


ReferenceChoice: TypeAlias = Annotated[
    str,
    AfterValidator(_known),
    Field(
        description=(
            "The frame whose geometry the composite has. auto: the middle one of those that fit together. first, middle, last:"
            ' the one at that place, near to far; "number 4": the one with that number in its name, of those beside it that'
            " count frames. So the composites of a set are alike in magnification and perspective, as photogrammetry wants them."
        )
    ),
]
"""An option of every model."""


def wanted_place(choice: str, places: list[float]) -> float | None:
    """Say where in the stack the reference is to lie; None where any frame may be it.

    Parameters
    ----------
    choice : str
        As the settings have it.
    places : list of float
        Of all frames of the stack, near → far: the numbers in their names, or how many frames come before each.
    """
    number = _NUMBER.fullmatch(choice)
    if number is not None:
        return float(number.group(1))
    match choice:
        case "first":
            return places[0]
        case "middle":
            return (places[0] + places[-1]) / 2
        case "last":
            return places[-1]
        case _:
            return None
