"""Which pixels a frame leaves to the others: those it does not show while another frame does."""

from stackd.imaging.ground.frames import AlignedFrames
from stackd.model.pixels import Mask


class Coverage:
    """Tells of each frame what it must not take part in.

    Outside a frame its border is replicated, which is nothing that was there. Where no frame shows anything, all of them may as
    well take part as none.

    Parameters
    ----------
    frames : AlignedFrames
        All frames of the stack.
    """

    def __init__(self, frames: AlignedFrames) -> None:
        self._frames = frames
        self._shown_by_none = self._left_by_all()

    def take_part(self, position: int) -> Mask | None:
        """Mark where a frame takes part, shape (H, W); None where it does everywhere."""
        covered = self._frames.covered(position)
        if _is_full(covered):
            return None
        return covered if self._shown_by_none is None else covered | self._shown_by_none

    def from_the_middle(self) -> list[int]:
        """Positions, the middle first: the reference is near it, and shows everything."""
        count = len(self._frames)
        return sorted(range(count), key=lambda position: abs(2 * position + 1 - count))

    def _left_by_all(self) -> Mask | None:
        """Mark what no frame shows; None where there is nothing of the kind."""
        left: Mask | None = None
        for position in self.from_the_middle():
            covered = self._frames.covered(position)
            if _is_full(covered):
                return None
            left = ~covered if left is None else left & ~covered
        return left if left is not None and left.any() else None


def _is_full(covered: Mask) -> bool:
    """Tell whether a frame covers everything; by its corners first, which a frame that moved does not."""
    corners = covered[:: covered.shape[0] - 1 or 1, :: covered.shape[1] - 1 or 1]
    return bool(corners.all() and (covered.strides == (0, 0) or covered.all()))
