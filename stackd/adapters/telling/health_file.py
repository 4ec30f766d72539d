"""The health of the running service, in a file of the state folder: read by `stackd status` without asking the service.

A service that hangs cannot answer, but its file grows old.
"""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from stackd.adapters.telling.whole_file import write_whole
from stackd.service.ports import Disk, Health, RunningJob, WatchHealth

HEALTH_NAME: Final = "health.json"
"""In the state folder."""

FORMAT_VERSION: Final = 1

MOST_BYTES: Final = 4 << 20
"""Far above what ten thousand watched folders need: something else has the name."""


def write_health(state_folder: Path, health: Health) -> None:
    """Replace the file.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    write_whole(
        state_folder / HEALTH_NAME, json.dumps({"format_version": FORMAT_VERSION, **asdict(_plain(health))}, default=_spelt)
    )


def read_health(state_folder: Path) -> Health | None:
    """Read the file; None where there is none, or none that can be made sense of."""
    try:
        with (state_folder / HEALTH_NAME).open("rb") as file:
            told = json.loads(file.read(MOST_BYTES))
        return _health(told) if told["format_version"] == FORMAT_VERSION else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _plain(health: Health) -> Health:
    # `asdict` copies mappings by their own kind, and one that is read-only cannot be copied.
    fields = {name: dict(getattr(health, name)) for name in ("waiting", "moves", "published")}
    return Health(**{name: fields.get(name, getattr(health, name)) for name in Health.__slots__})


def _spelt(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _health(told: dict[str, Any]) -> Health:
    last_error_at = told["last_error_at"]
    return Health(
        process=int(told["process"]),
        version=str(told["version"]),
        started_at=datetime.fromisoformat(told["started_at"]),
        written_at=datetime.fromisoformat(told["written_at"]),
        written_s=float(told["written_s"]),
        watches=tuple(WatchHealth(**one) for one in told["watches"]),
        journal_trouble=str(told["journal_trouble"]),
        running=tuple(RunningJob(**one) for one in told["running"]),
        waiting=MappingProxyType(dict(told["waiting"])),
        moves=MappingProxyType(dict(told["moves"])),
        published=MappingProxyType(dict(told["published"])),
        disks=tuple(Disk(**one) for one in told["disks"]),
        errors=int(told["errors"]),
        last_error=str(told["last_error"]),
        last_error_at=None if last_error_at is None else datetime.fromisoformat(last_error_at),
        notices=int(told["notices"]),
        notices_failed=int(told["notices_failed"]),
    )
