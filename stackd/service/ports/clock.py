"""Time and what work costs."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, in its two kinds that are never mixed."""

    def now_s(self) -> float:
        """Seconds on a clock that only goes forward."""
        ...

    def now_at(self) -> datetime:
        """The time of day, aware, UTC."""
        ...


class Meter(Protocol):
    """What the work costs."""

    def peak_rss_bytes(self) -> int:
        """Most memory this process had resident so far."""
        ...
