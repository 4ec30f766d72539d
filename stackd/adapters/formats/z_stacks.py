"""Find out whether a TIFF is a whole stack: one plane a frame, as microscopes write it (OME-TIFF, ImageJ) and scanners do.

Colour channels or points in time beside the planes make it something else; it is then refused rather than mixed up.
"""

import re
from dataclasses import dataclass, replace
from typing import Final
from xml.etree import ElementTree  # noqa: ICN001  the name says more than `ET`

from stackd.adapters.formats.opened_image import OpenedImage
from stackd.adapters.formats.structures import tiff_structure
from stackd.adapters.formats.structures.tiff_structure import Directory
from stackd.errors import UnreadableFrame
from stackd.model.names import shown
from stackd.model.tags import Header

UNITS_M: Final = {
    "m": 1.0, "mm": 1e-3, "µm": 1e-6, "μm": 1e-6, "um": 1e-6, "\\u00B5m": 1e-6, "micron": 1e-6, "microns": 1e-6, "nm": 1e-9,
    "cm": 1e-2, "inch": 0.0254,
}  # fmt: skip
"""Spellings of OME and ImageJ; both Unicode letters that look like µ are in use."""

MAX_XML_BYTES: Final = 16 << 20
"""OME descriptions of thousands of planes have a few megabytes; more is no description."""

IMAGEJ_BEGINS: Final = "ImageJ="
OME_ELEMENT: Final = "<OME"
OME_WITHIN: Final = 2000
"""Characters in which the OME element has begun: a declaration and a comment come first."""
NAMES_TOLD: Final = 4
"""Images named of a file that holds several; the rest is counted."""
SHAPE_BEGINS: Final = '{"shape"'
"""Python programs note the shape of arrays like this."""

SAME_IN_ALL_PLANES: Final = (
    tiff_structure.WIDTH,
    tiff_structure.HEIGHT,
    tiff_structure.BITS_PER_SAMPLE,
    tiff_structure.SAMPLES_PER_PIXEL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    planes: int
    channels: int = 1
    times: int = 1
    positions_m: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    """Of the images in the file, where there are several."""


def with_planes(header: Header, image: OpenedImage) -> Header:
    """Add the number of planes, and their stage positions where the file tells them.

    Raises
    ------
    UnreadableFrame
        If the file holds channels or points in time beside planes.
    """
    description = image.directories[0].description
    pages = len(plane_pages(image.directories))
    if description.startswith(IMAGEJ_BEGINS):
        layout = _imagej(description, pages)
    elif OME_ELEMENT in description[:OME_WITHIN] and len(description) <= MAX_XML_BYTES:
        layout = _ome(description, pages)
    else:
        layout = _Layout(planes=pages)
    if layout.names:
        named = ", ".join(shown(name) for name in layout.names[:NAMES_TOLD])
        more = f" and {len(layout.names) - NAMES_TOLD} more" if len(layout.names) > NAMES_TOLD else ""
        raise UnreadableFrame(
            f"{shown(image.path.name)} holds {len(layout.names)} images, of positions, tiles or views ({named}{more}),"
            " not one stack.",
            hint="Export each as a file of its own.",
        )
    if layout.planes > 1 and (layout.channels > 1 or layout.times > 1):
        raise UnreadableFrame(
            f"{shown(image.path.name)} holds {layout.channels} channels and {layout.times} points in time, not one stack.",
            hint="Export each channel and point in time as a file of its own.",
        )
    positions = layout.positions_m if len(layout.positions_m) == layout.planes else ()
    return replace(header, pages=layout.planes, page_positions_m=positions)


def is_about_planes(description: str) -> bool:
    """Whether an ImageDescription speaks of a file's planes to programs, and not of the picture to people."""
    return description.startswith((IMAGEJ_BEGINS, SHAPE_BEGINS)) or OME_ELEMENT in description[:OME_WITHIN]


def plane_pages(directories: tuple[Directory, ...]) -> tuple[int, ...]:
    """Which pages of the main chain are planes of the stack: those like the first one, without its smaller copies."""
    chain = [directory for directory in directories if directory.in_chain]
    first = tuple(chain[0].values.get(tag) for tag in SAME_IN_ALL_PLANES)
    return tuple(
        number
        for number, directory in enumerate(chain)
        if number == 0 or (not directory.is_reduced and tuple(directory.values.get(tag) for tag in SAME_IN_ALL_PLANES) == first)
    )


def _imagej(description: str, pages: int) -> _Layout:
    values = dict(line.split("=", 1) for line in description.splitlines() if "=" in line)

    def count(key: str) -> int:
        return int(values[key]) if values.get(key, "").isdecimal() else 1

    planes, times, channels = count("slices"), count("frames"), count("channels")
    if planes == 1 and times > 1:
        # Z-stacks are often saved as time series by mistake; planes of one file belong together either way.
        planes, times = times, 1
    if planes * times * channels == 1:
        planes = max(pages, count("images"))
    unit_m = UNITS_M.get(values.get("unit", ""))
    positions: tuple[float, ...] = ()
    if unit_m is not None and re.fullmatch(r"\d+(\.\d+)?([eE]-?\d+)?", values.get("spacing", "")):
        positions = tuple(float(values["spacing"]) * unit_m * number for number in range(planes))
    return _Layout(planes=planes, channels=channels, times=times, positions_m=positions)


def _ome(description: str, pages: int) -> _Layout:
    if "<!DOCTYPE" in description or "<!ENTITY" in description:
        # Entities can make a small file expand without end; OME does not use them.
        return _Layout(planes=pages)
    try:
        root = ElementTree.fromstring(description)  # noqa: S314  entities were refused above
    except ElementTree.ParseError:
        return _Layout(planes=pages)
    pictures = [(image, _child(image, "Pixels")) for image in root.iter() if _local(image) == "Image"]
    stacks = [(str(image.get("Name") or image.get("ID", "")), of) for image, of in pictures if of is not None]
    if not stacks or pages == 1:
        return _Layout(planes=pages)
    pixels = stacks[0][1]
    # A file of a set may describe the others' stacks as well: it then has no more pages than one of them.
    if len(stacks) > 1 and pages > _planes_of(pixels):
        return _Layout(planes=pages, names=tuple(name for name, _ in stacks))
    stored_channels = sum(_local(element) == "Channel" and element.get("SamplesPerPixel", "1") == "1" for element in pixels)
    channels = stored_channels if pixels.get("SizeC", "1") != "1" else 1
    heights: dict[int, float] = {}
    for plane in pixels:
        unit_m = UNITS_M.get(plane.get("PositionZUnit", ""))
        if _local(plane) == "Plane" and unit_m is not None and "PositionZ" in plane.attrib:
            heights[int(plane.get("TheZ", "0"))] = float(plane.get("PositionZ", "0")) * unit_m
    step_m = UNITS_M.get(pixels.get("PhysicalSizeZUnit", "µm"))
    if not heights and step_m is not None and "PhysicalSizeZ" in pixels.attrib:
        heights = {number: number * float(pixels.get("PhysicalSizeZ", "0")) * step_m for number in range(pages)}
    positions = tuple(heights[number] for number in range(pages)) if len(heights) == pages else ()
    times = int(pixels.get("SizeT", "1"))
    if int(pixels.get("SizeZ", "1")) == 1 and times == pages:
        times = 1
    return _Layout(planes=pages, channels=max(channels, 1), times=times, positions_m=positions)


def _child(element: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next((child for child in element if _local(child) == name), None)


def _planes_of(pixels: ElementTree.Element) -> int:
    """Pages an image takes: channels stored as samples of one page do not count."""
    samples = sum(int(child.get("SamplesPerPixel", "1")) for child in pixels if _local(child) == "Channel")
    channels = sum(_local(child) == "Channel" for child in pixels)
    stored = channels if samples > channels else int(pixels.get("SizeC", "1"))
    return int(pixels.get("SizeZ", "1")) * int(pixels.get("SizeT", "1")) * max(stored, 1)


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
