"""JPEGs that lost their end mark although their picture is whole: editors and phones put other things right behind it.

The library that decodes takes whatever follows for picture, and calls the file damaged. Two things tell one from the other.
Within a picture a byte 255 is followed by 0 or by a restart mark, and between scans by a few other marks; where anything else
follows, what comes is no picture. And of a whole picture cut off there nothing is missed, while a damaged one lacks its rest.
"""

import re
from typing import Final

from stackd.adapters.formats.opened_image import DECODER_ERRORS
from stackd.adapters.formats.structures.jpeg_structure import END_OF_IMAGE, FRAME_MARKERS, START_OF_SCAN, jpeg_segments

MARK: Final = re.compile(rb"\xff+([^\x00\xff])")
MARK_BUT_RESTART: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""The next mark behind coded pixels; restart marks belong to these where an interval for them was announced."""
RESTART_INTERVAL: Final = 0xDD
END: Final = END_OF_IMAGE[1]
NUMBER_OF_LINES: Final = 0xDC
BETWEEN_SCANS: Final = frozenset({0xC4, START_OF_SCAN, 0xDB, NUMBER_OF_LINES, RESTART_INTERVAL, 0xFE, *range(0xE0, 0xF0)})
"""Tables, scans, comments: what may stand between the scans of a picture that comes in several."""
STRAY: Final = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
"""libjpeg's words for bytes left over behind the last pixel."""
MOST_CUTS: Final = 10
"""The decoder has taken up to 8 bytes before it notices that it needs none; a few cuts come down to the last pixel."""
COMPONENTS_AT: Final = 5
"""Of a frame segment's payload; the number of components of a scan is its first byte."""


def with_its_end(content: bytes) -> bytes | None:
    """Give back a picture that has no end mark of its own with one behind its last pixel.

    Parameters
    ----------
    content : bytes
        A JPEG file.

    Returns
    -------
    bytes, or None
        A JPEG that decodes without a complaint; None where the picture has its end mark, or is not whole.
    """
    stop = _picture_until(content)
    if stop is None:
        return None
    # Coded pixels end in ones; zeros, which were never written, would be decoded like any other code.
    stop = len(content[:stop].rstrip(b"\x00"))
    for _ in range(MOST_CUTS):
        cut = content[:stop] + END_OF_IMAGE
        complaint = _complaint(cut)
        if not complaint:
            return cut
        stray = STRAY.search(complaint)
        if stray is None:
            return None
        stop -= int(stray.group(1))
    return None


def _complaint(content: bytes) -> str:
    """What the decoder has against a JPEG; nothing where it gives all pixels."""
    import simplejpeg

    try:
        simplejpeg.decode_jpeg(content, strict=True)
    except DECODER_ERRORS as error:
        return str(error) or "damaged"
    return ""


def _picture_until(content: bytes) -> int | None:
    """Where something begins that is no picture; None where an end mark comes before that, or there is no scan."""
    components, position, scan, next_mark = 0, 0, 0, MARK
    for marker, start, end in jpeg_segments(content):
        if marker in FRAME_MARKERS and len(content) > start + COMPONENTS_AT:
            components = content[start + COMPONENTS_AT]
        if marker == RESTART_INTERVAL:
            next_mark = MARK_BUT_RESTART
        if marker == START_OF_SCAN and len(content) > start:
            position, scan = end, content[start]
    if not position:
        return None
    is_alone = scan == components
    while True:
        found = next_mark.search(content, position)
        if found is None:
            return len(content)
        mark = found.group(1)[0]
        if mark == END:
            return None
        if mark not in ({NUMBER_OF_LINES} if is_alone and not _is_progressive(content) else BETWEEN_SCANS):
            return found.start()
        length = int.from_bytes(content[found.end() : found.end() + 2], "big")
        position = found.end() + max(length, 2)


def _is_progressive(content: bytes) -> bool:
    return any(marker in {0xC2, 0xC6, 0xCA, 0xCE} for marker, _, _ in jpeg_segments(content))
