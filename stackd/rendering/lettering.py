"""Write lines of text into pictures."""

import cv2
import numpy as np
from numpy.typing import NDArray

LINE_HEIGHT_PX = 22
PAPER = (250, 250, 248)
INK = (30, 30, 30)

_FONT_SCALE = 0.45
_BASELINE_PX = 7
"""From the bottom of a line, so that letters with tails fit."""


def write_line(
    picture: NDArray[np.uint8], text: str, *, left_px: int = 0, top_px: int = 0, colour: tuple[int, int, int] = INK
) -> None:
    """Write a line into an RGB picture, in place; what does not fit is cut off."""
    baseline = (left_px, top_px + LINE_HEIGHT_PX - _BASELINE_PX)
    cv2.putText(picture, _ascii(text), baseline, cv2.FONT_HERSHEY_SIMPLEX, _FONT_SCALE, colour, 1, cv2.LINE_AA)


def line_width_px(text: str) -> int:
    """Measure a line."""
    (width_px, _), _ = cv2.getTextSize(_ascii(text), cv2.FONT_HERSHEY_SIMPLEX, _FONT_SCALE, 1)
    return int(width_px)


def folded(text: str, width_px: int) -> list[str]:
    """Break a text between words into lines that are no wider than that, where a single word is not."""
    lines: list[str] = []
    for word in text.split():
        if lines and line_width_px(f"{lines[-1]} {word}") <= width_px:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _ascii(text: str) -> str:
    """The font knows ASCII alone; anything else would come out as several question marks each."""
    return text.encode("ascii", "replace").decode("ascii")
