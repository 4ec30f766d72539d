"""What child processes of the service are started with."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from stackd.wiring.tools import stacking_tools

if TYPE_CHECKING:
    from stackd.adapters.metadata.exiftool import ExiftoolProcess
    from stackd.imaging.ground.frames import Progress
    from stackd.model.content import ContentSignature
    from stackd.model.frame import FrameMeta
    from stackd.service.ports import StackingRequest, StackingResult


WORK_ENTRY = "stackd.wiring.processes:stack_one"
DESCRIBE_ENTRY = "stackd.wiring.processes:describe_one"
"""What child processes of the service call."""


def stack_one(request: StackingRequest, progress: Progress) -> StackingResult:
    """Turn a stack into staged files; runs in a worker process."""
    from stackd.service.once.stack import stack_and_stage

    tools = stacking_tools()
    return stack_and_stage(
        request,
        reader=tools.reader,
        codes=tools.codes,
        exporter=tools.exporter,
        clock=tools.clock,
        meter=tools.meter,
        make_store=tools.make_store,
        progress=progress,
    )


def describe_one(
    asked: tuple[Path, str, bool], progress: Progress
) -> bytes | tuple[FrameMeta, ContentSignature | None, tuple[str, str | None] | None]:
    """Read what a file of a watched folder says of itself; runs in the describing process. A manifest comes as its bytes.

    `asked` is the folder, the file's path in it, and whether it is to be hashed, and its picture.
    """
    from stackd.adapters.formats.picture_hash import hash_file
    from stackd.adapters.frames.thumbnails import read_signature
    from stackd.adapters.metadata.tags import fetch_tags
    from stackd.intake.arrival.admit import Role, admit
    from stackd.intake.arrival.manifest import MAX_MANIFEST_BYTES
    from stackd.intake.brands import frame_meta

    del progress
    folder, name, with_hash = asked
    path = folder / name
    if admit(name).role is Role.MANIFEST:
        with path.open("rb") as manifest:
            return manifest.read(MAX_MANIFEST_BYTES + 1)
    tags = fetch_tags(path, exiftool=_exiftool())
    hashes = None
    if with_hash:
        found = hash_file(path)
        hashes = (found.content_sha256, found.picture)
    return frame_meta(tags, path=name, mtime_ns=path.stat().st_mtime_ns), read_signature(path), hashes


@cache
def _exiftool() -> ExiftoolProcess | None:
    from stackd.adapters.metadata.exiftool import ExiftoolProcess

    return ExiftoolProcess.find()
