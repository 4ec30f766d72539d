"""Quality, speed, memory and a closer look: stackd beside other programs."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stackd.bench.constants.trying import Effect
    from stackd.bench.findings.counting import Judged, Recall
    from stackd.bench.look.looking import Sight, Subject, View
    from stackd.bench.programs.benchmark import Costs, Peak, Program
    from stackd.bench.quality.judging import Verdict
    from stackd.bench.serving.measures import Measured
    from stackd.imaging.ground.frames import Progress
    from stackd.model.composite import Composite


LOOK_MARK = b"stackd bench look"
LOOK_QUALITY = 90
"""What is in a picture of `stackd bench look`, and its quality as JPEG: compression must not be taken for a program's fault."""


def judge_quality(
    methods: Sequence[str], against: Sequence[str], *, folder: Path | None, seeds: int, progress: Progress
) -> tuple[Verdict, ...]:
    """Let stackd and other programs fuse stacks whose truth is known: those in `folder`, or some rendered for it.

    Raises
    ------
    WrongUse
        If a program or the folder makes no sense.
    """
    from stackd.adapters.output.scratch_planes import scratch_folder
    from stackd.bench.programs.benchmark import programs_from
    from stackd.bench.programs.desk import BenchDesk
    from stackd.bench.programs.shell import MeasuredShell
    from stackd.bench.quality.judging import judge_programs
    from stackd.bench.quality.stacks import RenderedStacks, StacksInFolder
    from stackd.bench.scenes import suite

    programs = (*_our_programs(methods, with_depth=True), *programs_from(against))
    with TemporaryDirectory(prefix="stackd-bench-", dir=scratch_folder()) as place:
        stacks = RenderedStacks(suite(seeds=seeds), Path(place) / "stacks") if folder is None else StacksInFolder(folder)
        desk = BenchDesk(Path(place) / "desk")
        return judge_programs(programs, stacks, shell=MeasuredShell(), desk=desk, progress=progress)


def measure_speed(
    frames: Sequence[Path], methods: Sequence[str], against: Sequence[str], *, runs: int, progress: Progress
) -> tuple[Costs, ...]:
    """Measure what fusing costs: the floor first, then stackd, then the others. Without frames, some are rendered.

    Raises
    ------
    StackdError
        If a program makes no composite.
    """
    from stackd.adapters.output.scratch_planes import scratch_folder
    from stackd.bench.programs.benchmark import Program, compare_costs, programs_from
    from stackd.bench.programs.desk import BenchDesk, render_large_frames
    from stackd.bench.programs.shell import MeasuredShell

    floor = Program(name="floor", command=f"{_this_stackd()} bench floor {{frames}} -o {{output}}")
    programs = (floor, *_our_programs(methods, with_depth=False), *programs_from(against))
    with TemporaryDirectory(prefix="stackd-bench-", dir=scratch_folder()) as place:
        chosen = frames or render_large_frames(Path(place) / "large", progress=progress)
        desk = BenchDesk(Path(place) / "desk")
        return compare_costs(programs, chosen, runs=runs, shell=MeasuredShell(), desk=desk, progress=progress)


def measure_memory(
    frames: Sequence[Path],
    methods: Sequence[str],
    against: Sequence[str],
    *,
    counts: Sequence[int],
    runs: int,
    progress: Progress,
) -> tuple[Peak, ...]:
    """Measure the peak of memory for several numbers of frames, made from those given. Without frames, some are rendered.

    Raises
    ------
    StackdError
        If a program makes no composite.
    """
    from stackd.adapters.output.scratch_planes import scratch_folder
    from stackd.bench.programs.benchmark import compare_memory, programs_from
    from stackd.bench.programs.desk import BenchDesk, ShiftedCopies, render_large_frames
    from stackd.bench.programs.shell import MeasuredShell

    programs = (*_our_programs(methods, with_depth=False), *programs_from(against))
    with TemporaryDirectory(prefix="stackd-bench-", dir=scratch_folder()) as place:
        return compare_memory(
            programs,
            frames or render_large_frames(Path(place) / "large", progress=progress),
            counts,
            runs=runs,
            copies=ShiftedCopies(Path(place) / "copies"),
            shell=MeasuredShell(),
            desk=BenchDesk(Path(place) / "desk"),
            progress=progress,
        )


def look_closely(
    frames: Sequence[Path],
    methods: Sequence[str],
    against: Sequence[str],
    *,
    stack: Path | None,
    output: Path,
    view: View,
    progress: Progress,
) -> Sight:
    """Let stackd and other programs fuse the same frames, or a rendered stack, and draw where they differ most.

    Raises
    ------
    WrongUse
        If there is nothing to fuse or nothing to compare, or `output` is no name for a picture.
    NameTaken
        If `output` exists and was not drawn by this.
    StackdError
        If no two programs make a composite.
    """
    from stackd.adapters.output.pictures import check_target, write_picture
    from stackd.adapters.output.scratch_planes import scratch_folder
    from stackd.bench.look.gallery import GalleryFolder
    from stackd.bench.look.looking import look
    from stackd.bench.programs.benchmark import programs_from
    from stackd.bench.programs.desk import BenchDesk
    from stackd.bench.programs.shell import MeasuredShell
    from stackd.errors import WrongUse

    programs = (*_our_programs(methods, with_depth=False), *programs_from(against))
    if stack is None and len(programs) == 1:
        raise WrongUse("There is nothing to compare stackd with.", hint="Name another program or setting with --against.")
    check_target(output, mark=LOOK_MARK)
    with TemporaryDirectory(prefix="stackd-bench-", dir=scratch_folder()) as place:
        subject = _subject(frames, stack, Path(place) / "stacks")
        desk, gallery = BenchDesk(Path(place) / "desk"), GalleryFolder(Path(place) / "gallery")
        sight = look(programs, subject, view, shell=MeasuredShell(), desk=desk, gallery=gallery, progress=progress)
    write_picture(sight.sheet, output, mark=LOOK_MARK, quality=LOOK_QUALITY)
    return sight


def _subject(frames: Sequence[Path], stack: Path | None, scratch: Path) -> Subject:
    import numpy as np

    from stackd.bench.look.looking import Subject
    from stackd.bench.quality.stacks import RenderedStacks, read_stack
    from stackd.bench.scenes import suite
    from stackd.errors import WrongUse

    if (stack is None) == (not frames):
        raise WrongUse("Frames or a rendered stack are needed, and not both.", hint="Name frames, or --stack FOLDER.")
    if stack is not None:
        named = [scene for scene in suite() if scene.name == str(stack)]
        known = RenderedStacks(named, scratch).read(0) if named and not stack.exists() else read_stack(stack)
        pixels = np.rint(known.truth.image * 65535).astype(np.uint16)
        return Subject(name=known.name, frames=known.frames, truth=pixels, valid=known.truth.valid)
    for frame in frames:
        if not frame.is_file():
            raise WrongUse(f"{frame} is no file.", hint="Name the frames themselves, near → far.")
    return Subject(name=frames[0].absolute().parent.name, frames=tuple(frames))


def measure_service(
    only: Sequence[str], *, stacks: int, many: int, old: int, history: int, jobs: int, progress: Progress
) -> list[Measured]:
    """Run the daemon under load and measure what it costs.

    Raises
    ------
    StackdError
        If the daemon does not start, or does not come to an end with what it was given.
    """
    from stackd.adapters.output.scratch_planes import scratch_folder
    from stackd.bench.serving import measures

    found: list[Measured] = []
    for name in only:
        with TemporaryDirectory(prefix="stackd-bench-", dir=scratch_folder()) as folder:
            place = Path(folder)
            match name:
                case "drop":
                    found += measures.many_at_once(place, stacks=stacks, jobs=jobs, publish=True, progress=progress)
                case "many":
                    count = many // measures.CAMERA_FRAMES
                    found += measures.many_at_once(place / "a", stacks=count, jobs=jobs, publish=False, progress=progress)
                    moments_s = (1.0, 5.0, 15.0, 40.0)
                    found += measures.stop_while_busy(place / "b", stacks=count, after_s=moments_s, progress=progress)
                case "one":
                    found += measures.one_among_many(place, frames=old, progress=progress)
                case _:
                    found += measures.long_history(place, frames=history, progress=progress)
    return found


def count_findings(stacks: int, *, first_seed: int, progress: Progress) -> tuple[tuple[Recall, ...], Judged]:
    """Render stacks with and without faults, fuse them as `stackd fuse` does, and count what is noticed."""
    from stackd.bench.findings.counting import judged, recalls
    from stackd.bench.findings.trials import run, trials

    said = run(tuple(trials(stacks, first_seed=first_seed)), fuse_by_default, progress=progress)
    return recalls(said), judged(said)


def try_every_constant(scenes: Sequence[str], *, only: str, progress: Progress) -> tuple[Effect, ...]:
    """Halve and double numbers of the pipeline, on rendered scenes.

    Raises
    ------
    WrongUse
        If there is no such scene or constant.
    """
    import stackd.imaging
    from stackd.bench.constants.numbers import constants_of, modules_of
    from stackd.bench.constants.trying import try_constants
    from stackd.bench.noticing import noticing
    from stackd.errors import WrongUse

    known = {scene.name: scene for scene in noticing()}
    if unknown := [name for name in scenes if name not in known]:
        raise WrongUse(f"There is no scene {unknown[0]!r}.", hint=f"Choose from {', '.join(known)}.")
    modules = modules_of(stackd.imaging)
    found = [constant for module in modules for constant in constants_of(module) if only in constant.full_name]
    if not found:
        raise WrongUse(f"No number of the pipeline has {only!r} in its name.", hint="Write for example --only depth.surface.")
    return try_constants(found, [known[name] for name in scenes or known], modules, progress=progress)


def fuse_by_default(frames: Sequence[Path], output: Path) -> Composite:
    """Fuse frames in this process as `stackd fuse` does, by the default recipe."""
    from stackd.imaging.ground.frames import ignore_progress
    from stackd.wiring.on_demand import fuse_now

    return fuse_now(
        frames,
        output=output,
        recipe_name="default",
        config=None,
        overrides=(),
        depth_map=None,
        page=None,
        progress=ignore_progress,
    ).composite


def decode_and_write(frames: Sequence[Path], output: Path) -> None:
    """Decode every frame and write one 16-bit TIFF: what no stacker can do without."""
    from stackd.bench.programs.floor import decode_and_write as work

    work(frames, output)


def _our_programs(methods: Sequence[str], *, with_depth: bool) -> tuple[Program, ...]:
    from stackd.bench.programs.benchmark import Program
    from stackd.config.load import load_recipe

    programs = []
    for method in methods or ("",):
        overrides = (f"fuse.method={method}",) if method else ()
        depth = with_depth and load_recipe("default", config=None, overrides=overrides).fuse.makes_depth_map
        command = f"{_this_stackd()} fuse {{frames}} -o {{output}} --json"
        command += "".join(f" --set {override}" for override in overrides) + (" --depth-map {depth}" if depth else "")
        programs.append(Program(name=f"stackd {method}".strip(), command=command, is_ours=True))
    return tuple(programs)


def _this_stackd() -> str:
    return f"{shlex.quote(sys.executable)} -P -m stackd"
