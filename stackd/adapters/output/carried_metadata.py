"""What a composite takes over from its frames: camera, lens, exposure, place and author of the reference frame.

Not taken over: maker notes and thumbnails (they describe other pixels), anything about the file's own structure, the focus
distance (a composite has none), colour labels (see `LABELS`), and raw converter settings, which an editor would apply twice.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Final

import numpy as np
import simplejpeg

from stackd.adapters.colour.written import WrittenColour
from stackd.adapters.formats.exiv2_library import XMP_PREFIX, exiv2_library, open_by_exiv2, read_metadata
from stackd.adapters.formats.opened_image import open_image
from stackd.adapters.formats.structures.jpeg_structure import APP1, EXIF_INTRODUCTION, XMP_INTRODUCTION, jpeg_segments
from stackd.adapters.formats.z_stacks import is_about_planes
from stackd.errors import UnreadableFrame
from stackd.model.composite import Composite
from stackd.model.names import shown
from stackd.model.pixels import ColourSpace
from stackd.model.tags import FileKind
from stackd.model.verdict import Judgement

IMAGE_TAGS_KEPT: Final = frozenset(
    {
        "Make", "Model", "ImageDescription", "Artist", "Copyright", "HostComputer", "DocumentName", "XPTitle", "XPComment",
        "XPAuthor", "XPKeywords", "XPSubject",
    }
)  # fmt: skip
"""Tags of the main directory that speak of the picture; in RAW files and DNGs most others describe the sensor."""

PHOTO_TAGS_DROPPED: Final = frozenset(
    {
        "MakerNote", "SubjectDistance", "SubjectDistanceRange", "SubjectArea", "SubjectLocation", "PixelXDimension",
        "PixelYDimension", "InteroperabilityTag", "RelatedSoundFile", "CompressedBitsPerPixel", "ComponentsConfiguration",
        "CFAPattern", "ImageUniqueID", "SourceExposureTimesOfCompositeImage", "DeviceSettingDescription", "OECF",
        "SpatialFrequencyResponse", "FileSource", "SceneType",
    }
)  # fmt: skip

XMP_PREFIXES_KEPT: Final = frozenset(
    {"dc", "xmpRights", "Iptc4xmpCore", "iptc", "Iptc4xmpExt", "iptcExt", "photoshop", "lr", "plus", "cc", "aux", "exifEX"}
)
XMP_KEYS_KEPT: Final = frozenset({"Xmp.xmp.Rating"})
"""Not the label: on a composite it tells what stackd found of it, and a frame's own would be taken for that."""
XMP_KEYS_DROPPED: Final = frozenset(
    {
        "Xmp.aux.ApproximateFocusDistance", "Xmp.dc.format", "Xmp.photoshop.SidecarForExtension",
        "Xmp.photoshop.EmbeddedXMPDigest", "Xmp.photoshop.LegacyIPTCDigest", "Xmp.photoshop.ICCProfile",
        "Xmp.photoshop.ColorMode", "Xmp.photoshop.History", "Xmp.photoshop.DocumentAncestors",
    }
)  # fmt: skip

LABELS: Final[Mapping[Judgement, str]] = MappingProxyType({Judgement.REVIEW: "Review", Judgement.REJECT: "Reject"})
"""What xmp:Label says of a composite that does not pass: Lightroom and Bridge show it and can filter by it."""

TIME_TAGS: Final = ("DateTimeOriginal", "SubSecTimeOriginal", "OffsetTimeOriginal")

COMPOSITE_IMAGE: Final = "Exif.Photo.CompositeImage"
COMPOSITE_COUNTS: Final = "Exif.Photo.SourceImageNumberOfCompositeImage"
COMPOSITE_OF_OWN_FRAMES: Final = 3
"""Exif 2.32, tag 0xA460: a composite made of images captured when shooting."""
MAX_SHORT: Final = 65_535
EXIF_VERSION: Final = b"0232"
"""The first version that knows composites."""
FLASHPIX_VERSION: Final = b"0100"
SRGB: Final = 1
UNCALIBRATED: Final = 65_535
"""Exif ColorSpace: what the embedded colour profile says."""
GPS_VERSION: Final = b"\x02\x03\x00\x00"
GPS_BY_SATELLITE: Final = b"ASCII\x00\x00\x00GPS"
CENTRED: Final = 1
Y_CB_CR: Final = b"\x01\x02\x03\x00"
MAX_NAMES_BYTES: Final = 24_000
"""Frame names listed in the XMP: with the recipe they stay below the 64 KiB of a JPEG segment. The report lists all of them."""
XMP_ITEM_BYTES: Final = 20
"""What the markup of one list item takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedMetadata:
    """Blocks ready to be put into an output file of any format."""

    exif: bytes = b""
    """A little-endian TIFF without pixels: what follows `Exif\\0\\0` in a JPEG."""
    xmp: bytes = b""
    icc: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    exif: dict[str, Any] = field(default_factory=dict)
    xmp: dict[str, Any] = field(default_factory=dict)
    rating: str = ""
    """Stars given in the camera; Exif has no place for them in most formats, XMP has."""


def carry_metadata(
    composite: Composite, frames: Sequence[Path], *, container: FileKind, colour: WrittenColour
) -> CarriedMetadata:
    """Gather what a composite takes over, and say in it what it is.

    Parameters
    ----------
    composite : Composite
        Its `reference_path` names the frame that gives everything but the time.
    frames : sequence of Path
        Near → far; the earlier of the first and last one gives the time of capture.
    container : FileKind
        What the blocks are for: JPEG asks for tags that TIFF forbids.
    colour : WrittenColour
        What the file's values mean: tags say the same as the profile.

    Returns
    -------
    CarriedMetadata
        Without what the frames do not have. Damaged metadata never fails a composite.
    """
    reference = reference_of(composite, frames)
    with exiv2_library() as exiv2:
        found = _read(exiv2, reference)
        times = [when for frame in {frames[0], frames[-1]} if (when := _capture_time(_read(exiv2, frame)))]
        exif = exiv2.ExifData()
        for key, value in found.exif.items():
            exif[key] = value
        if times:
            _set_capture_time(exif, min(times))
        _say_what_it_is(exiv2, exif, composite)
        _say_its_colours(exiv2, exif, colour, container)
        _complete_place(exiv2, exif, found)
        if container is FileKind.JPEG:
            _say_how_jpeg_stores_it(exiv2, exif, composite)
        xmp = exiv2.XmpData()
        for key, value in found.xmp.items():
            xmp[key] = value
        if found.rating and "Xmp.xmp.Rating" not in found.xmp:
            xmp["Xmp.xmp.Rating"] = found.rating
        _describe_making(exiv2, xmp, composite)
        exif_block, xmp_block = _encode(exiv2, exif, xmp)
    return CarriedMetadata(exif=exif_block, xmp=xmp_block, icc=colour.icc)


def reference_of(composite: Composite, frames: Sequence[Path]) -> Path:
    """Find the file of the reference frame among the source frames."""
    wanted = Path(composite.reference_path).parts
    for frame in frames:
        if frame.parts[-len(wanted) :] == wanted:
            return frame
    return frames[len(frames) // 2]


def _read(exiv2: ModuleType, path: Path) -> _Found:
    try:
        with open_image(path) as image:
            opened = open_by_exiv2(exiv2, image.file, path)
            read_metadata(exiv2, opened)
            exif = {datum.key(): datum.value().clone() for datum in opened.exifData() if _is_kept(datum)}
            xmp = {datum.key(): datum.value().clone() for datum in opened.xmpData() if _xmp_is_kept(datum.key())}
            stars = next((datum.toString() for datum in opened.exifData() if datum.key() == "Exif.Image.Rating"), "")
            return _Found(exif=exif, xmp=xmp, rating=stars)
    except (exiv2.Exiv2Error, UnreadableFrame, OSError, UnicodeDecodeError):
        return _Found()


def _is_kept(datum: Any) -> bool:
    group, name = datum.groupName(), datum.tagName()
    if group == "Image":
        return name in IMAGE_TAGS_KEPT and not (name == "ImageDescription" and is_about_planes(datum.toString()))
    if group == "Photo":
        # Numbers instead of names are tags nobody knows: they may point into the old file.
        return name not in PHOTO_TAGS_DROPPED and not name.startswith("0x")
    return group == "GPSInfo" and not name.startswith("0x")


def _xmp_is_kept(key: str) -> bool:
    _, prefix, _ = key.split(".", 2)
    whole = re.split(r"[\[/]", key, maxsplit=1)[0]
    return key in XMP_KEYS_KEPT or (prefix in XMP_PREFIXES_KEPT and whole not in XMP_KEYS_DROPPED)


def _capture_time(found: _Found) -> tuple[str, str, str] | None:
    when = found.exif.get("Exif.Photo.DateTimeOriginal")
    if when is None:
        return None
    parts = [found.exif.get(f"Exif.Photo.{tag}") for tag in TIME_TAGS]
    first, subsecond, offset = ("" if part is None else str(part) for part in parts)
    return first, subsecond, offset


def _set_capture_time(exif: Any, when: tuple[str, str, str]) -> None:
    for tag, value in zip(TIME_TAGS, when, strict=True):
        if value:
            exif[f"Exif.Photo.{tag}"] = value


def _say_what_it_is(exiv2: ModuleType, exif: Any, composite: Composite) -> None:
    used = min(sum(frame.used for frame in composite.frames), MAX_SHORT)
    exif["Exif.Image.Orientation"] = exiv2.UShortValue([1])
    exif["Exif.Image.Software"] = f"stackd {composite.provenance.stackd_version}"
    exif["Exif.Image.XResolution"] = exiv2.URationalValue([(72, 1)])
    exif["Exif.Image.YResolution"] = exiv2.URationalValue([(72, 1)])
    exif["Exif.Image.ResolutionUnit"] = exiv2.UShortValue([2])
    exif["Exif.Photo.ExifVersion"] = exiv2.DataValue(EXIF_VERSION, exiv2.ByteOrder.invalidByteOrder, exiv2.TypeId.undefined)
    exif["Exif.Photo.FlashpixVersion"] = exiv2.DataValue(
        FLASHPIX_VERSION, exiv2.ByteOrder.invalidByteOrder, exiv2.TypeId.undefined
    )
    exif[COMPOSITE_IMAGE] = exiv2.UShortValue([COMPOSITE_OF_OWN_FRAMES])
    exif[COMPOSITE_COUNTS] = exiv2.UShortValue([min(len(composite.frames), MAX_SHORT), used])


def _say_its_colours(exiv2: ModuleType, exif: Any, colour: WrittenColour, container: FileKind) -> None:
    if colour.icc is not None or "Exif.Photo.ColorSpace" not in [datum.key() for datum in exif]:
        is_srgb = colour.icc is None or colour.space is ColourSpace.SRGB
        exif["Exif.Photo.ColorSpace"] = exiv2.UShortValue([SRGB if is_srgb else UNCALIBRATED])
    if colour.space is ColourSpace.ADOBE_RGB and container is not FileKind.TIFF:
        # Programs that look for no profile know Adobe RGB by this (DCF 2.0). TIFF has no place for it.
        exif["Exif.Iop.InteroperabilityIndex"] = "R03"
        exif["Exif.Iop.InteroperabilityVersion"] = exiv2.DataValue(
            FLASHPIX_VERSION, exiv2.ByteOrder.invalidByteOrder, exiv2.TypeId.undefined
        )


def _say_how_jpeg_stores_it(exiv2: ModuleType, exif: Any, composite: Composite) -> None:
    height, width = composite.image.shape[:2]
    exif["Exif.Photo.PixelXDimension"] = exiv2.ULongValue([width])
    exif["Exif.Photo.PixelYDimension"] = exiv2.ULongValue([height])
    exif["Exif.Image.YCbCrPositioning"] = exiv2.UShortValue([CENTRED])
    exif["Exif.Photo.ComponentsConfiguration"] = exiv2.DataValue(
        Y_CB_CR, exiv2.ByteOrder.invalidByteOrder, exiv2.TypeId.undefined
    )


def _complete_place(exiv2: ModuleType, exif: Any, found: _Found) -> None:
    """Add what TIFF requires beside a place and many cameras leave out, as far as it is known."""
    if not any(key.startswith("Exif.GPSInfo.") for key in found.exif):
        return
    known = [("Exif.GPSInfo.GPSVersionID", GPS_VERSION, exiv2.TypeId.unsignedByte)]
    if "Exif.GPSInfo.GPSTimeStamp" in found.exif:
        # Only satellites tell the time along with the place.
        known.append(("Exif.GPSInfo.GPSProcessingMethod", GPS_BY_SATELLITE, exiv2.TypeId.undefined))
    for key, content, kind in known:
        if key not in found.exif:
            exif[key] = exiv2.DataValue(content, exiv2.ByteOrder.invalidByteOrder, kind)


def _describe_making(exiv2: ModuleType, xmp: Any, composite: Composite) -> None:
    provenance = composite.provenance
    # Names only: folders would tell everybody who gets the picture about the photographer's disk.
    used = [shown(Path(frame.path).name) for frame in composite.frames if frame.used]
    xmp["Xmp.xmp.CreatorTool"] = f"stackd {provenance.stackd_version}"
    xmp[f"Xmp.{XMP_PREFIX}.Version"] = provenance.stackd_version
    xmp[f"Xmp.{XMP_PREFIX}.Method"] = composite.method
    xmp[f"Xmp.{XMP_PREFIX}.RecipeName"] = provenance.recipe_name
    xmp[f"Xmp.{XMP_PREFIX}.Recipe"] = json.dumps(dict(provenance.recipe), separators=(",", ":"), ensure_ascii=False)
    xmp[f"Xmp.{XMP_PREFIX}.FrameCount"] = str(len(composite.frames))
    xmp[f"Xmp.{XMP_PREFIX}.FramesUsed"] = str(len(used))
    xmp[f"Xmp.{XMP_PREFIX}.Reference"] = shown(Path(composite.reference_path).name)
    verdict = composite.verdict
    xmp[f"Xmp.{XMP_PREFIX}.Verdict"] = verdict.judgement.value
    xmp[f"Xmp.{XMP_PREFIX}.RejectionProbability"] = f"{verdict.rejection_probability:.3f}"
    if composite.codes:
        xmp[f"Xmp.{XMP_PREFIX}.Barcodes"] = exiv2.XmpArrayValue(list(composite.codes), exiv2.TypeId.xmpBag)
    if len(composite.codes) == 1:
        xmp["Xmp.dc.identifier"] = composite.codes[0]
    if verdict.judgement in LABELS:
        xmp["Xmp.xmp.Label"] = LABELS[verdict.judgement]
    names, total_bytes = [], 0
    for name in used:
        total_bytes += len(name.encode()) + XMP_ITEM_BYTES
        if total_bytes > MAX_NAMES_BYTES:
            break
        names.append(name)
    xmp[f"Xmp.{XMP_PREFIX}.Frames"] = exiv2.XmpArrayValue(names, exiv2.TypeId.xmpSeq)


def _encode(exiv2: ModuleType, exif: Any, xmp: Any) -> tuple[bytes, bytes]:
    """Let exiv2 write both blocks into a JPEG of one block in memory, and take them out again.

    It can only encode into files; taking the blocks spares it from copying the whole composite.
    """
    carrier = exiv2.ImageFactory.open(bytes(simplejpeg.encode_jpeg(np.zeros((8, 8, 3), np.uint8))))
    carrier.readMetadata()
    carrier.setByteOrder(exiv2.ByteOrder.littleEndian)
    carrier.setExifData(exif)
    carrier.setXmpData(xmp)
    carrier.writeMetadata()
    content = bytes(carrier.io().mmap())
    carrier.io().munmap()
    exif_block = xmp_block = b""
    for marker, start, end in jpeg_segments(content):
        if marker != APP1:
            continue
        if content.startswith(EXIF_INTRODUCTION, start):
            exif_block = content[start + len(EXIF_INTRODUCTION) : end]
        elif content.startswith(XMP_INTRODUCTION, start):
            xmp_block = content[start + len(XMP_INTRODUCTION) : end]
    return exif_block, xmp_block
