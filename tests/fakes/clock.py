"""A clock turned by hand."""

from datetime import UTC, datetime, timedelta

START_AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class HandCrankedClock:
    """Both kinds of time move only when a test says so."""

    def __init__(self, now_s: float = 1_000.0) -> None:
        self._now_s = now_s
        self._now_at = START_AT

    def now_s(self) -> float:
        return self._now_s

    def now_at(self) -> datetime:
        return self._now_at

    def pass_s(self, seconds: float) -> None:
        """Let both times move on."""
        self._now_s += seconds
        self._now_at += timedelta(seconds=seconds)

    def set_time_of_day(self, at: datetime) -> None:
        """Jump, as a time server or the user makes it jump; the monotonic time does not notice."""
        self._now_at = at


class CrankingWaker:
    """Waiting turns the clock instead of sleeping."""

    def __init__(self, clock: HandCrankedClock) -> None:
        self._clock = clock

    def wait(self, timeout_s: float) -> None:
        self._clock.pass_s(max(timeout_s, 0.001))

    def rest(self, seconds: float) -> None:
        self._clock.pass_s(seconds)
