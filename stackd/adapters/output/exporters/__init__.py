"""The Exporter port: write a composite, its depth map and its report under temporary names, ready to be published."""

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, assert_never, cast

import numpy as np
from numpy.typing import NDArray

from stackd.adapters.colour.written import WrittenColour, written_colour
from stackd.adapters.formats.exiv2_library import XMP_NAMESPACE
from stackd.adapters.output.carried_metadata import CarriedMetadata, carry_metadata
from stackd.adapters.output.exporters.depth import write_depth_picture, write_depth_tiff
from stackd.adapters.output.exporters.jpeg import write_jpeg
from stackd.adapters.output.exporters.matte import laid_on
from stackd.adapters.output.exporters.naming import composite_stem, judgement_mark
from stackd.adapters.output.exporters.page import write_page
from stackd.adapters.output.exporters.png import write_png
from stackd.adapters.output.exporters.report import write_report
from stackd.adapters.output.exporters.tiff import rows_per_strip, write_tiff
from stackd.adapters.output.staging import Staging, StagingFile, inside, not_moved
from stackd.config.export import ExportSettings
from stackd.model.composite import Composite, DepthMap
from stackd.model.names import shown
from stackd.model.pixels import Alpha, Image
from stackd.model.tags import FileKind
from stackd.service.ports import StagedFile

RGB_CHANNELS: Final = 3
FROM_8_TO_16_BIT: Final = 257
"""Full range to full range."""

SUFFIXES: Final = {"tiff": ".tif", "png": ".png", "jpeg": ".jpg"}


class CompositeExporter:
    """Writes composites as TIFF, PNG or JPEG.

    Parameters
    ----------
    settled : bool
        Whether paths of folders must be free of links; see `FolderPublisher`.
    """

    def __init__(self, *, settled: bool = False) -> None:
        self._settled = settled

    def stage(
        self,
        composite: Composite,
        *,
        folder: Path,
        subfolder: str = "",
        version: int,
        temporary_prefix: str,
        frames: Sequence[Path],
        name: str | None,
        export: ExportSettings,
    ) -> tuple[StagedFile, ...]:
        """Write the composite and its sidecars under temporary names into `folder` and sync them; the composite comes last.

        Raises
        ------
        OutputBlocked
            If the folder cannot be written (full, missing, no permission), or it or the subfolder became a link; what was
            written is removed first.
        """
        stem = composite_stem(export.name, frames=frames, method=composite.method, name=name, version=version)
        stem += judgement_mark(composite.verdict.judgement)
        colour = written_colour(composite.colour, export.wanted_space)
        metadata = carry_metadata(composite, frames, container=FileKind(export.format), colour=colour)
        if self._settled:
            not_moved(folder)
        with Staging(inside(folder, subfolder), temporary_prefix=temporary_prefix) as staging:
            if composite.depth is not None and export.depth_map:
                with staging.file(f"{stem}_depth.tif") as file:
                    write_depth_tiff(file, composite.depth)
            if composite.depth is not None and export.depth_picture:
                with staging.file(f"{stem}_depth.png") as file:
                    write_depth_picture(file, composite.depth)
            if export.report:
                with staging.file(f"{stem}.json") as file:
                    write_report(file, composite)
            if export.page:
                with staging.file(f"{stem}.html") as file:
                    write_page(file, composite, title=shown(stem))
            with staging.file(stem + SUFFIXES[export.format]) as file:
                write_image(file, composite.image, alpha=composite.alpha, export=export, metadata=metadata, colour=colour)
            return staging.staged

    def made(self, path: Path) -> bool:
        """Whether stackd wrote this file: its own mark is in the metadata, or in a page's head. False when in doubt."""
        mark = XMP_NAMESPACE.encode()
        try:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return content.find(mark) >= 0
        except (OSError, ValueError):  # an empty file cannot be mapped
            return False

    def stage_depth_map(self, depth: DepthMap, *, folder: Path, temporary_prefix: str, picture: bool) -> StagedFile:
        """Write a depth map alone: positions as 16-bit TIFF, or a picture of them as PNG.

        Raises
        ------
        OutputBlocked
            If the folder cannot be written; what was written is removed first.
        """
        with Staging(folder, temporary_prefix=temporary_prefix) as staging:
            with staging.file("depth.png" if picture else "depth.tif") as file:
                (write_depth_picture if picture else write_depth_tiff)(file, depth)
            return staging.staged[0]

    def stage_page(self, composite: Composite, *, folder: Path, temporary_prefix: str, title: str) -> StagedFile:
        """Write the page of a composite alone.

        Raises
        ------
        OutputBlocked
            If the folder cannot be written; what was written is removed first.
        """
        with Staging(folder, temporary_prefix=temporary_prefix) as staging:
            with staging.file("page.html") as file:
                write_page(file, composite, title=shown(title))
            return staging.staged[0]


def write_image(
    file: StagingFile,
    image: Image,
    *,
    alpha: Alpha | None = None,
    export: ExportSettings,
    metadata: CarriedMetadata,
    colour: WrittenColour,
) -> None:
    """Write a finished image in the format the settings name.

    Parameters
    ----------
    file : StagingFile
        Written from front to back.
    image : ndarray of float32, shape (H, W, 3)
        Range [0, 1], display-encoded; values beyond are clipped.
    alpha : ndarray of uint8, shape (H, W), optional
        What of the image is picture. A JPEG, which has no alpha, is laid on white or black, as `export` says.
    export : ExportSettings
        Format, bit depth, compression, quality.
    metadata : CarriedMetadata
        From `carry_metadata`.
    colour : WrittenColour
        What the file's values shall mean.
    """
    match export.format:
        case "tiff":
            channels = (1 if colour.is_gray else RGB_CHANNELS) + (alpha is not None)
            rows = rows_per_strip(image.shape[1] * channels * export.bit_depth // 8)
            write_tiff(
                file,
                _strips(image, alpha, rows, export.bit_depth, colour),
                shape=image.shape[:2] if channels == 1 else (*image.shape[:2], channels),
                rows_per_strip=rows,
                bit_depth=export.bit_depth,
                compression=export.compression,
                metadata=metadata,
            )
        case "png":
            write_png(file, _with_alpha(colour.integers(image, export.bit_depth), alpha), metadata=metadata)
        case "jpeg":
            flat = laid_on(image, alpha, export.matte)
            write_jpeg(file, colour.integers(flat, 8), quality=export.jpeg_quality, metadata=metadata)
        case _:
            assert_never(export.format)


def _strips(
    image: Image, alpha: Alpha | None, rows: int, bit_depth: int, colour: WrittenColour
) -> Iterator[NDArray[np.uint8] | NDArray[np.uint16]]:
    # Strip by strip, so that the integers never need the memory of a whole second image.
    for start in range(0, image.shape[0], rows):
        part = slice(start, start + rows)
        yield _with_alpha(colour.integers(image[part], bit_depth), None if alpha is None else alpha[part])


def _with_alpha(pixels: NDArray[np.uint8] | NDArray[np.uint16], alpha: Alpha | None) -> NDArray[np.uint8] | NDArray[np.uint16]:
    if alpha is None:
        return pixels
    channel = alpha if pixels.dtype == np.uint8 else alpha.astype(np.uint16) * np.uint16(FROM_8_TO_16_BIT)
    return cast("NDArray[np.uint8] | NDArray[np.uint16]", np.dstack([pixels, channel]))
