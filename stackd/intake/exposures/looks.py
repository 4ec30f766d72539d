"""What the files of a folder look like, asked for only where it matters, and compared as vectors."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stackd.intake.evidence.content import detail_vector
from stackd.model.content import ContentSignature
from stackd.model.frame import Frame

Look = Callable[[Frame], ContentSignature | None]


class Looks:
    """Signatures and fine structure of frames, each looked at once.

    Parameters
    ----------
    look : callable
        Tells what a frame looks like; None where its pixels cannot be read.
    at_hand : bool
        Looking costs nothing: everything was looked at before.
    """

    def __init__(self, look: Look, *, at_hand: bool) -> None:
        self.at_hand = at_hand
        self._look = look
        self._contents: dict[str, ContentSignature | None] = {}
        self._vectors: dict[str, NDArray[np.float32] | None] = {}

    def content(self, frame: Frame) -> ContentSignature | None:
        """Signature of a frame."""
        if frame.path not in self._contents:
            self._contents[frame.path] = self._look(frame)
        return self._contents[frame.path]

    def vector(self, frame: Frame) -> NDArray[np.float32] | None:
        """Fine structure of a frame as it is looked at."""
        if frame.path not in self._vectors:
            self._vectors[frame.path] = detail_vector(self.content(frame), frame.meta.orientation)
        return self._vectors[frame.path]

    def alike(self, first: Frame, second: Frame) -> float | None:
        """How alike the fine structure of two frames is, −1 to 1; None where one shows none."""
        one, two = self.vector(first), self.vector(second)
        return None if one is None or two is None else float(one @ two)

    def alike_however_turned(self, first: Frame, second: Frame) -> float | None:
        """Like `alike`, for a program that turned the pixels and forgot to say so."""
        one, two = self.vector(first), self.vector(second)
        if one is None or two is None:
            return None
        side = round(len(two) ** 0.5)
        square = two.reshape(side, side)
        return max(float(one @ np.rot90(square, turns).ravel()) for turns in range(4))
