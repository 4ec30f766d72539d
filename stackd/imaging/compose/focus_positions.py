"""Where on one axis from near to far each frame of a stack is focused, in usual steps from the first frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class FocusPositions:
    """Focus of every frame on one axis; two frames a distance of 1 apart differ in focus by one usual step of the stack.

    The order near → far is as given: blur alone looks alike from both ends.
    """

    steps: tuple[float, ...]
    """One a frame, 0 for the first; they rise, save where a frame was focused before the one in front of it."""
    errors: tuple[float, ...]
    """Standard errors, in steps, against the frames that show something sharp; infinite where nothing was measured."""
    sharpness: tuple[float, ...]
    """Detail of each frame over that of the one that shows most, 0–1."""
    is_even: bool
    """Whether they are 0, 1, 2, … exactly, because nothing says otherwise."""

    @classmethod
    def even(
        cls, count: int, *, errors: Sequence[float] | None = None, sharpness: Sequence[float] | None = None
    ) -> "FocusPositions":
        """Take one frame for one step."""
        return cls(
            steps=tuple(float(index) for index in range(count)),
            errors=tuple(errors) if errors is not None else (float("inf"),) * count,
            sharpness=tuple(sharpness) if sharpness is not None else (1.0,) * count,
            is_even=True,
        )

    def apart(self, one: int, other: int) -> float:
        """Tell how many usual steps two frames are apart, never negative."""
        return abs(self.steps[one] - self.steps[other])

    def of(self, frames: Plane) -> Plane:
        """Give the focus position of frames, and of places between them, by their position in the stack."""
        if self.is_even:
            return frames
        # Infinite stays infinite: no frame at all.
        inside = np.interp(frames, np.arange(len(self.steps)), self.steps)
        return np.where(np.isfinite(frames), inside, frames).astype(np.float32)

    def frames_at(self, focus: Plane) -> Plane:
        """Give the position in the stack, with fractions, of what is focused there; the first and last frame beyond its ends."""
        if self.is_even:
            return focus
        order = np.argsort(self.steps, kind="stable")
        return np.interp(focus, np.asarray(self.steps)[order], order).astype(np.float32)
