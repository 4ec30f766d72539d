"""A watched folder in memory: files appear, grow, change and go as a test says; events may be lost."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from stackd.model.frame import Fingerprint
from stackd.service.ports import Compared, FileSighting, Look


@dataclass
class ScriptedFolder:
    """What lies in the folder. Survives a restart of the service, as a disk does."""

    files: dict[str, FileSighting]
    online: bool = True
    events: bool = True
    """Whether a change announces itself."""
    woken: bool = False
    fails: bool = False
    """A look ends in an error that nobody foresaw."""
    hangs: bool = False
    """A look that is asked for is never answered."""

    def __init__(self) -> None:
        self.files = {}
        self.online = True
        self.events = True
        self.woken = False
        self.fails = False
        self.hangs = False
        self._ticks = 0

    def drop(self, path: str, *, size_bytes: int = 1_000, mtime_ns: int | None = None, being_written: bool = False) -> None:
        """Write a file, or change it."""
        self._ticks += 1
        self.files[path] = FileSighting(
            path=path,
            fingerprint=Fingerprint(size_bytes=size_bytes, mtime_ns=self._ticks if mtime_ns is None else mtime_ns),
            inode=hash(path) & 0xFFFF,
            changed_ns=self._ticks,
            being_written=being_written,
        )
        self.woken |= self.events

    def close_writer(self, path: str) -> None:
        """End writing without a change of content."""
        self.files[path] = replace(self.files[path], being_written=False)
        self.woken |= self.events

    def remove(self, path: str) -> None:
        """Take a file away."""
        del self.files[path]
        self.woken |= self.events


class ScriptedInbox:
    """An `Inbox` over a `ScriptedFolder`; looks are answered at once."""

    def __init__(self, folder: ScriptedFolder) -> None:
        self._folder = folder
        self._look: Look | None = None
        self._comparing: list[tuple[int, Mapping[str, Fingerprint]]] = []
        self.looks = 0
        self.closed = False

    def woken(self) -> bool:
        woken, self._folder.woken = self._folder.woken, False
        return woken

    def ask(self, closely: Collection[str] = ()) -> None:
        del closely
        self.looks += 1
        folder = self._folder
        if folder.hangs:
            return
        if folder.fails:
            self._look = Look(online=False, failed=True, trouble="The folder could not be looked at.")
        elif folder.online:
            self._look = Look(online=True, files=tuple(folder.files.values()), events=folder.events)
        else:
            self._look = Look(online=False, trouble="The folder is not there.")

    def answer(self) -> Look | None:
        look, self._look = self._look, None
        return look

    def compare(self, job_id: int, fingerprints: Mapping[str, Fingerprint]) -> None:
        self._comparing.append((job_id, fingerprints))

    def compared(self) -> tuple[Compared, ...]:
        if self._folder.hangs:
            return ()
        asked, self._comparing = self._comparing, []
        return tuple(Compared(job_id=job_id, changed=self._first_changed(fingerprints)) for job_id, fingerprints in asked)

    def _first_changed(self, fingerprints: Mapping[str, Fingerprint]) -> str | None:
        for path, fingerprint in fingerprints.items():
            sighting = self._folder.files.get(path)
            if sighting is None:
                return f"{path} was removed before the composite was published."
            if not sighting.fingerprint.same_file_as(fingerprint):
                return f"{path} was changed before the composite was published."
        return None

    def close(self) -> None:
        self.closed = True
