"""What this process costs, as the operating system counts it."""

import resource
import sys

KIBIBYTE = 1024
"""Linux counts resident memory in KiB, macOS in bytes."""


class ProcessMeter:
    """The `Meter` of daily use."""

    def peak_rss_bytes(self) -> int:
        """Most memory this process had resident so far."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * KIBIBYTE
