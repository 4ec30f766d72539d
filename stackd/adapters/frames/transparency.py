"""Tell colours from alpha in decoded pixels, whichever way a file keeps the two."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from stackd.adapters.formats.opened_image import OpenedImage
from stackd.adapters.formats.png_structure import png_has_alpha
from stackd.adapters.formats.structures import tiff_structure
from stackd.imaging.lay_over.transparency import LEAST_ALPHA, OPAQUE, filled
from stackd.model.pixels import Alpha
from stackd.model.tags import FileKind

COLOUR_CHANNELS: Final = (1, 3)
"""Gray and RGB; whatever else a file holds a pixel is beside the colours."""

Stored = NDArray[np.uint8] | NDArray[np.uint16]


class ExtraSample(IntEnum):
    """What a channel beside the colours is, as TIFF 6.0 numbers it (tag ExtraSamples)."""

    UNSPECIFIED = 0
    ASSOCIATED = 1
    """Alpha; colours are multiplied by it."""
    UNASSOCIATED = 2
    """Alpha; colours are as they are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layers:
    """A decoded picture: gray (H, W) or RGB (H, W, 3), never multiplied by alpha, and its alpha, None where all is picture."""

    colours: Stored
    alpha: Alpha | None = None

    def seen(self) -> Stored:
        """Give the colours, with those of what lies around in place of what is no picture."""
        return self.colours if self.alpha is None else filled(self.colours, self.alpha)


def may_have_alpha(image: OpenedImage) -> bool:
    """Whether the header of a file leaves room for alpha; False for nearly all frames, which so are not decoded for it."""
    match image.kind:
        case FileKind.TIFF:
            return any(d.first(tiff_structure.SAMPLES_PER_PIXEL, 1) not in COLOUR_CHANNELS for d in image.directories[:1])
        case FileKind.PNG:
            return png_has_alpha(image)
        case FileKind.HEIF:
            return True
        case _:
            return False


def layers_of(stored: Stored, extra: Sequence[int] = (ExtraSample.UNASSOCIATED,)) -> Layers:
    """Split decoded pixels, shape (H, W) or (H, W, C).

    A channel that says of itself no more than that it is there (a saved selection, or alpha of a program that did not say so) is
    believed to be alpha where the picture under its zeros is one flat colour: whoever cuts a picture out leaves nothing there.

    Parameters
    ----------
    stored : ndarray of uint8 or uint16
        Colours first, then what `extra` says.
    extra : sequence of int
        Kinds of the channels beside the colours, as `ExtraSample`; missing ones are unspecified.
    """
    if stored.ndim == 2 or stored.shape[2] in COLOUR_CHANNELS:  # noqa: PLR2004  rows and columns
        return Layers(colours=stored if stored.ndim == 2 else _of_colours(stored, stored.shape[2]))  # noqa: PLR2004
    count = 3 if stored.shape[2] > 3 else 1  # noqa: PLR2004  RGB, or gray
    colours = _of_colours(stored, count)
    kinds = [*extra, *[ExtraSample.UNSPECIFIED] * (stored.shape[2] - count)][: stored.shape[2] - count]
    place = next((place for place, kind in enumerate(kinds) if kind != ExtraSample.UNSPECIFIED), 0)
    channel = stored[..., count + place]
    highest = int(np.iinfo(stored.dtype).max)
    if int(channel.min()) == highest:
        return Layers(colours=colours)
    if kinds[place] == ExtraSample.UNSPECIFIED and not _cut_out(colours, channel == 0):
        return Layers(colours=colours)
    # Rounded down: only what is wholly opaque in the file is so here.
    alpha = channel if stored.dtype == np.uint8 else (channel // np.uint16(257)).astype(np.uint8)
    alpha = np.ascontiguousarray(alpha, np.uint8)
    if 0 < (most := int(alpha.max())) < OPAQUE:
        # A layer with less than full opacity: what there is most of is all there is.
        alpha = (alpha.astype(np.uint16) * np.uint16(OPAQUE) // np.uint16(most)).astype(np.uint8)
        if alpha.min() == OPAQUE:
            return Layers(
                colours=colours if kinds[place] != ExtraSample.ASSOCIATED else _multiplied_out(colours, channel, highest)
            )
    if kinds[place] == ExtraSample.ASSOCIATED:
        colours = _multiplied_out(colours, channel, highest)
    return Layers(colours=colours, alpha=alpha)


def _of_colours(stored: Stored, count: int) -> Stored:
    return cast("Stored", np.ascontiguousarray(stored[..., 0] if count == 1 else stored[..., :count]))


def _cut_out(colours: Stored, hidden: NDArray[np.bool_]) -> bool:
    if not hidden.any():
        return False
    under = colours[hidden]
    return bool((under == under[0]).all())


def _multiplied_out(colours: Stored, alpha: Stored, highest: int) -> Stored:
    """Divide colours by alpha where there is enough of it; elsewhere they are filled in anyway."""
    partly = (alpha < highest) & (alpha >= highest // OPAQUE * LEAST_ALPHA)
    if not partly.any():
        return colours
    share = alpha[partly].astype(np.float32) / highest
    values = colours[partly] / (share if colours.ndim == 2 else share[:, None])  # noqa: PLR2004  gray
    bare = colours.copy()
    bare[partly] = np.minimum(np.rint(values), highest).astype(colours.dtype)
    return bare
