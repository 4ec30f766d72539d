"""Solve for numbers of frames that are linked to a few others each: normal equations in blocks, one block a pair of frames.

Frames are linked to near ones, so eliminating them in their order touches few blocks, however long the stack is. A library of
sparse matrices does the same, but loading it takes as long as working on the links of a hundred frames (measured: 0.25 s).
"""

from collections.abc import Mapping

import numpy as np

from stackd.imaging.ground.matrices import Vectors


class NormalEquations:
    """Sums of squares, each of a few numbers of one frame or more, to be made least.

    Parameters
    ----------
    frames, unknowns : int
        How many frames, and how many numbers are sought of each.
    """

    def __init__(self, frames: int, unknowns: int) -> None:
        # For each frame its own block, and those it shares with later ones.
        self._blocks: list[dict[int, Vectors]] = [{frame: np.zeros((unknowns, unknowns))} for frame in range(frames)]
        self._wanted = np.zeros((frames, unknowns))

    def add(self, parts: Mapping[int, Vectors], target: Vectors, weight: float = 1.0) -> None:
        """Ask that the sum of `parts[frame] @ x[frame]` be `target`.

        Parameters
        ----------
        parts : mapping of frame to ndarray of float64, shape (R, unknowns)
        target : ndarray of float64, shape (R,)
        weight : float
            Of the squared rest.
        """
        for frame, part in parts.items():
            weighted = weight * part.T
            self._wanted[frame] += weighted @ target
            for other, others in parts.items():
                if other >= frame:
                    _add(self._blocks[frame], other, weighted @ others)

    def solve(self) -> tuple[Vectors, float]:
        """Find the numbers of all frames, shape (frames, unknowns), and the logarithm of the equations' determinant.

        Raises
        ------
        numpy.linalg.LinAlgError
            If something is left undetermined.
        """
        blocks = [dict(shared) for shared in self._blocks]
        found = self._wanted.copy()
        log_determinant = 0.0
        for frame, shared in enumerate(blocks):
            own = shared.pop(frame)
            log_determinant += float(np.linalg.slogdet(own)[1])
            # From here on the frame is `found[frame]` less what `solved` makes of the later ones.
            found[frame] = np.linalg.solve(own, found[frame])
            solved = {later: np.asarray(np.linalg.solve(own, block), np.float64) for later, block in shared.items()}
            for later, block in shared.items():
                found[later] -= block.T @ found[frame]
                for other, others in solved.items():
                    if other >= later:
                        _add(blocks[later], other, -block.T @ others)
            blocks[frame] = solved
        for frame in reversed(range(len(blocks))):
            for later, block in blocks[frame].items():
                found[frame] -= block @ found[later]
        return found, log_determinant


def _add(blocks: dict[int, Vectors], other: int, block: Vectors) -> None:
    known = blocks.get(other)
    blocks[other] = block if known is None else known + block
