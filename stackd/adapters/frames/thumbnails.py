"""Small pictures of frames, by the cheapest way each format offers: embedded previews, draft decoding, strides."""

from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stackd.adapters.colour.conversion import Conversion, as_depth
from stackd.adapters.colour.profiles import same_colours
from stackd.adapters.colour.spaces import profile_of
from stackd.adapters.formats import image_headers
from stackd.adapters.formats.frame_headers import frame_header
from stackd.adapters.formats.image_headers import OpenedImage
from stackd.adapters.frames import image_files
from stackd.adapters.frames.jpeg_previews import find_preview
from stackd.adapters.frames.stack_colour import frame_colour
from stackd.config.develop import DevelopSettings
from stackd.errors import UnreadableFrame
from stackd.intake.evidence.content import WORKING_SIDE_PX, signature
from stackd.model.content import ContentSignature
from stackd.model.pixels import ColourSpace, Gray, Pixels
from stackd.model.tags import FileKind, Header

LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of JPEG's own luminance, so that every format is judged alike."""

LARGE_JPEG_BYTES: Final = 2 << 20
"""Below this, decoding the picture costs no more than looking for a preview."""

DARK_FULL_SCALE: Final = 0.05
"""Where a 16-bit picture stays below this share of full scale it is stretched: a microscope fills 12 of 16 bits, or fewer."""

BRIGHTEST_PERCENT: Final = 99.9


def read_signature(path: Path) -> ContentSignature | None:
    """Read what grouping needs of a file's pixels; None where they cannot be read. Never raises for the content."""
    try:
        with image_headers.open_image(path) as image:
            gray = _read_gray(image)
    except (UnreadableFrame, OSError):
        return None
    return None if gray is None or gray.size == 0 else signature(gray)


def read_picture(path: Path, *, side_px: int, page: int | None = None) -> Pixels | None:
    """Read a small picture to look at: upright RGB uint8 with at least `side_px` on the long side where the file has them.

    None where the pixels cannot be read.
    """
    try:
        with image_headers.open_image(path) as image:
            match image.kind:
                case FileKind.JPEG:
                    image.file.seek(0)
                    small = _jpeg(image.file.read(), "RGB", side_px)
                    header = image_headers.header_of(image)
                    return None if small is None else _on_screen(image_files.upright(small, header.orientation), image, header)
                case FileKind.RAW:
                    return _raw_picture(image, side_px)
                case _:
                    header = frame_header(image)
                    pixels = image_files.read_pixels(image, header, page)
                    return _small_picture(_on_screen(_thinned(pixels, side_px), image, header), side_px)
    except (UnreadableFrame, OSError):
        return None


def _on_screen(pixels: Pixels, image: OpenedImage, header: Header) -> Pixels:
    """Bring a picture to sRGB, which is what a contact sheet is in. What declares nothing is taken for sRGB."""
    icc = frame_colour(image, header, DevelopSettings()).declared.icc
    srgb = profile_of(ColourSpace.SRGB)
    if icc is None or same_colours(icc, srgb):
        return pixels
    return as_depth(Conversion(source=icc, target=srgb)(pixels), pixels.dtype)


def _thinned(pixels: NDArray[Any], side_px: int) -> NDArray[Any]:
    step = max(max(pixels.shape[:2]) // side_px, 1)
    return np.ascontiguousarray(pixels[::step, ::step])


def _read_gray(image: OpenedImage) -> Gray | None:
    match image.kind:
        case FileKind.JPEG:
            return _gray_preview(image) if image.size_bytes >= LARGE_JPEG_BYTES else _gray_whole(image)
        case FileKind.RAW:
            return _gray_raw(image)
        case FileKind.TIFF:
            strided = _gray_uncompressed_tiff(image)
            return _as_gray(_read_stored(image)) if strided is None else strided
        case _:
            return _as_gray(_read_stored(image))


def _read_stored(image: OpenedImage) -> Pixels:
    """Decode a frame the way up it is stored, as previews and strided reads have it."""
    return image_files.read_pixels(image, replace(frame_header(image), orientation=1), None)


def _read_all(image: OpenedImage, page: int | None = None) -> Pixels:
    return image_files.read_pixels(image, frame_header(image), page)


def _jpeg(content: bytes, colorspace: str, side_px: int) -> NDArray[np.uint8] | None:
    """Decode at the smallest scale that still reaches the wanted size: most of the work is then left out."""
    import simplejpeg

    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(content, strict=False)
        scale = min(side_px / max(height, width), 1.0)
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            content, colorspace=colorspace, min_height=ceil(height * scale), min_width=ceil(width * scale), strict=False
        )
    except (ValueError, KeyError):
        # The library tells some damage by a failed look-up of its own.
        return None
    return pixels


def _gray_preview(image: OpenedImage) -> Gray | None:
    """Take the preview a camera put behind the picture; the picture itself where there is none, or a small or damaged one."""
    preview = find_preview(image.file)
    gray = None if preview is None else _gray_jpeg(preview)
    return _gray_whole(image) if gray is None or max(gray.shape) < WORKING_SIDE_PX else gray


def _gray_whole(image: OpenedImage) -> Gray | None:
    image.file.seek(0)
    return _gray_jpeg(image.file.read())


def _gray_jpeg(content: bytes) -> Gray | None:
    pixels = _jpeg(content, "GRAY", WORKING_SIDE_PX)
    return None if pixels is None else np.multiply(pixels[..., 0], np.float32(1 / 255), dtype=np.float32)


def _raw_picture(image: OpenedImage, side_px: int) -> Pixels | None:
    import rawpy

    image.file.seek(0)
    try:
        with rawpy.imread(image.file) as raw:
            thumbnail = raw.extract_thumb()
            if thumbnail.format == rawpy.ThumbFormat.JPEG:
                return _jpeg(bytes(thumbnail.data), "RGB", side_px)
            return _small_picture(np.ascontiguousarray(thumbnail.data), side_px)
    except rawpy.LibRawError:
        gray = _gray_raw(image)
        return None if gray is None else _small_picture(np.rint(gray * 255.0).astype(np.uint8), side_px)


def _small_picture(pixels: NDArray[Any], side_px: int) -> NDArray[np.uint8]:
    small = image_files.as_rgb(_thinned(pixels, side_px))
    if small.dtype == np.uint8:
        return small.astype(np.uint8, copy=False)
    brightest = max(float(np.percentile(small, BRIGHTEST_PERCENT)), 1.0)
    full = 65535.0 if brightest > DARK_FULL_SCALE * 65535.0 else brightest
    return np.asarray(np.minimum(small * np.float32(255.0 / full), 255.0), dtype=np.uint8)


def _gray_raw(image: OpenedImage) -> Gray | None:
    """Take the embedded preview; where there is none, bin the sensor's own values."""
    import rawpy

    image.file.seek(0)
    try:
        with rawpy.imread(image.file) as raw:
            preview = _preview(raw, rawpy)
            return preview if preview is not None else _binned(raw)
    except (rawpy.LibRawError, ValueError, AttributeError):
        return None


def _preview(raw: Any, rawpy: Any) -> Gray | None:
    try:
        thumbnail = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    if thumbnail.format == rawpy.ThumbFormat.JPEG:
        return _gray_jpeg(bytes(thumbnail.data))
    return _as_gray(np.asarray(thumbnail.data)) if thumbnail.format == rawpy.ThumbFormat.BITMAP else None


def _binned(raw: Any) -> Gray | None:
    """Average cells of 2 × 2 sensor pixels and encode them for the eye; good enough to compare frames of one camera."""
    mosaic = np.asarray(raw.raw_image_visible)
    if mosaic.ndim != 2:  # noqa: PLR2004  a mosaic has no colour axis
        return _as_gray(mosaic)
    step = max(max(mosaic.shape) // (2 * WORKING_SIDE_PX), 1)
    rows, columns = mosaic.shape[0] // 2 * 2, mosaic.shape[1] // 2 * 2
    cells = [mosaic[y:rows:2, x:columns:2][::step, ::step].astype(np.float32) for y in (0, 1) for x in (0, 1)]
    black = float(np.mean(raw.black_level_per_channel))
    linear = np.clip((sum(cells) / 4.0 - black) / max(float(raw.white_level) - black, 1.0), 0.0, 1.0)
    return np.asarray(np.sqrt(linear), dtype=np.float32)


def _gray_uncompressed_tiff(image: OpenedImage) -> Gray | None:
    """Read every n-th row and column straight from the disk; None where strips are compressed or oddly stored."""
    import tifffile

    image.file.seek(0)
    try:
        with tifffile.TiffFile(image.file) as tiff:
            page = tiff.pages.first
            # Under alpha colours mean nothing: what is read in full is filled in there.
            plain = (
                page.is_memmappable
                and not page.extrasamples
                and page.photometric in {tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.MINISBLACK}
            )
            if not plain or page.dtype is None or max(page.imagelength, page.imagewidth) < 2 * WORKING_SIDE_PX:
                return None
            stored: NDArray[Any] = np.memmap(
                image.path, dtype=tiff.byteorder + page.dtype.char, mode="r", offset=page.dataoffsets[0], shape=page.shape
            )
    except (tifffile.TiffFileError, ValueError, IndexError, KeyError, RuntimeError, TypeError, AttributeError):
        return None
    if stored.ndim == 3 and stored.shape[2] > 4:  # noqa: PLR2004  planes first, or a z-stack
        return None
    step = max(max(stored.shape[:2]) // WORKING_SIDE_PX, 1)
    rows, columns = stored.shape[0] // step, stored.shape[1] // step
    # Two rows of every n are read, and these whole: a few pages of the disk, and fine texture does not turn into false patterns.
    bands = [stored[offset : offset + rows * step : step, : columns * step] for offset in {0, step // 2}]
    sums = sum(band.astype(np.float32).reshape(rows, columns, step, -1).mean(axis=2) for band in bands)
    return _as_gray((sums / len(bands)).astype(stored.dtype.newbyteorder("=")))


def _as_gray(pixels: NDArray[Any]) -> Gray | None:
    """Bring 8- or 16-bit gray or RGB to luminance 0–1."""
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim not in (2, 3) or pixels.size == 0:
        return None
    full = float(np.iinfo(pixels.dtype).max)
    step = max(max(pixels.shape[:2]) // (2 * WORKING_SIDE_PX), 1)
    small = pixels[::step, ::step].astype(np.float32) * np.float32(1.0 / full)
    gray = small @ LUMA if small.ndim == 3 and small.shape[2] >= 3 else small.reshape(small.shape[0], small.shape[1], -1)[..., 0]  # noqa: PLR2004
    if pixels.dtype == np.uint16:
        brightest = float(np.percentile(gray, BRIGHTEST_PERCENT))
        if 0.0 < brightest < DARK_FULL_SCALE:
            gray = np.minimum(gray / np.float32(brightest), np.float32(1.0))
    return np.ascontiguousarray(gray, dtype=np.float32)
