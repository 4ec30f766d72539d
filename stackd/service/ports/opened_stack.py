"""The frames of one stack, opened to be read. Apart from the other ports, because it brings numpy along."""

from collections.abc import Sequence
from typing import Protocol

from stackd.imaging.ground.frames import FrameSource
from stackd.model.composite import Noticed
from stackd.model.pixels import Colour


class OpenedStack(FrameSource, Protocol):
    """Frames of one stack, all in the same colours."""

    @property
    def colour(self) -> Colour:
        """What the pixels of all frames mean."""
        ...

    @property
    def noticed(self) -> Sequence[Noticed]:
        """What there is to tell of their colours, complete once all frames were read."""
        ...
