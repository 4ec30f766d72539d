"""The composition root: the only place that knows which adapter stands behind which port.

Every function imports what it needs when it is called: `stackd status` must not wait for the imaging core.
"""

from __future__ import annotations

import shlex
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stackd.adapters.checkup import Check
    from stackd.adapters.demo_camera import DemoCamera
    from stackd.adapters.exiftool_process import ExiftoolProcess
    from stackd.adapters.wakeup import Wakeup
    from stackd.config.settings import Settings
    from stackd.imaging.frames import PlaneStore, Progress
    from stackd.intake.candidates import Grouping
    from stackd.model.content import ContentSignature
    from stackd.model.frame import FrameMeta
    from stackd.service.benchmark import Costs, Peak, Program
    from stackd.service.judging import Verdict
    from stackd.service.looking import Sight, Subject, View
    from stackd.service.on_demand import FuseOutcome, Tools
    from stackd.service.performer import World
    from stackd.service.ports import Inbox, StackingRequest, StackingResult, Wish, WishKind
    from stackd.service.report import JournalReport
    from stackd.service.sorting import Sorted
    from stackd.service.state import ServiceSettings, Watched

WORK_ENTRY = "stackd.wiring:stack_one"
DESCRIBE_ENTRY = "stackd.wiring:describe_one"
"""What child processes of the service call."""

LOOK_MARK = b"stackd bench look"
LOOK_QUALITY = 90
"""What is in a picture of `stackd bench look`, and its quality as JPEG: compression must not be taken for a program's fault."""


def stacking_tools() -> Tools:
    """Put together what a stack needs; planes that do not fit in memory go to unnamed files on disk."""
    from stackd.adapters.exporters import CompositeExporter
    from stackd.adapters.frame_reader import FrameFiles
    from stackd.adapters.plane_file import PlaneFile, scratch_folder
    from stackd.adapters.process_meter import ProcessMeter
    from stackd.adapters.publisher import FolderPublisher
    from stackd.adapters.system_clock import SystemClock
    from stackd.service.on_demand import Tools

    scratch = scratch_folder()

    def make_store() -> PlaneStore:
        return PlaneFile(scratch)

    return Tools(
        reader=FrameFiles(scratch_folder=scratch),
        exporter=CompositeExporter(),
        publisher=FolderPublisher(),
        clock=SystemClock(),
        meter=ProcessMeter(),
        make_store=make_store,
    )


def fuse_now(
    frames: Sequence[Path],
    *,
    output: Path,
    recipe_name: str,
    config: Path | None,
    overrides: Sequence[str],
    depth_map: Path | None,
    progress: Progress,
) -> FuseOutcome:
    """Fuse one stack, as `stackd fuse` does; see `fuse_files` for what can go wrong."""
    from stackd.config.load import load_recipe
    from stackd.service.on_demand import fuse_files

    recipe = load_recipe(recipe_name, config=config, overrides=overrides)
    return fuse_files(
        frames,
        output=output,
        depth_map=depth_map,
        recipe=recipe,
        recipe_name=recipe_name,
        tools=stacking_tools(),
        progress=progress,
    )


def check_up(config: Path | None) -> tuple[Check, ...]:
    """Look at everything `stackd doctor` looks at; a configuration that is wrong is one of the findings."""
    from stackd.adapters.checkup import (
        Check,
        Verdict,
        check_machine,
        check_notices,
        check_running,
        check_state,
        check_watch,
    )
    from stackd.config.load import load_settings
    from stackd.errors import WrongConfiguration

    checks = list(check_machine())
    try:
        loaded = load_settings(config)
    except WrongConfiguration as error:
        return (*checks, Check(about="config", verdict=Verdict.TROUBLE, sentence=error.message, remedy=error.hint.strip()))
    watches = loaded.settings.watch
    if watches:
        checks.append(Check(about="config", verdict=Verdict.FINE, sentence=f"{loaded.path} has no mistakes."))
    else:
        checks.append(
            Check(
                about="config",
                verdict=Verdict.NOTE,
                sentence=f"{loaded.path or 'You have no configuration file, and the default'} names no folder to watch.",
                remedy="For the daemon: stackd config init, then set input and output. `stackd fuse` works without.",
            )
        )
    checks += check_state(loaded.settings.state.folder)
    checks += check_running(loaded.settings.state.folder)
    for watch in watches:
        checks += check_watch(watch)
    checks += check_notices(watches)
    return tuple(checks)


def demo_camera(folder: Path) -> DemoCamera:
    """Make the camera whose card is `folder`."""
    from datetime import UTC, datetime

    from stackd.adapters.demo_camera import DemoCamera

    return DemoCamera(folder, began_at=datetime.now(UTC))


def sort_now(paths: Sequence[Path], *, config: Path | None, progress: Progress) -> tuple[Path, Sorted]:
    """Sort the frames in some folders into stacks, as `stackd group` does. Gives also the folder their names are relative to.

    Raises
    ------
    WrongUse
        If a path is missing, or nothing is named.
    WrongConfiguration
        If the configuration cannot be used.
    """
    from stackd.adapters.describing_process import DescribingProcess
    from stackd.adapters.named_files import look_at
    from stackd.adapters.system_clock import SystemClock
    from stackd.adapters.wakeup import Wakeup
    from stackd.config.load import load_settings
    from stackd.intake.settings import GroupingSettings
    from stackd.service.sorting import DESCRIBERS, FILES_WORTH_A_PROCESS, sort_files

    settings = GroupingSettings() if config is None else load_settings(config).settings.intake.grouping
    folder, look = look_at(paths)
    wakeup, clock = Wakeup(), SystemClock()
    describers = [
        DescribingProcess(DESCRIBE_ENTRY, clock=clock, watch=wakeup.watch, unwatch=wakeup.unwatch)
        for _ in range(min(DESCRIBERS, 1 + len(look.files) // FILES_WORTH_A_PROCESS))
    ]
    try:
        outcome = sort_files(
            look.files,
            folder,
            settings,
            describers=describers,
            waker=wakeup,
            progress=progress,
            passed_over=look.passed_over,
        )
    finally:
        for describer in describers:
            describer.close()
        wakeup.close()
    return folder, outcome


def write_contact_sheet(grouping: Grouping, folder: Path, output: Path) -> None:
    """Write a picture of the stacks of a folder, one a row.

    Raises
    ------
    WrongUse
        If the name is none of a JPEG, or that of a frame.
    OutputBlocked
        If it cannot be written.
    """
    from stackd.adapters.sheet_files import write_sheet

    write_sheet(grouping, folder, output)


# ------------------------------------------------------------- benchmark


def judge_quality(
    methods: Sequence[str], against: Sequence[str], *, folder: Path | None, seeds: int, progress: Progress
) -> tuple[Verdict, ...]:
    """Let stackd and other programs fuse stacks whose truth is known: those in `folder`, or some rendered for it.

    Raises
    ------
    WrongUse
        If a program or the folder makes no sense.
    """
    from stackd.adapters.bench_desk import BenchDesk
    from stackd.adapters.bench_stacks import RenderedStacks, StacksInFolder
    from stackd.adapters.measured_shell import MeasuredShell
    from stackd.adapters.plane_file import scratch_folder
    from stackd.imaging.bench_scenes import suite
    from stackd.service.benchmark import programs_from
    from stackd.service.judging import judge_programs

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
    from stackd.adapters.bench_desk import BenchDesk, render_large_frames
    from stackd.adapters.measured_shell import MeasuredShell
    from stackd.adapters.plane_file import scratch_folder
    from stackd.service.benchmark import Program, compare_costs, programs_from

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
    from stackd.adapters.bench_desk import BenchDesk, ShiftedCopies, render_large_frames
    from stackd.adapters.measured_shell import MeasuredShell
    from stackd.adapters.plane_file import scratch_folder
    from stackd.service.benchmark import compare_memory, programs_from

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
    from stackd.adapters.bench_desk import BenchDesk
    from stackd.adapters.gallery import GalleryFolder
    from stackd.adapters.measured_shell import MeasuredShell
    from stackd.adapters.picture_files import check_target, write_picture
    from stackd.adapters.plane_file import scratch_folder
    from stackd.errors import WrongUse
    from stackd.service.benchmark import programs_from
    from stackd.service.looking import look

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

    from stackd.adapters.bench_stacks import RenderedStacks, read_stack
    from stackd.errors import WrongUse
    from stackd.imaging.bench_scenes import suite
    from stackd.service.looking import Subject

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


def decode_and_write(frames: Sequence[Path], output: Path) -> None:
    """Decode every frame and write one 16-bit TIFF: what no stacker can do without."""
    from stackd.adapters.bench_floor import decode_and_write as work

    work(frames, output)


def _our_programs(methods: Sequence[str], *, with_depth: bool) -> tuple[Program, ...]:
    from stackd.config.load import load_recipe
    from stackd.imaging.fuse import makes_depth_map
    from stackd.service.benchmark import Program

    programs = []
    for method in methods or ("",):
        overrides = (f"fuse.method={method}",) if method else ()
        depth = with_depth and makes_depth_map(load_recipe("default", config=None, overrides=overrides).fuse)
        command = f"{_this_stackd()} fuse {{frames}} -o {{output}} --json"
        command += "".join(f" --set {override}" for override in overrides) + (" --depth-map {depth}" if depth else "")
        programs.append(Program(name=f"stackd {method}".strip(), command=command, is_ours=True))
    return tuple(programs)


def _this_stackd() -> str:
    return f"{shlex.quote(sys.executable)} -P -m stackd"


# --------------------------------------------------------------- service


def stack_one(request: StackingRequest, progress: Progress) -> StackingResult:
    """Turn a stack into staged files; runs in a worker process."""
    from stackd.service.stacking import stack_and_stage

    tools = stacking_tools()
    return stack_and_stage(
        request,
        reader=tools.reader,
        exporter=tools.exporter,
        clock=tools.clock,
        meter=tools.meter,
        make_store=tools.make_store,
        progress=progress,
    )


def describe_one(
    asked: tuple[Path, str, bool], progress: Progress
) -> bytes | tuple[FrameMeta, ContentSignature | None, str | None]:
    """Read what a file of a watched folder says of itself; runs in the describing process. A manifest comes as its bytes.

    `asked` is the folder, the file's path in it, and whether its content is to be hashed.
    """
    import hashlib

    from stackd.adapters.metadata_tags import fetch_tags
    from stackd.adapters.thumbnails import read_signature
    from stackd.intake.admit import Role, admit
    from stackd.intake.brands import frame_meta
    from stackd.intake.manifest import MAX_MANIFEST_BYTES

    del progress
    folder, name, with_hash = asked
    path = folder / name
    if admit(name).role is Role.MANIFEST:
        with path.open("rb") as manifest:
            return manifest.read(MAX_MANIFEST_BYTES + 1)
    tags = fetch_tags(path, exiftool=_exiftool())
    content_sha256 = None
    if with_hash:
        with path.open("rb") as file:
            content_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return frame_meta(tags, path=name, mtime_ns=path.stat().st_mtime_ns), read_signature(path), content_sha256


@cache
def _exiftool() -> ExiftoolProcess | None:
    from stackd.adapters.exiftool_process import ExiftoolProcess

    return ExiftoolProcess.find()


def run_service(config: Path | None, *, verbose: bool = False) -> None:
    """Watch the configured folders until the process is asked to stop.

    Raises
    ------
    WrongConfiguration
        If the configuration cannot be used, or names no folder.
    AlreadyRunning
        If another stackd has the state folder or a watched folder.
    JournalBlocked
        If the state folder or the journal cannot be used.
    """
    from stackd.adapters.instance_lock import InstanceLock
    from stackd.adapters.logging_setup import note_faults, set_up_logging
    from stackd.adapters.wakeup import Wakeup
    from stackd.config.load import load_settings
    from stackd.service.daemon import Daemon

    set_up_logging(verbose=verbose)
    loaded = load_settings(config)
    settings = service_settings(loaded.settings, loaded.path)
    state_folder = loaded.settings.state.folder
    lock = InstanceLock(state_folder)
    crashed_inside, faults = note_faults(state_folder)
    wakeup = Wakeup()
    wakeup.take_signals()

    def load_again() -> ServiceSettings:
        again = load_settings(loaded.path)
        return service_settings(again.settings, again.path)

    try:
        world = service_world(loaded.settings, wakeup=wakeup, load_again=load_again)
        Daemon(settings, world, crashed_inside=crashed_inside).run()
    finally:
        wakeup.close()
        faults.close()
        lock.close()


def service_world(settings: Settings, *, wakeup: Wakeup, load_again: Callable[[], ServiceSettings]) -> World:
    """Put together everything the service works with."""
    from stackd.adapters.describing_process import DescribingProcess
    from stackd.adapters.instance_lock import FolderLock
    from stackd.adapters.publisher import FolderPublisher
    from stackd.adapters.service_manager import SystemdNotifier
    from stackd.adapters.sqlite_journal import JOURNAL_NAME, SqliteJournal
    from stackd.adapters.system_clock import SystemClock
    from stackd.adapters.watchdog_inbox import WatchdogInbox
    from stackd.adapters.worker_processes import WorkerProcesses
    from stackd.service.performer import World

    clock = SystemClock()
    state_folder = settings.state.folder
    locks = {watch.input: FolderLock(watch.input) for watch in settings.watch}

    def open_inbox(watched: Watched) -> Inbox:
        # A folder that was ever watched stays locked until the service ends.
        if watched.input not in locks:
            locks[watched.input] = FolderLock(watched.input)
        probe = state_folder / "probe" / str(list(locks).index(watched.input))
        hold = locks[watched.input].hold
        return WatchdogInbox(watched.input, probe=probe, clock=clock, wake=wakeup.wake, hold=hold, events=watched.events)

    return World(
        clock=clock,
        waker=wakeup,
        signals=wakeup,
        manager=SystemdNotifier(),
        journal=SqliteJournal(state_folder / JOURNAL_NAME),
        describer=DescribingProcess(DESCRIBE_ENTRY, clock=clock, watch=wakeup.watch, unwatch=wakeup.unwatch),
        workers=WorkerProcesses(
            WORK_ENTRY,
            clock=clock,
            job_timeout_s=settings.work.job_timeout_s,
            watch=wakeup.watch,
            unwatch=wakeup.unwatch,
        ),
        publisher=FolderPublisher(),
        open_inbox=open_inbox,
        load_settings=load_again,
    )


def service_settings(settings: Settings, path: Path | None) -> ServiceSettings:
    """Take from the configuration what steers the service.

    Raises
    ------
    WrongConfiguration
        If no folder is to be watched.
    """
    from stackd.config.settings import recipe_hash
    from stackd.errors import WrongConfiguration
    from stackd.service.state import RecipeChoice, ServiceSettings, Watched

    if not settings.watch:
        raise WrongConfiguration(
            f"{path or 'The configuration'} names no folder to watch.",
            hint="Add a [[watch]] with input and output; `stackd config init` writes a file to edit.",
        )
    return ServiceSettings(
        watched=tuple(
            Watched(
                watch=str(watch.input),
                label=watch.label,
                input=watch.input,
                output=watch.output,
                recipe_name=watch.recipe,
                rescan_s=watch.rescan_s,
                events=watch.events,
            )
            for watch in settings.watch
        ),
        intake=settings.intake,
        recipes={name: RecipeChoice(recipe=recipe, recipe_hash=recipe_hash(recipe)) for name, recipe in settings.recipe.items()},
        jobs_at_once=settings.work.jobs_at_once,
    )


def read_status(state_folder: Path, *, job_limit: int) -> JournalReport | None:
    """Read what `stackd status` shows; None when the service never ran on this state folder."""
    from stackd.adapters.journal_report import read_report
    from stackd.adapters.sqlite_journal import JOURNAL_NAME

    return read_report(state_folder / JOURNAL_NAME, job_limit=job_limit)


def running_process(state_folder: Path) -> int | None:
    """Give the process number of the service that uses a state folder; None when none runs."""
    from stackd.adapters.instance_lock import holder

    return holder(state_folder)


def note_wish(
    state_folder: Path, kind: WishKind, stack_id: str, *, frames: tuple[str, ...] = (), others: tuple[str, ...] = ()
) -> Wish:
    """Write a decision of the user into the journal; the service takes it up within a second, or when it starts."""
    from stackd.adapters.sqlite_journal import JOURNAL_NAME, SqliteJournal
    from stackd.adapters.system_clock import SystemClock

    journal = SqliteJournal(state_folder / JOURNAL_NAME)
    try:
        return journal.ask(kind, stack_id, at=SystemClock().now_at(), frames=frames, other_stack_ids=others)
    finally:
        journal.close()
