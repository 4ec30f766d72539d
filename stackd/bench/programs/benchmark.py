"""`stackd bench`: stackd and other programs do the same work on the same frames, one after the other, and are measured alike.

Every program, stackd's methods included, is a command line run as a process of its own: what is counted is what it costs whoever
calls it, start-up and all.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import MappingProxyType
from typing import Protocol

from stackd.errors import StackdError, WrongUse
from stackd.imaging.ground.frames import Progress

OUTPUT = "{output}"
WORDS_OF_COMPLAINT = 300
"""Characters of what a failed program said that are passed on: its last sentence or two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Something that turns frames into a composite.

    `command` is a line for the shell in which stand `{frames}` for the frames, near → far; `{folder}` for a folder that holds
    them and nothing else; `{output}` for the composite to write, a TIFF; `{depth}` for a depth map; `{scratch}` for an empty
    folder; `{stack}` for the name of the stack.
    """

    name: str
    command: str
    is_ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process and all it started cost, as the operating system counts it."""

    cpu_s: float
    """User and system time."""
    wall_s: float
    peak_bytes: int
    """Most memory that the largest of its processes had resident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of running a command."""

    exit_code: int
    said: str
    """Standard output."""
    complained: str
    """Standard error."""
    cost: Cost


class Shell(Protocol):
    """Runs command lines and tells what they cost."""

    def run(self, command: str) -> Ran:
        """Run a command and wait for it."""
        ...


class Desk(Protocol):
    """Room for one program to work in."""

    def lay_out(self, frames: Sequence[Path]) -> "Room":
        """Make fresh folders and link the frames into one of them; what was there before is removed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where a program finds its frames and leaves its results."""

    folder: Path
    frames: tuple[Path, ...]
    output: Path
    depth: Path
    scratch: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a program cost in several runs, each number the median of them."""

    program: Program
    runs: tuple[Cost, ...]

    @property
    def middle(self) -> Cost:
        """The median of each number for itself."""
        return Cost(
            cpu_s=median(run.cpu_s for run in self.runs),
            wall_s=median(run.wall_s for run in self.runs),
            peak_bytes=int(median(run.peak_bytes for run in self.runs)),
        )


def programs_from(against: Sequence[str]) -> tuple[Program, ...]:
    """Read NAME=COMMAND.

    Raises
    ------
    WrongUse
        If there is no name, no place for the output, or a name twice.
    """
    programs = []
    for line in against:
        name, found, command = line.partition("=")
        if not found or not name.strip() or OUTPUT not in command:
            raise WrongUse(
                f"{line!r} does not say what to run against.",
                hint="Write NAME=COMMAND, with {frames} or {folder} for the frames and {output} for the composite.",
            )
        programs.append(Program(name=name.strip(), command=command.strip()))
    names = [program.name for program in programs]
    if len(set(names)) < len(names):
        raise WrongUse("Two programs have the same name.", hint="Give each its own.")
    return tuple(programs)


def filled_in(program: Program, room: Room, *, stack: str) -> str:
    """Put paths, quoted for the shell, in place of the words in braces."""
    paths: Mapping[str, str] = MappingProxyType(
        {
            "{frames}": shlex.join(str(frame) for frame in room.frames),
            "{folder}": shlex.quote(str(room.folder)),
            OUTPUT: shlex.quote(str(room.output)),
            "{depth}": shlex.quote(str(room.depth)),
            "{scratch}": shlex.quote(str(room.scratch)),
            "{stack}": shlex.quote(stack),
        }
    )
    command = program.command
    for word, path in paths.items():
        command = command.replace(word, path)
    return command


def why_it_failed(ran: Ran, output: Path) -> str:
    """Say why a program made no composite; empty when it made one."""
    if ran.exit_code == 0 and output.is_file() and output.stat().st_size:
        return ""
    words = (ran.complained.strip() or ran.said.strip())[-WORDS_OF_COMPLAINT:]
    return f"It ended with code {ran.exit_code} and {'a' if output.exists() else 'no'} composite. {words}".strip()


def compare_costs(
    programs: Sequence[Program], frames: Sequence[Path], *, runs: int, shell: Shell, desk: Desk, progress: Progress
) -> tuple[Costs, ...]:
    """Let the programs do the same work several times in turn, A B A B …, so that a busy moment of the machine hits all alike.

    Raises
    ------
    StackdError
        If a program makes no composite.
    """
    costs: dict[str, list[Cost]] = {program.name: [] for program in programs}
    total = runs * len(programs)
    for done in range(total):
        program = programs[done % len(programs)]
        progress(f"run {program.name}", done // len(programs), runs)
        room = desk.lay_out(frames)
        ran = shell.run(filled_in(program, room, stack="frames"))
        if reason := why_it_failed(ran, room.output):
            raise StackdError(f"{program.name} failed. {reason}", hint="Try its command alone.")
        costs[program.name].append(ran.cost)
        progress(f"run {program.name}", done // len(programs) + 1, runs)
    return tuple(Costs(program=program, runs=tuple(costs[program.name])) for program in programs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """Memory for a number of frames; each number the median of some runs, because threads make peaks vary."""

    program: str
    frames: int
    used: int | None
    """Frames that went into the composite, where the program tells."""
    cost: Cost
    bytes_per_pixel: float


class FrameCopies(Protocol):
    """Makes many frames out of a few."""

    def make(self, frames: Sequence[Path], count: int, *, progress: Progress) -> tuple[tuple[Path, ...], int]:
        """Write `count` frames that are all different files of different exposures; give them, and the pixels of one."""
        ...


def compare_memory(
    programs: Sequence[Program],
    frames: Sequence[Path],
    counts: Sequence[int],
    *,
    runs: int,
    copies: FrameCopies,
    shell: Shell,
    desk: Desk,
    progress: Progress,
) -> tuple[Peak, ...]:
    """Measure the peak of memory for several numbers of frames.

    Raises
    ------
    StackdError
        If a program makes no composite.
    """
    peaks = []
    for count in counts:
        many, pixels = copies.make(frames, count, progress=progress)
        costs: dict[str, list[Cost]] = {program.name: [] for program in programs}
        used: dict[str, int] = {}
        total = runs * len(programs)
        for done in range(total):
            program = programs[done % len(programs)]
            progress(f"run {count} frames", done, total)
            room = desk.lay_out(many)
            ran = shell.run(filled_in(program, room, stack="frames"))
            if reason := why_it_failed(ran, room.output):
                raise StackdError(f"{program.name} failed with {count} frames. {reason}", hint="Try its command alone.")
            costs[program.name].append(ran.cost)
            if program.is_ours:
                used[program.name] = sum(frame["used"] for frame in json.loads(ran.said)["frames"])
        progress(f"run {count} frames", total, total)
        for program in programs:
            cost = Costs(program=program, runs=tuple(costs[program.name])).middle
            peaks.append(
                Peak(
                    program=program.name,
                    frames=count,
                    used=used.get(program.name),
                    cost=cost,
                    bytes_per_pixel=cost.peak_bytes / pixels,
                )
            )
    return tuple(peaks)
