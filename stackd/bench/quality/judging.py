"""The quality half of `stackd bench`: every program fuses stacks whose truth is known, and every composite is judged alike."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stackd.bench.programs.benchmark import Cost, Desk, Program, Room, Shell, filled_in, why_it_failed
from stackd.bench.quality.quality import DepthQuality, Quality, judge, judge_depth, place
from stackd.bench.quality.truth import Truth, nearest_frames, registration_error_px
from stackd.errors import StackdError
from stackd.imaging.ground.frames import AlignedFrames, Progress
from stackd.model.pixels import Image, Matrix
from stackd.model.registration import FailedRegistration

BEST = "best"
"""Name of the row that picks for each pixel the frame nearest to the truth."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownStack:
    """A rendered stack on disk."""

    name: str
    frames: tuple[Path, ...]
    """Near → far."""
    truth: Truth


class Stacks(Protocol):
    """Rendered stacks on disk, and what programs make of them."""

    def __len__(self) -> int:
        """Count the stacks."""
        ...

    def read(self, index: int) -> KnownStack:
        """Read a stack's truth; render it first if need be.

        Raises
        ------
        WrongUse
            If what lies there is no rendered stack.
        """
        ...

    def aligned(self, stack: KnownStack) -> AlignedFrames:
        """Lay the frames over the reference as they truly lie, and match their brightness."""
        ...

    def read_image(self, path: Path) -> Image:
        """Read a composite."""
        ...

    def read_depth(self, path: Path) -> NDArray[np.float32]:
        """Read a depth map: 0 for the first frame that was used to 1 for the last."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a program made of a stack."""

    stack: str
    program: str
    is_ours: bool = False
    failure: str = ""
    """Why there is nothing to judge; empty when there is."""
    quality: Quality | None = None
    depth: DepthQuality | None = None
    registration_px: float | None = None
    """Root mean square error at the corners, where the program tells what it found."""
    cost: Cost | None = None


def judge_programs(
    programs: Sequence[Program], stacks: Stacks, *, shell: Shell, desk: Desk, progress: Progress
) -> tuple[Verdict, ...]:
    """Let every program fuse every stack, and judge. A program that fails on a stack is told of and costs only that verdict."""
    verdicts: list[Verdict] = []
    total = len(stacks) * (len(programs) + 1)
    for index in range(len(stacks)):
        progress("fuse and judge", len(verdicts), total)
        stack = stacks.read(index)
        for program in programs:
            verdicts.append(_verdict(program, stack, stacks, shell=shell, desk=desk))
            progress("fuse and judge", len(verdicts), total)
        best = judge(nearest_frames(stacks.aligned(stack), stack.truth), stack.truth, np.eye(3))
        verdicts.append(_spoken(stack, BEST, best))
        progress("fuse and judge", len(verdicts), total)
    return tuple(verdicts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """How far one of our methods is ahead of the best of the others, stack by stack, dB."""

    program: str
    mean_db: float
    least_db: float
    least_on: str
    """The stack where it is least ahead, or most behind."""
    halo_mean_db: float


def margins(verdicts: Sequence[Verdict]) -> tuple[Margin, ...]:
    """Compare each of our programs with the best of the others on each stack; empty when there are no others."""
    found = []
    for name in dict.fromkeys(verdict.program for verdict in verdicts if verdict.is_ours):
        leads: dict[str, float] = {}
        halo_leads: list[float] = []
        for mine in (verdict for verdict in verdicts if verdict.program == name):
            others = [
                verdict.quality
                for verdict in verdicts
                if verdict.stack == mine.stack and not verdict.is_ours and verdict.program != BEST and verdict.quality
            ]
            if not others or mine.quality is None:
                continue
            leads[mine.stack] = mine.quality.psnr_db - max(other.psnr_db for other in others)
            halo_leads.append(mine.quality.halo_psnr_db - max(other.halo_psnr_db for other in others))
        if leads:
            least_on = min(leads, key=lambda stack: leads[stack])
            found.append(
                Margin(
                    program=name,
                    mean_db=fmean(leads.values()),
                    least_db=leads[least_on],
                    least_on=least_on,
                    halo_mean_db=mean_of(halo_leads),
                )
            )
    return tuple(found)


def mean_of(values: Iterable[float]) -> float:
    """Mean of what could be measured; NaN when nothing could."""
    known = [value for value in values if not np.isnan(value)]
    return fmean(known) if known else float("nan")


def _verdict(program: Program, stack: KnownStack, stacks: Stacks, *, shell: Shell, desk: Desk) -> Verdict:
    room = desk.lay_out(stack.frames)
    ran = shell.run(filled_in(program, room, stack=stack.name))
    reason = why_it_failed(ran, room.output)
    if reason:
        return Verdict(stack=stack.name, program=program.name, is_ours=program.is_ours, failure=reason)
    composite = stacks.read_image(room.output)
    told = _Told.of(ran.said, room, stack) if program.is_ours else None
    where = told.composite_to_truth if told else place(composite, stack.truth)
    if isinstance(where, FailedRegistration):
        return Verdict(stack=stack.name, program=program.name, is_ours=program.is_ours, failure=where.reason, cost=ran.cost)
    quality = judge(composite, stack.truth, where)
    depth = None
    if told and room.depth.is_file():
        used = np.array([index for index, matrix in enumerate(told.matrices) if matrix is not None], np.float32)
        share = stacks.read_depth(room.depth) * np.float32(len(used) - 1)
        position = np.interp(share, np.arange(len(used)), used).astype(np.float32)
        depth = judge_depth(position, stack.truth, where)
    registration_px = registration_error_px(told.matrices, stack.truth, reference=told.reference) if told else None
    return _spoken(
        stack, program.name, quality, is_ours=program.is_ours, depth=depth, registration_px=registration_px, cost=ran.cost
    )


def _spoken(stack: KnownStack, program: str, quality: Quality | FailedRegistration, **more: Any) -> Verdict:
    if isinstance(quality, FailedRegistration):
        return Verdict(stack=stack.name, program=program, failure=quality.reason, **more)
    return Verdict(stack=stack.name, program=program, quality=quality, **more)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Told:
    """What `stackd fuse --json` tells of its composite, in the order of the stack."""

    matrices: tuple[Matrix | None, ...]
    reference: int
    composite_to_truth: Matrix

    @classmethod
    def of(cls, said: str, room: Room, stack: KnownStack) -> "_Told":
        report = json.loads(said)
        reference = _only(index for index, frame in enumerate(room.frames) if str(frame) == report["reference"])
        found = {frame["path"]: frame["matrix"] for frame in report["frames"] if frame["used"]}
        matrices = tuple(np.asarray(found[str(frame)], np.float64) if str(frame) in found else None for frame in room.frames)
        area = report["valid_area"]
        cropped = np.array([[1, 0, area["left"]], [0, 1, area["top"]], [0, 0, 1]], np.float64)
        return cls(matrices=matrices, reference=reference, composite_to_truth=stack.truth.matrices[reference] @ cropped)


def _only(indices: Iterable[int]) -> int:
    for index in indices:
        return index
    raise StackdError("stackd named a reference that is none of the frames.")
