"""One stack now, as `stackd fuse` makes it: the frames are named, their order is found, the composite goes where it is wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from stackd.config.settings import Recipe
from stackd.errors import NameTaken, UnreadableFrame, WrongUse
from stackd.imaging.ground.frames import MakePlaneStore, Progress
from stackd.intake.arrival.admit import Role, admit
from stackd.intake.arrival.keep_out import trouble_with
from stackd.intake.exposures.looks import Look
from stackd.intake.exposures.pair import pair
from stackd.intake.exposures.versions import choose
from stackd.intake.grouping.results import result_reasons
from stackd.intake.order.one_stack import in_one_stack
from stackd.intake.settings import GroupingSettings
from stackd.model.composite import Composite
from stackd.model.content import ContentSignature
from stackd.model.frame import Fingerprint, Frame
from stackd.service.once.sibling import Sibling
from stackd.service.once.stack import StageTimes, make_composite, named
from stackd.service.ports import Clock, CodeReader, Exporter, FrameReader, MetadataReader, Meter, Publisher, StagedFile

FORMATS: Final[dict[str, Literal["tiff", "png", "jpeg"]]] = {
    ".tif": "tiff",
    ".tiff": "tiff",
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
}
"""What the output's extension asks for."""

PAGE_SUFFIXES: Final = frozenset({".html", ".htm"})

TEMPORARY_PREFIX: Final = ".stackd-fuse-"
"""Begins the names of files on their way; a service that watches the folder leaves them alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FuseOutcome:
    """What was made and where it lies."""

    path: Path
    depth_map: Path | None
    page: Path | None
    composite: Composite
    seconds: Mapping[str, float]
    peak_rss_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The adapters the work is done with."""

    metadata: MetadataReader
    reader: FrameReader
    codes: CodeReader
    exporter: Exporter
    publisher: Publisher
    clock: Clock
    meter: Meter
    make_store: MakePlaneStore


def fuse_files(
    paths: Sequence[Path],
    *,
    output: Path,
    depth_map: Path | None,
    page: Path | None,
    recipe: Recipe,
    recipe_name: str,
    tools: Tools,
    progress: Progress,
    sibling: Sibling | None = None,
) -> FuseOutcome:
    """Fuse the named frames into `output`.

    Parameters
    ----------
    paths : sequence of Path
        Frames of one stack in any order, or folders that hold nothing else.
    output : Path
        Its extension picks the format. Replaced if stackd made it.
    depth_map : Path or None
        Where to write the depth map as well; `.png` makes it a picture.
    page : Path or None
        Where to write the page for the browser as well.
    sibling : Sibling, optional
        Another stack of the same view, as whose frames these lie.

    Raises
    ------
    WrongUse
        If a frame or folder is missing, an extension is unknown, or an output would replace a frame.
    NameTaken
        If an output exists that stackd did not make.
    MixedStack
        If fewer than two frames can be used.
    OutputBlocked
        If the output folder cannot be written.
    """
    files = _files(paths)
    output_format = FORMATS.get(output.suffix.lower())
    if output_format is None:
        raise WrongUse(f"{output} has no extension stackd writes.", hint="Use .tif, .png or .jpg.")
    if depth_map is not None and depth_map.suffix.lower() not in {".tif", ".tiff", ".png"}:
        raise WrongUse(f"{depth_map} has no extension for a depth map.", hint="Use .tif for positions or .png for a picture.")
    if depth_map is not None and not recipe.fuse.makes_depth_map:
        raise WrongUse(
            f"{recipe.fuse.method} makes no depth map.",
            hint="Choose another method with --set fuse.method=…, or leave out --depth-map.",
        )
    if page is not None and page.suffix.lower() not in PAGE_SUFFIXES:
        raise WrongUse(f"{page} has no extension for a page.", hint="Use .html.")
    for target in filter(None, (output, depth_map, page)):
        _check_target(target, files, tools.exporter)
    stages = StageTimes(tools.clock, progress)
    composite, frames = _composite(
        files,
        recipe=recipe,
        recipe_name=recipe_name,
        tools=tools,
        stages=stages,
        with_depth=depth_map is not None or page is not None,
        with_previews=page is not None,
        written_as=output_format,
        sibling=sibling,
    )
    stages("export", 0, 1)
    if depth_map is not None and composite.depth is not None:
        staged = tools.exporter.stage_depth_map(
            composite.depth,
            folder=depth_map.parent,
            temporary_prefix=TEMPORARY_PREFIX,
            picture=depth_map.suffix.lower() == ".png",
        )
        _publish(staged, depth_map, tools.publisher)
    if page is not None:
        staged = tools.exporter.stage_page(composite, folder=page.parent, temporary_prefix=TEMPORARY_PREFIX, title=output.name)
        _publish(staged, page, tools.publisher)
    quiet = {"format": output_format, "depth_map": False, "depth_picture": False, "report": False, "page": False}
    (staged,) = tools.exporter.stage(
        composite,
        folder=output.parent,
        version=1,
        temporary_prefix=TEMPORARY_PREFIX,
        frames=frames,
        name=output.stem,
        export=recipe.export.model_copy(update=quiet),
    )
    _publish(staged, output, tools.publisher)
    stages("export", 1, 1)
    return FuseOutcome(
        path=output,
        depth_map=depth_map,
        page=page,
        composite=composite,
        seconds=MappingProxyType(stages.so_far()),
        peak_rss_bytes=tools.meter.peak_rss_bytes(),
    )


def _composite(
    files: Sequence[Path],
    *,
    recipe: Recipe,
    recipe_name: str,
    tools: Tools,
    stages: StageTimes,
    with_depth: bool,
    with_previews: bool,
    written_as: str,
    sibling: Sibling | None,
) -> tuple[Composite, tuple[Path, ...]]:
    look = _looking_once(tools.reader)
    described, set_aside = _described(files, tools.metadata, look, stages)
    ordered = in_one_stack(described, look=look)
    frames = [named(frame, Path()) for frame in ordered]
    composite, _ = make_composite(
        frames,
        recipe=recipe,
        recipe_name=recipe_name,
        reader=tools.reader,
        codes=tools.codes,
        make_store=tools.make_store,
        stages=stages,
        set_aside=set_aside,
        with_depth=with_depth,
        with_previews=with_previews,
        written_as=written_as,
        sibling=sibling,
    )
    return composite, tuple(frame.file.path for frame in frames)


def _looking_once(reader: FrameReader) -> Look:
    """Look at frames on demand, at each once."""
    looks: dict[str, ContentSignature | None] = {}

    def look(frame: Frame) -> ContentSignature | None:
        if frame.path not in looks:
            looks[frame.path] = reader.glance(Path(frame.path))
        return looks[frame.path]

    return look


def _described(
    files: Sequence[Path], metadata: MetadataReader, look: Look, progress: Progress
) -> tuple[list[Frame], dict[str, str]]:
    """Read the metadata; set aside, with the reason, what is unreadable, a finished result, or a second file of one exposure."""
    frames: list[Frame] = []
    set_aside: dict[str, str] = {}
    for done, path in enumerate(files):
        progress("look", done, len(files))
        try:
            meta = metadata.describe(path)
        except UnreadableFrame as error:
            set_aside[str(path)] = str(error)
            continue
        status = path.stat()
        frames.append(
            Frame(path=str(path), fingerprint=Fingerprint(size_bytes=status.st_size, mtime_ns=status.st_mtime_ns), meta=meta)
        )
    progress("look", len(files), len(files))
    results = result_reasons(frames)
    paired = pair([frame for frame in frames if frame.path not in results], look, at_hand=False)
    chosen = choose(paired.exposures, GroupingSettings())
    reasons = {**results, **paired.copies, **chosen.companions}
    set_aside |= {path: f"{reason}." for path, reason in reasons.items()}
    return list(chosen.frames), set_aside


def _files(paths: Sequence[Path]) -> list[Path]:
    """List the frames: files as named, folders by what lies in them."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            # `stackd fuse *` names @eaDir too; somebody who names one folder means it.
            if len(paths) == 1 or not trouble_with(path.name):
                files.extend(_frames_in(path))
        elif path.is_file():
            files.append(path)
        else:
            raise WrongUse(f"{path} is not there.", hint="Check the spelling, and that the disk or card is connected.")
    unique = list({path.resolve(): path for path in files}.values())
    if not unique:
        raise WrongUse("There is no picture to fuse.", hint="Name the frames, or a folder that holds them.")
    return unique


def _frames_in(folder: Path) -> list[Path]:
    """Files directly in a folder that can be frames by their name."""
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file() and admit(entry.name).role is Role.FRAME)
    return [folder / name for name in names]


def _check_target(target: Path, files: Sequence[Path], exporter: Exporter) -> None:
    """Refuse, before hours of work, to write where something else lies."""
    if not target.parent.is_dir():
        raise WrongUse(f"The folder {target.parent} does not exist.", hint="Create it first.")
    if not target.exists():
        return
    if any(target.samefile(path) for path in files):
        raise WrongUse(f"{target} is one of the frames, and frames are never altered.", hint="Choose another name.")
    if not exporter.made(target):
        raise NameTaken(f"{target} is already there, and stackd did not make it.", hint="Choose another name, or move it away.")


def _publish(staged: StagedFile, target: Path, publisher: Publisher) -> None:
    if target.exists():
        publisher.replace(target.parent, staged, target.name)
    else:
        publisher.publish(target.parent, staged, target.name)
