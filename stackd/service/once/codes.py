"""The barcode in a picture that names its composite: read in the composite, else where the frames are sharp."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stackd.imaging.ground.frames import FrameSource, Progress
from stackd.imaging.ground.luminance import luma
from stackd.imaging.ground.sharpest import SharpestTiles
from stackd.model.composite import Finding, Severity
from stackd.model.names import shown
from stackd.model.pixels import Image, Pixels
from stackd.service.ports import CodeReader

MISSING: Final = "barcode-missing"
SEVERAL: Final = "barcodes-differ"

CODES_TOLD: Final = 4
"""Codes that a sentence spells out."""


def find_codes(image: Image, source: FrameSource, codes: CodeReader, *, progress: Progress) -> tuple[str, ...]:
    """Read the barcodes in a composite, else in its frames: a label at the border may have been cropped away.

    Parameters
    ----------
    image : ndarray of float32, shape (H, W, 3)
        The composite: sharp wherever a frame is.
    source : FrameSource
        Its frames; read only where the composite shows no code.
    codes : CodeReader
    progress : Progress

    Returns
    -------
    tuple of str
        Different codes, sorted.

    Raises
    ------
    WrongUse
        If what reads barcodes is not installed.
    """
    progress("barcode", 0, 1)
    found = codes.read(_gray(_as_8_bit(image)))
    if not found:
        tiles = SharpestTiles(source.shape)
        for position in range(len(source)):
            tiles.add(_gray(source.read(position)))
            progress("barcode", position + 1, len(source) + 1)
        found = tuple(code for tile in tiles for code in codes.read(tile))
    progress("barcode", 1, 1)
    return tuple(sorted(set(found)))


def noticed_codes(codes: Sequence[str]) -> tuple[Finding, ...]:
    """Say what is wrong where there is not exactly one code."""
    if len(codes) == 1:
        return ()
    if not codes:
        sentence = (
            "No barcode was found that could name the composite. It must lie whole in the frames, sharp in one of them, and about"
            " 3 px or more for its narrowest bar or square."
        )
        return (Finding(code=MISSING, severity=Severity.WARNING, sentence=sentence),)
    told = ", ".join(f"“{shown(code)}”" for code in codes[:CODES_TOLD]) + (" …" if len(codes) > CODES_TOLD else "")
    sentence = f"{len(codes)} different barcodes are in the picture ({told}): which of them names the composite is yours to say."
    return (Finding(code=SEVERAL, severity=Severity.WARNING, sentence=sentence),)


def _as_8_bit(image: Image) -> NDArray[np.uint8]:
    return np.asarray(np.rint(np.clip(image, 0.0, 1.0) * 255.0), np.uint8)


def _gray(pixels: Pixels) -> NDArray[np.uint8]:
    light = luma(pixels)
    return np.asarray(light if light.dtype == np.uint8 else light >> 8, np.uint8)
