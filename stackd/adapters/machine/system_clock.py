"""The Clock port: the system's own time."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The monotonic clock and the time of day."""

    def now_s(self) -> float:
        """Seconds on a clock that only goes forward."""
        return time.monotonic()

    def now_at(self) -> datetime:
        """The time of day, aware, UTC."""
        return datetime.now(UTC)
