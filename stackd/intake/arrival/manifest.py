"""stack.json: a manifest dropped with the frames says which of them are one stack. It comes from outside and is not trusted.

It can name files of its own folder, how many frames to expect, a name for the composite and a recipe of the configuration.
Nothing in it is run, and no path leads out of its folder.

    {"frames": ["IMG_0412.CR3", "IMG_0413.CR3"], "count": 2, "name": "beetle", "recipe": "macro"}
"""

import json
import re
from dataclasses import dataclass
from typing import Literal

from stackd.model.names import excerpt, shown

MANIFEST_NAME = "stack.json"
DONE_MARKER = ".done"

MAX_MANIFEST_BYTES = 1 << 20
"""A manifest larger than this is refused unread: ten thousand frame names fit in a quarter of it."""

MAX_FRAMES = 10_000
MAX_NAME_CHARACTERS = 100
"""Leaves room in a 255-byte file name for what the output template adds, in any script."""

_FORBIDDEN_IN_NAME = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|\u202a-\u202e\u2066-\u2069]")
"""Control characters, path separators, what other systems refuse in names, and marks that turn the reading direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A stack as somebody wrote it down."""

    folder: str
    """Relative to the watched folder; empty for the folder itself."""
    frames: tuple[str, ...] = ()
    """Paths relative to the watched folder; empty when the manifest means every frame of its folder."""
    count: int | None = None
    name: str | None = None
    recipe: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedManifest:
    """A manifest that cannot be obeyed, and why in plain words. Falsy."""

    path: str
    reason: str

    def __bool__(self) -> Literal[False]:
        return False


def parse_manifest(content: bytes, *, path: str) -> Manifest | RefusedManifest:
    """Read a manifest.

    Parameters
    ----------
    content : bytes
        The file as it is on disk.
    path : str
        Where it lies, relative to the watched folder.
    """
    if len(content) > MAX_MANIFEST_BYTES:
        return RefusedManifest(path=path, reason=f"it is larger than {MAX_MANIFEST_BYTES // 1024} KiB")
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return RefusedManifest(path=path, reason="it is not JSON")
    if not isinstance(document, dict):
        return RefusedManifest(path=path, reason='it is not an object such as {"frames": ["IMG_0412.CR3", …]}')
    unknown = sorted(set(document) - {"frames", "count", "name", "recipe"})
    if unknown:
        return RefusedManifest(
            path=path, reason=f"it has the unknown key “{excerpt(unknown[0])}”; known are frames, count, name, recipe"
        )
    folder = path.rpartition("/")[0]
    frames = _read_frames(document.get("frames", []), folder)
    if isinstance(frames, str):
        return RefusedManifest(path=path, reason=frames)
    count = document.get("count")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_FRAMES):
        # A list or an object is not spelled out: it may be nested as deep as the reader can go.
        found = excerpt(repr(count)) if isinstance(count, str | int | float) else "a list or an object"
        return RefusedManifest(path=path, reason=f"count is {found}; it must be a whole number from 1 to {MAX_FRAMES}")
    if count is not None and frames and count != len(frames):
        return RefusedManifest(path=path, reason=f"it names {len(frames)} frames but its count is {count}")
    for key in ("name", "recipe"):
        trouble = _trouble_with_name(document.get(key))
        if trouble:
            return RefusedManifest(path=path, reason=f"{key} {trouble}")
    return Manifest(
        folder=folder,
        frames=frames,
        count=count if count is not None else len(frames) or None,
        name=document.get("name"),
        recipe=document.get("recipe"),
    )


def _read_frames(names: object, folder: str) -> tuple[str, ...] | str:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return "frames is not a list of file names"
    if len(names) > MAX_FRAMES:
        return f"it names more than {MAX_FRAMES} frames"
    for name in names:
        # Names are confined to the manifest's own folder: no separators, no way up, no absolute paths, no drive letters.
        leads_out = name in ("", ".", "..") or any(mark in name for mark in "/\\\0") or (len(name) > 1 and name[1] == ":")
        if leads_out or not _can_name_a_file(name):
            return f"frame “{excerpt(name)}” is not the name of a file in the manifest's own folder"
    if len(set(names)) < len(names):
        return "it names a frame twice"
    return tuple(f"{folder}/{name}" if folder else name for name in names)


def _can_name_a_file(name: str) -> bool:
    """Tell whether a text can be the name of a file at all; JSON can hold halves of characters, which no name can."""
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _trouble_with_name(name: object) -> str:
    if name is None:
        return ""
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME_CHARACTERS:
        return f"is not a text of 1 to {MAX_NAME_CHARACTERS} characters"
    return "" if is_fit_for_file_names(name) else f"{shown(name)} cannot be part of a file name"


def is_fit_for_file_names(name: str) -> bool:
    """Tell whether a name given from outside can become part of a file name on any system."""
    printable = name.encode("utf-8", "replace").decode("utf-8") == name
    fits = len(name.strip()) > 0 and len(name) <= MAX_NAME_CHARACTERS
    return fits and printable and not _FORBIDDEN_IN_NAME.search(name) and not name.startswith((".", "-"))
