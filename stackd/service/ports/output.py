"""Finished files: staging them and making them visible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stackd.config.export import ExportSettings
    from stackd.model.composite import Composite, DepthMap


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """A finished output file under its temporary name, synced to disk, waiting to be made visible."""

    temporary_path: Path
    final_name: str
    """Wanted name; a number is added to the stem when it is taken."""
    sha256: str
    size_bytes: int


class Exporter(Protocol):
    """Writes composites in the recipe's format."""

    def stage(
        self,
        composite: Composite,
        *,
        folder: Path,
        subfolder: str = "",
        version: int,
        temporary_prefix: str,
        frames: Sequence[Path],
        name: str | None,
        export: ExportSettings,
    ) -> tuple[StagedFile, ...]:
        """Write the composite and its sidecars under temporary names into `folder` and sync them; the composite comes last.

        Its name tells when it does not pass.

        Parameters
        ----------
        subfolder : str
            Name of a folder inside `folder` to write into; made where it is missing, though `folder` itself never is.
        version : int
            Added to the name as `_v2`, `_v3` … when late frames made a new composite.
        frames : sequence of Path
            The source frames near → far, for the name template and for the metadata of the reference frame, which is the one
            whose name ends with `composite.reference_path`.
        name : str or None
            The stack's own name where a manifest or folder gave one; replaces the name template.
        export : ExportSettings
            The recipe's `export` table.

        Raises
        ------
        OutputBlocked
            If the folder cannot be written (full, missing, no permission), or the subfolder is a link; what was written is
            removed first.
        """
        ...

    def made(self, path: Path) -> bool:
        """Whether stackd wrote this file; False when in doubt."""
        ...

    def stage_depth_map(self, depth: DepthMap, *, folder: Path, temporary_prefix: str, picture: bool) -> StagedFile:
        """Write a depth map alone: positions as 16-bit TIFF, or a picture of them as PNG.

        Raises
        ------
        OutputBlocked
            As `stage`.
        """
        ...

    def stage_page(self, composite: Composite, *, folder: Path, temporary_prefix: str, title: str) -> StagedFile:
        """Write the page of a composite alone; `title` names the composite.

        Raises
        ------
        OutputBlocked
            As `stage`.
        """
        ...


class Publisher(Protocol):
    """Makes staged files visible, never replacing anything."""

    def choose_names(self, folder: Path, staged: Sequence[StagedFile]) -> tuple[str, ...]:
        """Find free final names that share one stem."""
        ...

    def publish(self, folder: Path, staged: StagedFile, name: str) -> None:
        """Rename to `name` without replacing, then sync the folder.

        Raises
        ------
        NameTaken
            If `name` exists with other content. A file of the same content counts as published.
        OutputBlocked
            If the folder cannot be written now.
        """
        ...

    def withdraw(self, folder: Path, staged: StagedFile, name: str) -> None:
        """Give a published file its temporary name back; one that is gone or was changed since stays as it is.

        Raises
        ------
        OutputBlocked
            If the folder cannot be written now.
        """
        ...

    def replace(self, folder: Path, staged: StagedFile, name: str) -> None:
        """Rename to `name` in place of what is there, then sync the folder. Only for what the user asked to make again.

        Raises
        ------
        OutputBlocked
            If the folder cannot be written now.
        """
        ...

    def try_folder(self, folder: Path, *, subfolder: str = "", needed_bytes: int, temporary_prefix: str) -> None:
        """See whether the folder can be written and has room, before work is done for it; leaves nothing behind.

        Where there is one of the name `subfolder` inside it, that is the one to see to.

        Raises
        ------
        OutputBlocked
            If it cannot be written now, or has less than `needed_bytes` free.
        """
        ...

    def remains(self, folder: Path) -> tuple[Path, ...]:
        """List temporary files of ours in `folder`."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a temporary file of ours; refuses any other."""
        ...
