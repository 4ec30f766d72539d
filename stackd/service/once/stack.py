"""One job: frames of a stack in, a composite out, staged in the output folder. Runs in worker processes and in `stackd fuse`."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Final

from stackd import __version__
from stackd.config.settings import Recipe
from stackd.errors import FrameChanged, MixedStack, UnreadableFrame
from stackd.imaging.chain.chain import DUPLICATE
from stackd.imaging.ground.frames import MakePlaneStore, Progress
from stackd.imaging.stacker import Stacked, Stacker
from stackd.intake.order.out_of_turn import out_of_turn
from stackd.model.composite import Composite, Finding, FrameReport, Severity
from stackd.model.frame import Fingerprint, Frame
from stackd.model.pixels import Colour, ColourSpace
from stackd.model.provenance import FrameProvenance, Provenance
from stackd.model.stack import SealReason, Stack
from stackd.service.once.codes import MISSING, SEVERAL, find_codes, noticed_codes
from stackd.service.once.reference import WantedReference
from stackd.service.once.sibling import Sibling
from stackd.service.ports import (
    Clock,
    CodeReader,
    Exporter,
    FrameFile,
    FrameReader,
    Handling,
    Meter,
    StackingRequest,
    StackingResult,
    StagedFile,
    subfolder_of,
)
from stackd.service.ports.opened_stack import OpenedStack

MIN_FRAMES: Final = 2
"""A composite of one frame would be that frame."""

MIN_SIDE_PX: Final = 16
"""Shortest side of frames that can be stacked: smaller pictures show no detail by which one could be laid over another."""

REASONS_TOLD: Final = 3
"""Frames whose reason is told when too few are left; the rest is counted."""

LIBRARIES: Final = (
    "numpy",
    "scikit-image",
    "scipy",
    "PyWavelets",
    "opencv-python-headless",
    "tifffile",
    "imagecodecs",
    "simplejpeg",
    "rawpy",
    "exiv2",
    "pillow-heif",
    "pylibCZIrw",
    "liffile",
    "zxing-cpp",
)
"""Libraries whose version can change pixels or metadata; named in the provenance."""

FEW_OUT_OF_TURN: Final = 0.2
"""Share of the frames that are told of one by one; more, and the names say nothing of focus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFrame:
    """A frame's file and the name it has for the user."""

    name: str
    file: FrameFile


def stack_and_stage(
    request: StackingRequest,
    *,
    reader: FrameReader,
    codes: CodeReader,
    exporter: Exporter,
    clock: Clock,
    meter: Meter,
    make_store: MakePlaneStore,
    progress: Progress,
) -> StackingResult:
    """Turn a sealed stack into files staged in the output folder, or in a folder inside it if it does not pass.

    Nothing is staged of a composite that is to be held.

    Raises
    ------
    MixedStack
        If fewer than two frames can be used.
    FrameChanged
        If a frame is no longer the file that was sealed.
    OutputBlocked
        If the output folder cannot be written.
    Cancelled
        If `progress` was told to stop; nothing is left in the output folder.
    """
    recipe = request.recipe
    frames = tuple(named(frame, request.input_folder) for frame in request.stack.frames)
    stages = StageTimes(clock, progress)
    composite, fingerprints = make_composite(
        frames,
        recipe=recipe,
        recipe_name=request.recipe_name,
        reader=reader,
        codes=codes,
        make_store=make_store,
        stages=stages,
        with_depth=recipe.export.depth_map or recipe.export.depth_picture or recipe.export.page,
        with_previews=recipe.export.page,
        written_as=recipe.export.format,
    )
    for frame in request.stack.frames:
        seen = fingerprints.get(request.input_folder / frame.path)
        if seen is not None and not seen.same_file_as(frame.fingerprint):
            raise FrameChanged(
                f"{frame.path} was changed after its stack was complete.", hint="The stack is looked at again by itself."
            )
    stages("export", 0, 1)
    unnamed = "" if request.placing.is_accepted else _what_leaves_it_unnamed(composite)
    staged = () if unnamed else stage(composite, request, exporter=exporter)
    stages("export", 1, 1)
    return StackingResult(
        staged=staged,
        verdict=composite.verdict,
        findings=composite.findings,
        seconds=MappingProxyType(stages.so_far()),
        peak_rss_bytes=meter.peak_rss_bytes(),
        held_because="" if staged else unnamed,
        fingerprints=MappingProxyType(
            {
                frame.path: fingerprints[request.input_folder / frame.path]
                for frame in request.stack.frames
                if request.input_folder / frame.path in fingerprints
            }
        ),
    )


def stage(composite: Composite, request: StackingRequest, *, exporter: Exporter) -> tuple[StagedFile, ...]:
    """Stage a composite where its verdict sends it; nothing where it is to be held.

    Raises
    ------
    OutputBlocked
        If the folder cannot be written.
    """
    judgement = composite.verdict.judgement
    handling = request.placing.of(judgement)
    if handling is Handling.HOLD:
        return ()
    return exporter.stage(
        composite,
        folder=request.output_folder,
        subfolder=subfolder_of(judgement, handling),
        version=request.version,
        temporary_prefix=request.temporary_prefix,
        frames=tuple(request.input_folder / frame.path for frame in request.stack.frames),
        name=_name(composite, request.stack),
        export=request.recipe.export,
    )


def _what_leaves_it_unnamed(composite: Composite) -> str:
    return next((finding.sentence for finding in composite.findings if finding.code in {MISSING, SEVERAL}), "")


def _name(composite: Composite, stack: Stack) -> str | None:
    """Name the composite by the one barcode in it, unless somebody wrote down another name."""
    if len(composite.codes) != 1 or (stack.name is not None and stack.reason is SealReason.MANIFEST):
        return stack.name
    return composite.codes[0]


def named(frame: Frame, folder: Path) -> NamedFrame:
    """Say where a frame's pixels are, and what the user calls it: its path, with the plane for a multi-page file."""
    name = frame.path if frame.page is None else f"{frame.path}#{frame.page + 1}"
    return NamedFrame(name=name, file=FrameFile(path=folder / frame.path, page=frame.page))


def make_composite(
    frames: Sequence[NamedFrame],
    *,
    recipe: Recipe,
    recipe_name: str,
    reader: FrameReader,
    codes: CodeReader,
    make_store: MakePlaneStore,
    stages: "StageTimes",
    set_aside: Mapping[str, str] = MappingProxyType({}),
    with_depth: bool = True,
    with_previews: bool = False,
    written_as: str,
    sibling: Sibling | None = None,
) -> tuple[Composite, dict[Path, Fingerprint]]:
    """Read, align, fuse and finish frames given near → far.

    `set_aside` names files that were asked for but are no frames, each with the reason, so that the composite tells of them too.
    `with_depth` says whether the depth map is wanted, `with_previews` whether small pictures of the frames are. `written_as` is
    the format of the composite's file, as `export.format` has it. With a `sibling` frames are laid over one another as its were.

    Returns
    -------
    Composite
        Cropped to the valid area unless the recipe says otherwise.
    dict of Path to Fingerprint
        Each file as it was read, with its content hash.

    Raises
    ------
    MixedStack
        If fewer than two frames can be used.
    FrameChanged
        If a frame was changed meanwhile.
    """
    stages("read", 0, len(frames))
    fingerprints: dict[Path, Fingerprint] = {}
    refused: dict[FrameFile, str] = {}
    for done, frame in enumerate(frames, start=1):
        try:
            if frame.file.path not in fingerprints:
                fingerprints[frame.file.path] = reader.fingerprint(frame.file.path)
        except UnreadableFrame as error:
            refused[frame.file] = str(error)
        stages("read", done, len(frames))
    readable = [frame for frame in frames if frame.file not in refused]
    refused |= reader.check([frame.file for frame in readable])
    usable = [frame for frame in frames if frame.file not in refused]
    if len(usable) < MIN_FRAMES:
        raise too_few(frames, refused, set_aside)
    wanted = WantedReference(recipe.align.reference, [frame.name for frame in frames])
    stacked, source, usable = _stack(
        wanted,
        usable,
        refused,
        sibling=sibling,
        recipe=recipe,
        reader=reader,
        make_store=make_store,
        progress=stages,
        with_depth=with_depth,
        with_previews=with_previews,
    )
    for frame in usable:
        # What was hashed first was decoded in between: only a file that nobody touched is known to be the same in both.
        if not reader.untouched(frame.file.path, fingerprints[frame.file.path]):
            raise FrameChanged(
                f"{frame.name} was changed while its stack was being worked on.", hint="The stack is looked at again by itself."
            )
    found: tuple[str, ...] = ()
    if recipe.export.barcode == "name":
        found = find_codes(stacked.image, source, codes, progress=stages)
    reports = _reports(frames, usable, refused, stacked, set_aside)
    names = [frame.name for frame in usable]
    findings = (
        *(left_out(report.path, report.reason) for report in reports if not report.used),
        *(_odd_file(frame.name, reader.remarks[frame.file]) for frame in usable if frame.file in reader.remarks),
        *_order_noticed([report.path for report in reports if report.used]),
        *(noticed.told(names) for noticed in (*stacked.findings, *source.noticed)),
        *_too_wide(source.colour, written_as, recipe.export.wanted_space),
        *(wanted.noticed(names[stacked.reference]) if sibling is None else (_laid_as(sibling),)),
        *(noticed_codes(found) if recipe.export.barcode == "name" else ()),
    )
    provenance = Provenance(
        stackd_version=__version__,
        recipe_name=recipe_name,
        recipe=MappingProxyType(recipe.model_dump(mode="json")),
        frames=tuple(
            FrameProvenance(
                name=frame.name,
                content_sha256=fingerprints[frame.file.path].content_sha256,
                size_bytes=fingerprints[frame.file.path].size_bytes,
            )
            for frame in frames
            if frame.file.path in fingerprints
        ),
        libraries=MappingProxyType(library_versions()),
    )
    composite = Composite(
        image=stacked.image,
        alpha=stacked.alpha,
        valid_area=stacked.valid_area,
        frame_shape=stacked.frame_shape,
        reference_path=usable[stacked.reference].name,
        frames=reports,
        depth=stacked.depth,
        findings=findings,
        provenance=provenance,
        method=stacked.method,
        verdict=stacked.verdict,
        codes=found,
        seconds=MappingProxyType(stages.so_far()),
        colour=source.colour,
    )
    return composite, fingerprints


def _stack(
    wanted: WantedReference,
    usable: list[NamedFrame],
    refused: dict[FrameFile, str],
    *,
    sibling: Sibling | None,
    recipe: Recipe,
    reader: FrameReader,
    make_store: MakePlaneStore,
    progress: Progress,
    with_depth: bool,
    with_previews: bool,
) -> tuple[Stacked, OpenedStack, list[NamedFrame]]:
    """Stack the frames; a frame whose pixels turn out unreadable is moved to `refused` and the work begins again without it."""
    frames = usable
    while True:
        try:
            source = reader.open([frame.file for frame in usable], recipe.develop, wanted=recipe.export.wanted_space)
            if min(source.shape) < MIN_SIDE_PX:
                height, width = source.shape
                raise MixedStack(
                    f"The frames are {width}×{height} px; to lay one over another takes at least {MIN_SIDE_PX} px on each side.",
                    hint="Use larger frames.",
                )
            stacker = Stacker(
                source,
                align=recipe.align,
                match=recipe.match,
                fuse=recipe.fuse,
                finish=recipe.finish,
                make_store=make_store,
                progress=progress,
                with_depth=with_depth,
                with_previews=with_previews,
                wanted_reference=wanted.nearest([frame.name for frame in usable]),
                placed=None if sibling is None else sibling.placed([frame.name for frame in usable], source.shape),
            )
            for position in range(len(usable)):
                stacker.add(position)
            return stacker.finish(), source, usable
        except UnreadableFrame as error:
            bad = [frame for frame in usable if frame.file == error.frame]
            if not bad:
                raise
            refused[bad[0].file] = str(error)
            usable = [frame for frame in usable if frame is not bad[0]]
            if len(usable) < MIN_FRAMES:
                raise too_few(frames, refused) from error


def too_few(
    frames: Sequence[NamedFrame], refused: Mapping[FrameFile, str], set_aside: Mapping[str, str] = MappingProxyType({})
) -> MixedStack:
    """Say that a stack has too few frames that can be used, and why."""
    reasons = [refused[frame.file] for frame in frames if frame.file in refused]
    reasons += [reason if Path(name).name in reason else f"{name}: {reason}" for name, reason in set_aside.items()]
    told = list(dict.fromkeys(reasons))
    if len(told) > REASONS_TOLD:
        told = [*told[:REASONS_TOLD], f"{len(told) - REASONS_TOLD} more cannot be used either."]
    asked = len(frames) + len(set_aside)
    # Reading ends with the frame that leaves too few: what comes after it was not tried.
    useless = sum(frame.file in refused for frame in frames) + len(set_aside)
    count = f"{useless} of {asked} frames cannot be used" if useless else f"There is only {asked} frame"
    return MixedStack(
        " ".join([f"{count}, and a composite needs {MIN_FRAMES}.", *told]),
        hint="Add the missing frames, or replace those that cannot be read.",
    )


def _reports(
    frames: Sequence[NamedFrame],
    usable: Sequence[NamedFrame],
    refused: Mapping[FrameFile, str],
    stacked: Stacked,
    set_aside: Mapping[str, str],
) -> tuple[FrameReport, ...]:
    placed = dict(zip((frame.file for frame in usable), stacked.frames, strict=True))
    frames = _in_turn(frames, [usable[position] for position in stacked.near_to_far])
    return (
        *(
            replace(placed[frame.file], path=frame.name)
            if frame.file in placed
            else FrameReport(path=frame.name, used=False, reason=refused[frame.file])
            for frame in frames
        ),
        *(FrameReport(path=name, used=False, reason=reason) for name, reason in set_aside.items()),
    )


def left_out(path: str, reason: str) -> Finding:
    """Say that a frame was left out, and why."""
    is_again = reason == DUPLICATE
    return Finding(
        code="duplicate-frame" if is_again else "frame-left-out",
        severity=Severity.NOTE if is_again else Severity.WARNING,
        sentence=f"{path} was left out: {reason}",
        frames=(path,),
    )


def _laid_as(sibling: Sibling) -> Finding:
    return Finding(
        code="registration-taken-over",
        severity=Severity.NOTE,
        sentence=f"The frames were not registered: they lie as those of {sibling.name} do.",
    )


def _odd_file(path: str, remark: str) -> Finding:
    return Finding(code="odd-file", severity=Severity.NOTE, sentence=remark, frames=(path,))


def _too_wide(colour: Colour, written_as: str, wanted: ColourSpace | None) -> Iterator[Finding]:
    """Warn of a file that has too few steps for its colours."""
    if written_as == "jpeg" and not colour.is_gray and (wanted or colour.space) is ColourSpace.PROPHOTO:
        yield Finding(
            code="too-wide-for-jpeg",
            severity=Severity.WARNING,
            sentence="A JPEG has 8 bits, too few for ProPhoto RGB: smooth tones show steps."
            " Export it as tiff or png, or choose a smaller space with export.profile.",
        )


def _in_turn(frames: Sequence[NamedFrame], near_to_far: Sequence[NamedFrame]) -> list[NamedFrame]:
    """Put the frames that were stacked into the order they were fused in; those that could not be read keep their places."""
    known = {frame.file for frame in near_to_far}
    order = iter(near_to_far)
    return [next(order) if frame.file in known else frame for frame in frames]


def _order_noticed(names: Sequence[str]) -> Iterator[Finding]:
    """Say which frames were put elsewhere than their names, near → far, have them."""
    odd = out_of_turn(names)
    if not odd:
        return
    if len(odd) > FEW_OUT_OF_TURN * len(names):
        yield Finding(
            code="names-out-of-order",
            severity=Severity.NOTE,
            sentence=(
                f"The names of the frames are in no order of focus ({len(odd)} of {len(names)} are out of turn):"
                " distances, times or the pictures themselves gave the order."
            ),
        )
        return
    for position in odd:
        name = names[position]
        around = [names[place] for place in (position - 1, position + 1) if 0 <= place < len(names)]
        where = f"between {around[0]} and {around[1]}" if len(around) > 1 else f"beside {around[0]}"
        yield Finding(
            code="frame-out-of-order",
            severity=Severity.NOTE,
            sentence=f"{name} is focused {where}, though its name stands elsewhere: it was put where it belongs.",
            frames=(name,),
        )


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that make pixels."""
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


class StageTimes:
    """Passes progress on and adds up the seconds each stage took."""

    def __init__(self, clock: Clock, progress: Progress) -> None:
        self._clock = clock
        self._progress: Callable[[str, int, int], None] = progress
        self._seconds: dict[str, float] = {}
        self._stage: str | None = None
        self._since_s = clock.now_s()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Note that `stage` is at `done` of `total`."""
        self._turn_to(stage)
        self._progress(stage, done, total)

    def so_far(self) -> dict[str, float]:
        """Seconds a stage, in the order the stages first ran."""
        self._turn_to(None)
        return dict(self._seconds)

    def _turn_to(self, stage: str | None) -> None:
        now_s = self._clock.now_s()
        if self._stage is not None:
            self._seconds[self._stage] = self._seconds.get(self._stage, 0.0) + now_s - self._since_s
        self._stage, self._since_s = stage, now_s
