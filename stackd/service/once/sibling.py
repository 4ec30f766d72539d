"""Lay the frames of a stack over one another as those of another composite were: the same view and steps in another light."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import numpy as np

from stackd.errors import MixedStack, WrongUse
from stackd.imaging.chain.chain import SolvedChain
from stackd.intake.order.name_fields import counted_in
from stackd.model.pixels import Matrix

WHAT_IT_TAKES: Final = "Name the .json report beside the composite of the other stack, or what `stackd fuse --json` printed."

LEFT_OUT_THERE: Final = "It was left out of the stack whose registration is used."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sibling:
    """Where the frames of another stack lie."""

    name: str
    """Of the report that tells it, for sentences."""
    frame_shape: tuple[int, int]
    reference: str
    """Path of its reference."""
    matrices: Mapping[str, Matrix]
    """By path, of every frame that took part, near → far: frame → reference px."""

    def placed(self, paths: Sequence[str], shape: tuple[int, int]) -> SolvedChain:
        """Place the frames of a stack.

        Frames go together by the numbers that count them in their names, else by their order.

        Parameters
        ----------
        paths : sequence of str
            Of the frames that can be read, near → far.
        shape : (int, int)
            Their rows and columns.

        Returns
        -------
        SolvedChain
            On the grid of the other stack's reference, also where there is no such frame here.

        Raises
        ------
        MixedStack
            If the stacks do not go together.
        """
        if shape != self.frame_shape:
            (height, width), (other_height, other_width) = shape, self.frame_shape
            raise MixedStack(
                f"The frames are {width}×{height} px, but those of {self.name} were {other_width}×{other_height} px.",
                hint="Use frames of one camera and one way up.",
            )
        theirs = list(self.matrices)
        places = _numbers(paths, theirs)
        if places is None:
            if len(paths) != len(theirs):
                raise MixedStack(
                    f"{self.name} tells where {len(theirs)} frames lie, but this stack has {len(paths)}, and names"
                    " do not tell which go together.",
                    hint="Name the frames of both by their step, or register this stack by itself.",
                )
            places = range(len(paths)), range(len(theirs))
        own, others = places
        by_place = dict(zip(others, theirs, strict=True))
        matrices = tuple(self.matrices[by_place[place]] if place in by_place else None for place in own)
        reference = others[theirs.index(self.reference)]
        known = [position for position, matrix in enumerate(matrices) if matrix is not None]
        return SolvedChain(
            reference=min(known, key=lambda position: abs(own[position] - reference), default=0),
            matrices=matrices,
            left_out={position: LEFT_OUT_THERE for position, matrix in enumerate(matrices) if matrix is None},
        )


def _numbers(paths: Sequence[str], theirs: Sequence[str]) -> tuple[Sequence[float], Sequence[float]] | None:
    """Give the numbers that count the frames of two stacks in their names; None where they do not count the same steps."""
    own, others = (counted_in([PurePath(path).stem for path in some]) for some in (paths, theirs))
    count = len(own) == len(set(own)) == len(paths) and len(others) == len(set(others)) == len(theirs)
    return (own, others) if count and len(set(own) & set(others)) > len(paths) / 2 else None


def sibling_from(report: object, *, name: str) -> Sibling:
    """Read the report of a composite.

    Parameters
    ----------
    report : object
        As `json.load` gives it.
    name : str
        Of the file, for sentences.

    Raises
    ------
    WrongUse
        If it is no such report.
    """
    try:
        return _read(report, name)
    except (KeyError, TypeError, ValueError) as error:
        raise WrongUse(f"{name} does not tell where the frames of a composite lie.", hint=WHAT_IT_TAKES) from error


def _read(report: object, name: str) -> Sibling:
    if not isinstance(report, Mapping):
        raise TypeError
    # The report beside a composite, or what `stackd fuse --json` prints.
    matrix, path = ("matrix", "path") if "composite" in report else ("matrix_to_reference", "name")
    size = report["frame_size_px"]
    matrices = {str(frame[path]): _matrix(frame[matrix]) for frame in report["frames"] if frame[matrix] is not None}
    if report["reference"] not in matrices:
        raise ValueError
    return Sibling(
        name=name, frame_shape=(int(size["height"]), int(size["width"])), reference=report["reference"], matrices=matrices
    )


def _matrix(rows: object) -> Matrix:
    matrix = np.asarray(rows, np.float64)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < np.finfo(np.float32).eps:
        raise ValueError
    return matrix
