"""Looks at the machine for `stackd doctor`: folders, disks, limits, tools. Changes nothing; a probe file is removed again."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from stackd.adapters.machine.instance_lock import LOCK_NAME
from stackd.config.watching import MetricsSettings, NotifySettings, WatchSettings
from stackd.model.verdict import SUBFOLDERS

LEAST_FREE_BYTES = 2 * 10**9
"""A dozen 16-bit composites of 24 megapixels (144 MB each); below that a busy evening fills the disk."""

LEAST_MEMORY_BYTES = 3 * 10**9
"""What stacking 24-megapixel frames may take at its peak."""

FOLDERS_COUNTED = 20_000
"""Counting more would make the doctor slow; the usual limit of watches lies below."""

EXIFTOOL_TIMEOUT_S = 10
"""A perl script on a slow disk answers in one or two seconds."""

NETWORK_FILESYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afpfs", "fuse.sshfs", "9p", "webdav", "fuse.davfs"})

LIBRARIES = (
    "numpy",
    "opencv-python-headless",
    "scikit-image",
    "rawpy",
    "exiv2",
    "tifffile",
    "imagecodecs",
    "watchdog",
    "pydantic",
)
"""What a report of a problem should name."""


class Verdict(StrEnum):
    """How a check ended."""

    FINE = "fine"
    NOTE = "note"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    about: str
    verdict: Verdict
    sentence: str
    remedy: str = ""
    """What to do; empty when there is nothing to do."""


def check_machine() -> Iterator[Check]:
    """Look at Python, libraries, memory and optional tools."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    yield Check(about="python", verdict=Verdict.FINE, sentence=f"Python {sys.version.split()[0]} with {versions}.")
    memory = psutil.virtual_memory().available
    if memory < LEAST_MEMORY_BYTES:
        yield Check(
            about="memory",
            verdict=Verdict.NOTE,
            sentence=f"{_gigabytes(memory)} of memory are free; 24-megapixel stacks may need {_gigabytes(LEAST_MEMORY_BYTES)}.",
            remedy="Close what else is running; stackd works on one stack at a time where memory is short.",
        )
    else:
        yield Check(about="memory", verdict=Verdict.FINE, sentence=f"{_gigabytes(memory)} of memory are free.")
    yield _check_exiftool()
    yield _check_heif()
    yield _check_barcode()


def check_state(folder: Path) -> Iterator[Check]:
    """Look at the place of the journal."""
    existing = _nearest_existing(folder)
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Check(
            about="state",
            verdict=Verdict.TROUBLE,
            sentence=f"The state folder {folder} cannot be written: {existing} does not allow it.",
            remedy=f"Give your user the right to write there, or set [state] folder. Try: ls -ld {existing}",
        )
        return
    kind = _filesystem(existing)
    if kind in NETWORK_FILESYSTEMS:
        yield Check(
            about="state",
            verdict=Verdict.TROUBLE,
            sentence=f"The state folder {folder} lies on a network share ({kind}), where the journal is not safe.",
            remedy="Set [state] folder to a place on a local disk.",
        )
        return
    yield Check(about="state", verdict=Verdict.FINE, sentence=f"The journal is kept in {folder}.")


def check_telling(metrics: MetricsSettings, notify: NotifySettings) -> Iterator[Check]:
    """Look whether metrics can be written and the command for events is there; without either, stackd runs and tells nobody."""
    if metrics.file is not None:
        folder = metrics.file.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            yield Check(
                about="metrics",
                verdict=Verdict.NOTE,
                sentence=f"Metrics cannot be written to {metrics.file}: {folder} is no folder that this user may write to.",
                remedy="Make the folder, give the user that runs stackd the right to write there, or set [metrics] file.",
            )
        else:
            yield Check(about="metrics", verdict=Verdict.FINE, sentence=f"Metrics are written to {metrics.file}.")
    if notify.command:
        program = notify.command[0]
        if shutil.which(program) is None:
            yield Check(
                about="notify",
                verdict=Verdict.NOTE,
                sentence=f"There is no program {program} to tell of what needs you.",
                remedy="Give its whole path in [notify] command, and make it executable.",
            )
        else:
            yield Check(about="notify", verdict=Verdict.FINE, sentence=f"{program} is told of what needs you.")


def check_running(state_folder: Path) -> Iterator[Check]:
    """Tell whether a daemon uses the state folder. Reads its number only: trying the lock could get in its way as it starts."""
    try:
        process = psutil.Process(int((state_folder / LOCK_NAME).read_text(encoding="ascii")))
        running = any("stackd" in part for part in process.cmdline())
    except (OSError, ValueError, psutil.Error):
        return
    if running:
        yield Check(about="daemon", verdict=Verdict.FINE, sentence=f"The daemon is running (process {process.pid}).")


def check_watch(watch: WatchSettings) -> Iterator[Check]:
    """Look at a watched folder and at the one its composites go to."""
    yield _check_input(watch)
    yield _check_output(watch)
    yield from _check_inside(watch)


def check_notices(watches: Sequence[WatchSettings]) -> Iterator[Check]:
    """Look whether the system can tell of changes in so many folders (Linux)."""
    limit_file = Path("/proc/sys/fs/inotify/max_user_watches")
    if not limit_file.is_file():
        return
    limit = int(limit_file.read_text(encoding="ascii"))
    folders = sum(_count_folders(watch.input) for watch in watches if watch.events)
    if folders >= limit:
        yield Check(
            about="notices",
            verdict=Verdict.NOTE,
            sentence=f"The watched folders hold {folders} folders, but the system tells of changes in {limit} at most.",
            remedy="Rescans find everything; for quicker notice: sudo sysctl fs.inotify.max_user_watches=524288",
        )
    else:
        yield Check(about="notices", verdict=Verdict.FINE, sentence=f"The system tells of changes in up to {limit} folders.")


def _check_input(watch: WatchSettings) -> Check:
    if not watch.input.is_dir():
        return Check(
            about=watch.label,
            verdict=Verdict.TROUBLE,
            sentence=f"The watched folder {watch.input} is not there.",
            remedy=f"Connect the disk or share it lies on, or make it: mkdir -p '{watch.input}'",
        )
    if not os.access(watch.input, os.R_OK | os.X_OK):
        return Check(
            about=watch.label,
            verdict=Verdict.TROUBLE,
            sentence=f"The watched folder {watch.input} cannot be read.",
            remedy=f"Give your user the right to read it. Try: ls -ld '{watch.input}'",
        )
    kind = _filesystem(watch.input)
    if kind in NETWORK_FILESYSTEMS:
        return Check(
            about=watch.label,
            verdict=Verdict.NOTE,
            sentence=f"{watch.input} is a network share ({kind}): what others drop is noticed every {watch.rescan_s:g} s.",
            remedy="Raise [intake] settle_s to 10, because copies to a share can stall.",
        )
    return Check(about=watch.label, verdict=Verdict.FINE, sentence=f"{watch.input} can be read.")


def _check_output(watch: WatchSettings) -> Check:
    if not watch.output.is_dir():
        return Check(
            about=watch.label,
            verdict=Verdict.TROUBLE,
            sentence=f"The folder for composites, {watch.output}, is not there.",
            remedy=f"Connect the disk or share it lies on, or make it: mkdir -p '{watch.output}'",
        )
    try:
        with tempfile.NamedTemporaryFile(dir=watch.output, prefix=".stackd-doctor-"):
            free = shutil.disk_usage(watch.output).free
    except OSError as error:
        return Check(
            about=watch.label,
            verdict=Verdict.TROUBLE,
            sentence=f"Nothing can be written to {watch.output}: {error.strerror}.",
            remedy="Give your user the right to write there, or choose another output.",
        )
    if free < LEAST_FREE_BYTES:
        return Check(
            about=watch.label,
            verdict=Verdict.NOTE,
            sentence=f"Only {_gigabytes(free)} are free for composites in {watch.output}.",
            remedy="Make room: stackd waits when the disk is full and goes on by itself when there is room.",
        )
    return Check(about=watch.label, verdict=Verdict.FINE, sentence=f"{watch.output} can be written; {_gigabytes(free)} are free.")


def _check_inside(watch: WatchSettings) -> Iterator[Check]:
    """Look at the folders for composites that do not pass; those that are not there yet are made when they are needed."""
    for folder in (watch.output / name for name in SUBFOLDERS):
        if folder.is_symlink():
            trouble = "it is a link, and stackd does not follow it"
        elif folder.exists() and not folder.is_dir():
            trouble = "it is no folder"
        elif folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            trouble = "your user may not write there"
        else:
            continue
        yield Check(
            about=watch.label,
            verdict=Verdict.TROUBLE,
            sentence=f"{folder}, where composites that do not pass go, cannot be used: {trouble}.",
            remedy=f"Move it away; stackd makes the folder itself. Try: ls -ld '{folder}'",
        )


def _check_exiftool() -> Check:
    path = shutil.which("exiftool")
    if path is None:
        return Check(
            about="exiftool",
            verdict=Verdict.NOTE,
            sentence="exiftool is not installed; what only it can read of your camera's notes goes unused.",
            remedy="apt install libimage-exiftool-perl, or brew install exiftool",
        )
    try:
        version = subprocess.run([path, "-ver"], capture_output=True, text=True, check=True, timeout=EXIFTOOL_TIMEOUT_S).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        return Check(about="exiftool", verdict=Verdict.NOTE, sentence=f"{path} does not run: {error}.", remedy="Install it anew.")
    return Check(about="exiftool", verdict=Verdict.FINE, sentence=f"exiftool {version.strip()} helps with metadata.")


def _check_heif() -> Check:
    try:
        version = importlib.metadata.version("pillow-heif")
    except importlib.metadata.PackageNotFoundError:
        return Check(
            about="heif",
            verdict=Verdict.NOTE,
            sentence="HEIC and HEIF frames cannot be read.",
            remedy="If your camera or phone writes them: pip install 'stackd[heif]'",
        )
    return Check(about="heif", verdict=Verdict.FINE, sentence=f"HEIC and HEIF frames are read by pillow-heif {version}.")


def _check_barcode() -> Check:
    try:
        version = importlib.metadata.version("zxing-cpp")
    except importlib.metadata.PackageNotFoundError:
        return Check(
            about="barcode",
            verdict=Verdict.NOTE,
            sentence="Barcodes cannot be read.",
            remedy="If labels name your composites: pip install 'stackd[barcode]'",
        )
    return Check(about="barcode", verdict=Verdict.FINE, sentence=f"Barcodes are read by zxing-cpp {version}.")


def _nearest_existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _filesystem(path: Path) -> str:
    """Type of the file system a path lies on; empty when unknown."""
    real = Path(os.path.realpath(path))
    mounts = {Path(partition.mountpoint): partition.fstype for partition in psutil.disk_partitions(all=True)}
    return next((mounts[folder] for folder in (real, *real.parents) if folder in mounts), "")


def _count_folders(root: Path) -> int:
    count = 0
    for _ in os.walk(root):
        count += 1
        if count >= FOLDERS_COUNTED:
            break
    return count


def _gigabytes(count_bytes: int) -> str:
    return f"{count_bytes / 10**9:.1f} GB"
