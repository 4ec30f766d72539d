"""Real frames for grouping tests, described as the daemon describes them."""

from functools import cache
from pathlib import Path

from stackd.adapters.frames.thumbnails import read_signature
from stackd.adapters.metadata.tags import fetch_tags
from stackd.errors import UnreadableFrame
from stackd.intake.arrival.admit import sort_out
from stackd.intake.brands import frame_meta
from stackd.intake.grouping.candidates import Grouping
from stackd.intake.grouping.grouping import group
from stackd.intake.settings import GroupingSettings
from stackd.model.content import ContentSignature
from stackd.model.frame import Fingerprint, Frame, FrameMeta


@cache
def described(path: Path) -> tuple[FrameMeta, ContentSignature | None]:
    """Metadata and signature of one file, read once a test run."""
    return frame_meta(fetch_tags(path), path=path.name, mtime_ns=path.stat().st_mtime_ns), read_signature(path)


def poured(files: dict[str, Path], **settings: object) -> Grouping:
    """Group files under the names they are given."""
    frames: list[Frame] = []
    contents: dict[str, ContentSignature] = {}
    for name in sort_out(files).frames:
        path = files[name]
        try:
            meta, content = described(path)
        except UnreadableFrame:
            continue
        status = path.stat()
        fingerprint = Fingerprint(size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
        frames.append(Frame(path=name, fingerprint=fingerprint, meta=meta))
        if content is not None:
            contents[name] = content
    return group(frames, contents, GroupingSettings(**settings))


def files_of(folder: Path, prefix: str = "") -> dict[str, Path]:
    """All files of a folder and its subfolders, by the name they have below it."""
    return {f"{prefix}{path.relative_to(folder).as_posix()}": path for path in sorted(folder.rglob("*")) if path.is_file()}
