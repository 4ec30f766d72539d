"""Programs are compared fairly: the same frames, in turn, and what fails is told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stackd.bench.programs.benchmark import Cost, Costs, Program, Room, compare_costs, compare_memory, filled_in, programs_from
from stackd.bench.quality.judging import BEST, Verdict, margins
from stackd.bench.quality.quality import Quality
from stackd.errors import StackdError, WrongUse
from stackd.imaging.ground.frames import Progress, ignore_progress
from tests.fakes.shell import FakeDesk, FakeShell

FRAMES = [Path("/frames/a b.jpg"), Path("/frames/c.jpg")]


def writes(path: Path, *, but: str | None = None) -> Callable[[str], str | None]:
    def work(command: str) -> str | None:
        if but and command.startswith(but):
            return None
        path.write_bytes(b"pixels")
        return ""

    return work


def test_names_and_commands_are_read_apart():
    (program,) = programs_from(["peer one=run --mode=fast -o {output} {frames}"])

    assert program == Program(name="peer one", command="run --mode=fast -o {output} {frames}")


@pytest.mark.parametrize("wrong", [["run {frames}"], ["name=run {frames}"], ["=run {output}"], ["a=x {output}", "a=y {output}"]])
def test_a_program_that_makes_no_sense_is_refused(wrong: list[str]):
    with pytest.raises(WrongUse):
        programs_from(wrong)


def test_paths_are_quoted_for_the_shell_and_other_braces_are_left_alone():
    room = Room(folder=Path("/in"), frames=tuple(FRAMES), output=Path("/o ut.tif"), depth=Path("/d.tif"), scratch=Path("/s"))
    program = Program(name="x", command="run ${HOME} {folder} {frames} -o {output} {scratch}/a_{stack}")

    assert filled_in(program, room, stack="s1") == "run ${HOME} /in '/frames/a b.jpg' /frames/c.jpg -o '/o ut.tif' /s/a_s1"


def test_programs_run_in_turn_and_medians_are_taken(tmp_path: Path):
    programs = [Program(name=name, command=f"{name} {{output}}") for name in ("a", "b")]
    shell = FakeShell(writes(tmp_path / "composite.tif"))

    costs = compare_costs(programs, FRAMES, runs=3, shell=shell, desk=FakeDesk(tmp_path), progress=ignore_progress)

    assert [command[0] for command in shell.commands] == ["a", "b", "a", "b", "a", "b"]
    assert [cost.middle.cpu_s for cost in costs] == [3.0, 4.0]


def test_each_number_has_its_own_median():
    runs = tuple(
        Cost(cpu_s=cpu, wall_s=wall, peak_bytes=peak) for cpu, wall, peak in [(1.0, 9.0, 5), (2.0, 7.0, 6), (3.0, 8.0, 4)]
    )

    assert Costs(program=Program(name="a", command=""), runs=runs).middle == Cost(cpu_s=2.0, wall_s=8.0, peak_bytes=5)


def test_a_program_that_makes_nothing_is_named_with_its_own_words(tmp_path: Path):
    programs = [Program(name="good", command="good {output}"), Program(name="bad", command="bad {output}")]

    with pytest.raises(StackdError, match=r"bad failed.*no composite.*no luck"):
        compare_costs(
            programs,
            FRAMES,
            runs=1,
            shell=FakeShell(writes(tmp_path / "composite.tif", but="bad")),
            desk=FakeDesk(tmp_path),
            progress=ignore_progress,
        )


class Copies:
    def make(self, frames: object, count: int, *, progress: Progress) -> tuple[tuple[Path, ...], int]:
        del frames, progress
        return tuple(Path(f"/copies/{number}.jpg") for number in range(count)), 100


def test_memory_is_measured_for_every_number_of_frames(tmp_path: Path):
    shell = FakeShell(writes(tmp_path / "composite.tif"))

    peaks = compare_memory(
        [Program(name="a", command="a {frames} {output}")],
        FRAMES,
        [2, 5],
        runs=3,
        copies=Copies(),
        shell=shell,
        desk=FakeDesk(tmp_path),
        progress=ignore_progress,
    )

    assert [command.count("/copies/") for command in shell.commands] == [2, 2, 2, 5, 5, 5]
    assert [(peak.frames, peak.bytes_per_pixel) for peak in peaks] == [(2, 20.0), (5, 50.0)], "the middle of three"


def verdict(stack: str, program: str, psnr_db: float, *, ours: bool = False) -> Verdict:
    quality = Quality(psnr_db=psnr_db, halo_psnr_db=psnr_db - 5, noise_ratio=1.0, sharp_kept=1.0, sharp_excess=0.0)
    return Verdict(stack=stack, program=program, is_ours=ours, quality=quality)


def test_ours_is_compared_with_the_best_of_the_others_on_each_stack():
    verdicts = [
        *(verdict("one", "stackd", 30, ours=True), verdict("one", "a", 28), verdict("one", "b", 20), verdict("one", BEST, 50)),
        *(verdict("two", "stackd", 30, ours=True), verdict("two", "a", 20), verdict("two", "b", 31)),
        Verdict(stack="two", program="c", failure="It crashed."),
    ]

    (margin,) = margins(verdicts)

    assert (margin.mean_db, margin.least_db, margin.least_on) == (0.5, -1.0, "two")


def test_alone_there_is_nothing_to_compare():
    assert margins([verdict("one", "stackd", 30, ours=True), verdict("one", BEST, 50)]) == ()
