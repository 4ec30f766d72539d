"""The least that any stacker must do, which `stackd bench speed` measures against: decode every frame, write one 16-bit TIFF."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stackd.adapters.frames.reader import StackOfFiles
from stackd.adapters.output.carried_metadata import CarriedMetadata
from stackd.adapters.output.exporters.tiff import rows_per_strip, write_tiff
from stackd.adapters.output.staging import Staging
from stackd.config.develop import DevelopSettings
from stackd.service.ports import FrameFile

EIGHT_TO_SIXTEEN = 257
"""255 × 257 = 65535."""


def decode_and_write(frames: Sequence[Path], output: Path) -> None:
    """Decode the frames one after the other, then write the last one as uncompressed 16-bit TIFF, synced as a composite is.

    Raises
    ------
    UnreadableFrame
        If a frame cannot be decoded.
    OutputBlocked
        If the folder cannot be written.
    """
    source = StackOfFiles([FrameFile(path=frame) for frame in frames], DevelopSettings())
    for position in range(len(source)):
        pixels = source.read(position)
    height, width = source.shape
    rows = rows_per_strip(width * 3 * 2)

    def strips() -> Iterator[NDArray[np.uint16]]:
        factor = EIGHT_TO_SIXTEEN if pixels.dtype == np.uint8 else 1
        for start in range(0, height, rows):
            yield np.multiply(pixels[start : start + rows], factor, dtype=np.uint16)

    with Staging(output.parent, temporary_prefix=".stackd-bench-") as staging:
        with staging.file(output.name) as file:
            write_tiff(
                file,
                strips(),
                shape=(height, width, 3),
                rows_per_strip=rows,
                bit_depth=16,
                compression="none",
                metadata=CarriedMetadata(),
            )
        staging.staged[0].temporary_path.replace(output)
