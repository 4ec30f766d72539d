"""The part of `stackd bench` for the eye: what several programs made of the same frames, side by side where it differs most."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from stackd.bench.look.sheet import Window, cut, look_sheet, window_around, zoom_for
from stackd.bench.look.worst_places import Compared, Differences, Place, differences, to_compare_with, worst_places
from stackd.bench.programs.benchmark import Desk, Program, Shell, filled_in, why_it_failed
from stackd.bench.quality.placing import Tone, place_on, tone_between
from stackd.bench.quality.truth import gray_of
from stackd.errors import StackdError
from stackd.imaging.ground.blocks import Edge, block_means
from stackd.imaging.ground.frames import Progress
from stackd.imaging.ground.matrices import rescale_matrix
from stackd.imaging.lay_over.warp import covered, warp
from stackd.model.pixels import Gray, Image, Mask, Matrix, Pixels
from stackd.model.registration import FailedRegistration

TRUTH = "truth"
"""Heading of the column that shows what a rendered stack truly looks like."""

CELLS_A_TILE = 15
"""A place is found to a fifteenth of what is shown of it: halos and streaks are about so wide."""

TONE_SIDE_PX = 1500
"""Brightness is matched on copies about so large."""

BAND_ROWS = 256
"""Rows of which luminance is computed at a time: a large composite is never in memory as floating-point colour."""

DARK, BRIGHT = 0.5, 0.9
"""A picture whose brightest 200th is below DARK is looked at with it at BRIGHT: fluorescence would be black on black."""

BRIGHTEST_QUANTILE = 0.995


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """Frames of one stack, and what a perfect composite looks like where that is known."""

    name: str
    frames: tuple[Path, ...]
    """Near → far."""
    truth: Pixels | None = None
    valid: Mask | None = None
    """Pixels of the truth that every frame covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How much is shown."""

    places: int = 3
    """Of each kind."""
    tile_px: int = 240
    """Side of a crop on the sheet."""


class Gallery(Protocol):
    """Keeps composites until they have been looked at."""

    def keep(self, output: Path) -> Path:
        """Take a composite away from the desk, which is cleared for the next program; gives where it lies now."""
        ...

    def read(self, kept: Path) -> Pixels:
        """Decode a composite.

        Raises
        ------
        StackdError
            If it is no picture.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """A sheet of crops, and what it shows."""

    sheet: NDArray[np.uint8]
    compared_with: str
    """The program whose composite the others were laid over, or the truth."""
    width_px: int
    height_px: int
    places: tuple[Place, ...]
    """In px of that picture."""
    failures: Mapping[str, str]
    """Why there is nothing to see of a program."""
    ours_failed: bool


def look(
    programs: Sequence[Program],
    subject: Subject,
    view: View,
    *,
    shell: Shell,
    desk: Desk,
    gallery: Gallery,
    progress: Progress,
) -> Sight:
    """Let every program fuse the same frames, and show them side by side where they differ most.

    All composites are laid over the truth, or, where none is known, over the first composite. One composite at a time is in
    memory besides that. A program that fails costs its own column only.

    Raises
    ------
    StackdError
        If there are no two pictures to compare.
    """
    kept, failures = _composites(programs, subject, shell=shell, desk=desk, gallery=gallery, progress=progress)
    total = 2 * len(kept)
    base, others = _base(subject, kept, failures, gallery)
    shape = (base.pixels.shape[0], base.pixels.shape[1])
    zoom = zoom_for(shape)
    side_px = view.tile_px // zoom
    cell_px = max(1, side_px // CELLS_A_TILE)
    compared = to_compare_with(_luminance(base.pixels, base.exposure), base.valid, cell_px=cell_px)
    laid: dict[str, _Laid] = {}
    for name, path in others.items():
        progress("look", len(laid), total)
        placed = _laid_over(base, compared, path, gallery)
        if isinstance(placed, FailedRegistration):
            failures[name] = placed.reason
        else:
            laid[name] = placed
    if not laid:
        raise StackdError(
            "There are no two composites to compare. " + " ".join(f"{name}: {why}" for name, why in failures.items()),
            hint="Try the commands alone.",
        )
    found = {name: placed.differences for name, placed in laid.items()}
    places = worst_places(found, compared, each=view.places, apart_px=side_px)
    windows = [window_around(place, base.valid, side_px=side_px) for place in places]
    crops = {base.name: _crops(base.pixels, np.eye(3), Tone(), windows, base.exposure)}
    for name, placed in laid.items():
        progress("look", total - len(laid) + len(crops) - 1, total)
        crops[name] = _crops(gallery.read(others[name]), placed.matrix, placed.tone, windows, base.exposure)
    progress("look", total, total)
    shown = [program.name for program in programs] + [TRUTH] * (subject.truth is not None)
    sheet = look_sheet(
        _shown(base.small),
        windows,
        shape,
        labels=[_label(number, place, base.name) for number, place in enumerate(places, start=1)],
        columns={name: crops.get(name, [None] * len(places)) for name in shown},
        legend=_legend(subject, base, zoom, failures),
        tile_px=side_px * zoom,
    )
    return Sight(
        sheet=sheet,
        compared_with=base.name,
        width_px=shape[1],
        height_px=shape[0],
        places=places,
        failures=MappingProxyType(failures),
        ours_failed=any(program.is_ours and program.name in failures for program in programs),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Base:
    """What composites are laid over."""

    name: str
    pixels: Pixels
    valid: Mask
    exposure: float
    """By how much everything is brightened so that a dark subject can be seen."""
    small: Image
    """Reduced by `reduction`, and brightened."""
    reduction: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Laid:
    """Where a composite lies, and what its brightness is matched with."""

    matrix: Matrix
    """Composite → base px."""
    tone: Tone
    differences: Differences


def _composites(
    programs: Sequence[Program], subject: Subject, *, shell: Shell, desk: Desk, gallery: Gallery, progress: Progress
) -> tuple[dict[str, Path], dict[str, str]]:
    """Run the programs: composites by name, and why there are none of the others."""
    kept: dict[str, Path] = {}
    failures: dict[str, str] = {}
    for done, program in enumerate(programs):
        progress("fuse", done, len(programs))
        room = desk.lay_out(subject.frames)
        ran = shell.run(filled_in(program, room, stack=subject.name))
        if reason := why_it_failed(ran, room.output):
            failures[program.name] = reason
        else:
            kept[program.name] = gallery.keep(room.output)
    progress("fuse", len(programs), len(programs))
    return kept, failures


def _base(
    subject: Subject, kept: Mapping[str, Path], failures: dict[str, str], gallery: Gallery
) -> tuple[_Base, Mapping[str, Path]]:
    """Take the truth, else the first composite that can be read, and what is left to compare with it; notes in `failures`."""
    if subject.truth is not None:
        return _as_base(TRUTH, subject.truth, subject.valid), kept
    rest = dict(kept)
    for name, path in kept.items():
        del rest[name]
        try:
            return _as_base(name, gallery.read(path), None), rest
        except StackdError as error:
            failures[name] = f"Its composite cannot be read. {error}"
    raise StackdError(
        "No program made a composite. " + " ".join(f"{name}: {why}" for name, why in failures.items()),
        hint="Try the commands alone.",
    )


def _as_base(name: str, pixels: Pixels, valid: Mask | None) -> _Base:
    reduction = -(-max(pixels.shape[:2]) // TONE_SIDE_PX)
    small = _reduced(pixels, reduction, 1.0)
    white = float(np.quantile(gray_of(small), BRIGHTEST_QUANTILE))
    exposure = BRIGHT / white if 0 < white < DARK else 1.0
    return _Base(
        name=name,
        pixels=pixels,
        valid=np.ones(pixels.shape[:2], bool) if valid is None else valid,
        exposure=exposure,
        small=np.clip(small * np.float32(exposure), 0, 1),
        reduction=reduction,
    )


def _laid_over(base: _Base, compared: Compared, path: Path, gallery: Gallery) -> _Laid | FailedRegistration:
    """Place a composite and measure its differences; the reason where that is impossible is for people to read."""
    try:
        pixels = gallery.read(path)
    except StackdError as error:
        return FailedRegistration(reason=f"Its composite cannot be read. {error}")
    matrix = place_on(_luminance(pixels, base.exposure), compared.gray, base.valid)
    if isinstance(matrix, FailedRegistration):
        return FailedRegistration(reason=f"Its composite cannot be laid over that of {base.name}: {matrix.reason}")
    small = _reduced(pixels, base.reduction, base.exposure)
    reduced_matrix = rescale_matrix(matrix, 1 / base.reduction)
    small_shape = (base.small.shape[0], base.small.shape[1])
    valid = cv2.resize(base.valid.astype(np.uint8), small_shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    inside = covered(reduced_matrix, (small.shape[0], small.shape[1]), small_shape) & valid
    tone = tone_between(warp(small, reduced_matrix, small_shape), base.small, inside)
    different = differences(compared, _luminance(pixels, base.exposure, tone), matrix)
    return _Laid(matrix=matrix, tone=tone, differences=different)


def _crops(
    pixels: Pixels, matrix: Matrix, tone: Tone, windows: Sequence[Window], exposure: float
) -> list[NDArray[np.uint8] | None]:
    """Cut the windows out of a composite: its own pixels, never resampled, moved by whole pixels alone."""
    crops: list[NDArray[np.uint8] | None] = []
    back = np.linalg.inv(matrix)
    for window in windows:
        x, y, w = back @ (*window.middle_px, 1.0)
        half = (window.side_px - 1) / 2
        own = Window(left_px=round(x / w - half), top_px=round(y / w - half), side_px=window.side_px)
        crops.append(cut(pixels, own, lambda piece: _shown(tone.applied(_as_float(piece, exposure)))))
    return crops


def _shown(image: Image) -> NDArray[np.uint8]:
    return np.asarray(np.rint(image * 255), np.uint8)


def _label(number: int, place: Place, base: str) -> str:
    against = "the truth" if base == TRUTH else base
    return (
        f"{number}: {place.kind.value}, x {place.x_px}, y {place.y_px} px;"
        f" {place.program} differs from {against} by {place.difference:.1f} levels"
    )


def _legend(subject: Subject, base: _Base, zoom: int, failures: Mapping[str, str]) -> list[str]:
    height, width = base.pixels.shape[:2]
    of_whom = "the truth" if base.name == TRUTH else f"the composite of {base.name}"
    lines = [
        f"{subject.name}: {len(subject.frames)} frames. Places are px of {of_whom}, {width} x {height} px.",
        f"Crops at {100 * zoom} %, the programs' own pixels; one gain and offset a channel match their brightness.",
        "structure: halos, ghosts, patches. smooth: noise, lost fine detail. border: streaks, blurred rims.",
    ]
    if base.exposure > 1:
        lines.append(f"Everything is brightened {base.exposure:.1f} times.")
    return lines + [f"{name} failed: {why}" for name, why in failures.items()]


def _reduced(pixels: Pixels, reduction: int, exposure: float) -> Image:
    """Average blocks of pixels; those that the right and lower edge cut are left out."""
    return _as_float(block_means(pixels, reduction, edge=Edge.LEFT_OUT), exposure)


def _as_float(pixels: Pixels, exposure: float) -> Image:
    scale = np.float32(exposure / np.iinfo(pixels.dtype.name).max)
    return np.minimum(np.multiply(pixels, scale, dtype=np.float32), 1, dtype=np.float32)


def _luminance(pixels: Pixels, exposure: float, tone: Tone | None = None) -> Gray:
    gray = np.empty(pixels.shape[:2], np.float32)
    for top in range(0, len(pixels), BAND_ROWS):
        band = _as_float(pixels[top : top + BAND_ROWS], exposure)
        gray[top : top + BAND_ROWS] = gray_of(tone.applied(band) if tone else band)
    return gray
