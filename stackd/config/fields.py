"""What every table of the configuration shares: strict frozen tables, and folders written the way people write them."""

import os
import re
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

BASE_FOLDER = "base_folder"
"""Key in pydantic's validation context: the folder that relative paths are relative to."""

_UNSET_VARIABLE = re.compile(r"\$(\w+|\{[^}]*\})")


class Table(BaseModel):
    """A table of the configuration file: frozen, and any key it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def resolve_path(path: Path, base_folder: Path) -> Path:
    """Expand `~` and environment variables, and make a relative path absolute.

    Links are left as they are: what the user wrote is what messages show.

    Raises
    ------
    ValueError
        If a variable is not set, or `~name` names nobody.
    """
    text = os.path.expandvars(path)
    if unset := _UNSET_VARIABLE.search(text):
        raise ValueError(f"{unset.group(0)} is not set in the environment")
    try:
        expanded = Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"there is no home folder for {Path(text).parts[0]}") from error
    return Path(os.path.normpath(base_folder / expanded))


def _resolve_in_context(path: Path, info: ValidationInfo) -> Path:
    context = info.context or {}
    base = context.get(BASE_FOLDER)
    return resolve_path(path, base) if isinstance(base, Path) else path


FolderPath: TypeAlias = Annotated[Path, AfterValidator(_resolve_in_context)]
"""A path in the configuration; absolute once loaded."""
