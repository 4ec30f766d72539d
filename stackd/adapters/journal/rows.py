"""Journal rows to values and back. Names are kept as exact bytes: file names need not be text."""

import json
import math
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stackd.intake.names import name_parts
from stackd.model.frame import BracketKind, Fingerprint, Frame, FrameMeta
from stackd.model.job import Job, JobState
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


def to_bytes(name: str) -> bytes:
    """Keep a name exactly, whatever its bytes."""
    return os.fsencode(name)


def to_name(stored: bytes) -> str:
    """Give a stored name back."""
    return os.fsdecode(stored)


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


def meta_from_json(text: str) -> FrameMeta:
    """Read a `FrameMeta`; fields that a later version wrote and this one does not know are left out."""
    known = {field.name for field in fields(FrameMeta)}
    values = {key: value for key, value in json.loads(text).items() if key in known}
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
    return bool(end) and tuple(json.loads(line)) == CONTENT_FIELDS


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
        stack.recipe,
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
    return None if meta.captured_at is None else to_text(meta.captured_at)


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


def frame_from_row(row: sqlite3.Row) -> Frame:
    """Read a row of `stack_frame`."""
    return Frame(
        path=to_name(row["path"]),
        fingerprint=fingerprint_from_row(row),
        meta=meta_from_json(row["meta"]),
        page=row["page"],
        companion_paths=tuple(json.loads(row["companions"])),
    )


def fingerprint_from_row(row: sqlite3.Row) -> Fingerprint:
    """Read the fingerprint in a row of `stack_frame` or `described`."""
    return Fingerprint(
        size_bytes=row["size_bytes"], mtime_ns=row["mtime_ns"], content_sha256=row["content_sha256"], picture=row["picture"]
    )


def taken_from_row(row: sqlite3.Row) -> TakenFrame:
    """Read a frame that belongs to a recorded stack."""
    return TakenFrame(
        fingerprint=fingerprint_from_row(row),
        stack_id=row["stack_id"],
        meta=meta_from_json(row["meta"]),
        companions=tuple(json.loads(row["companions"])),
    )


def stack_from_rows(row: sqlite3.Row, frames: tuple[Frame, ...]) -> Stack:
    """Read a row of `stack`."""
    return Stack(
        id=row["id"],
        frames=frames,
        kind=StackKind(row["kind"]),
        reason=SealReason(row["reason"]),
        confidence=row["confidence"],
        decision=Decision(row["decision"]),
        evidence=tuple(json.loads(row["evidence"])),
        sealed_at=_time(row["sealed_at"]),
        name=None if row["name"] is None else to_name(row["name"]),
        recipe=row["recipe"],
    )


def job_from_row(row: sqlite3.Row) -> Job:
    """Read a row of `job`; it may be of an earlier version, see `folder_from_row`."""
    columns = row.keys()
    return Job(
        id=row["id"],
        stack_id=row["stack_id"],
        watch=to_name(row["watch"]),
        recipe_name=row["recipe_name"],
        recipe_hash=row["recipe_hash"],
        state=JobState(row["state"]),
        attempt=row["attempt"],
        crashes=row["crashes"],
        version=row["version"],
        queued_at=datetime.fromisoformat(row["queued_at"]),
        started_at=_time(row["started_at"]),
        finished_at=_time(row["finished_at"]),
        error=row["error"],
        hint=row["hint"],
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
        rejection_probability=row["rejection_probability"],
        reasons=tuple(json.loads(row["reasons"])),
    )


def output_from_row(row: sqlite3.Row) -> tuple[StagedFile, str]:
    """Read a row of `output`."""
    name = to_name(row["final_name"])
    staged = StagedFile(
        temporary_path=Path(to_name(row["temporary_path"])),
        final_name=name,
        sha256=row["sha256"],
        size_bytes=row["size_bytes"],
    )
    return staged, name


def warning_from_row(row: sqlite3.Row) -> Warned:
    """Read a row of `warning`."""
    return Warned(code=row["code"], sentence=row["sentence"])


def wish_from_row(row: sqlite3.Row) -> Wish:
    """Read a row of `wish`."""
    return Wish(
        id=row["id"],
        kind=WishKind(row["kind"]),
        stack_id=row["stack_id"],
        asked_at=datetime.fromisoformat(row["asked_at"]),
        frames=tuple(json.loads(row["frames"])),
        other_stack_ids=tuple(json.loads(row["other_stack_ids"])),
        answer=row["answer"],
    )


def described_from_row(row: sqlite3.Row) -> Described | NotDescribed | None:
    """Read a row of `described` without its content signature; None when another stackd wrote it in a way unknown to this one."""
    watch, path = to_name(row["watch"]), to_name(row["path"])
    fingerprint = fingerprint_from_row(row)
    if row["meta"] is None:
        return NotDescribed(watch=watch, path=path, fingerprint=fingerprint, reason=row["reason"])
    is_kept = row["content_begin"] is not None
    if is_kept and not is_known_content(row["content_begin"]):
        return None
    return Described(watch=watch, path=path, fingerprint=fingerprint, meta=meta_from_json(row["meta"]), content_is_kept=is_kept)


def folder_from_row(row: sqlite3.Row) -> FolderReport:
    """Read a row of `folder`; it may be of an earlier version, since who asks for the status changes nothing."""
    columns = row.keys()
    left_alone = row["left_alone"] if "left_alone" in columns else "[]"
    return FolderReport(
        watch=to_name(row["watch"]),
        at=datetime.fromisoformat(row["at"]),
        online=bool(row["online"]),
        trouble=row["trouble"],
        files=row["files"],
        settling=row["settling"],
        open_stacks=tuple(
            OpenStack(frames=tuple(one["frames"]), waits_for=one["waits_for"]) for one in json.loads(row["open_stacks"])
        ),
        set_aside=MappingProxyType(json.loads(row["set_aside"])),
        passed_over=MappingProxyType(json.loads(row["passed_over"])),
        passed_over_count=row["passed_over_count"],
        left_alone=tuple(LeftAlone(**each) for each in json.loads(left_alone)),
    )


def progress_from_row(row: sqlite3.Row) -> Progressed | None:
    """Read how far a running job is; None before its first report."""
    if row["stage"] is None:
        return None
    return Progressed(job_id=row["id"], stage=row["stage"], done=row["stage_done"], total=row["stage_total"])


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
