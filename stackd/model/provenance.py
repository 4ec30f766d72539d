"""Provenance: everything needed to make the same composite again."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameProvenance:
    """One source frame: its name and the hash of its bytes."""

    name: str
    content_sha256: str | None
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Version, resolved recipe, frames with hashes and the libraries that did the work."""

    stackd_version: str
    recipe_name: str
    recipe: Mapping[str, object]
    """The resolved recipe as plain JSON values."""
    frames: tuple[FrameProvenance, ...]
    libraries: Mapping[str, str]
