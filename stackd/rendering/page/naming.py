"""What frames are called on a page that may be passed on: never where on a disk they lay."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from stackd.model.names import shown


class FrameNames:
    """Shortens the paths of a stack's frames to what tells them apart.

    Parameters
    ----------
    paths : iterable of str
        As the composite names its frames: paths in a watched folder, or wherever the user pointed.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._short = _short_names(tuple(dict.fromkeys(paths)))
        folders = {str(PurePosixPath(path).parent) for path in self._short}
        self._folders = sorted((folder for folder in folders if folder not in {".", "/"}), key=len, reverse=True)

    def name(self, path: str) -> str:
        """Name a frame, as a person can read it."""
        return shown(self._short.get(path) or PurePosixPath(path).name)

    def sentence(self, text: str) -> str:
        """Put short names into a sentence that speaks of frames."""
        for path in sorted(self._short, key=len, reverse=True):
            text = text.replace(path, self._short[path])
        for folder in self._folders:
            text = text.replace(f"{folder}/", "")
        return shown(text)


def _short_names(paths: tuple[str, ...]) -> Mapping[str, str]:
    parts = {path: PurePosixPath(path).parts for path in paths}
    common = 0
    while len({part[common] if common < len(part) - 1 else None for part in parts.values()} - {None}) == 1 and all(
        common < len(part) - 1 for part in parts.values()
    ):
        common += 1
    return {path: _harmless(part[common:]) for path, part in parts.items()}


def _harmless(parts: tuple[str, ...]) -> str:
    """Join what is left; only the file's name where that still tells of folders above."""
    return parts[-1] if ".." in parts or parts[0].startswith("/") else "/".join(parts)
