"""A frame: one exposure on disk, and what its metadata says."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Tells whether a file is still the one that was seen.

    Size and modification time are cheap and come with every look at the folder; the hash is filled once the content was read.
    """

    size_bytes: int
    mtime_ns: int
    content_sha256: str | None = None
    picture: str | None = None
    """Hash of the picture alone, with the number of its scheme in front: ratings, keywords and thumbnails do not change it."""
    changed_ns: int | None = field(default=None, compare=False)
    inode: int | None = field(default=None, compare=False)
    """Inode change time and number, where the content was read: nobody can set that time, as a copy sets the modification time.
    They say more than the rest only while both are the same, since a change of rights or a second name moves the time too."""

    def same_file_as(self, other: "Fingerprint") -> bool:
        """Whether both describe the same content, as far as both know."""
        if self.content_sha256 is not None and other.content_sha256 is not None:
            return self.content_sha256 == other.content_sha256 or self.same_picture_as(other)
        return (self.size_bytes, self.mtime_ns) == (other.size_bytes, other.mtime_ns)

    def same_picture_as(self, other: "Fingerprint") -> bool:
        """Whether both are known to hold the same picture, whatever is written around it."""
        return self.picture is not None and self.picture == other.picture

    def is_untouched_since(self, other: "Fingerprint") -> bool:
        """Whether nothing at all happened to the file: then its content need not be read to be known."""
        stamps = [(one.size_bytes, one.mtime_ns, one.changed_ns, one.inode) for one in (self, other)]
        return None not in stamps[0] and stamps[0] == stamps[1]

    @property
    def without_hash(self) -> "Fingerprint":
        """What a look at the folder tells: size and time alone."""
        return replace(self, content_sha256=None, picture=None)


class BracketKind(StrEnum):
    """What the camera says it varied between the exposures of a burst."""

    FOCUS = "focus"
    EXPOSURE = "exposure"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMeta:
    """What is known of a frame besides its pixels. Every value may be missing; none is ever guessed.

    `sources` names, for each field that has a value, where it was read ("Exif.Photo.DateTimeOriginal", "name", "mtime", …).
    """

    captured_at: datetime | None = None
    """Aware where the file says the offset, else taken as UTC: only differences within one camera are used."""
    time_resolution_s: float = 1.0
    sequence_id: str | None = None
    sequence_number: int | None = None
    sequence_total: int | None = None
    sequence_total_is_exact: bool = False
    order_hint: float | None = None
    """Focus step counted by the camera or stage; comparable within one stack only; direction may be either."""
    focus_distance_m: float | None = None
    """`inf` when focused at infinity."""
    focus_quantum_m: float | None = None
    """Smallest difference of `focus_distance_m` the camera can express near this distance."""
    bracket_kind: BracketKind = BracketKind.UNKNOWN
    result_of: str | None = None
    """Set when the file is a finished result (in-camera composite, another stacker's output): the plain-words reason."""
    make: str | None = None
    camera_model: str | None = None
    body_serial: str | None = None
    lens: str | None = None
    shutter_count: int | None = None
    exposure_time_s: float | None = None
    f_number: float | None = None
    iso: float | None = None
    focal_length_mm: float | None = None
    exposure_bias_ev: float | None = None
    width_px: int | None = None
    height_px: int | None = None
    orientation: int = 1
    """EXIF orientation 1–8 of the stored pixels."""
    page_count: int = 1
    """Planes in a multi-page file (OME-TIFF, ImageJ stack); such a file is a whole stack."""
    page_positions_m: tuple[float, ...] = ()
    software: str | None = None
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One exposure on disk.

    `path` is relative to the watched folder (or to the common folder of a command), with `/` between parts; bytes that are not
    UTF-8 are kept by `surrogateescape`, so `os.fsencode` gives the exact name back.
    """

    path: str
    fingerprint: Fingerprint
    meta: FrameMeta = field(default_factory=FrameMeta)
    page: int | None = None
    """Plane inside a multi-page file, from 0."""
    companion_paths: tuple[str, ...] = ()
    """Other files of the same exposure (the JPEG beside a RAW, sidecars)."""
