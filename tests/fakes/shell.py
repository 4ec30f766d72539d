"""A shell that runs nothing: it notes the commands and answers as told."""

from collections.abc import Callable
from pathlib import Path

from stackd.bench.programs.benchmark import Cost, Ran, Room


class FakeShell:
    """Does what a function makes of each command; costs count up, so that every run can be told from the others."""

    def __init__(self, work: Callable[[str], str | None]) -> None:
        self.commands: list[str] = []
        self._work = work

    def run(self, command: str) -> Ran:
        """Answer with what the work said; None is a failure."""
        self.commands.append(command)
        said = self._work(command)
        count = len(self.commands)
        cost = Cost(cpu_s=float(count), wall_s=count / 2, peak_bytes=1_000 * count)
        return Ran(exit_code=1 if said is None else 0, said=said or "", complained="no luck" if said is None else "", cost=cost)


class FakeDesk:
    """Hands out the same room, with the frames as they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def lay_out(self, frames: "tuple[Path, ...] | list[Path]") -> Room:
        """Clear away the last results."""
        room = Room(
            folder=self._folder,
            frames=tuple(frames),
            output=self._folder / "composite.tif",
            depth=self._folder / "depth.tif",
            scratch=self._folder / "scratch",
        )
        room.output.unlink(missing_ok=True)
        return room
