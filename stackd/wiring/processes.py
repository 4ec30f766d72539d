"""What child processes of the service are started with."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from stackd.wiring.tools import stacking_tools

if TYPE_CHECKING:
    from stackd.adapters.metadata.exiftool import ExiftoolProcess
    from stackd.imaging.ground.frames import Progress
    from stackd.model.content import ContentSignature
    from stackd.model.frame import FrameMeta
    from stackd.service.ports import StackingRequest, StackingResult

    Description: TypeAlias = bytes | tuple[FrameMeta, ContentSignature | None, tuple[str, str | None] | None]

WORK_ENTRY = "stackd.wiring.processes:stack_one"
DESCRIBE_ENTRY = "stackd.wiring.processes:describe_one"
DESCRIBE_NAMED_ENTRY = "stackd.wiring.processes:describe_named"
"""What child processes of the service call."""


def stack_one(request: StackingRequest, progress: Progress) -> StackingResult:
    """Turn a stack into staged files; runs in a worker process."""
    from stackd.adapters.beneath import keep_within
    from stackd.service.once.stack import stack_and_stage

    keep_within(request.input_folder)
    tools = stacking_tools(settled=True)
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


def describe_one(asked: tuple[Path, str, bool], progress: Progress) -> Description:
    """Read what a file of a watched folder says of itself; runs in the describing process. Links below it are not followed.

    `asked` is the folder, the file's path in it, and whether it is to be hashed, and its picture. A manifest comes as its bytes.
    """
    from stackd.adapters.beneath import keep_within

    keep_within(asked[0])
    return describe_named(asked, progress)


def describe_named(asked: tuple[Path, str, bool], progress: Progress) -> Description:
    """Read what a file says of itself that a user named, which may be a link; else as `describe_one`."""
    from stackd.adapters.beneath import open_frame, stat_frame
    from stackd.adapters.formats.picture_hash import hash_file
    from stackd.adapters.frames.thumbnails import read_signature
    from stackd.adapters.machine.logging_setup import spell_what_libraries_say
    from stackd.adapters.metadata.tags import fetch_tags
    from stackd.errors import UnreachableFrame
    from stackd.intake.arrival.admit import Role, admit
    from stackd.intake.arrival.manifest import MAX_MANIFEST_BYTES
    from stackd.intake.brands import frame_meta
    from stackd.model.names import shown

    del progress
    spell_what_libraries_say()
    folder, name, with_hash = asked
    path = folder / name
    try:
        if admit(name).role is Role.MANIFEST:
            with open(path, "rb", opener=open_frame) as manifest:
                return manifest.read(MAX_MANIFEST_BYTES + 1)
        tags = fetch_tags(path, exiftool=_exiftool())
        hashes = None
        if with_hash:
            found = hash_file(path)
            hashes = (found.content_sha256, found.picture)
        mtime_ns = stat_frame(path).st_mtime_ns
    except OSError as error:
        raise UnreachableFrame(
            f"{shown(path.name)} cannot be read: {error.strerror}.", hint="Check its permissions and the disk."
        ) from error
    return frame_meta(tags, path=name, mtime_ns=mtime_ns), read_signature(path), hashes


@cache
def _exiftool() -> ExiftoolProcess | None:
    from stackd.adapters.metadata.exiftool import ExiftoolProcess

    return ExiftoolProcess.find()
