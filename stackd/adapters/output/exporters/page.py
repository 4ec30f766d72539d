"""Write the page of a composite: its pictures are made small and encoded here, the text is rendered elsewhere."""

from collections.abc import Iterator, Mapping
from typing import Final

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from stackd.adapters.colour.written import for_screens
from stackd.adapters.formats.exiv2_library import XMP_NAMESPACE
from stackd.adapters.output.exporters.depth import coloured
from stackd.adapters.output.exporters.jpeg import with_profile
from stackd.adapters.output.exporters.lighting import factor_for, lit, lit_preview, stops_of
from stackd.adapters.output.exporters.matte import laid_on
from stackd.adapters.output.staging import StagingFile
from stackd.imaging.depth.shares import sampled
from stackd.model.composite import Composite, FrameReport, Rectangle
from stackd.rendering.page.page import LEFT_OUT, on_composite, render_page
from stackd.rendering.page.pictures import Crop, PagePictures, Picture

COMPOSITE_SIDE_PX: Final = 2000
"""Long side of the composite: sharp on a usual screen, and on most of a large one."""

DEPTH_SIDE_PX: Final = 1000
"""Long side of the depth map: half a window."""

COMPOSITE_BYTES: Final = 1_000_000
FRAMES_BYTES: Final = 2_200_000
DEPTH_BYTES: Final = 200_000
CROPS_BYTES: Final = 800_000
"""What pictures take at most. As text they are a third larger, together 5.6 MB; 0.4 MB are left to words, plots and tables of a
page that shall stay below 6 MB."""

QUALITIES: Final = (85, 75, 65, 50, 35)
"""JPEG qualities that are tried one after the other where bytes do not suffice; noise and foliage need the later ones."""

FRAME_QUALITIES: Final = QUALITIES[1:]
"""Frames are mostly blurred, and only compared with."""

LEAST_SIDE_PX: Final = 16
"""Below this a picture is not made smaller, whatever it weighs: it weighs nothing."""

MOST_CROPS: Final = 10
"""Findings that get a crop; who has more looks at the composite itself (guess)."""

CROP_WIDTH_PX, CROP_HEIGHT_PX = 640, 480
"""A crop at most: what a phone shows in three swipes and a screen at once."""

BRIGHTNESS_STEP: Final = 4
"""Px between those that tell how bright a composite is: a sixteenth of them tells the same, and costs nothing."""

SPECIFIC: Final = 0.5
"""Share of the composite above which a region is no place any more, and a crop of its middle would tell nothing."""


def write_page(file: StagingFile, composite: Composite, *, title: str) -> None:
    """Write the page of a composite.

    Parameters
    ----------
    file : StagingFile
        Written at once.
    composite : Composite
        Frames without a preview are told of, but not shown.
    title : str
        Name of the composite.
    """
    page = render_page(composite, _pictures(composite), title=title, mark=XMP_NAMESPACE)
    file.write(page.encode())


def _pictures(composite: Composite) -> PagePictures:
    icc, shown_as = for_screens(composite.colour)
    previews = {position: frame for position, frame in enumerate(composite.frames) if frame.preview is not None}
    frame_bytes = FRAMES_BYTES // max(len(previews), 1)
    small = _small(laid_on(composite.image, composite.alpha, "white"), COMPOSITE_SIDE_PX)
    factor = factor_for(small[::BRIGHTNESS_STEP, ::BRIGHTNESS_STEP])
    return PagePictures(
        composite=_encoded(shown_as(_shallow(lit(small, factor))), COMPOSITE_BYTES, icc, QUALITIES),
        frames={
            position: _encoded(shown_as(preview), frame_bytes, icc, FRAME_QUALITIES)
            for position, frame in previews.items()
            if (preview := _preview(frame, factor)) is not None
        },
        depth=None
        if composite.depth is None
        else _encoded(coloured(sampled(composite.depth, DEPTH_SIDE_PX)), DEPTH_BYTES, b"", QUALITIES),
        crops={
            position: Crop(picture=_encoded(shown_as(pixels), CROPS_BYTES // MOST_CROPS, icc, QUALITIES, shrink=False), area=area)
            for position, pixels, area in _crops(composite, factor)
        },
        brighter_stops=stops_of(factor),
    )


def _preview(frame: FrameReport, factor: float) -> NDArray[np.uint8] | None:
    """Show a frame that lies on the composite as bright as that; one that was left out as it was shot, but for `factor`."""
    if frame.preview is None:
        return None
    gain = frame.gain if frame.gain is not None and frame.preview.is_laid_over else (1.0, 1.0, 1.0)
    return lit_preview(frame.preview.pixels, [factor * channel for channel in gain])


def _crops(composite: Composite, factor: float) -> Iterator[tuple[int, NDArray[np.uint8], Rectangle]]:
    height, width = composite.image.shape[:2]
    places: Mapping[int, Rectangle] = {
        position: region
        for position, finding in enumerate(composite.findings)
        if finding.code not in LEFT_OUT
        and (region := on_composite(finding.region, composite)) is not None
        and region.width_px * region.height_px <= SPECIFIC * width * height
    }
    for position, region in list(places.items())[:MOST_CROPS]:
        left, right = _around(region.left, region.right, CROP_WIDTH_PX, width)
        top, bottom = _around(region.top, region.bottom, CROP_HEIGHT_PX, height)
        alpha = None if composite.alpha is None else composite.alpha[top:bottom, left:right]
        pixels = _shallow(lit(laid_on(composite.image[top:bottom, left:right], alpha, "white"), factor))
        yield position, pixels, Rectangle(left=left, top=top, right=right, bottom=bottom)


def _around(start: int, stop: int, wanted: int, length: int) -> tuple[int, int]:
    """Take so many px around the middle of a region, within a side of so many."""
    wanted = min(wanted, length)
    first = min(max((start + stop - wanted) // 2, 0), length - wanted)
    return first, first + wanted


def _small(image: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    scale = side_px / max(height, width)
    if scale >= 1:
        return image
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def _shallow(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round to 8 bit; values outside [0, 1] are clipped."""
    return np.asarray(cv2.addWeighted(image, 255, image, 0, 0, dtype=cv2.CV_8U), np.uint8)


def _encoded(
    pixels: NDArray[np.uint8], most_bytes: int, icc: bytes, qualities: tuple[int, ...], *, shrink: bool = True
) -> Picture:
    """Encode as JPEG within so many bytes: with less quality where it must be, and then with fewer pixels."""
    while True:
        for quality in qualities:
            content = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorsubsampling="420")
            if len(content) + len(icc) <= most_bytes:
                break
        height, width = pixels.shape[:2]
        if len(content) + len(icc) <= most_bytes or not shrink or min(height, width) < 2 * LEAST_SIDE_PX:
            return Picture(content=with_profile(content, icc), width_px=width, height_px=height)
        pixels = np.asarray(cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)
