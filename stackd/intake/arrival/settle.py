"""Has this file stopped growing? Told by what was seen to change, on the monotonic clock; file times are never believed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from stackd.model.frame import Fingerprint

MIN_LOOKS = 2
"""A file seen once has not been seen unchanged, however long ago that was."""


class Sighting(Protocol):
    """What one look tells of a file; `stackd.service.ports.FileSighting` is one."""

    @property
    def path(self) -> str:
        """Relative to the watched folder."""
        ...

    @property
    def fingerprint(self) -> Fingerprint:
        """Size and modification time."""
        ...

    @property
    def inode(self) -> int:
        """Which file the name stands for."""
        ...

    @property
    def changed_ns(self) -> int:
        """Inode change time."""
        ...

    @property
    def being_written(self) -> bool:
        """True when somebody is known to have it open for writing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """How long a file has been the same."""

    identity: tuple[int, int, int, int]
    """Size, modification time, change time, inode."""
    unchanged_since_s: float
    """Monotonic."""
    last_seen_s: float
    looks: int
    being_written: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What is known of every file in a folder after some looks. A value: `looked` gives the next one."""

    observations: Mapping[str, Observation] = field(default_factory=lambda: MappingProxyType({}))

    def settled(self, settle_s: float) -> frozenset[str]:
        """Name the files that kept still for `settle_s`, in two looks or more, with no writer known."""
        return frozenset(path for path, seen in self.observations.items() if has_settled(seen, settle_s))

    def settling(self, settle_s: float) -> frozenset[str]:
        """Name the files that are not settled yet."""
        return frozenset(path for path, seen in self.observations.items() if not has_settled(seen, settle_s))

    def next_settled_s(self, settle_s: float, *, among: Iterable[str] | None = None) -> float | None:
        """Say when the next file can be settled if it keeps still (monotonic); None when nothing is waited for.

        `among` names the files that have not settled, where they are known.
        """
        waiting = self.settling(settle_s) if among is None else among
        seen = [self.observations[path] for path in waiting]
        return min((max(each.unchanged_since_s + settle_s, each.last_seen_s) for each in seen), default=None)


def has_settled(seen: Observation, settle_s: float) -> bool:
    """Tell whether a file was unchanged for `settle_s`, by looks at both ends of that time."""
    return seen.looks >= MIN_LOOKS and not seen.being_written and seen.last_seen_s - seen.unchanged_since_s >= settle_s


def looked(before: Settling, files: Iterable[Sighting], *, now_s: float) -> Settling:
    """Take in one complete look at the folder.

    Files that are gone are forgotten; a file that differs in size, modification time, change time or inode, or is being written,
    starts anew. A modification time in the past or the future plays no part: only that it stays the same does.

    Parameters
    ----------
    before : Settling
        What the looks before told.
    files : iterable of Sighting
        Every regular file of this look.
    now_s : float
        Monotonic time of this look.
    """
    files = tuple(files)
    return looked_on(before, files, gone=before.observations.keys() - {file.path for file in files}, now_s=now_s)


def looked_on(before: Settling, files: Iterable[Sighting], *, gone: Iterable[str], now_s: float) -> Settling:
    """Take in what a look found anew: the files that changed or had not settled, and those that are gone. The others stay."""
    observations = dict(before.observations)
    for path in gone:
        observations.pop(path, None)
    for file in files:
        identity = (file.fingerprint.size_bytes, file.fingerprint.mtime_ns, file.changed_ns, file.inode)
        known = before.observations.get(file.path)
        unchanged = known is not None and known.identity == identity and not known.being_written and not file.being_written
        observations[file.path] = Observation(
            identity=identity,
            unchanged_since_s=known.unchanged_since_s if known is not None and unchanged else now_s,
            last_seen_s=now_s,
            looks=known.looks + 1 if known is not None and unchanged else 1,
            being_written=file.being_written,
        )
    return Settling(observations=MappingProxyType(observations))
