"""Keep composites of several programs in a folder until they have been looked at."""

from pathlib import Path

from stackd.adapters.frames.reader import StackOfFiles
from stackd.config.develop import DevelopSettings
from stackd.model.pixels import Pixels
from stackd.service.ports import FrameFile


class GalleryFolder:
    """The `Gallery` of daily use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def keep(self, output: Path) -> Path:
        """Take a composite away from the desk, which is cleared for the next program; gives where it lies now."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._count += 1
        return output.rename(self._folder / f"{self._count:04d}{output.suffix}")

    def read(self, kept: Path) -> Pixels:
        """Decode a composite.

        Raises
        ------
        UnreadableFrame
            If it is no picture that can be decoded.
        """
        return StackOfFiles([FrameFile(path=kept)], DevelopSettings()).read(0)
