"""Decode the next frame on a second thread while the present one is worked on: decoders leave Python's lock to others."""

from concurrent.futures import Future, ThreadPoolExecutor

from stackd.imaging.ground.frames import FrameSource
from stackd.model.pixels import Pixels


class ReadAhead:
    """Reads a source in order, always one frame ahead, so that one frame more than needed is in memory.

    What goes wrong with a frame is raised when that frame is asked for, never earlier. The source is read from one thread
    at a time.

    Parameters
    ----------
    source : FrameSource
        Where frames come from.
    reduction : int
        As `FrameSource.read` takes it.
    """

    def __init__(self, source: FrameSource, *, reduction: int = 1) -> None:
        self._source = source
        self._reduction = reduction
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
        self._next: tuple[int, Future[Pixels]] | None = None

    def read(self, position: int) -> Pixels:
        """Decode a frame, as the source does, and start on the one after it."""
        ahead, self._next = self._next, None
        due = ahead[1] if ahead is not None and ahead[0] == position else self._begin(position)
        pixels = due.result()
        # A source may still be growing; what is not there yet is read when asked for.
        if position + 1 < len(self._source):
            self._next = (position + 1, self._begin(position + 1))
        return pixels

    def _begin(self, position: int) -> Future[Pixels]:
        return self._thread.submit(self._source.read, position, self._reduction)
