"""Frames and pictures made up for grouping tests: a camera that can be told what to write."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import numpy as np

from stackd.intake.evidence.content import signature
from stackd.intake.grouping.candidates import Grouping
from stackd.intake.grouping.parts import Sorting, sort_again
from stackd.intake.settings import GroupingSettings
from stackd.model.content import ContentSignature
from stackd.model.frame import Fingerprint, Frame, FrameMeta

NOON = datetime(2025, 6, 1, 12, 0, 0, tzinfo=UTC)
SETTINGS = GroupingSettings()


def frame(path: str, at_s: float | None = 0.0, *, source: str = "Exif.Photo.DateTimeOriginal", **meta: object) -> Frame:
    """One frame of an ordinary camera, taken `at_s` seconds after noon; without a time when `at_s` is None."""
    known: dict[str, object] = {
        "make": "Canon",
        "camera_model": "EOS R5",
        "lens": "RF100mm",
        "exposure_time_s": 0.02,
        "f_number": 4.0,
        "iso": 400.0,
        "focal_length_mm": 100.0,
        "width_px": 6000,
        "height_px": 4000,
        "time_resolution_s": 0.01,
    }
    known.update(meta)
    if at_s is not None:
        known["captured_at"] = NOON + timedelta(seconds=at_s)
        known["sources"] = MappingProxyType({"captured_at": source})
    return Frame(path=path, fingerprint=Fingerprint(size_bytes=1000 + hash(path) % 1000, mtime_ns=1), meta=FrameMeta(**known))


def bare(path: str, **meta: object) -> Frame:
    """One frame without any camera metadata."""
    return Frame(
        path=path,
        fingerprint=Fingerprint(size_bytes=1000, mtime_ns=1),
        meta=FrameMeta(**{"width_px": 800, "height_px": 600, **meta}),
    )


def shoot(
    count: int,
    *,
    first: int = 1,
    begin_s: float = 0.0,
    beat_s: float = 1.0,
    name: str = "IMG_{:04d}.JPG",
    hints: Sequence[float] | None = None,
    distances_m: Sequence[float] | None = None,
    **meta: object,
) -> list[Frame]:
    """A run of frames in one rhythm."""
    frames = [frame(name.format(first + index), begin_s + index * beat_s, **meta) for index in range(count)]
    if hints is not None:
        frames = [replace(each, meta=replace(each.meta, order_hint=hint)) for each, hint in zip(frames, hints, strict=True)]
    if distances_m is not None:
        frames = [
            replace(each, meta=replace(each.meta, focus_distance_m=distance))
            for each, distance in zip(frames, distances_m, strict=True)
        ]
    return frames


def sorted_out(frames: Iterable[Frame], contents: Mapping[str, ContentSignature] | None = None, **settings: object) -> Grouping:
    """Group with the defaults, or with some settings changed."""
    return sort_again(Sorting(), frames, contents or {}, GroupingSettings(**settings)).grouping


def names(grouping: Grouping) -> list[list[str]]:
    """Frames of every stack in order of capture, without folder and suffix."""
    return [[each.path.rpartition("/")[2].rpartition(".")[0] for each in stack.captured] for stack in grouping.stacks]


def sizes(grouping: Grouping) -> list[int]:
    """Frames in each stack."""
    return [len(stack.frames) for stack in grouping.stacks]


# ---------------------------------------------------------------- pictures


def scene(seed: int, *, height: int = 96, width: int = 144) -> np.ndarray:
    """A subject: broad shapes with fine texture on them, float32 0–1."""
    rng = np.random.default_rng(seed)
    broad = rng.random((6, 9)).astype(np.float32)
    rows, columns = np.linspace(0, 4.999, height), np.linspace(0, 7.999, width)
    r0, c0 = rows.astype(int), columns.astype(int)
    fr, fc = (rows - r0)[:, None].astype(np.float32), (columns - c0)[None, :].astype(np.float32)
    corners = [broad[np.ix_(r0 + a, c0 + b)] for a in (0, 1) for b in (0, 1)]
    shapes = (corners[0] * (1 - fr) + corners[2] * fr) * (1 - fc) + (corners[1] * (1 - fr) + corners[3] * fr) * fc
    return (0.15 + 0.6 * shapes + 0.2 * (rng.random((height, width)).astype(np.float32) - 0.5)).astype(np.float32)


def focused(picture: np.ndarray, position: float) -> np.ndarray:
    """The subject with focus at a place from 0 (left edge) to 1 (right edge): detail fades with the distance from it."""
    soft = picture.copy()
    for _ in range(6):
        padded = np.pad(soft, 1, mode="edge")
        soft = (padded[1:-1, :-2] + padded[1:-1, 2:] + padded[:-2, 1:-1] + padded[2:, 1:-1]) / 4
    across = np.linspace(0, 1, picture.shape[1])[None, :]
    sharp = np.exp(-(((across - position) / 0.2) ** 2)).astype(np.float32)
    return sharp * picture + (1 - sharp) * soft


def noisy(picture: np.ndarray, seed: int, amount: float = 0.002) -> np.ndarray:
    """The same picture taken again."""
    return picture + amount * np.random.default_rng(seed).standard_normal(picture.shape).astype(np.float32)


def looks(frames: Sequence[Frame], pictures: Sequence[np.ndarray]) -> dict[str, ContentSignature]:
    """Signatures of some frames."""
    return {
        each.path: signature(np.clip(picture, 0, 1).astype(np.float32)) for each, picture in zip(frames, pictures, strict=True)
    }


def stack_looks(frames: Sequence[Frame], seed: int) -> dict[str, ContentSignature]:
    """Signatures of frames whose focus moves through one subject."""
    subject = scene(seed)
    last = max(len(frames) - 1, 1)
    return looks(frames, [noisy(focused(subject, index / last), seed + index) for index in range(len(frames))])


def same_looks(frames: Sequence[Frame], seed: int) -> dict[str, ContentSignature]:
    """Signatures of frames that all show one subject at one focus."""
    return looks(frames, [noisy(scene(seed), seed + index) for index in range(len(frames))])


def strange_looks(frames: Sequence[Frame], seed: int) -> dict[str, ContentSignature]:
    """Signatures of frames that each show another subject."""
    return looks(frames, [scene(seed + index) for index in range(len(frames))])
