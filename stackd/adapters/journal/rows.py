"""Journal rows to values and back. Names are kept as exact bytes: file names need not be text."""

import json
import math
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from stackd.adapters.journal.trouble import DamagedRow, row_of
from stackd.intake.names import name_parts
from stackd.model.frame import BracketKind, Fingerprint, Frame, FrameMeta
from stackd.model.job import Job, JobState
from stackd.model.names import encodable
from stackd.model.stack import Decision, SealReason, Stack, StackKind
from stackd.model.verdict import Judgement, Verdict
from stackd.service.ports import (
    Described,
    FolderReport,
    LeftAlone,
    NotDescribed,
    OpenStack,
    Progressed,
    StagedFile,
    TakenFrame,
    Warned,
    Wish,
    WishKind,
)

if TYPE_CHECKING:
    from stackd.model.content import ContentSignature

R = TypeVar("R")


def readable(read: Callable[[sqlite3.Row], R], found: Iterable[sqlite3.Row]) -> Iterator[R]:
    """Read the rows of a table that can be done without; those that are damaged are left out."""
    for row in found:
        with suppress(DamagedRow):
            yield read(row)


def whole(stored: object) -> int:
    """Read a whole number; SQLite keeps in any column what it is given, and a flipped byte can change the kind of a value."""
    if not isinstance(stored, int):
        raise TypeError(f"{stored!r} is no whole number")
    return stored


def number(stored: object) -> float:
    """Read a number."""
    if not isinstance(stored, int | float):
        raise TypeError(f"{stored!r} is no number")
    return float(stored)


def text(stored: object) -> str:
    """Read a text."""
    if not isinstance(stored, str):
        raise TypeError(f"{stored!r} is no text")
    return stored


def text_or_none(stored: object) -> str | None:
    """Read a text that may be missing."""
    return None if stored is None else text(stored)


def to_bytes(name: str) -> bytes:
    """Keep a name exactly, whatever its bytes."""
    return os.fsencode(name)


def to_name(stored: bytes) -> str:
    """Give a stored name back."""
    return os.fsdecode(stored)


def to_words(sentence: str | None) -> str | None:
    """Write a sentence: SQLite takes only what UTF-8 can encode, and sentences name files whatever bytes their names hold."""
    return None if sentence is None else encodable(sentence)


def to_text(at: datetime) -> str:
    """Write a time of day, UTC, to the microsecond; the text sorts like the times."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def to_json(value: object) -> str:
    """Write plain values; ASCII only, so that names that are no UTF-8 survive as escapes."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def meta_to_json(meta: FrameMeta) -> str:
    """Write what differs from an empty `FrameMeta`."""
    empty = FrameMeta()
    values: dict[str, object] = {}
    for field in fields(FrameMeta):
        value = getattr(meta, field.name)
        if value == getattr(empty, field.name):
            continue
        if isinstance(value, datetime):
            values[field.name] = value.isoformat()
        elif isinstance(value, Mapping):
            values[field.name] = dict(value)
        else:
            values[field.name] = value
    return to_json(values)


def meta_from_json(stored: str) -> FrameMeta:
    """Read a `FrameMeta`; fields that a later version wrote and this one does not know are left out."""
    known = {field.name for field in fields(FrameMeta)}
    values = {key: value for key, value in json.loads(stored).items() if key in known}
    if "captured_at" in values:
        values["captured_at"] = datetime.fromisoformat(values["captured_at"])
    if "bracket_kind" in values:
        values["bracket_kind"] = BracketKind(values["bracket_kind"])
    if "page_positions_m" in values:
        values["page_positions_m"] = tuple(values["page_positions_m"])
    if "sources" in values:
        values["sources"] = MappingProxyType(values["sources"])
    return FrameMeta(**values)


def content_to_bytes(content: "ContentSignature") -> bytes:
    """Write a content signature: a line of JSON with figures, kinds and shapes, then the arrays, little-endian."""
    head: dict[str, object] = {}
    arrays = []
    for field in fields(content):
        value = getattr(content, field.name)
        if hasattr(value, "shape"):
            kind = "i1" if value.dtype.itemsize == 1 else "<f4"
            head[field.name] = [kind, *value.shape]
            arrays.append(value.astype(kind).tobytes())
        else:
            head[field.name] = value
    return to_json(head).encode() + b"\n" + b"".join(arrays)


CONTENT_FIELDS: Final = ("thumbnail", "sharpness", "detail", "brightness")
"""Of a content signature, as this stackd writes them; named here so that nobody waits for numpy only to compare them."""

LONGEST_CONTENT_HEAD: Final = 256
"""Bytes in which the first line of a content signature ends."""


def is_known_content(begin: bytes) -> bool:
    """Tell by its first line whether `content_from_bytes` can read a content signature."""
    line, end, _ = begin.partition(b"\n")
    if not end and len(begin) >= LONGEST_CONTENT_HEAD:
        return False
    return tuple(json.loads(line)) == CONTENT_FIELDS and bool(end)


def content_from_bytes(stored: bytes) -> "ContentSignature | None":
    """Read what `content_to_bytes` wrote; None when another stackd wrote it, with other fields."""
    # Imported here: `stackd status` reads journal rows and must not wait for numpy.
    import numpy as np

    from stackd.model.content import ContentSignature

    if not is_known_content(stored):
        return None
    line, _, rest = stored.partition(b"\n")
    head = json.loads(line)
    start = 0
    for name, value in head.items():
        if isinstance(value, list):
            kind, *shape = value
            values = np.frombuffer(rest, dtype=kind, count=math.prod(shape), offset=start)
            head[name] = values.astype(np.int8 if kind == "i1" else np.float32).reshape(shape)
            start += values.nbytes
    return ContentSignature(**head)


@row_of("described")
def content_from_row(row: sqlite3.Row) -> "ContentSignature | None":
    """Read the content signature in a row of `described`; None when another stackd wrote it, with other fields."""
    return content_from_bytes(row["signature"])


def stack_to_row(stack: Stack, *, watch: str, at: datetime) -> tuple[object, ...]:
    """Write a row of `stack`, without its frames."""
    return (
        stack.id,
        to_bytes(watch),
        stack.kind,
        stack.reason,
        stack.confidence,
        stack.decision,
        to_json(stack.evidence),
        to_text(stack.sealed_at or at),
        None if stack.name is None else to_bytes(stack.name),
        to_words(stack.recipe),
    )


def frame_to_row(stack_id: str, position: int, frame: Frame) -> tuple[object, ...]:
    """Write a row of `stack_frame`."""
    return (
        stack_id,
        position,
        to_bytes(frame.path),
        frame.page,
        frame.fingerprint.size_bytes,
        frame.fingerprint.mtime_ns,
        frame.fingerprint.content_sha256,
        meta_to_json(frame.meta),
        to_json(frame.companion_paths),
        frame.fingerprint.picture,
        stem_of(frame.path),
        moment_of(frame.meta),
        size_of(frame.meta),
    )


def stem_of(path: str) -> str:
    """Write what a frame is found again by when it was moved."""
    return name_parts(path).stem.casefold().encode("utf-8", "surrogateescape").hex()


def moment_of(meta: FrameMeta) -> str | None:
    """Write what a frame is found again by when it was renamed."""
    if meta.captured_at is None:
        return None
    try:
        return to_text(meta.captured_at)
    except OverflowError:
        # In the first or last hours that can be told, of a camera whose clock is not set.
        return meta.captured_at.isoformat()


def size_of(meta: FrameMeta) -> str:
    """Write the size in pixels, however turned."""
    sides = sorted((meta.width_px or 0, meta.height_px or 0))
    return f"{sides[0]}x{sides[1]}"


def trait_of(name: str, path: bytes, meta: str) -> str | None:
    """Tell stem, moment or size of a row that was written without them."""
    if name == "stem":
        return stem_of(to_name(path))
    known = meta_from_json(meta)
    return moment_of(known) if name == "moment" else size_of(known)


@row_of("stack_frame")
def fingerprint_from_row(row: sqlite3.Row) -> Fingerprint:
    """Read the fingerprint in a row of `stack_frame` or `described`."""
    return Fingerprint(
        size_bytes=whole(row["size_bytes"]),
        mtime_ns=whole(row["mtime_ns"]),
        content_sha256=text_or_none(row["content_sha256"]),
        picture=text_or_none(row["picture"]),
    )


@row_of("stack_frame")
def frame_from_row(row: sqlite3.Row) -> Frame:
    """Read a row of `stack_frame`."""
    return Frame(
        path=to_name(row["path"]),
        fingerprint=fingerprint_from_row(row),
        meta=meta_from_json(row["meta"]),
        page=None if row["page"] is None else whole(row["page"]),
        companion_paths=tuple(json.loads(row["companions"])),
    )


@row_of("stack")
def stack_from_rows(row: sqlite3.Row, frames: tuple[Frame, ...]) -> Stack:
    """Read a row of `stack`."""
    return Stack(
        id=text(row["id"]),
        frames=frames,
        kind=StackKind(row["kind"]),
        reason=SealReason(row["reason"]),
        confidence=number(row["confidence"]),
        decision=Decision(row["decision"]),
        evidence=tuple(json.loads(row["evidence"])),
        sealed_at=_time(row["sealed_at"]),
        name=None if row["name"] is None else to_name(row["name"]),
        recipe=text_or_none(row["recipe"]),
    )


@row_of("job")
def job_from_row(row: sqlite3.Row) -> Job:
    """Read a row of `job`; it may be of an earlier version, see `folder_from_row`."""
    columns = row.keys()
    return Job(
        id=whole(row["id"]),
        stack_id=text(row["stack_id"]),
        watch=to_name(row["watch"]),
        recipe_name=text(row["recipe_name"]),
        recipe_hash=text(row["recipe_hash"]),
        state=JobState(row["state"]),
        attempt=whole(row["attempt"]),
        crashes=whole(row["crashes"]),
        version=whole(row["version"]),
        queued_at=datetime.fromisoformat(row["queued_at"]),
        started_at=_time(row["started_at"]),
        finished_at=_time(row["finished_at"]),
        error=text_or_none(row["error"]),
        hint=text_or_none(row["hint"]),
        composite_path=None if row["composite_path"] is None else to_name(row["composite_path"]),
        verdict=_verdict(row) if "judgement" in columns else None,
        accepted=bool(row["accepted"]) if "accepted" in columns else False,
    )


def verdict_to_columns(verdict: Verdict | None) -> tuple[object, object, object]:
    """Write judgement, rejection probability and reasons of a job."""
    if verdict is None:
        return None, None, None
    return verdict.judgement, verdict.rejection_probability, to_json(verdict.reasons)


def _verdict(row: sqlite3.Row) -> Verdict | None:
    if row["judgement"] is None:
        return None
    return Verdict(
        judgement=Judgement(row["judgement"]),
        rejection_probability=number(row["rejection_probability"]),
        reasons=tuple(json.loads(row["reasons"])),
    )


@row_of("output")
def output_from_row(row: sqlite3.Row) -> tuple[StagedFile, str]:
    """Read a row of `output`."""
    name = to_name(row["final_name"])
    staged = StagedFile(
        temporary_path=Path(to_name(row["temporary_path"])),
        final_name=name,
        sha256=text(row["sha256"]),
        size_bytes=whole(row["size_bytes"]),
    )
    return staged, name


@row_of("output")
def folder_of_output(row: sqlite3.Row) -> Path:
    """Read the folder of a row of `output`."""
    return Path(to_name(row["folder"]))


@row_of("stack_frame")
def taken_from_row(row: sqlite3.Row) -> tuple[str, TakenFrame]:
    """Read a frame that belongs to a recorded stack, with its path."""
    return to_name(row["path"]), TakenFrame(
        fingerprint=fingerprint_from_row(row),
        stack_id=text(row["stack_id"]),
        meta=meta_from_json(row["meta"]),
        companions=tuple(json.loads(row["companions"])),
    )


@row_of("about")
def owner_from_row(row: sqlite3.Row) -> str:
    """Read the name of this journal's service; it becomes part of file names."""
    name = text(row["value"])
    bytes.fromhex(name)
    return name


@row_of("warning")
def warning_from_row(row: sqlite3.Row) -> Warned:
    """Read a row of `warning`."""
    return Warned(code=text(row["code"]), sentence=text(row["sentence"]))


@row_of("wish")
def wish_from_row(row: sqlite3.Row) -> Wish:
    """Read a row of `wish`."""
    return Wish(
        id=whole(row["id"]),
        kind=WishKind(row["kind"]),
        stack_id=text(row["stack_id"]),
        asked_at=datetime.fromisoformat(row["asked_at"]),
        frames=tuple(json.loads(row["frames"])),
        other_stack_ids=tuple(json.loads(row["other_stack_ids"])),
        answer=text_or_none(row["answer"]),
    )


@row_of("described")
def described_from_row(row: sqlite3.Row) -> Described | NotDescribed | None:
    """Read a row of `described` without its content signature; None when another stackd wrote it in a way unknown to this one."""
    watch, path = to_name(row["watch"]), to_name(row["path"])
    fingerprint = fingerprint_from_row(row)
    if row["meta"] is None:
        return NotDescribed(watch=watch, path=path, fingerprint=fingerprint, reason=text(row["reason"]))
    is_kept = row["content_begin"] is not None
    if is_kept and not is_known_content(row["content_begin"]):
        return None
    meta = meta_from_json(row["meta"])
    # It is looked up by these next; here they can still be told to be damaged.
    moment_of(meta)
    size_of(meta)
    return Described(watch=watch, path=path, fingerprint=fingerprint, meta=meta, content_is_kept=is_kept)


@row_of("folder")
def folder_from_row(row: sqlite3.Row) -> FolderReport:
    """Read a row of `folder`; it may be of an earlier version, since who asks for the status changes nothing."""
    columns = row.keys()
    left_alone = row["left_alone"] if "left_alone" in columns else "[]"
    return FolderReport(
        watch=to_name(row["watch"]),
        at=datetime.fromisoformat(row["at"]),
        online=bool(row["online"]),
        trouble=text(row["trouble"]),
        files=whole(row["files"]),
        settling=whole(row["settling"]),
        open_stacks=tuple(
            OpenStack(frames=tuple(one["frames"]), waits_for=one["waits_for"]) for one in json.loads(row["open_stacks"])
        ),
        set_aside=MappingProxyType(json.loads(row["set_aside"])),
        passed_over=MappingProxyType(json.loads(row["passed_over"])),
        passed_over_count=whole(row["passed_over_count"]),
        left_alone=tuple(LeftAlone(**each) for each in json.loads(left_alone)),
    )


@row_of("job")
def progress_from_row(row: sqlite3.Row) -> Progressed | None:
    """Read how far a running job is; None before its first report."""
    if row["stage"] is None:
        return None
    return Progressed(
        job_id=whole(row["id"]), stage=text(row["stage"]), done=whole(row["stage_done"]), total=whole(row["stage_total"])
    )


def _time(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)
