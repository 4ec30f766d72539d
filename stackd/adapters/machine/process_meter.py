"""What this process costs, as the operating system counts it."""

import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

KIBIBYTE: Final = 1024
"""Linux counts resident memory in KiB, macOS in bytes."""

RESET_PEAK: Final = "5"
"""Linux proc(5): written to clear_refs, sets the peak of resident memory back to what is resident now."""


class ProcessMeter:
    """The `Meter` of daily use. On Linux it counts from when it was made, elsewhere from the process's start."""

    def __init__(self) -> None:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text(RESET_PEAK, encoding="ascii")

    def peak_rss_bytes(self) -> int:
        """Most memory this process had resident so far."""
        with suppress(OSError, ValueError, StopIteration):
            lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
            return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * KIBIBYTE
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * KIBIBYTE
