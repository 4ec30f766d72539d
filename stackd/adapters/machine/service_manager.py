"""Tells systemd how the service is: one datagram a message to the socket it names (sd_notify). Elsewhere nobody listens."""

import os
import socket
import time
from contextlib import suppress
from typing import Final

SOCKET_VARIABLE: Final = "NOTIFY_SOCKET"
"""Where systemd says that it listens."""

SEND_S: Final = 1.0
"""systemd reads at once; whoever does not is not waited for longer."""

STATUS_CHARACTERS: Final = 300
"""One line on a terminal and a half; `systemctl status` shows no more."""


class SystemdNotifier:
    """A `ServiceManager` that speaks the notify protocol; does nothing where `NOTIFY_SOCKET` is not set.

    `alive` is called from the service's loop and nowhere else: a loop that hangs is then noticed and the service restarted.
    """

    def __init__(self, address: str | None = None) -> None:
        self._address = os.environ.get(SOCKET_VARIABLE) if address is None else address
        if self._address and self._address.startswith("@"):
            # An abstract socket: systemd writes the leading zero byte as @.
            self._address = "\0" + self._address[1:]

    def starting(self, patience_s: float) -> None:
        """Say that the start goes on and may take that much longer."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(patience_s * 1_000_000)}")

    def ready(self) -> None:
        """Say that folders are watched and work goes on."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Say that the configuration is read again."""
        # The time lets systemd tell this reload from an earlier one; it insists on it from version 253 on.
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the service is going down."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Say that the loop turns."""
        self._send("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """Say in one sentence what goes on."""
        line = " ".join(sentence.split())[:STATUS_CHARACTERS]
        self._send(f"STATUS={line}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A manager that has gone away is no reason to stop working.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
            notify.settimeout(SEND_S)
            notify.sendto(message.encode("utf-8", "backslashreplace"), self._address)
