"""The frame whose geometry the composite has, where a recipe wants the same one throughout a set."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import PurePath
from statistics import median

from stackd.imaging.register.reference import wanted_place
from stackd.intake.order.name_fields import counted_in
from stackd.model.composite import Finding, Severity


class WantedReference:
    """The place of the reference among all frames of a stack.

    A frame's place is the number that counts it in its name, so that missing frames shift nothing; where names do not count along
    the stack, it is how many frames come before.

    Parameters
    ----------
    choice : str
        The recipe's `align.reference`.
    names : sequence of str
        Of all frames of the stack, near → far, also of those that cannot be read.
    """

    def __init__(self, choice: str, names: Sequence[str]) -> None:
        numbers = counted_in([PurePath(name).stem for name in names])
        steps = [b - a for a, b in pairwise(numbers)]
        runs = len(numbers) == len(names) > 1 and (min(steps) > 0 or max(steps) < 0)
        places = list(numbers) if runs else [float(place) for place in range(len(names))]
        self._choice = choice
        self._places = dict(zip(names, places, strict=True))
        self._wanted = wanted_place(choice, places)
        self._step = median(abs(step) for step in steps) if runs else 1.0

    def nearest(self, usable: Sequence[str]) -> int | None:
        """Give the position, among the usable frames, of the one nearest to the place wanted; None where any will do."""
        wanted = self._wanted
        if wanted is None:
            return None
        # Of two as near the one with the higher number, in whatever direction the focus went.
        return min(
            range(len(usable)),
            key=lambda position: (abs(self._places[usable[position]] - wanted), -self._places[usable[position]]),
        )

    def noticed(self, used: str) -> Iterator[Finding]:
        """Say where the reference lies elsewhere than wanted."""
        if self._wanted is None or abs(self._places[used] - self._wanted) <= self._step / 2:
            return
        wanted = f"the {self._choice} frame" if not self._choice.startswith("number") else f"the frame with {self._choice}"
        yield Finding(
            code="reference-replaced",
            severity=Severity.WARNING,
            sentence=(
                f"{used} is the reference, because {wanted} is missing or cannot be used: magnification and perspective of this"
                " composite are not those of the others of its set."
            ),
            frames=(used,),
        )
