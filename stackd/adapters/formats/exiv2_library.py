"""The one door to libexiv2: initialised once, used by one thread at a time, and able to open any file name.

Its XMP toolkit is global to the process and not safe for threads, so every use lies inside `exiv2_library()`.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any, BinaryIO, Final

XMP_NAMESPACE: Final = "urn:stackd:composite:1#"
XMP_PREFIX: Final = "stackd"
"""Our own properties in a composite's XMP; also how our composites are told from frames."""

_lock = RLock()
_is_ready = False


@contextmanager
def exiv2_library() -> Iterator[ModuleType]:
    """Hold libexiv2 for the length of a block."""
    global _is_ready  # noqa: PLW0603  the library itself is global
    with _lock:
        import exiv2

        if not _is_ready:
            # What a damaged maker note makes it say is of no use to a photographer.
            exiv2.LogMsg.setLevel(exiv2.LogMsg.Level.mute)
            exiv2.XmpParser.initialize()
            exiv2.XmpProperties.registerNs(XMP_NAMESPACE, XMP_PREFIX)
            _is_ready = True
        yield exiv2


def open_by_exiv2(exiv2: ModuleType, file: BinaryIO, path: Path) -> Any:
    """Open a file that is already open, whatever its name: exiv2 takes names as UTF-8 only."""
    name = f"/proc/self/fd/{file.fileno()}" if sys.platform == "linux" else os.fspath(path)
    return exiv2.ImageFactory.open(name)


def read_metadata(exiv2: ModuleType, image: Any) -> None:
    """Read all metadata of an image just opened; a broken colour profile does not hide what stands before it.

    Raises
    ------
    exiv2.Exiv2Error
        If anything else is broken.
    """
    try:
        image.readMetadata()
    except exiv2.Exiv2Error as error:
        if error.code != exiv2.ErrorCode.kerInvalidIccProfile:
            raise
