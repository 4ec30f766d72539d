"""A teller that remembers what it was told."""

from pathlib import Path

from stackd.service.ports import Health, Telling


class RememberingTeller:
    def __init__(self) -> None:
        self.followed: list[Telling] = []
        self.told: list[Health] = []
        self.noticed = 0
        self.closed = 0

    def follow(self, telling: Telling) -> None:
        self.followed.append(telling)

    def tell(self, health: Health, outputs: tuple[Path, ...]) -> None:
        del outputs
        self.told.append(health)

    def notice(self) -> None:
        self.noticed += 1

    def close(self) -> None:
        self.closed += 1
