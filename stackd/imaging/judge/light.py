"""Whether frames were lit and exposed alike, and whether highlights were cut off."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from stackd.imaging.lay_over.transparency import OPAQUE
from stackd.model.composite import Noticed, Rectangle, Severity
from stackd.model.pixels import Alpha, Image, Mask

UNLIKE_STOPS: Final = 0.2
"""Brightness that differs more is worth a sentence: flicker of lamps stays below 0.1."""
TINTED_STOPS: Final = 0.09
"""The same for red and blue against green: a drift of 3 % over a stack is 0.05."""
WHITE: Final = 0.992
"""Display value from which a channel is cut off."""
CLIPPED_EVERY: Final = 4
"""Rows and columns from one pixel that is asked to the next: a sixteenth of all say as much."""
WHITE_SHARE: Final = 0.02
"""Of the composite that must be: glints are always white."""


def exposure(gains: Sequence[tuple[float, float, float]], positions: Sequence[int]) -> Iterator[Noticed]:
    """Tell of frames that were exposed or balanced unlike the others.

    Parameters
    ----------
    gains : sequence of (float, float, float)
        Factors on linear red, green and blue by which each frame was matched.
    positions : sequence of int
        What each frame is called by.
    """
    if not gains:
        return
    stops = np.log2(np.maximum(np.asarray(gains, np.float64), np.finfo(float).tiny))
    brightness = stops.mean(axis=1) - np.median(stops.mean(axis=1))
    if float(np.ptp(brightness)) > UNLIKE_STOPS:
        odd = int(np.abs(brightness).argmax())
        yield Noticed(
            code="exposure-off",
            severity=Severity.NOTE,
            sentence=(
                f"Frames differ in brightness by {np.ptp(brightness):.1f} stops, {{0}} most. They were matched; set exposure,"
                " ISO and flash to manual next time."
            ),
            positions=(positions[odd],),
        )
    tint = stops[:, [0, 2]] - stops[:, [1]]
    tint -= np.median(tint, axis=0)
    if float(np.ptp(tint, axis=0).max()) > TINTED_STOPS:
        odd = int(np.abs(tint).max(axis=1).argmax())
        yield Noticed(
            code="white-balance-off",
            severity=Severity.NOTE,
            sentence="Frames differ in colour, {0} most. They were matched; set the white balance to a fixed value next time.",
            positions=(positions[odd],),
        )


def clipped_of_subject(composite: Image, textured: Mask, *, side_px: int, area: Rectangle) -> float:
    """Share of what comes into focus somewhere that is cut off in two channels or three.

    A light background may be white, and glints always are; a subject that is white has lost what it showed.

    Parameters
    ----------
    composite : ndarray of float32, shape (H, W, 3)
        Display-encoded.
    textured : ndarray of bool, shape (h, w)
        Cells of the reference in which something comes into focus or leaves it.
    side_px : int
        Side of a cell, px.
    area : Rectangle
        What of the reference the composite shows.
    """
    white = _cut_off(composite)
    rows, columns = (
        np.minimum((np.arange(count) * CLIPPED_EVERY + start) // side_px, there - 1)
        for count, start, there in zip(white.shape, (area.top, area.left), textured.shape, strict=True)
    )
    subject = textured[rows][:, columns]
    return float(white[subject].mean()) if subject.any() else 0.0


def clipped(composite: Image, alpha: Alpha | None = None) -> Iterator[Noticed]:
    """Tell of highlights that are cut off."""
    share = clipped_share(composite, alpha)
    if share > WHITE_SHARE:
        yield Noticed(
            code="clipped",
            severity=Severity.NOTE,
            sentence=f"{share:.0%} of the composite is pure white: nothing can be seen there. Expose less next time.",
        )


def clipped_share(composite: Image, alpha: Alpha | None = None) -> float:
    """Share of the composite, as far as it is picture, with two or three channels cut off."""
    cut_off = _cut_off(composite)
    if alpha is not None:
        cut_off = cut_off[alpha[::CLIPPED_EVERY, ::CLIPPED_EVERY] == OPAQUE]
    return float(cut_off.mean()) if cut_off.size else 0.0


def _cut_off(composite: Image) -> Mask:
    """Mark pixels with two or three channels cut off, every few of them along each side."""
    at_white: Mask = (composite[::CLIPPED_EVERY, ::CLIPPED_EVERY] >= WHITE).sum(axis=2) >= 2  # noqa: PLR2004  (channels)
    return at_white
