"""What every table of the configuration shares: strict frozen tables, and folders written the way people write them."""

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

from stackd.config.places import resolve_path

BASE_FOLDER = "base_folder"
"""Key in pydantic's validation context: the folder that relative paths are relative to."""


class Table(BaseModel):
    """A table of the configuration file: frozen, and any key it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _resolve_in_context(path: Path, info: ValidationInfo) -> Path:
    context = info.context or {}
    base = context.get(BASE_FOLDER)
    return resolve_path(path, base) if isinstance(base, Path) else path


FolderPath: TypeAlias = Annotated[Path, AfterValidator(_resolve_in_context)]
"""A path in the configuration; absolute once loaded."""
