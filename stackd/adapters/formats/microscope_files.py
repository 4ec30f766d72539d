"""Read z-stacks in the files of microscopes, CZI (Zeiss) and LIF (Leica), where the libraries for them are installed.

Both hold whole experiments: channels, points in time, positions, tiles of a mosaic, several images. What is one z-stack of one
channel is a stack; anything else is refused by name, so that nothing is mixed up or lost without a word.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackd.adapters.formats.image_headers import checked_size
from stackd.adapters.formats.opened_image import COPY_AGAIN, DECODER_ERRORS, OpenedImage, damaged
from stackd.errors import UnreadableFrame
from stackd.model.names import shown
from stackd.model.tags import FileKind, Header

NAMES: Final = {FileKind.CZI: "a CZI file (Zeiss)", FileKind.LIF: "a LIF file (Leica)"}

BESIDE_PLANES: Final = {
    "C": "channels",
    "T": "points in time",
    "S": "positions",
    "M": "tiles of a mosaic",
    "H": "phases",
    "V": "views",
    "R": "rotations",
    "I": "illuminations",
    "B": "blocks",
    "λ": "wavelengths",
    "Λ": "wavelengths",
    "Q": "times of delay",
    "A": "rotations",
    "N": "rotations",
    "X2": "positions",
    "L": "loops",
}
"""Dimensions beside rows, columns and planes, by the letters both libraries use."""

SIZE: Final = re.compile(r"<Size([A-Z])>(\d+)</Size[A-Z]>")
STEP: Final = re.compile(r'<Distance Id="Z">\s*<Value>([0-9.eE+-]+)</Value>')
"""Of the metadata of a CZI: sizes along its dimensions, and metres between planes."""

HINT: Final = "Export the z-stack of each as a file of its own (OME-TIFF)."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stack:
    """One z-stack of a microscope's file."""

    width_px: int
    height_px: int
    planes: int
    step_m: float | None
    opened: Any

    def header(self, kind: FileKind) -> Header:
        positions = tuple(number * abs(self.step_m) for number in range(self.planes)) if self.step_m else ()
        return Header(kind=kind, width_px=self.width_px, height_px=self.height_px, pages=self.planes, page_positions_m=positions)


def read_microscope_header(image: OpenedImage) -> Header:
    """Tell size and planes of a CZI or LIF file.

    Raises
    ------
    UnreadableFrame
        If it holds anything but one z-stack of one channel, is damaged, or what reads it is not installed.
    """
    with _opened(image) as stack:
        return checked_size(stack.header(image.kind), image.path)


def decode_microscope_plane(image: OpenedImage, plane: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Decode one plane: gray (H, W) or RGB (H, W, 3), of 8 or 16 bit.

    Raises
    ------
    UnreadableFrame
        As `read_microscope_header`, or if there is no such plane.
    """
    with _opened(image) as stack:
        if plane >= stack.planes:
            raise UnreadableFrame(f"{shown(image.path.name)} has no plane {plane + 1}.", hint=COPY_AGAIN)
        try:
            if image.kind is FileKind.CZI:
                pixels = np.asarray(stack.opened.read(plane={"Z": plane}))
                pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels[..., ::-1]  # blue comes first
            else:
                pixels = np.asarray(stack.opened.frame(**({"Z": plane} if "Z" in stack.opened.sizes else {})))
        except DECODER_ERRORS as error:
            raise damaged(image.path, error) from error
    if pixels.dtype not in (np.uint8, np.uint16):
        raise UnreadableFrame(f"{shown(image.path.name)} holds {pixels.dtype} values.", hint="Export it with 8 or 16 bit.")
    return np.ascontiguousarray(pixels)


@contextmanager
def _opened(image: OpenedImage) -> Iterator[_Stack]:
    opener = _czi if image.kind is FileKind.CZI else _lif
    library = _library(image)
    try:
        with opener(image, library) as stack:
            yield stack
    except UnreadableFrame:
        raise
    except DECODER_ERRORS as error:
        raise damaged(image.path, error) from error


@contextmanager
def _czi(image: OpenedImage, library: ModuleType) -> Iterator[_Stack]:
    # It takes names as UTF-8 only, and files have any.
    name = f"/proc/self/fd/{image.file.fileno()}" if sys.platform == "linux" else str(image.path)
    with library.open_czi(name) as document:
        bounds: Mapping[str, tuple[int, int]] = document.total_bounding_box
        sizes = {name: stop for name, (_, stop) in bounds.items()}
        metadata = document.raw_metadata
        for name, size in SIZE.findall(metadata):
            sizes[name] = max(sizes.get(name, 1), int(size))
        sizes["S"] = max(sizes.get("S", 1), len(document.scenes_bounding_rectangle))
        _only_planes(image, sizes)
        area = document.total_bounding_rectangle
        step = STEP.search(metadata)
        yield _Stack(
            width_px=area.w,
            height_px=area.h,
            planes=sizes.get("Z", 1),
            step_m=float(step.group(1)) if step else None,
            opened=document,
        )


@contextmanager
def _lif(image: OpenedImage, library: ModuleType) -> Iterator[_Stack]:
    image.file.seek(0)
    with library.LifFile(image.file) as file:
        found = list(file.images)
        if len(found) != 1:
            names = ", ".join(shown(each.name) for each in found[:4])
            raise UnreadableFrame(
                f"{shown(image.path.name)} holds {len(found)} images ({names}{' …' if len(found) > 4 else ''}), not one stack.",  # noqa: PLR2004
                hint=HINT,
            )
        (stack,) = found
        # Here S is the samples of a colour.
        sizes = {name: size for name, size in stack.sizes.items() if name != "S"}
        _only_planes(image, sizes)
        heights = stack.coords.get("Z")
        step = float(heights[1] - heights[0]) if heights is not None and len(heights) > 1 else None
        yield _Stack(width_px=sizes["X"], height_px=sizes["Y"], planes=sizes.get("Z", 1), step_m=step, opened=stack)


def _only_planes(image: OpenedImage, sizes: Mapping[str, int]) -> None:
    others = [
        f"{size} {BESIDE_PLANES.get(name, name)}" for name, size in sizes.items() if name not in {"X", "Y", "Z"} and size > 1
    ]
    if others:
        raise UnreadableFrame(f"{shown(image.path.name)} holds {' and '.join(others)}, not one z-stack.", hint=HINT)


def _library(image: OpenedImage) -> ModuleType:
    try:
        if image.kind is FileKind.CZI:
            from pylibCZIrw import czi as library
        else:
            import liffile as library
    except ImportError as error:
        raise UnreadableFrame(
            f"{shown(image.path.name)} is {NAMES[image.kind]}, and what reads those is not installed.",
            hint="Install it with `pip install stackd[microscopy]`, or export the z-stack as OME-TIFF.",
        ) from error
    module: ModuleType = library
    return module
