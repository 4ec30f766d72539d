"""Which files can be frames: everything else is named with the reason it is passed over."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from stackd.intake.arrival import keep_out
from stackd.intake.arrival.manifest import DONE_MARKER, MANIFEST_NAME
from stackd.intake.names import name_parts
from stackd.model.names import shown


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RAW_SUFFIXES = _words(
    ".3fr .ari .arq .arw .bay .cap .cr2 .cr3 .crw .cs1 .dc2 .dcr .dng .drf .eip .erf .fff .gpr .iiq .k25 .kdc .mdc .mef .mos "
    ".mrw .nef .nrw .orf .ori .pef .ptx .pxn .qtk .raf .raw .rdc .rw2 .rwl .rwz .sr2 .srf .srw .sti .x3f"
)
RENDERED_SUFFIXES = _words(".jpg .jpeg .jpe .tif .tiff .btf .ome .png .heic .heif .hif .avif .czi .lif")

_TEMPORARY_SUFFIXES = _words(
    ".tmp .temp .part .partial .crdownload .download .filepart .opdownload .swp .bak .!ut .aria2 .icloud"
)
_SIDECAR_SUFFIXES = _words(".xmp .pp3 .json .dop .cos .arp .on1 .nksc .xml .thm .txt .csv .aae .vrd .dr4")
_NOT_PICTURES = frozenset(["thumbs.db", "desktop.ini", "icon\r", "ehthumbs.db"])

MAX_DEPTH = 32
"""Folders below the watched one; deeper trees are mistakes or malice (a guess far above any photographer's habit)."""


class Role(StrEnum):
    """What a file is to stackd, judged by its path alone."""

    FRAME = "frame"
    SIDECAR = "sidecar"
    MANIFEST = "manifest"
    DONE_MARKER = "done marker"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A role and, where it is not FRAME, the reason in plain words."""

    role: Role
    reason: str = ""


_FRAME = Admission(role=Role.FRAME)


def admit(path: str) -> Admission:
    """Judge a file by its path, relative to the watched folder. What only its content can tell is judged by `group`."""
    *folders, name = path.split("/")
    misplaced = _trouble_with_folders(folders)
    if misplaced:
        return _ignored(misplaced)
    lower = name.casefold()
    if lower == DONE_MARKER:
        return Admission(role=Role.DONE_MARKER, reason="it says that all frames of its folder have arrived")
    if lower == MANIFEST_NAME:
        return Admission(role=Role.MANIFEST, reason="it is the manifest of its folder")
    suffix = name_parts(path).suffix
    unfit = _trouble_with_name(name, suffix)
    if unfit:
        return _ignored(unfit)
    if suffix in RAW_SUFFIXES or suffix in RENDERED_SUFFIXES:
        return _FRAME
    if suffix in _SIDECAR_SUFFIXES:
        return Admission(role=Role.SIDECAR, reason="it is a sidecar, not a picture")
    return _ignored("it is not a picture in a format that stackd reads")


def _trouble_with_folders(folders: Sequence[str]) -> str:
    if len(folders) > MAX_DEPTH:
        return f"it lies more than {MAX_DEPTH} folders deep"
    return keep_out.trouble_with("/".join(folders)) if folders else ""


def _trouble_with_name(name: str, suffix: str) -> str:
    if name.startswith("."):
        return "it is a hidden file"
    if name.casefold() in _NOT_PICTURES:
        return "a system made it"
    if name.startswith("~") or name.endswith("~") or suffix in _TEMPORARY_SUFFIXES:
        return "it is a temporary file"
    return ""


def is_raw(path: str) -> bool:
    """Tell whether a name is that of a RAW file."""
    return name_parts(path).suffix in RAW_SUFFIXES


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The files of a folder by their role."""

    frames: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    done_folders: frozenset[str] = frozenset()
    """Folders that hold a done marker; the empty string is the watched folder itself."""
    sidecars: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Frame → its sidecars (same stem, or the frame's whole name with one more suffix)."""
    ignored: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Path → reason; sidecars without a frame are among them."""
    roles: Mapping[str, Admission] = field(default_factory=lambda: MappingProxyType({}))
    """What every name was found to be."""


def sort_out(paths: Iterable[str], before: Admitted | None = None) -> Admitted:
    """Sort the files of a folder by their role; `before` is what was found last time, so that only new names are judged."""
    by_role: dict[Role, list[str]] = {role: [] for role in Role}
    ignored: dict[str, str] = {}
    known = {} if before is None else before.roles
    roles: dict[str, Admission] = {}
    for path in sorted(paths):
        admission = roles[path] = known.get(path) or admit(path)
        by_role[admission.role].append(path)
        if admission.role is Role.IGNORED:
            ignored[path] = admission.reason
    by_stem: dict[str, list[str]] = {}
    for frame in by_role[Role.FRAME] if by_role[Role.SIDECAR] else ():
        for key in {frame.casefold(), _without_suffix(frame)}:
            by_stem.setdefault(key, []).append(frame)
    sidecars: dict[str, list[str]] = {}
    for sidecar in by_role[Role.SIDECAR]:
        owners = by_stem.get(_without_suffix(sidecar), [])
        for owner in owners:
            sidecars.setdefault(owner, []).append(sidecar)
        ignored[sidecar] = f"it is the sidecar of {name_of(owners[0])}" if owners else "it is a sidecar, not a picture"
    return Admitted(
        frames=tuple(by_role[Role.FRAME]),
        manifests=tuple(by_role[Role.MANIFEST]),
        done_folders=frozenset(path.rpartition("/")[0] for path in by_role[Role.DONE_MARKER]),
        sidecars=MappingProxyType({frame: tuple(found) for frame, found in sidecars.items()}),
        ignored=MappingProxyType(ignored),
        roles=MappingProxyType(roles),
    )


def name_of(path: str) -> str:
    """Give the last part of a path as sentences name a file, whatever bytes it holds."""
    return shown(path.rpartition("/")[2])


def _without_suffix(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0] or name}".casefold()


def _ignored(reason: str) -> Admission:
    return Admission(role=Role.IGNORED, reason=reason)
