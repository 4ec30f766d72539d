"""Thousands of tiny frames, and journals with years of them, made for a measurement."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from stackd.adapters.journal.sqlite_journal import SqliteJournal
from stackd.adapters.output.demo_camera import DemoCamera
from stackd.intake.evidence.content import DETAIL_SIDE
from stackd.model.content import ContentSignature
from stackd.model.frame import Fingerprint, Frame, FrameMeta
from stackd.model.job import JobState
from stackd.model.stack import Decision, SealReason, Stack, StackKind, stack_id
from stackd.rendering.scenes import SceneSettings, render_stack, two_planes
from stackd.service.ports import Described, Publication, StagedFile

BEGAN_AT: Final = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)

SCENES: Final = 7
"""Neighbouring stacks show different subjects."""

SIZE_PX: Final = (48, 64)
"""Tiny: what is measured is the service, not the stacking."""

PAUSE_S: Final = 25.0
"""Between two stacks; a photographer looks for the next subject."""

STACKS_A_DAY: Final = 100
WRITTEN_AT_ONCE: Final = 2_000


def shoot_stacks(folder: Path, stacks: int, frames: int) -> Iterator[Path]:
    """Write so many stacks of tiny JPEGs as a camera would, one file after the other."""
    scenes = [
        [
            np.asarray(frame, np.uint8)
            for frame in render_stack(
                SceneSettings(subject=two_planes, height_px=SIZE_PX[0], width_px=SIZE_PX[1], frame_count=frames, seed=seed)
            ).frames
        ]
        for seed in range(min(SCENES, stacks))
    ]
    folder.mkdir(parents=True, exist_ok=True)
    camera = DemoCamera(folder, began_at=BEGAN_AT)
    for stack in range(stacks):
        for pixels in scenes[stack % len(scenes)]:
            yield camera.expose(pixels)
        camera.begin_again(86_400.0 / 2 if (stack + 1) % STACKS_A_DAY == 0 else PAUSE_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Stacks that were made long ago."""

    stacks: int
    frames: int
    """In each."""

    def name(self, stack: int, frame: int) -> str:
        """Name a frame."""
        return f"OLD{stack:06d}_{frame:03d}.JPG"

    def write_journal(self, journal: Path, *, watch: Path, sizes: Sequence[tuple[int, int]] | None = None) -> None:
        """Write a journal in which all of it is published. `sizes` gives size and time of the files that still lie there."""
        journal.parent.mkdir(parents=True, exist_ok=True)
        written = SqliteJournal(journal)
        random = np.random.default_rng(1)
        subjects = [random.random((36, 48), np.float32) for _ in range(SCENES)]
        for start in range(0, self.stacks, WRITTEN_AT_ONCE):
            with written.together():
                for stack in range(start, min(start + WRITTEN_AT_ONCE, self.stacks)):
                    self._write_stack(written, stack, watch, subjects[stack % SCENES], sizes)
        written.close()

    def fill_folder(self, folder: Path) -> list[tuple[int, int]]:
        """Let all its files lie in a folder; gives size and modification time (ns) of each, in order."""
        folder.mkdir(parents=True, exist_ok=True)
        content = next(iter(shoot_stacks(folder / "first", 1, 2))).read_bytes()
        for path in (folder / "first").iterdir():
            path.unlink()
        (folder / "first").rmdir()
        found = []
        for stack in range(self.stacks):
            for frame in range(self.frames):
                path = folder / self.name(stack, frame)
                path.write_bytes(content)
                found.append((len(content), path.stat().st_mtime_ns))
        return found

    def _write_stack(
        self, journal: SqliteJournal, stack: int, watch: Path, subject: np.ndarray, sizes: Sequence[tuple[int, int]] | None
    ) -> None:
        frames = tuple(self._frames(stack, sizes))
        sealed = Stack(
            id=stack_id(frames),
            frames=frames,
            kind=StackKind.FOCUS,
            reason=SealReason.GAP,
            confidence=0.9,
            decision=Decision.PROCESS,
            evidence=("the focus goes straight from near to far", "the frames were taken in one rhythm, 0.6 s apart"),
        )
        at = BEGAN_AT + timedelta(seconds=60.0 * stack)
        job = journal.record_sealed(
            sealed, watch=str(watch), recipe_name="default", recipe_hash="0" * 12, state=JobState.READY, version=1, at=at
        )
        journal.move(job.id, JobState.RUNNING, at=at)
        staged = StagedFile(temporary_path=watch / f".{stack}", final_name=f"{stack}.tif", sha256="0" * 64, size_bytes=1)
        journal.begin_publication(Publication(job_id=job.id, folder=watch, files=((staged, staged.final_name),)), at=at)
        journal.finish_publication(job.id, at=at)
        if sizes is not None:
            for place, frame in enumerate(frames):
                content = ContentSignature(
                    thumbnail=subject,
                    sharpness=np.full((8, 8), -4.0 + 0.1 * place, np.float32),
                    detail=np.zeros((DETAIL_SIDE, DETAIL_SIDE), np.int8),
                    brightness=0.5,
                )
                journal.remember(
                    Described(watch=str(watch), path=frame.path, fingerprint=frame.fingerprint, meta=frame.meta, content=content)
                )

    def _frames(self, stack: int, sizes: Sequence[tuple[int, int]] | None) -> Iterable[Frame]:
        day, number = divmod(stack, STACKS_A_DAY)
        began_at = BEGAN_AT + timedelta(days=day - self.stacks // STACKS_A_DAY - 1, seconds=number * PAUSE_S)
        for frame in range(self.frames):
            size_bytes, mtime_ns = (1_000, stack) if sizes is None else sizes[stack * self.frames + frame]
            yield Frame(
                path=self.name(stack, frame),
                fingerprint=Fingerprint(size_bytes=size_bytes, mtime_ns=mtime_ns),
                meta=FrameMeta(
                    captured_at=began_at + timedelta(seconds=0.6 * frame),
                    time_resolution_s=0.001,
                    make="stackd",
                    camera_model="demo camera",
                    body_serial="0001",
                    exposure_time_s=1 / 160,
                    f_number=5.6,
                    iso=400.0,
                    focal_length_mm=90.0,
                    focus_distance_m=0.18 + 0.0015 * frame,
                    width_px=SIZE_PX[1],
                    height_px=SIZE_PX[0],
                    sources={"captured_at": "Exif.Photo.DateTimeOriginal", "focus_distance_m": "Exif.Photo.SubjectDistance"},
                ),
            )
