"""The MetadataReader port: what a file says of itself, as the grouping understands it."""

from pathlib import Path

from stackd.adapters.metadata.exiftool import ExiftoolProcess
from stackd.adapters.metadata.tags import fetch_tags
from stackd.errors import UnreachableFrame
from stackd.intake.brands import frame_meta
from stackd.model.frame import FrameMeta
from stackd.model.names import shown


class FileMetadata:
    """Describes files of every supported format. They are opened for reading only.

    Parameters
    ----------
    exiftool : ExiftoolProcess or None
        Asked for what only it can decode.
    """

    def __init__(self, *, exiftool: ExiftoolProcess | None = None) -> None:
        self._exiftool = exiftool

    def describe(self, path: Path) -> FrameMeta:
        """Read what metadata and header say. A file without metadata gives an almost empty `FrameMeta`.

        Raises
        ------
        UnreadableFrame
            If the file is no image of a supported format, or is cut off where that can be told cheaply.
        """
        tags = fetch_tags(path, exiftool=self._exiftool)
        try:
            mtime_ns = path.stat().st_mtime_ns
        except OSError as error:
            raise UnreachableFrame(f"{shown(path.name)} is no longer there.", hint="Put it back, or leave it out.") from error
        return frame_meta(tags, path=path.name, mtime_ns=mtime_ns)
