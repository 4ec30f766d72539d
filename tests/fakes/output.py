"""An output folder in memory, with the folders inside it; it can refuse."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stackd.errors import NameTaken, OutputBlocked
from stackd.model.verdict import SUBFOLDERS
from stackd.service.ports import StagedFile


@dataclass
class OutputFolder:
    """Name, with the folder inside the output folder before it → hash of what lies there. Survives a restart of the service."""

    files: dict[str, str] = field(default_factory=dict)
    refuses: str = ""
    """Why nothing can be written now; empty when it can."""
    refusals: int = 0
    refusing_folder: str = ""
    """A folder inside the output folder that cannot be written now."""

    def temporary(self) -> list[str]:
        return [name for name in self.files if Path(name).name.startswith(".stackd-")]

    def visible(self) -> list[str]:
        return [name for name in self.files if not Path(name).name.startswith(".")]


def place_of(path: Path) -> str:
    """Name a file within the output folder it lies in."""
    return f"{path.parent.name}/{path.name}" if path.parent.name in SUBFOLDERS else path.name


def refuse_inside(output: OutputFolder, folder: Path) -> None:
    """Refuse to write into the folder that cannot be written."""
    if output.refusing_folder and folder.name == output.refusing_folder:
        error = OutputBlocked(f"{folder} cannot be written: writing there is not allowed.")
        error.folder = folder
        raise error


class DictPublisher:
    """A `Publisher` into an `OutputFolder`."""

    def __init__(self, output: OutputFolder) -> None:
        self._output = output

    def choose_names(self, folder: Path, staged: Sequence[StagedFile]) -> tuple[str, ...]:
        self._refuse()
        stem = Path(staged[-1].final_name).stem
        number = 1
        while True:
            mark = "" if number == 1 else f"_{number}"
            names = tuple(file.final_name.replace(stem, stem + mark, 1) for file in staged)
            if not any(place_of(folder / name) in self._output.files for name in names):
                return names
            number += 1

    def publish(self, folder: Path, staged: StagedFile, name: str) -> None:
        self._refuse()
        place, temporary = place_of(folder / name), place_of(staged.temporary_path)
        there = self._output.files.get(place)
        if there is not None and there != staged.sha256:
            raise NameTaken(f"{name} already lies in {folder}.")
        content = self._output.files.pop(temporary, None)
        if content is None and there is None:
            raise OutputBlocked("The finished file has disappeared.", hint="It is made again.")
        self._output.files[place] = staged.sha256

    def withdraw(self, folder: Path, staged: StagedFile, name: str) -> None:
        self._refuse()
        place = place_of(folder / name)
        if self._output.files.get(place) == staged.sha256:
            del self._output.files[place]
            self._output.files[place_of(staged.temporary_path)] = staged.sha256

    def try_folder(self, folder: Path, *, subfolder: str = "", needed_bytes: int, temporary_prefix: str) -> None:
        del needed_bytes, temporary_prefix
        self._refuse()
        refuse_inside(self._output, folder / subfolder)

    def remains(self, folder: Path) -> tuple[Path, ...]:
        paths = [(name, folder / Path(name).name) for name in self._output.temporary()]
        return tuple(path for name, path in paths if place_of(path) == name)

    def remove(self, path: Path) -> None:
        self._output.files.pop(place_of(path), None)

    def _refuse(self) -> None:
        if self._output.refuses:
            self._output.refusals += 1
            raise OutputBlocked(self._output.refuses, hint="Make room.")
