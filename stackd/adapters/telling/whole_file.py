"""Files that are read while they are replaced: whoever opens one finds the old or the new, whole."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

MODE: Final = 0o644
"""Monitoring runs as a user of its own."""


def write_whole(path: Path, text: str) -> None:
    """Replace a file by another, in one step. The folder must be there: one that was deleted is not made again.

    Nothing is synced to disk: after a power cut these facts are of no use.

    Raises
    ------
    OSError
        If it cannot be written; the file is then as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, MODE), "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
