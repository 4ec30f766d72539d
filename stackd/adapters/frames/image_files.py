"""Decode JPEG, PNG and TIFF frames to upright RGB of 8 or 16 bit, or to reduced luminance.

Pixels stay as they are in the file; what they mean, and whether they are converted, is settled for a whole stack elsewhere.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Final, assert_never, cast

import cv2
import imagecodecs
import numpy as np
import simplejpeg
import tifffile
from numpy.typing import NDArray

from stackd.adapters.formats.heif_files import decode_heif
from stackd.adapters.formats.microscope_files import decode_microscope_plane
from stackd.adapters.formats.opened_image import COPY_AGAIN, DECODER_ERRORS, OpenedImage, cut_off, damaged
from stackd.adapters.formats.structures.jpeg_structure import END_OF_IMAGE
from stackd.adapters.formats.wholeness.jpeg_ends import with_its_end
from stackd.adapters.formats.z_stacks import plane_pages
from stackd.adapters.frames.decimals import Tell, decimals_to_integers, tell_nobody
from stackd.adapters.frames.transparency import ExtraSample, Layers, layers_of, may_have_alpha
from stackd.errors import UnreadableFrame
from stackd.imaging.ground.blocks import reduced
from stackd.imaging.ground.luminance import as_gray, reduce_to_gray
from stackd.model.names import shown
from stackd.model.pixels import Alpha, Gray, Pixels
from stackd.model.tags import FileKind, Header

GRAY_DIMENSIONS: Final = 2
RGB_CHANNELS: Final = 3

AS_IN_EXIF: Final = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
"""EXIF orientations that are pure turns; 2, 4, 5 and 7 also mirror."""
LYING: Final = frozenset({5, 6, 7, 8})
"""EXIF orientations that swap rows and columns."""

PREMATURE: Final = "premature end"
"""libjpeg's word for a cut file."""
STRAY_BEFORE_END: Final = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
"""libjpeg's words for bytes left over behind the last pixel: zeros are some cameras' padding, others mean damage."""

EXPORT_AS_RGB: Final = "Export it as RGB with 8 or 16 bit, or leave it out."


def read_pixels(
    image: OpenedImage, header: Header, page: int | None, reduction: int = 1, *, tell_clipped: Tell = tell_nobody
) -> Pixels:
    """Decode a frame to upright RGB, shape (ceil(H / reduction), ceil(W / reduction), 3), uint8 or uint16.

    Gray is repeated three times, a palette is looked up, and what is no picture by its alpha gets the colours of what lies around
    it. JPEG is decoded straight to the reduced size, which skips most of the inverse transform and of the memory. `tell_clipped`
    hears of decimal values above white.

    Raises
    ------
    UnreadableFrame
        If the pixels are damaged, cut off, or of a kind that is no photograph (CMYK, not finite, signed …).
    """
    if image.kind is FileKind.JPEG and _turns_cleanly(header, reduction):
        return upright(as_rgb(_decode_jpeg(image, reduction=reduction)), header.orientation)
    orientation = 1 if image.kind is FileKind.HEIF else header.orientation
    return reduced(upright(as_rgb(_layers(image, page, tell_clipped).seen()), orientation), reduction)


def read_alpha(image: OpenedImage, header: Header, page: int | None) -> Alpha | None:
    """Tell which pixels of a frame are picture: upright, shape (H, W); None where all are, which costs no decoding.

    Raises
    ------
    UnreadableFrame
        As `read_pixels`.
    """
    if not may_have_alpha(image):
        return None
    alpha = _layers(image, page).alpha
    orientation = 1 if image.kind is FileKind.HEIF else header.orientation
    return None if alpha is None else cast("Alpha", upright(alpha, orientation))


def _layers(image: OpenedImage, page: int | None, tell_clipped: Tell = tell_nobody) -> Layers:
    layers = _decoded(image, page, tell_clipped)
    if layers.alpha is not None and not layers.alpha.any():
        raise UnreadableFrame(
            f"{shown(image.path.name)} is transparent all over.", hint="Export it with its picture, or leave it out."
        )
    return layers


def _decoded(image: OpenedImage, page: int | None, tell_clipped: Tell) -> Layers:
    match image.kind:
        case FileKind.JPEG:
            return Layers(colours=_decode_jpeg(image))
        case FileKind.PNG:
            return layers_of(_decode_png(image))
        case FileKind.TIFF:
            return _decode_tiff(image, page or 0, tell_clipped)
        case FileKind.HEIF:
            stored, is_associated = decode_heif(image)
            return layers_of(stored, [ExtraSample.ASSOCIATED if is_associated else ExtraSample.UNASSOCIATED])
        case FileKind.CZI | FileKind.LIF:
            return Layers(colours=decode_microscope_plane(image, page or 0))
        case FileKind.RAW | FileKind.UNKNOWN:
            msg = f"{image.path.name} is not for this module"
            raise ValueError(msg)
        case _:
            assert_never(image.kind)


def read_gray(image: OpenedImage, header: Header, page: int | None, reduction: int) -> Gray:
    """Decode luminance reduced by 1, 2, 4 or 8: upright float32 (ceil(H / reduction), ceil(W / reduction)), range [0, 1].

    JPEG is decoded straight to the reduced size, which skips most of the inverse transform.

    Raises
    ------
    UnreadableFrame
        As `read_pixels`.
    """
    if image.kind is FileKind.JPEG and _turns_cleanly(header, reduction):
        small = _decode_jpeg(image, colorspace="GRAY", reduction=reduction)[..., 0]
        return as_gray(upright(small, header.orientation))
    return reduce_to_gray(read_pixels(image, header, page), reduction)


def _turns_cleanly(header: Header, reduction: int) -> bool:
    """Whether reduced pixels can be turned upright: where the last one covers less than the others, every centre would move."""
    width, height = header.width_px or 0, header.height_px or 0
    return header.orientation == 1 or (width % reduction == 0 and height % reduction == 0)


def as_rgb(stored: NDArray[np.uint8] | NDArray[np.uint16]) -> Pixels:
    """Bring gray (H, W) or RGB to RGB (H, W, 3); what is beside the colours is dropped."""
    if stored.ndim == GRAY_DIMENSIONS:
        return cast("Pixels", cv2.cvtColor(stored, cv2.COLOR_GRAY2RGB))
    if stored.shape[2] < RGB_CHANNELS:
        return as_rgb(cast("Pixels", np.ascontiguousarray(stored[..., 0])))
    return cast("Pixels", np.ascontiguousarray(stored[..., :RGB_CHANNELS]))


def upright(stored: NDArray[np.uint8] | NDArray[np.uint16], orientation: int) -> Pixels:
    """Turn and mirror stored pixels as their EXIF orientation says."""
    if orientation == 1:
        return stored
    if orientation in AS_IN_EXIF:
        return cast("Pixels", cv2.rotate(stored, AS_IN_EXIF[orientation]))
    mirrored = {2: stored[:, ::-1], 4: stored[::-1], 5: stored.swapaxes(0, 1), 7: stored[::-1, ::-1].swapaxes(0, 1)}[orientation]
    return cast("Pixels", np.ascontiguousarray(mirrored))


def upright_shape(header: Header) -> tuple[int, int]:
    """Rows and columns of a frame after it was turned upright."""
    width, height = header.width_px or 0, header.height_px or 0
    return (width, height) if header.orientation in LYING else (height, width)


# ----------------------------------------------------------------- formats


def _content(image: OpenedImage) -> bytes:
    image.file.seek(0)
    return image.file.read()


def _decode_jpeg(image: OpenedImage, *, colorspace: str = "RGB", reduction: int = 1) -> NDArray[np.uint8]:
    content = _content(image)
    try:
        height, width, stored_colours, _ = simplejpeg.decode_jpeg_header(content, strict=False)
    except DECODER_ERRORS as error:
        raise damaged(image.path, "its header makes no sense") from error
    if stored_colours in {"CMYK", "YCCK"}:
        raise UnreadableFrame(f"{shown(image.path.name)} is a CMYK picture, made for print.", hint=EXPORT_AS_RGB)
    # The decoder takes the smallest of its scales that reaches these sizes.
    options = {
        "colorspace": colorspace,
        "min_height": -(-height // reduction) if reduction > 1 else 0,
        "min_width": -(-width // reduction) if reduction > 1 else 0,
    }
    strict, was_mended = True, False
    while True:
        try:
            pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(content, strict=strict, **options)
        except DECODER_ERRORS as error:
            mended = None if was_mended else with_its_end(content)
            if mended is not None:
                image.remarks.append(without_end(image.path))
                content, was_mended = mended, True
                continue
            if PREMATURE in str(error).lower():
                raise cut_off(image.path, f"after {len(content)} bytes the picture is not complete") from error
            if not (strict and _is_padding(str(error), content)):
                raise damaged(image.path, error) from error
            strict = False
        else:
            return pixels


def without_end(path: Path) -> str:
    """Say that a picture was taken though its file lacks the end mark."""
    return (
        f"{shown(path.name)} has no end mark behind its picture. The picture is whole and was used; other programs may call it"
        " damaged: open it in an editor and save it as a new file, or copy it again where the original has the mark."
    )


def _is_padding(complaint: str, content: bytes) -> bool:
    stray = STRAY_BEFORE_END.search(complaint)
    end = content.rfind(END_OF_IMAGE)
    return stray is not None and not any(content[end - int(stray.group(1)) : end])


def _decode_png(image: OpenedImage) -> NDArray[np.uint8] | NDArray[np.uint16]:
    try:
        pixels: NDArray[np.uint8] | NDArray[np.uint16] = imagecodecs.png_decode(_content(image))
    except DECODER_ERRORS as error:
        raise damaged(image.path, error) from error
    return pixels


def _decode_tiff(image: OpenedImage, page: int, tell: Tell) -> Layers:
    image.file.seek(0)
    try:
        with tifffile.TiffFile(image.file) as tiff:
            return _tiff_plane(tiff, page, image, tell)
    except UnreadableFrame:
        raise
    except DECODER_ERRORS as error:
        raise damaged(image.path, error) from error


def _tiff_plane(tiff: tifffile.TiffFile, plane: int, image: OpenedImage, tell: Tell) -> Layers:
    pages = plane_pages(image.directories)
    if plane >= len(pages):
        return Layers(colours=_imagej_plane(tiff, plane, image.path, tell))
    page = tiff.pages[pages[plane]]
    if isinstance(page, tifffile.TiffFrame):
        page = page.aspage()
    path = image.path
    photometric = tifffile.PHOTOMETRIC(page.photometric)
    pixels = page.asarray(maxworkers=1)
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim > GRAY_DIMENSIONS:
        pixels = np.moveaxis(pixels, 0, -1)
    match photometric:
        case tifffile.PHOTOMETRIC.PALETTE:
            colours = np.asarray(page.colormap, np.uint16)
            return Layers(colours=np.ascontiguousarray(colours[:, pixels].transpose(1, 2, 0)))
        case tifffile.PHOTOMETRIC.MINISBLACK | tifffile.PHOTOMETRIC.MINISWHITE | tifffile.PHOTOMETRIC.RGB:
            pass
        case tifffile.PHOTOMETRIC.YCBCR if page.compression in {tifffile.COMPRESSION.JPEG, tifffile.COMPRESSION.OJPEG}:
            pass
        case tifffile.PHOTOMETRIC.SEPARATED:
            raise UnreadableFrame(f"{shown(path.name)} is a CMYK picture, made for print.", hint=EXPORT_AS_RGB)
        case _:
            raise UnreadableFrame(f"{shown(path.name)} holds {photometric.name} colours.", hint=EXPORT_AS_RGB)
    layers = layers_of(_as_integers(pixels, page.bitspersample, path, tell), [int(kind) for kind in page.extrasamples])
    return replace(layers, colours=~layers.colours) if photometric == tifffile.PHOTOMETRIC.MINISWHITE else layers


def _imagej_plane(tiff: tifffile.TiffFile, plane: int, path: Path, tell: Tell) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Read a plane of a large ImageJ stack: one directory for the first, all others right behind it."""
    series = tiff.series[0]
    first = tiff.pages.first
    if not tiff.is_imagej or series.dataoffset is None or (plane + 1) * first.size > series.size:
        raise UnreadableFrame(f"{shown(path.name)} has no plane {plane + 1}.", hint=COPY_AGAIN)
    tiff.filehandle.seek(series.dataoffset + plane * first.size * series.dtype.itemsize)
    kind = series.dtype.newbyteorder(tiff.byteorder)
    pixels = tiff.filehandle.read_array(kind, first.size).reshape(first.shape)
    return _as_integers(pixels, first.bitspersample, path, tell)


def _as_integers(pixels: NDArray[np.generic], bits: int, path: Path, tell: Tell) -> NDArray[np.uint8] | NDArray[np.uint16]:
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    for kind in (np.uint8, np.uint16):
        if pixels.dtype == kind:
            levels, most = (1 << bits) - 1, np.iinfo(kind).max
            if levels >= most:
                return cast("Pixels", pixels.astype(kind, copy=False))
            return cast("Pixels", (pixels.astype(np.uint32) * most // levels).astype(kind))
    if np.issubdtype(pixels.dtype, np.floating):
        return decimals_to_integers(pixels, path, tell)
    raise UnreadableFrame(f"{shown(path.name)} holds {pixels.dtype} values.", hint=EXPORT_AS_RGB)
