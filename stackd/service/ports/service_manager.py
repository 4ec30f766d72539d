"""The system that starts the daemon."""

from __future__ import annotations

from typing import Protocol


class ServiceManager(Protocol):
    """What started the service (systemd, launchd, a terminal) and wants to know how it is."""

    def starting(self, patience_s: float) -> None:
        """Say that the start goes on and may take that much longer."""
        ...

    def ready(self) -> None:
        """Say that folders are watched and work goes on."""
        ...

    def reloading(self) -> None:
        """Say that the configuration is read again; `ready` follows."""
        ...

    def stopping(self) -> None:
        """Say that the service is going down."""
        ...

    def alive(self) -> None:
        """Say that the loop turns."""
        ...

    def status(self, sentence: str) -> None:
        """Say in one sentence what goes on."""
        ...
