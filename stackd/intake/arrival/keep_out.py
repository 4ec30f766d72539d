"""Where stackd does not look: folders that systems and programs keep beside pictures. One table, with the reason for each."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise

from stackd.model.names import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOut:
    """A kind of folder that is passed over, with all that lies in it."""

    names: tuple[str, ...]
    """Names in any case, with `*` for anything; `a/b` is `b` directly in `a`."""
    maker: str
    holds: str
    """What it holds, as the end of the sentence "it lies in @eaDir, which holds …"."""


_DELETED = "what was deleted"
_SNAPSHOTS = "older states of the same files"
_THUMBNAILS = "small copies for browsing"
_CATALOGUE = "what the catalogue made for itself"

KEPT_OUT: tuple[KeptOut, ...] = (
    KeptOut(names=("@eaDir",), maker="Synology", holds=f"{_THUMBNAILS} and indexes"),
    KeptOut(names=("#recycle",), maker="Synology, TerraMaster", holds=_DELETED),
    KeptOut(names=("#snapshot",), maker="Synology", holds=_SNAPSHOTS),
    KeptOut(names=("@tmp", "@sharebin"), maker="Synology", holds="files on their way"),
    KeptOut(names=(".SynologyWorkingDirectory",), maker="Synology Drive", holds="files on their way"),
    KeptOut(names=("@Recycle",), maker="QNAP", holds=_DELETED),
    KeptOut(names=("Network Recycle Bin*", "Recycle Bin"), maker="QNAP and ASUSTOR, older", holds=_DELETED),
    KeptOut(names=("@Recently-Snapshot",), maker="QNAP", holds=_SNAPSHOTS),
    KeptOut(names=("@__thumb", ".@__thumb"), maker="QNAP", holds=_THUMBNAILS),
    KeptOut(names=(".@upload_cache",), maker="QNAP", holds="files on their way"),
    KeptOut(names=(".zfs",), maker="TrueNAS and other ZFS", holds=_SNAPSHOTS),
    KeptOut(names=("~snapshot", ".snapshot", ".snapshots"), maker="NetApp, Btrfs tools", holds=_SNAPSHOTS),
    KeptOut(names=(".recycle", ".Recycle.Bin"), maker="Samba, Unraid", holds=_DELETED),
    KeptOut(names=(".Trashes", ".Trash", "Network Trash Folder"), maker="macOS", holds=_DELETED),
    KeptOut(
        names=(".Spotlight-V100", ".fseventsd", "TheVolumeSettingsFolder", "TheFindByContentFolder"),
        maker="macOS",
        holds="indexes and settings of a disk",
    ),
    KeptOut(names=(".DocumentRevisions-V100",), maker="macOS", holds=_SNAPSHOTS),
    KeptOut(names=("Temporary Items", ".TemporaryItems"), maker="macOS", holds="files on their way"),
    KeptOut(
        names=("__MACOSX", ".AppleDouble", ".AppleDB", ".AppleDesktop"),
        maker="macOS, Netatalk",
        holds="what other systems cannot keep in the files themselves",
    ),
    KeptOut(
        names=("*.photoslibrary", "*.photolibrary", "*.migratedphotolibrary", "*.aplibrary"),
        maker="Photos, iPhoto, Aperture",
        holds="a library with several copies of each picture; export the frames",
    ),
    KeptOut(names=("$RECYCLE.BIN", "RECYCLER", "RECYCLED"), maker="Windows", holds=_DELETED),
    KeptOut(names=("System Volume Information",), maker="Windows", holds=_SNAPSHOTS),
    KeptOut(
        names=("FOUND.[0-9][0-9][0-9]", "lost+found"), maker="Windows, Linux", holds="pieces found after a fault of the disk"
    ),
    KeptOut(names=(".Trash-*",), maker="Linux desktops", holds=_DELETED),
    KeptOut(names=(".thumbnails", ".cache"), maker="Linux desktops", holds=_THUMBNAILS),
    KeptOut(
        names=("*.lrdata", "*.lrcat-data", "*.lrlibrary", "Smart Previews"),
        maker="Lightroom",
        holds=f"previews and {_CATALOGUE}",
    ),
    KeptOut(names=("Lightroom Settings",), maker="Lightroom", holds="presets, with sample pictures"),
    KeptOut(names=("Adobe Bridge Cache",), maker="Bridge", holds=_THUMBNAILS),
    KeptOut(
        names=("CaptureOne/Cache", "CaptureOne/Settings*", "*.cocatalog/Cache", "*.cocatalog/Adjustments"),
        maker="Capture One",
        holds=f"previews and {_CATALOGUE}",
    ),
    KeptOut(names=(".dtrash",), maker="digiKam", holds=_DELETED),
    KeptOut(names=(".picasaoriginals",), maker="Picasa", holds="pictures before they were changed"),
    KeptOut(names=(".stversions", ".stfolder"), maker="Syncthing", holds=_SNAPSHOTS),
    KeptOut(names=(".dropbox.cache",), maker="Dropbox", holds="files on their way, and deleted ones"),
    KeptOut(names=(".sync",), maker="Resilio Sync", holds=_SNAPSHOTS),
    KeptOut(names=(".tmp.driveupload", ".tmp.drivedownload"), maker="Google Drive", holds="files on their way"),
    KeptOut(names=("OneDriveTemp",), maker="OneDrive", holds="files on their way"),
)
"""All of it. A name that a photographer could give a folder of frames (Cache, Previews, Backup) is not in it by itself."""


@lru_cache(maxsize=4096)
def trouble_with(folders: str) -> str:
    """Say why nothing in a folder can be a frame; empty where it may.

    Parameters
    ----------
    folders : str
        Path of a folder, relative to the watched one, with `/` between parts.
    """
    parts = folders.split("/")
    for above, folder in pairwise(["", *parts]):
        names = {folder.casefold(), f"{above}/{folder}".casefold()}
        kept = next((each for each in KEPT_OUT for name in each.names if _is_one(names, name)), None)
        if kept is not None:
            return f"it lies in {shown(folder)} ({kept.maker}), which holds {kept.holds}"
        if folder.startswith("."):
            return f"it lies in the hidden folder {shown(folder)}"
    return ""


def table_markdown() -> str:
    """Write the table for the docs."""
    rows = [f"| {', '.join(f'`{name}`' for name in each.names)} | {each.maker} | {each.holds} |\n" for each in KEPT_OUT]
    return "| folder | of | holds |\n|---|---|---|\n" + "".join(rows)


def _is_one(names: set[str], pattern: str) -> bool:
    folded = pattern.casefold()
    return folded in names or (
        ("*" in folded or "[" in folded) and any(fnmatchcase(name, folded) for name in names if ("/" in name) == ("/" in folded))
    )
